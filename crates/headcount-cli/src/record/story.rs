//! The story of a batch, for a page and a few lines: told as it happens, or from the events that were written then.
//!
//! The library draws it ([`headcount::Timeline::replay`]). A member is one bar, that of its last attempt; before it, it waits.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use headcount::{HowEnded, Timeline, TimelineReplay, TimelineReplayError};

use super::{Close, Happening, Plan, Whose};
use crate::ledger::End;
use crate::legible;

/// As much of a command is told in a title.
const TITLE: usize = 80;

/// See the room's text.
#[derive(Debug)]
pub(super) struct Story {
    replay: TimelineReplay,
    /// What the last attempt of a member said, as long as it is out.
    said: HashMap<u64, String>,
    attempts: u64,
    /// Attempts that were not the last.
    again: u64,
    stops: Vec<String>,
}

/// A step that cannot be, given those before it.
pub(super) type Wrong = TimelineReplayError;

impl Story {
    /// `command` as it was typed, placeholders and all.
    pub(super) fn new(subcommand: &str, command: &[u8], jobs: usize) -> Self {
        let command = legible::one_line(command);
        let mut title = format!("headcount {subcommand} -j{jobs} {command}").trim_end().to_owned();
        if let Some((end, _)) = title.char_indices().nth(TITLE) {
            title.truncate(end);
            title.push('…');
        }
        // The limit stands in the title and is not told: inputs are read when there is a slot for them, so nobody is ever
        // seen to queue for one, and "held nobody up" would be said of every limit.
        Self {
            replay: Timeline::replay(title),
            said: HashMap::new(),
            attempts: 0,
            again: 0,
            stops: Vec::new(),
        }
    }

    /// What is told as it happens.
    pub(super) fn begun(plan: &Plan<'_>) -> Self {
        Self::new(plan.what, &legible::shell_line(plan.words), plan.jobs)
    }

    pub(super) fn hear(&mut self, at: Duration, what: &Happening<'_>) -> Result<(), Wrong> {
        match *what {
            Happening::Begun(_) | Happening::Closed { .. } => Ok(()),
            Happening::Registered(Whose { number, columns }) => {
                self.registered(number, &legible::one_line(&columns.join(&b' ')), at)
            }
            Happening::Started { whose, slot, .. } => self.started(whose.number, slot, at),
            Happening::AttemptEnded { whose, close: Close { how, again, .. }, .. } => {
                self.attempt_ended(whose.number, how, again, at)
            }
            Happening::Ended { whose, end } => self.ended(whose.number, end, at),
            Happening::Stopping { why, .. } => {
                self.stopping(why, at);
                Ok(())
            }
        }
    }

    pub(super) fn registered(&mut self, member: u64, input: &str, at: Duration) -> Result<(), Wrong> {
        self.replay.spawned(member, Some(input.to_owned().into()), at)
    }

    pub(super) fn started(&mut self, member: u64, slot: usize, at: Duration) -> Result<(), Wrong> {
        self.replay.begun(member, Some(&slot.to_string()), at)?;
        self.attempts += 1;
        self.said.remove(&member);
        Ok(())
    }

    pub(super) fn attempt_ended(
        &mut self,
        member: u64,
        how: &str,
        again: bool,
        at: Duration,
    ) -> Result<(), Wrong> {
        if again {
            self.replay.requeued(member, at)?;
            self.again += 1;
            self.said.insert(member, format!("not tried again: {how}"));
        } else if !how.is_empty() {
            self.said.insert(member, how.to_owned());
        }
        Ok(())
    }

    pub(super) fn ended(&mut self, member: u64, end: End, at: Duration) -> Result<(), Wrong> {
        let said = self.said.remove(&member);
        let (how, why) = match end {
            End::Done => (HowEnded::Ok, said),
            End::Failed => (HowEnded::Failed, said),
            // A page knows no such end, and it is no good one.
            End::Lost => (
                HowEnded::Failed,
                Some(said.unwrap_or_else(|| "lost: what became of it is not known".into())),
            ),
            End::Cancelled => (HowEnded::Cancelled, Some(said.unwrap_or_else(|| "it never began".into()))),
        };
        self.replay.ended(member, how, why.as_deref(), at)
    }

    pub(super) fn stopping(&mut self, why: &str, at: Duration) {
        self.stops.push(format!("{why}, at {:.3} s", at.as_secs_f64()));
    }

    /// What a terminal is told.
    pub(super) fn summary(&self) -> String {
        let mut text = format!("{}\n", self.replay.timeline());
        if self.again > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  attempts     {}, {} of them tried again", self.attempts, self.again);
        }
        for (place, stop) in self.stops.iter().enumerate() {
            let _ = writeln!(text, "  {:<11}  {stop}", if place == 0 { "stopped by" } else { "" });
        }
        text
    }

    pub(super) fn page(&self) -> String {
        self.replay.timeline().to_html()
    }
}
