//! Groups in Redis (6.2 or newer) or Valkey.
//!
//! A group is ten keys with its id in braces, which puts them into one slot of a cluster; each step is one script, and the
//! scripts are all the logic there is (`scripts/`). They are called by their hash and sent along when the server does not
//! know them, so that two versions of this crate cannot run into each other.
//!
//! # What a crash may take
//!
//! A script is written to the append-only file, and sent to replicas, as one block: what survives is the group as it was
//! after one of its steps, never in the middle of one. With `appendfsync everysec` the last second may be missing. Members
//! that ended in it run again and are counted once.

mod line;
mod options;
mod refusal;
mod reply;
mod scripts;
mod words;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::{Client, ErrorKind, ServerErrorKind, Value, cmd};

use crate::book::millis;
use crate::store::{
    Added, CHUNK, Claimed, Detail, Finished, GroupId, Page, Reaped, Renewed, Report, Settings, Standing,
    Store, StoreError, Summary, Token, checked_count, checked_members, checked_name, checked_words, nonce,
};
use line::Line;
pub use options::RedisOptions;
use refusal::{engine, too_large};
use reply::Reply;
use scripts::{Script, Scripts};
use words::{header, told};

/// How long one group of several is looked at for somebody who is ready, where they are in different places.
const APART: Duration = Duration::from_millis(100);

/// An engine in Redis or Valkey. Clones share a connection.
///
/// # What it needs
///
/// Redis 6.2 or newer, or Valkey; as its own server, as a primary with replicas, or as a Redis Cluster (each group is in one slot).
/// With a memory limit its `maxmemory-policy` has to be `noeviction`. These rights are enough:
///
/// ```text
#[doc = include_str!("rights.acl")]
/// ```
#[derive(Clone)]
pub struct Redis {
    line: Line,
    scripts: Arc<Scripts>,
    /// Whose turn it is to be looked at, where that cannot be all.
    turn: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may have a password in it.
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

impl Redis {
    /// Connects to an address, with the usual settings of [`RedisOptions`].
    ///
    /// # Errors
    ///
    /// See [`RedisOptions::connect`].
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        RedisOptions::new(url).connect().await
    }

    async fn over(options: RedisOptions, client: Client) -> Result<Self, StoreError> {
        let line = Line::to_server(options, client).map_err(engine("connect"))?;
        let redis = Self { line, scripts: Arc::new(Scripts::new()), turn: Arc::default() };
        let info = redis.info("connect", "server").await?;
        redis.refuse_eviction().await?;
        // Valkey calls it by another name.
        let mode = field(&info, "redis_mode").or_else(|| field(&info, "server_mode"));
        if mode != Some("cluster") {
            return Ok(redis);
        }
        #[cfg(feature = "redis-cluster")]
        let redis = Self { line: redis.line.to_cluster().await.map_err(engine("connect"))?, ..redis };
        Ok(redis)
    }

    async fn info(&self, asked: &'static str, section: &str) -> Result<String, StoreError> {
        self.line.ask(cmd("INFO").arg(section)).await.map_err(engine(asked))
    }

    /// Groups that vanish when memory is short would be waited for without end.
    async fn refuse_eviction(&self) -> Result<(), StoreError> {
        let info = self.info("say how much memory it has", "memory").await?;
        let limited = field(&info, "maxmemory").is_some_and(|bytes| bytes != "0");
        match field(&info, "maxmemory_policy") {
            Some(policy) if limited && policy != "noeviction" => Err(StoreError::Evicts(policy.into())),
            _ => Ok(()),
        }
    }

    /// Runs a script of a group: by its hash, and where the server does not know it, with all of its text.
    async fn run(
        &self,
        group: GroupId,
        script: Script,
        arguments: &[impl AsRef<[u8]>],
    ) -> Result<Reply, StoreError> {
        let script = self.scripts.get(script);
        let keys = scripts::keys(group);
        let call = |how: &str, script: &str| {
            let mut call = cmd(how);
            call.arg(script).arg(keys.len()).arg(&keys[..]);
            for argument in arguments {
                call.arg(argument.as_ref());
            }
            call
        };
        let mut answer = self.line.ask::<Value>(&call("EVALSHA", script.hash())).await;
        let unknown = ErrorKind::Server(ServerErrorKind::NoScript);
        if answer.as_ref().is_err_and(|error| error.kind() == unknown) {
            answer = self.line.ask(&call("EVAL", script.text)).await;
        }
        answer.map(Reply::new).map_err(|error| match error.code() {
            Some("VANISHED") => StoreError::Vanished(group),
            Some("SCHEMA") => StoreError::Schema(group, error.detail().unwrap_or_default().into()),
            _ => engine(script.asks)(error),
        })
    }
}

impl Redis {
    /// All have the same score, so that the list is in the order of the ids, which is that of the time they were made.
    async fn list(&self, group: GroupId) -> Result<(), StoreError> {
        let mut add = cmd("ZADD");
        add.arg((scripts::GROUPS, 0, group.to_string()));
        self.line.ask::<()>(&add).await.map_err(engine("list a group"))?;
        let mut tell = cmd("XADD");
        tell.arg((scripts::NEWS, "MAXLEN", "~", 100, "*", "g", group.to_string()));
        // A full server may refuse it, and whoever looks for groups finds it all the same.
        let _told = self.line.ask::<()>(&tell).await;
        Ok(())
    }
}

/// A line of what `INFO` answers.
fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

const NONE: [&str; 0] = [];

impl Store for Redis {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        checked_words(&settings.name)?;
        let incarnation = self.incarnation().await?;
        let summary = self.run(group, Script::Open, &header(settings, incarnation)).await?.summary()?;
        // Afterwards, so that what is listed was there. Nobody registers in a group before they heard that it is open.
        self.list(group).await?;
        Ok(summary)
    }

    async fn add(&self, group: GroupId, members: &[(String, Vec<u8>)]) -> Result<Added, StoreError> {
        checked_members(members)?;
        let arguments: Vec<&[u8]> =
            members.iter().flat_map(|(member, payload)| [member.as_bytes(), payload]).collect();
        match self.run(group, Script::Add, &arguments).await {
            Ok(reply) => reply.added(),
            // The script says who and how much.
            Err(StoreError::Engine { source, asked }) => {
                let largest = too_large(&*source);
                let over = |most: &usize| members.iter().find(|(_, payload)| payload.len() > *most);
                Err(
                    match largest
                        .and_then(|most| over(&most).map(|(member, payload)| (member, payload.len(), most)))
                    {
                        Some((member, bytes, largest)) => {
                            StoreError::TooLarge { member: member.clone(), bytes, largest }
                        }
                        None => StoreError::Engine { source, asked },
                    },
                )
            }
            Err(error) => Err(error),
        }
    }

    async fn seal(&self, group: GroupId, total: u64) -> Result<Summary, StoreError> {
        let (said, summary) =
            self.run(group, Script::Seal, &[total.to_string()]).await?.word_and_summary()?;
        if said == "mismatch" {
            return Err(StoreError::Total { group, asked: total, registered: summary.tally.registered });
        }
        // Again: in a cluster the list lies elsewhere, and may have lost what the group's slot has not.
        self.list(group).await?;
        Ok(summary)
    }

    async fn keep(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.run(group, Script::Keep, &NONE).await?.summary()
    }

    async fn claim(&self, group: GroupId, worker: &str, most: usize) -> Result<Claimed, StoreError> {
        checked_name(worker)?;
        let most = most.min(CHUNK).to_string();
        self.run(group, Script::Claim, &[worker, &most, &nonce()]).await?.claimed()
    }

    async fn renew(&self, group: GroupId, held: &[Token]) -> Result<Renewed, StoreError> {
        checked_count(held.len())?;
        let arguments: Vec<String> = held
            .iter()
            .flat_map(|token| [token.member.clone(), token.attempt.to_string(), token.nonce.clone()])
            .collect();
        self.run(group, Script::Renew, &arguments).await?.renewed()
    }

    async fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> Result<(Finished, Summary), StoreError> {
        let (said, now) = self.finish_all(group, &[(token.clone(), report.clone())]).await?;
        Ok((said[0], now))
    }

    async fn finish_all(
        &self,
        group: GroupId,
        reports: &[(Token, Report)],
    ) -> Result<(Vec<Finished>, Summary), StoreError> {
        checked_count(reports.len())?;
        let texts: Vec<_> = reports.iter().map(|(token, report)| told(token, report)).collect();
        let arguments: Vec<&[u8]> = reports
            .iter()
            .zip(&texts)
            .flat_map(|((token, report), [attempt, place, wait])| {
                let body: &[u8] = match report {
                    Report::Done(body) | Report::Failed { why: body, .. } => body,
                    Report::Cancelled | Report::Returned { .. } => b"",
                };
                let (member, nonce) = (token.member.as_bytes(), token.nonce.as_bytes());
                [member, attempt.as_bytes(), nonce, place.as_bytes(), body, wait.as_bytes()]
            })
            .collect();
        match self.run(group, Script::Finish, &arguments).await {
            Ok(reply) => reply.finished(reports.len()),
            // The script says how much.
            Err(StoreError::Engine { source, asked }) => {
                let largest = too_large(&*source);
                let over = largest.and_then(|most| {
                    let bodies = reports.iter().zip(arguments.iter().skip(4).step_by(6));
                    let mut bodies = bodies.map(|((token, _), body)| (token, body.len()));
                    bodies.find(|(_, bytes)| *bytes > most).map(|(token, bytes)| (token, bytes, most))
                });
                Err(match over {
                    Some((token, bytes, largest)) => {
                        StoreError::TooLarge { member: token.member.clone(), bytes, largest }
                    }
                    None => StoreError::Engine { source, asked },
                })
            }
            Err(error) => Err(error),
        }
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        self.run(group, Script::Reap, &[CHUNK.to_string()]).await?.reaped()
    }

    async fn cancel(&self, group: GroupId, reason: &str) -> Result<Summary, StoreError> {
        checked_words(reason)?;
        self.run(group, Script::Cancel, &[reason]).await?.summary()
    }

    async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.run(group, Script::Summary, &NONE).await?.summary()
    }

    async fn standings(&self, group: GroupId, after: Option<&str>) -> Result<Page<Standing>, StoreError> {
        let summary = self.run(group, Script::Summary, &NONE).await?;
        let now = summary.now()?;
        let mut scan = cmd("HSCAN");
        scan.arg(scripts::key(group, "m")).arg(after.unwrap_or("0")).arg("COUNT").arg(CHUNK);
        let page: (String, Vec<(String, String)>) =
            self.line.ask(&scan).await.map_err(engine("list members"))?;
        let (next, members) = page;
        let items = members.into_iter().map(|(member, record)| reply::standing(member, &record, now));
        let items = items.collect::<Result<_, _>>()?;
        Ok(Page { items, next: (next != "0").then_some(next) })
    }

    async fn results(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        checked_count(members.len())?;
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let mut get = cmd("HMGET");
        get.arg(scripts::key(group, "r")).arg(members);
        self.line.ask(&get).await.map_err(engine("say what members came to"))
    }

    async fn incarnation(&self) -> Result<Option<String>, StoreError> {
        if self.line.is_to_many() {
            return Ok(None);
        }
        let info = self.info("say which run of it this is", "server").await?;
        Ok(field(&info, "run_id").map(Into::into))
    }

    async fn changed(&self, group: GroupId, revision: u64, patience: Duration) -> Result<(), StoreError> {
        let failed = engine("say when something changes");
        let events = scripts::key(group, "e");
        // The last event first and the revision then: a change in between has a later event.
        let mut latest = cmd("XREVRANGE");
        latest.arg(&events).arg(("+", "-", "COUNT", 1));
        let last: Vec<(String, Vec<String>)> = self.line.ask(&latest).await.map_err(&failed)?;
        let last = last.into_iter().next().map_or("0".into(), |(id, _)| id);
        if self.summary(group).await?.revision != revision {
            return Ok(());
        }
        let mut read = cmd("XREAD");
        // 0 would be for ever.
        read.arg(("BLOCK", millis(patience).max(1), "COUNT", 1, "STREAMS", events, last));
        self.line.ask_slowly(&read, patience).await.map(drop).map_err(&failed)
    }

    async fn opened(&self, newest: Option<GroupId>, patience: Duration) -> Result<(), StoreError> {
        let failed = engine("say when a group is made");
        // The last news first and the newest group then: one that is made in between has later news.
        let mut latest = cmd("XREVRANGE");
        latest.arg((scripts::NEWS, "+", "-", "COUNT", 1));
        let last: Vec<(String, Vec<String>)> = self.line.ask(&latest).await.map_err(&failed)?;
        let last = last.into_iter().next().map_or("0".into(), |(id, _)| id);
        if self.groups(None, 1).await?.items.first().copied() > newest {
            return Ok(());
        }
        let mut read = cmd("XREAD");
        read.arg(("BLOCK", millis(patience).max(1), "COUNT", 1, "STREAMS", scripts::NEWS, last));
        self.line.ask_slowly(&read, patience).await.map(drop).map_err(&failed)
    }

    async fn ended(&self, group: GroupId, patience: Duration) -> Result<(), StoreError> {
        let mut read = cmd("XREAD");
        let ends = scripts::key(group, "t");
        read.arg(("BLOCK", millis(patience).max(1), "COUNT", 1, "STREAMS", ends, "0"));
        self.line.ask_slowly(&read, patience).await.map(drop).map_err(engine("say when a group is over"))
    }

    async fn ready(&self, groups: &[GroupId], patience: Duration) -> Result<(), StoreError> {
        // In a cluster groups are in different places, and no command looks at two of them: at one for a while, each in its turn.
        let apart = self.line.is_to_many() && groups.len() > 1;
        let patience = if apart { patience.min(APART) } else { patience };
        let from = if apart { self.turn.fetch_add(1, Ordering::Relaxed) % groups.len() } else { 0 };
        let mut pop = cmd("BLPOP");
        for group in groups.iter().skip(from).take(if apart { 1 } else { CHUNK }) {
            pop.arg(scripts::key(*group, "w"));
        }
        pop.arg(patience.as_secs_f64().max(0.001));
        self.line.ask_slowly(&pop, patience).await.map(drop).map_err(engine("say when somebody is ready"))
    }

    async fn details(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Detail>>, StoreError> {
        checked_count(members.len())?;
        let now = self.run(group, Script::Summary, &NONE).await?.now()?;
        if members.is_empty() {
            return Ok(Vec::new());
        }
        let mut both = redis::pipe();
        for hash in ["m", "p"] {
            both.cmd("HMGET").arg(scripts::key(group, hash)).arg(members);
        }
        let (records, payloads): (Vec<Option<String>>, Vec<Option<Vec<u8>>>) =
            self.line.ask_all(&both).await.map_err(engine("say where members stand"))?;
        let details = members.iter().zip(records).zip(payloads).map(|((member, record), payload)| {
            let standing = record.map(|record| reply::standing(member.clone(), &record, now)).transpose()?;
            Ok(standing.map(|standing| Detail { standing, payload: payload.unwrap_or_default() }))
        });
        details.collect()
    }

    async fn groups(&self, after: Option<&str>, most: usize) -> Result<Page<GroupId>, StoreError> {
        let failed = engine("list groups");
        let most = most.clamp(1, CHUNK);
        let before = after.map_or("+".into(), |after| format!("({after}"));
        let mut list = cmd("ZREVRANGEBYLEX");
        list.arg((scripts::GROUPS, before, "-", "LIMIT", 0, most));
        let listed: Vec<String> = self.line.ask(&list).await.map_err(&failed)?;
        let next = listed.last().filter(|_| listed.len() == most).cloned();
        let groups: Vec<_> =
            listed.into_iter().filter_map(|text| Some((GroupId::parse(&text)?, text))).collect();
        let (mut items, mut gone) = (Vec::new(), Vec::new());
        // In a cluster they are in different places.
        for some in groups.chunks(if self.line.is_to_many() { 1 } else { CHUNK }) {
            let mut exist = redis::pipe();
            for (group, _) in some {
                exist.cmd("EXISTS").arg(scripts::key(*group, "g"));
            }
            let there: Vec<bool> = self.line.ask_all(&exist).await.map_err(&failed)?;
            for ((group, text), there) in some.iter().zip(there) {
                if there { items.push(*group) } else { gone.push(text.as_str()) }
            }
        }
        if !gone.is_empty() {
            // An id is used once: what is gone does not come back.
            let mut drop = cmd("ZREM");
            drop.arg(scripts::GROUPS).arg(gone);
            self.line.ask::<()>(&drop).await.map_err(&failed)?;
        }
        Ok(Page { items, next })
    }
}
