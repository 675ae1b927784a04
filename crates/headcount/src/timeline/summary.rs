//! A timeline in a few lines for a terminal: how long, how many at once, who was slow, and what the limit cost.

use std::fmt;
use std::time::Duration;

use super::member::{HowEnded, Nanoseconds, TimelineMember};
use super::recorder::{Heading, Snapshot};
use crate::Tally;

/// As many of the slowest and of the failed are told.
const TOLD: usize = 5;
/// As many steps of the critical path.
const STEPS: usize = 3;
/// As many characters of what a failed member said.
const SAID: usize = 100;

/// What came of a recorded group, as figures and as a text.
///
/// ```text
/// group "prices" (src/prices.rs:29): 10 members in 5.02 s
///   ended        7 ok, 1 failed, 2 cancelled
///   at once      4.1 on average, 8 at most (limit 8)
///   limit        1.20 s with every slot taken and members queued; they waited 3.40 s in all
///   critical     4.98 s of 5.02 s in 2 members: #3 "sku 42" 2.00 s, then in its slot #9 2.98 s
///   slowest      #9            2.98 s  src/prices.rs:31
///                #3 "sku 42"   2.00 s  src/prices.rs:31
///   failed       #4 "sku 3" after 1.20 s: no route to host  src/prices.rs:31
/// ```
///
/// Counts and times of the group are exact however many members it has. The slowest and the failed are told from the members
/// that were [kept](super::Timeline#memory).
#[derive(Clone, Debug)]
pub struct TimelineSummary {
    title: Heading,
    spawned: u64,
    tally: Tally,
    out: u64,
    span: Nanoseconds,
    ran: u128,
    waited: u128,
    peak: u64,
    held_up: Nanoseconds,
    limit: Option<usize>,
    stride: usize,
    now: Nanoseconds,
    critical: Option<Vec<TimelineMember>>,
    slowest: Vec<TimelineMember>,
    failed: Vec<TimelineMember>,
}

impl TimelineSummary {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let Snapshot { title, members, stride, census, now, .. } = snapshot;
        let [ok, failed, panicked, cancelled, aborted] = census.ended;
        let tally = Tally { succeeded: ok, failed, panicked, cancelled, aborted };
        let mut slowest: Vec<_> = members.iter().filter(|member| member.begun.is_some()).collect();
        slowest.sort_by_key(|member| (std::cmp::Reverse(member.ran(*now)), member.index));
        let mut failed: Vec<_> =
            members.iter().filter(|member| member.how_ended().is_some_and(HowEnded::is_failure)).collect();
        failed.sort_by_key(|member| member.ended.map(|(at, _)| at));
        let some = |members: Vec<&TimelineMember>| members.into_iter().take(TOLD).cloned().collect();
        Self {
            title: title.clone(),
            spawned: census.spawned,
            tally,
            out: census.running + census.queued,
            span: census.last - census.first.unwrap_or(census.last),
            ran: census.ran,
            waited: census.waited,
            peak: census.peak,
            held_up: census.held_up,
            limit: census.limit,
            stride: *stride,
            now: *now,
            critical: (*stride == 1).then(|| critical(members, *now)),
            slowest: some(slowest),
            failed: some(failed),
        }
    }

    /// How many members were spawned.
    #[must_use]
    pub fn spawned(&self) -> u64 {
        self.spawned
    }

    /// How many ended in which way.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// How many were still out.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.out
    }

    /// From the first spawn to the last end, or until now if somebody is out.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.span)
    }

    /// How many members ran at once, on average over [`duration`](Self::duration).
    #[must_use]
    pub fn average_concurrency(&self) -> f64 {
        if self.span == 0 { 0.0 } else { self.ran as f64 / self.span as f64 }
    }

    /// How many members ran at once, at most.
    #[must_use]
    pub fn peak_concurrency(&self) -> u64 {
        self.peak
    }

    /// The limit when the last member was spawned.
    #[must_use]
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// How long every slot of the limit was taken while at least one member queued: what a higher limit could have been used
    /// for. Members count as one here, whatever their weight.
    #[must_use]
    pub fn lost_to_limit(&self) -> Duration {
        Duration::from_nanos(self.held_up)
    }

    /// How long members waited to begin, all together.
    #[must_use]
    pub fn waited(&self) -> Duration {
        span(self.waited)
    }

    /// The members that took longest, from begin to end, the slowest first; no more than five.
    #[must_use]
    pub fn slowest(&self) -> &[TimelineMember] {
        &self.slowest
    }

    /// The first members that failed or panicked, as they did; no more than five.
    #[must_use]
    pub fn failed(&self) -> &[TimelineMember] {
        &self.failed
    }

    /// The longest chain that can be known, in the order of time: the member that ended last, before it the one whose end gave
    /// it its slot, and so on to one that had not to queue. Had a member of the chain been quicker, or had there been
    /// more slots, the group might have ended earlier.
    ///
    /// What members waited for inside, each other perhaps, is not known here. `None` if only a
    /// [sample](super::Timeline#memory) of the members was kept.
    #[must_use]
    pub fn critical_path(&self) -> Option<&[TimelineMember]> {
        self.critical.as_deref()
    }
}

/// See [`TimelineSummary::critical_path`].
fn critical(members: &[TimelineMember], now: Nanoseconds) -> Vec<TimelineMember> {
    let mut by_end: Vec<_> = members.iter().filter(|member| member.begun.is_some()).collect();
    by_end.sort_by_key(|member| (member.end_or(now), member.index));
    let Some(last) = by_end.len().checked_sub(1) else { return Vec::new() };
    let mut chain = vec![by_end[last].clone()];
    let mut at = last;
    while let Some(begun) = by_end[at].begun.filter(|_| by_end[at].queued_for_slot) {
        // The latest end before the begin is the one that made room; if it was before the spawn, nothing was in the way.
        let before = by_end[..at].partition_point(|member| member.end_or(now) <= begun);
        let freed = before.checked_sub(1).filter(|freed| by_end[*freed].end_or(now) >= by_end[at].spawned);
        let Some(freed) = freed else { break };
        chain.push(by_end[freed].clone());
        at = freed;
    }
    chain.reverse();
    chain
}

impl fmt::Display for TimelineSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = if self.spawned == 1 { "member" } else { "members" };
        write!(f, "{}: {} {members} in {}", self.title, self.spawned, figure(u128::from(self.span)))?;
        if self.spawned == 0 {
            return Ok(());
        }
        line(f, "ended")?;
        self.write_ends(f)?;
        line(f, "at once")?;
        write!(f, "{:.1} on average, {} at most", self.average_concurrency(), self.peak)?;
        if let Some(limit) = self.limit {
            write!(f, " (limit {limit})")?;
            line(f, "limit")?;
            match self.held_up {
                0 => f.write_str("held nobody up")?,
                held => write!(
                    f,
                    "{} with every slot taken and members queued; they waited {} in all",
                    figure(u128::from(held)),
                    figure(self.waited)
                )?,
            }
        }
        self.write_critical(f)?;
        let width = self.slowest.iter().map(|member| member.called().chars().count()).max().unwrap_or(0);
        for (at, member) in self.slowest.iter().enumerate() {
            line(f, if at == 0 { "slowest" } else { "" })?;
            let ran = figure(u128::from(member.ran(self.now).unwrap_or(0)));
            write!(f, "{:<width$}  {ran:>9}", member.called())?;
            write_place(f, member)?;
        }
        self.write_failed(f)
    }
}

impl TimelineSummary {
    fn write_ends(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { succeeded, failed, panicked, cancelled, aborted } = self.tally;
        let ends = [succeeded, failed, panicked, cancelled, aborted];
        let words = HowEnded::ALL.iter().zip(ends).filter(|(_, n)| *n > 0);
        let mut words: Vec<_> = words.map(|(how, n)| format!("{n} {how}")).collect();
        if self.out > 0 {
            words.push(format!("{} still out", self.out));
        }
        f.write_str(&words.join(", "))
    }

    fn write_critical(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "critical")?;
        let Some(chain) = &self.critical else {
            return write!(f, "not known: every {}th member was kept", self.stride);
        };
        let took = |member: &TimelineMember| u128::from(member.ran(self.now).unwrap_or(0));
        let sum: u128 = chain.iter().map(took).sum();
        write!(f, "{} of {}", figure(sum), figure(u128::from(self.span)))?;
        if chain.len() <= STEPS {
            for (at, member) in chain.iter().enumerate() {
                f.write_str(if at == 0 { ": " } else { ", then in its slot " })?;
                write!(f, "{} {}", member.called(), figure(took(member)))?;
            }
            return Ok(());
        }
        write!(f, ": {} members, each in the slot of the one before; longest", chain.len())?;
        let mut longest: Vec<_> = chain.iter().collect();
        longest.sort_by_key(|member| (std::cmp::Reverse(took(member)), member.index));
        for (at, member) in longest.into_iter().take(STEPS).enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma} {} {}", member.called(), figure(took(member)))?;
        }
        Ok(())
    }

    fn write_failed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, member) in self.failed.iter().enumerate() {
            line(f, if at == 0 { "failed" } else { "" })?;
            let why = shortened(member.why().unwrap_or_default());
            let after = member.ended.map_or(0, |(ended, _)| ended.saturating_sub(member.spawned));
            let after = figure(u128::from(after));
            write!(f, "{} after {after}: {why}", member.called())?;
            write_place(f, member)?;
        }
        match (self.tally.failed + self.tally.panicked).saturating_sub(self.failed.len() as u64) {
            0 => Ok(()),
            more => {
                line(f, "")?;
                write!(f, "and {more} more")
            }
        }
    }
}

/// Where it was launched, at the end of a line.
fn write_place(f: &mut fmt::Formatter<'_>, member: &TimelineMember) -> fmt::Result {
    member.launched_at().map_or(Ok(()), |place| write!(f, "  {place}"))
}

/// The first line of a text, or as much of it as is told.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let told: String = line.chars().take(SAID).collect();
    if told.len() < text.len() { told + "…" } else { told }
}

/// A new line, under this heading.
fn line(f: &mut fmt::Formatter<'_>, heading: &str) -> fmt::Result {
    write!(f, "\n  {heading:<11}  ")
}

fn span(nanoseconds: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// A duration as a person would say it, down to what tiny members take.
pub(super) fn figure(nanoseconds: u128) -> String {
    match nanoseconds {
        0..1_000 => format!("{nanoseconds} ns"),
        1_000..1_000_000 => format!("{:.1} µs", nanoseconds as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanoseconds as f64 / 1e6),
        _ => crate::roll::brief(span(nanoseconds)).to_string(),
    }
}
