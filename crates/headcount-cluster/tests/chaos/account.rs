//! What it all comes to: the group's own account, beside what the witnesses say.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use headcount_cluster::{Group, MemberError, Redis};

use crate::server::Server;
use crate::size::Size;
use crate::{FAILS, WHY};

#[derive(Debug, Default)]
pub(crate) struct Account {
    registered: u64,
    done: u64,
    failed: u64,
    /// How often a member was taken back from a worker that was silent.
    redelivered: u64,
    /// Given back by a worker that could not finish it.
    returned: u64,
    /// How many ends of the group there are.
    ends: u64,
    /// How often the engine came back with a part of a step, and what followed from it was made anew.
    mended: u64,
    /// Members with a second event of their end because of that.
    twice: u64,
    /// By the witnesses.
    begun: u64,
    stale: u64,
}

/// The account, or what is wrong with it.
pub(crate) async fn check(
    size: &Size,
    group: &Group<Redis>,
    server: &Server,
    folder: &Path,
) -> Result<Account, String> {
    let tally = group.summary().await.map_err(|error| error.to_string())?.tally;
    let mut account = Account {
        registered: tally.registered,
        done: tally.done,
        failed: tally.failed,
        ..Account::default()
    };
    let fails = size.members / FAILS;
    equal("members registered", tally.registered, size.members)?;
    equal("members that ended", tally.ended(), size.members)?;
    equal("members that failed", tally.failed, fails)?;
    equal("members that succeeded", tally.done, size.members - fails)?;
    each(size, group).await?;
    let ended = events(group, server, &mut account).await?;
    equal("ends of the group", account.ends, 1)?;
    equal("members with an event of their end", ended.len() as u64, size.members)?;
    // The event of an end may have been forgotten together with the end, and come back without it.
    account.twice = ended.values().filter(|ends| **ends > 1).count() as u64;
    if account.twice > 0 && account.mended == 0 {
        return Err(format!("{} members ended more than once", account.twice));
    }
    let begun = witnesses(folder, &mut account)?;
    if let Some(n) = (1..=size.members).find(|n| !begun.contains_key(&n.to_string())) {
        return Err(format!("member {n} ended, and no worker began it"));
    }
    Ok(account)
}

fn equal(what: &str, found: u64, expected: u64) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found}, and should be {expected}")) }
}

/// Everybody ended as it had to, with its own result.
async fn each(size: &Size, group: &Group<Redis>) -> Result<(), String> {
    let outcomes = group.outcomes::<u64>().await.map_err(|error| error.to_string())?;
    equal("members with an outcome", outcomes.len() as u64, size.members)?;
    for (n, (member, outcome)) in (1..).zip(&outcomes) {
        let as_it_should = member.number() == Some(n)
            && match outcome {
                Ok(square) => n % FAILS != 0 && *square == n * n,
                Err(MemberError::Failed { why, .. }) => n % FAILS == 0 && why == WHY.as_bytes(),
                Err(_) => false,
            };
        if !as_it_should {
            return Err(format!("member {member}, the {n}. of all, came to {outcome:?}"));
        }
    }
    Ok(())
}

/// How often each member ended, by the events that the engine kept.
async fn events(
    group: &Group<Redis>,
    server: &Server,
    account: &mut Account,
) -> Result<HashMap<String, u64>, String> {
    type Entry = (String, HashMap<String, String>);
    let key = format!("hc:{{{}}}:e", group.id());
    let mut connection = server.connection().await;
    let (mut ended, mut from) = (HashMap::new(), String::from("-"));
    loop {
        let page: Vec<Entry> = redis::cmd("XRANGE")
            .arg(&[&key, &from, "+", "COUNT", "5000"])
            .query_async(&mut connection)
            .await
            .map_err(|error| error.to_string())?;
        let Some((last, _)) = page.last() else { return Ok(ended) };
        from = format!("({last}");
        for (_, entry) in &page {
            match entry.get("k").map(String::as_str) {
                Some("ok" | "failed" | "lost") => *ended.entry(entry["m"].clone()).or_default() += 1,
                Some("terminal") => account.ends += 1,
                Some("redelivered") => account.redelivered += 1,
                Some("mended") => account.mended += 1,
                Some("returned") => account.returned += 1,
                _ => {}
            }
        }
    }
}

/// How often each member was begun, by whoever did.
fn witnesses(folder: &Path, account: &mut Account) -> Result<HashMap<String, u64>, String> {
    let mut begun: HashMap<String, u64> = HashMap::new();
    for file in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
        let file = file.map_err(|error| error.to_string())?.path();
        for line in std::fs::read_to_string(file).map_err(|error| error.to_string())?.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["begins", member, _attempt] => {
                    *begun.entry(member.to_owned()).or_default() += 1;
                    account.begun += 1;
                }
                ["stale", _] => account.stale += 1,
                _ => return Err(format!("a witness says {line:?}")),
            }
        }
    }
    Ok(begun)
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registered, done, failed, redelivered, returned, ends, mended, twice, begun, stale } =
            self;
        writeln!(f, "{registered:>10}  members registered")?;
        writeln!(f, "{done:>10}  done, each with the result that is its own")?;
        writeln!(f, "{failed:>10}  failed, as they were told to")?;
        writeln!(f, "{:>10}  lost, cancelled, or still out", registered - done - failed)?;
        writeln!(f, "{redelivered:>10}  taken back from a worker that was silent")?;
        writeln!(f, "{returned:>10}  given back by a worker")?;
        writeln!(f, "{mended:>10}  times the group was mended after a step that came back in part")?;
        writeln!(f, "{twice:>10}  members whose end was told twice because of that, and counted once")?;
        writeln!(f, "{begun:>10}  attempts begun, as the workers wrote down")?;
        writeln!(f, "{stale:>10}  reports of an attempt that did not count any more")?;
        write!(f, "{ends:>10}  end of the group")
    }
}
