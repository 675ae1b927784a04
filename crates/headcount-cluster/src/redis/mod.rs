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

mod reply;
mod scripts;

use std::sync::Arc;
use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncConnectionConfig, Client, RedisError, Value, cmd};

use crate::book::millis;
use crate::store::{
    Added, Backoff, CHUNK, Claimed, Detail, Finished, GroupId, Page, Reaped, Renewed, Report, Settings,
    Standing, Store, StoreError, Summary, Token, checked_count, checked_members, checked_name, nonce,
};
use headcount_ledger::{Budget, Policy};
use reply::Reply;
use scripts::{Script, Scripts};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// An engine in Redis or Valkey. Clones share a connection.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    connection: ConnectionManager,
    scripts: Arc<Scripts>,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may have a password in it.
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

fn engine(asked: &'static str) -> impl Fn(RedisError) -> StoreError {
    move |error| StoreError::Engine { asked, source: Box::new(error) }
}

impl Redis {
    /// Connects to `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` or `redis+unix:///PATH`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Engine`] when it cannot be reached or turns us away, and [`StoreError::Evicts`] when it may throw groups
    /// away to make room.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let failed = engine("connect");
        let client = Client::open(url).map_err(&failed)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(3);
        let connection = ConnectionManager::new_with_config(client.clone(), config).await.map_err(&failed)?;
        let redis = Self { client, connection, scripts: Arc::new(Scripts::new()) };
        redis.refuse_eviction().await?;
        Ok(redis)
    }

    /// Groups that vanish when memory is short would be waited for without end.
    async fn refuse_eviction(&self) -> Result<(), StoreError> {
        let info: String = cmd("INFO")
            .arg("memory")
            .query_async(&mut self.connection.clone())
            .await
            .map_err(engine("say how much memory it has"))?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let limited = field("maxmemory").is_some_and(|bytes| bytes.trim() != "0");
        match field("maxmemory_policy") {
            Some(policy) if limited && policy.trim() != "noeviction" => {
                Err(StoreError::Evicts(policy.trim().into()))
            }
            _ => Ok(()),
        }
    }

    /// Runs a script of a group.
    async fn run(
        &self,
        group: GroupId,
        script: Script,
        arguments: &[impl AsRef<[u8]>],
    ) -> Result<Reply, StoreError> {
        let mut connection = self.connection.clone();
        let script = self.scripts.get(script);
        let mut call = script.code.prepare_invoke();
        for key in scripts::keys(group) {
            call.key(key);
        }
        for argument in arguments {
            call.arg(argument.as_ref());
        }
        match call.invoke_async::<Value>(&mut connection).await {
            Ok(value) => Ok(Reply::new(value)),
            Err(error) => Err(match error.code() {
                Some("VANISHED") => StoreError::Vanished(group),
                Some("SCHEMA") => StoreError::Schema(group, error.detail().unwrap_or_default().into()),
                _ => engine(script.asks)(error),
            }),
        }
    }
}

impl Redis {
    /// All have the same score, so that the list is in the order of the ids, which is that of the time they were made.
    async fn list(&self, group: GroupId) -> Result<(), StoreError> {
        cmd("ZADD")
            .arg((scripts::GROUPS, 0, group.to_string()))
            .query_async(&mut self.connection.clone())
            .await
            .map_err(engine("list a group"))
    }

    /// Asks what is answered after some time. Who waits holds up everybody on the same connection, so this one is their own.
    async fn block(&self, asked: &redis::Cmd, patience: Duration) -> Result<(), RedisError> {
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(patience + PATIENCE));
        let mut own = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        asked.query_async::<Value>(&mut own).await.map(drop)
    }
}

/// The policy's name and its number, as the scripts have them.
fn policy(policy: Policy) -> (&'static str, u64) {
    match policy {
        Policy::FailFast => ("fail-fast", 0),
        Policy::KeepGoing => ("keep-going", 0),
        Policy::FirstSuccess => ("first-success", 0),
        Policy::Quorum(need) => ("quorum", need),
        Policy::MaxFailures(Budget::Count(most)) => ("max-failures", most),
        Policy::MaxFailures(Budget::Percent(share)) => ("max-failures-percent", share),
    }
}

/// The same, read back.
fn policy_of(name: &str, need: u64) -> Option<Policy> {
    Some(match name {
        "fail-fast" => Policy::FailFast,
        "keep-going" => Policy::KeepGoing,
        "first-success" => Policy::FirstSuccess,
        "quorum" => Policy::Quorum(need),
        "max-failures" => Policy::MaxFailures(Budget::Count(need)),
        "max-failures-percent" => Policy::MaxFailures(Budget::Percent(need)),
        _ => return None,
    })
}

fn header(settings: &Settings) -> Vec<String> {
    let (policy, need) = policy(settings.policy);
    let (backoff, first, most) = match settings.backoff {
        Backoff::Fixed(wait) => ("fixed", wait, wait),
        Backoff::Doubling { first, most } => ("exp", first, most),
    };
    let mut fields = vec![
        ("name", settings.name.clone()),
        ("policy", policy.into()),
        ("need", need.to_string()),
        ("limit", settings.limit.to_string()),
        ("retries", settings.retries.to_string()),
        ("losses", settings.losses.to_string()),
        ("backoff", backoff.into()),
        ("backoff_ms", millis(first).to_string()),
        ("backoff_most_ms", millis(most).to_string()),
        ("lease_ms", millis(settings.lease).to_string()),
        ("owner_ms", millis(settings.owner_lease).to_string()),
        ("keep_ms", millis(settings.keep).to_string()),
        ("cap", settings.largest.to_string()),
        ("events", settings.events.to_string()),
    ];
    fields.extend(settings.deadline.map(|time| ("deadline_in_ms", millis(time).to_string())));
    fields.into_iter().flat_map(|(field, value)| [field.into(), value]).collect()
}

const NONE: [&str; 0] = [];

impl Store for Redis {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        let summary = self.run(group, Script::Open, &header(settings)).await?.summary()?;
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
                let largest = reply::too_large(&*source);
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
        let (place, body, again): (&str, &[u8], bool) = match report {
            Report::Done(body) => ("o", body, false),
            Report::Failed { why, again } => ("f", why, *again),
            Report::Cancelled => ("c", b"", false),
            Report::Returned { .. } => ("b", b"", false),
        };
        let wait = match report {
            Report::Returned { after } => millis(*after).to_string(),
            _ => u8::from(again).to_string(),
        };
        let attempt = token.attempt.to_string();
        let arguments: [&[u8]; 6] = [
            token.member.as_bytes(),
            attempt.as_bytes(),
            token.nonce.as_bytes(),
            place.as_bytes(),
            body,
            wait.as_bytes(),
        ];
        match self.run(group, Script::Finish, &arguments).await {
            Ok(reply) => reply.finished(),
            Err(StoreError::Engine { source, asked }) => Err(match reply::too_large(&*source) {
                Some(largest) => {
                    StoreError::TooLarge { member: token.member.clone(), bytes: body.len(), largest }
                }
                None => StoreError::Engine { source, asked },
            }),
            Err(error) => Err(error),
        }
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        self.run(group, Script::Reap, &[CHUNK.to_string()]).await?.reaped()
    }

    async fn cancel(&self, group: GroupId, reason: &str) -> Result<Summary, StoreError> {
        self.run(group, Script::Cancel, &[reason]).await?.summary()
    }

    async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.run(group, Script::Summary, &NONE).await?.summary()
    }

    async fn standings(&self, group: GroupId, after: Option<&str>) -> Result<Page<Standing>, StoreError> {
        let summary = self.run(group, Script::Summary, &NONE).await?;
        let now = summary.now()?;
        let page: (String, Vec<(String, String)>) = cmd("HSCAN")
            .arg(scripts::key(group, "m"))
            .arg(after.unwrap_or("0"))
            .arg("COUNT")
            .arg(CHUNK)
            .query_async(&mut self.connection.clone())
            .await
            .map_err(engine("list members"))?;
        let (next, members) = page;
        let items = members.into_iter().map(|(member, record)| reply::standing(member, &record, now));
        let items = items.collect::<Result<_, _>>()?;
        Ok(Page { items, next: (next != "0").then_some(next) })
    }

    async fn results(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        if members.is_empty() {
            return Ok(Vec::new());
        }
        cmd("HMGET")
            .arg(scripts::key(group, "r"))
            .arg(members)
            .query_async(&mut self.connection.clone())
            .await
            .map_err(engine("say what members came to"))
    }

    async fn changed(&self, group: GroupId, revision: u64, patience: Duration) -> Result<(), StoreError> {
        let failed = engine("say when something changes");
        let events = scripts::key(group, "e");
        // The last event first and the revision then: a change in between has a later event.
        let last: Vec<(String, Vec<String>)> = cmd("XREVRANGE")
            .arg(&events)
            .arg(("+", "-", "COUNT", 1))
            .query_async(&mut self.connection.clone())
            .await
            .map_err(&failed)?;
        let last = last.into_iter().next().map_or("0".into(), |(id, _)| id);
        if self.summary(group).await?.revision != revision {
            return Ok(());
        }
        let mut read = cmd("XREAD");
        // 0 would be for ever.
        read.arg(("BLOCK", millis(patience).max(1), "COUNT", 1, "STREAMS", events, last));
        self.block(&read, patience).await.map_err(&failed)
    }

    async fn ended(&self, group: GroupId, patience: Duration) -> Result<(), StoreError> {
        let mut read = cmd("XREAD");
        let ends = scripts::key(group, "t");
        read.arg(("BLOCK", millis(patience).max(1), "COUNT", 1, "STREAMS", ends, "0"));
        self.block(&read, patience).await.map_err(engine("say when a group is over"))
    }

    async fn ready(&self, groups: &[GroupId], patience: Duration) -> Result<(), StoreError> {
        let mut pop = cmd("BLPOP");
        for group in groups.iter().take(CHUNK) {
            pop.arg(scripts::key(*group, "w"));
        }
        pop.arg(patience.as_secs_f64().max(0.001));
        self.block(&pop, patience).await.map_err(engine("say when somebody is ready"))
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
        let (records, payloads): (Vec<Option<String>>, Vec<Option<Vec<u8>>>) = both
            .query_async(&mut self.connection.clone())
            .await
            .map_err(engine("say where members stand"))?;
        let details = members.iter().zip(records).zip(payloads).map(|((member, record), payload)| {
            let standing = record.map(|record| reply::standing(member.clone(), &record, now)).transpose()?;
            Ok(standing.map(|standing| Detail { standing, payload: payload.unwrap_or_default() }))
        });
        details.collect()
    }

    async fn groups(&self, after: Option<&str>, most: usize) -> Result<Page<GroupId>, StoreError> {
        let failed = engine("list groups");
        let most = most.clamp(1, CHUNK);
        let mut connection = self.connection.clone();
        let before = after.map_or("+".into(), |after| format!("({after}"));
        let listed: Vec<String> = cmd("ZREVRANGEBYLEX")
            .arg((scripts::GROUPS, before, "-", "LIMIT", 0, most))
            .query_async(&mut connection)
            .await
            .map_err(&failed)?;
        let next = listed.last().filter(|_| listed.len() == most).cloned();
        let (mut items, mut gone) = (Vec::new(), Vec::new());
        for text in listed {
            let Some(group) = GroupId::parse(&text) else { continue };
            let there: bool = cmd("EXISTS")
                .arg(scripts::key(group, "g"))
                .query_async(&mut connection)
                .await
                .map_err(&failed)?;
            if there { items.push(group) } else { gone.push(text) }
        }
        if !gone.is_empty() {
            // An id is used once: what is gone does not come back.
            let mut drop = cmd("ZREM");
            drop.arg(scripts::GROUPS).arg(gone);
            drop.query_async::<()>(&mut connection).await.map_err(&failed)?;
        }
        Ok(Page { items, next })
    }
}
