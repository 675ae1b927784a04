//! Groups and members as they are told: in words, and in JSON.

use std::fmt::Write as _;
use std::time::Duration;

use headcount_cluster::store::{Ended, Standing};
use headcount_cluster::{GroupId, Payload, Place, Store, Summary};
use serde_json::{Value, json};

use super::{Engine, HANDLER, Order, Trouble, Word, member_of};
use crate::ledger::Policy;
use crate::legible;
use crate::record::policy_words;

/// A member that is not back.
#[derive(Debug)]
pub(crate) struct Out {
    standing: Standing,
    /// Its input, as far as it is known.
    input: String,
}

/// Whoever is not back: those who run longest first, then who waits for another attempt, then who has not begun.
pub(crate) async fn missing(engine: &Engine, group: GroupId, most: usize) -> Result<Vec<Out>, Trouble> {
    let mut standings = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = engine.ask_quietly(|| engine.store.standings(group, after.as_deref())).await?;
        standings
            .extend(page.items.into_iter().filter(|standing| !matches!(standing.place, Place::Ended(_))));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    standings.sort_by_cached_key(|standing| {
        let age = standing.runs.as_ref().map(|(_, age)| *age);
        (rank(standing.place), std::cmp::Reverse(age), member_of(&standing.member).0, standing.member.clone())
    });
    // While the group changes somebody may be listed twice.
    standings.dedup_by(|a, b| a.member == b.member);
    standings.truncate(most);
    let mut out = Vec::new();
    for chunk in standings.chunks(headcount_cluster::store::CHUNK) {
        let names: Vec<_> = chunk.iter().map(|standing| standing.member.clone()).collect();
        let details = engine.ask_quietly(|| engine.store.details(group, &names)).await?;
        for (standing, detail) in chunk.iter().zip(details) {
            let payload = detail.map(|detail| detail.payload).unwrap_or_default();
            out.push(Out { input: input(&standing.member, &payload), standing: standing.clone() });
        }
    }
    Ok(out)
}

fn rank(place: Place) -> u8 {
    match place {
        Place::Running => 0,
        Place::Waiting => 1,
        Place::Queued => 2,
        Place::Ended(_) => 3,
    }
}

/// All of it where the payload is one of ours, and otherwise what its name says.
fn input(member: &str, payload: &[u8]) -> String {
    let order = Payload::decode(payload).filter(|payload| payload.handler == HANDLER);
    match order.and_then(|payload| Order::read(&payload.args).ok()) {
        Some(order) => legible::one_line(&Word::bytes(&order.columns).join(&b' ')),
        None => legible::one_line(member_of(member).1.as_bytes()),
    }
}

pub(crate) fn place_word(place: Place) -> &'static str {
    match place {
        Place::Queued => "queued",
        Place::Waiting => "waiting",
        Place::Running => "running",
        Place::Ended(Ended::Done) => "ok",
        Place::Ended(Ended::Failed) => "failed",
        Place::Ended(Ended::Lost) => "lost",
        Place::Ended(Ended::Cancelled) => "cancelled",
    }
}

impl Out {
    /// On a line.
    fn line(&self) -> String {
        let Self { standing, input } = self;
        let name = match member_of(&standing.member) {
            (Some(number), _) => format!("#{number}  {input}"),
            (None, name) => legible::one_line(name.as_bytes()),
        };
        let mut line = format!("  {name}  {}", place_word(standing.place));
        if let Some((worker, age)) = &standing.runs {
            // Writing to a String cannot fail.
            let _ = write!(line, " on {}  {:.1} s", legible::one_line(worker.as_bytes()), age.as_secs_f64());
        }
        if standing.attempt > 1 || (standing.attempt == 1 && standing.place != Place::Running) {
            let _ = write!(line, "  attempt {}", standing.attempt);
        }
        line.push('\n');
        line
    }

    pub(crate) fn json(&self) -> Value {
        let Self { standing, input } = self;
        let (number, _) = member_of(&standing.member);
        let (worker, age) = standing.runs.clone().unzip();
        json!({
            "member": standing.member,
            "id": number,
            "input": input,
            "state": place_word(standing.place),
            "attempt": standing.attempt,
            "worker": worker,
            "seconds": age.map(|age: Duration| age.as_secs_f64()),
        })
    }
}

/// Whoever is not back, a line each, below a line that counts them.
pub(crate) fn missing_lines(group: &Summary, out: &[Out]) -> String {
    let left = group.tally.registered - group.tally.ended();
    if left == 0 {
        // Of one that is not sealed there may be more to come.
        return format!("headcount: nobody is out; the group is {}\n", group.state);
    }
    let mut text = format!("headcount: {left} still out\n");
    out.iter().for_each(|out| text.push_str(&out.line()));
    let more = left.saturating_sub(out.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "  and {more} more");
    }
    text
}

/// Who runs, for the roll call of a batch.
pub(crate) async fn running_lines(engine: &Engine, group: GroupId, most: usize) -> Result<String, Trouble> {
    let summary = engine.ask_quietly(|| engine.store.summary(group)).await?;
    let mut out = missing(engine, group, most).await?;
    out.retain(|out| out.standing.place != Place::Queued);
    Ok(missing_lines(&summary, &out))
}

/// How many have not begun, or may be taken again.
fn queued(group: &Summary) -> u64 {
    let tally = group.tally;
    tally.registered.saturating_sub(tally.ended() + tally.running + tally.waiting)
}

/// A group in a few lines.
pub(crate) fn status(id: GroupId, group: &Summary) -> String {
    let name = legible::one_line(group.name.as_bytes());
    let mut text = format!("group {id}  {name}\n");
    let mut line = |heading: &str, said: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {heading:<9} {said}");
    };
    line("state", state(group));
    line("policy", policy_words(group.policy));
    line("members", group.tally.to_string());
    let sealed = if group.sealed { "" } else { "; more may be registered" };
    line(
        "out",
        format!(
            "{} running, {} to be tried again, {} queued{sealed}",
            group.tally.running,
            group.tally.waiting,
            queued(group)
        ),
    );
    if let Some(member) = &group.first_failure {
        line("failed", format!("first: {}", legible::one_line(member.as_bytes())));
    }
    if let Some(left) = group.left.filter(|_| !group.state.is_terminal()) {
        line("deadline", format!("in {:.1} s", left.as_secs_f64()));
    }
    text
}

/// Where it stands, and why it goes to where it goes.
fn state(group: &Summary) -> String {
    let mut said = group.state.to_string();
    if let Some(toward) = group.toward.filter(|toward| *toward != group.state) {
        let _ = write!(said, ", will be {toward}");
    }
    if let Some(reason) = &group.reason {
        let _ = write!(said, " ({})", legible::one_line(reason.as_bytes()));
    }
    said
}

pub(crate) fn status_json(id: GroupId, group: &Summary) -> Value {
    let tally = group.tally;
    json!({
        "group": id.to_string(),
        "name": group.name,
        "state": group.state.to_string(),
        "toward": group.toward.map(|state| state.to_string()),
        "reason": group.reason,
        "sealed": group.sealed,
        "policy": policy_words(group.policy),
        "members": tally.registered,
        "ok": tally.done,
        "failed": tally.failed,
        "lost": tally.lost,
        "cancelled": tally.cancelled,
        "running": tally.running,
        "waiting": tally.waiting,
        "queued": queued(group),
        "first_failure": group.first_failure,
        "seconds_left": group.left.map(|left| left.as_secs_f64()),
        "code": group.state.is_terminal().then(|| super::code(group)),
    })
}

/// Groups, one a line, below a line that names the columns.
pub(crate) fn groups(groups: &[(GroupId, Summary)]) -> String {
    let mut text =
        format!("{:<36}  {:<10}  {:>9}  {:>9}  {}\n", "GROUP", "STATE", "ENDED", "MEMBERS", "NAME");
    for (id, group) in groups {
        let (state, tally) = (group.state.to_string(), group.tally);
        let name = legible::one_line(group.name.as_bytes());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{id}  {state:<10}  {:>9}  {:>9}  {name}", tally.ended(), tally.registered);
    }
    text
}

/// Whether a failure is what the policy asks about, in a word for the account.
pub(crate) fn why(group: &Summary) -> Option<String> {
    use headcount_cluster::GroupState::{Abandoned, Cancelled, Expired};
    let reason =
        group.reason.as_deref().map(|reason| legible::one_line(reason.as_bytes())).unwrap_or_default();
    match group.state {
        Cancelled => Some(format!("the group was cancelled: {reason}")),
        Abandoned => Some(format!("the group was given up: {reason}")),
        Expired => Some("the group's deadline has passed".into()),
        _ if matches!(group.policy, Policy::Quorum(_))
            && group.state == headcount_cluster::GroupState::Failed =>
        {
            Some("the quorum was missed".into())
        }
        _ => None,
    }
}
