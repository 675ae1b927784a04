//! The story of a batch, for a page and a few lines: told as it happens, or from the events that were written then.
//!
//! The library draws it ([`headcount::Timeline::replay`]). A member is one bar, that of its last attempt; before it, it waits.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use headcount::{HowEnded, Timeline, TimelineReplay, TimelineReplayError};

use super::elsewhere::{Elsewhere, There};
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
    /// The same, to be put in order, if members ran elsewhere.
    elsewhere: Option<(String, Elsewhere)>,
}

/// A step that cannot be, given those before it.
pub(super) type Wrong = TimelineReplayError;

impl Story {
    /// `command` as it was typed, placeholders and all.
    pub(super) fn new(subcommand: &str, command: &[u8], jobs: Option<usize>, group: Option<&str>) -> Self {
        let command = legible::one_line(command);
        let jobs = jobs.map_or_else(String::new, |jobs| format!(" -j{jobs}"));
        let mut title = format!("headcount {subcommand}{jobs} {command}").trim_end().to_owned();
        if let Some((end, _)) = title.char_indices().nth(TITLE) {
            title.truncate(end);
            title.push('…');
        }
        // The limit stands in the title and is not told: inputs are read when there is a slot for them, so nobody is ever
        // seen to queue for one, and "held nobody up" would be said of every limit.
        let elsewhere = group.map(|_| (title.clone(), Elsewhere::default()));
        Self { elsewhere, ..Self::titled(title) }
    }

    fn titled(title: String) -> Self {
        Self {
            replay: Timeline::replay(title),
            said: HashMap::new(),
            attempts: 0,
            again: 0,
            stops: Vec::new(),
            elsewhere: None,
        }
    }

    /// Everybody where they were in time.
    fn in_order(&self) -> Option<Self> {
        self.elsewhere.as_ref().map(|(title, elsewhere)| {
            let mut story = Self::titled(title.clone());
            elsewhere.tell(&mut story);
            Self { attempts: self.attempts, again: self.again, ..story }
        })
    }

    /// What is told as it happens.
    pub(super) fn begun(plan: &Plan<'_>) -> Self {
        Self::new(plan.what, &legible::shell_line(plan.words), plan.jobs, plan.group)
    }

    pub(super) fn hear(&mut self, at: Duration, what: &Happening<'_>) -> Result<(), Wrong> {
        match *what {
            Happening::Begun(_) | Happening::Closed { .. } => Ok(()),
            Happening::Registered(Whose { number, columns }) => {
                self.registered(number, &legible::one_line(&columns.join(&b' ')), at)
            }
            Happening::Started { whose, slot, .. } => self.started(whose.number, slot, at),
            Happening::AttemptEnded { whose, close: Close { how, again, took, there, .. }, .. } => {
                self.attempt_ended(whose.number, how, again, took, there, at)
            }
            Happening::Ended { whose, end } => self.ended(whose.number, end, at),
            Happening::Stopping { why, .. } => {
                self.stopping(why, at);
                Ok(())
            }
        }
    }

    pub(super) fn registered(&mut self, member: u64, input: &str, at: Duration) -> Result<(), Wrong> {
        self.replay.spawned(member, Some(input.to_owned().into()), at)?;
        if let Some((_, elsewhere)) = &mut self.elsewhere {
            elsewhere.registered(member, input, at);
        }
        Ok(())
    }

    pub(super) fn started(&mut self, member: u64, slot: usize, at: Duration) -> Result<(), Wrong> {
        self.replay.begun(member, Some(&slot.to_string()), at)?;
        self.attempts += 1;
        self.said.remove(&member);
        if let Some((_, elsewhere)) = &mut self.elsewhere {
            elsewhere.started(member, slot, at);
        }
        Ok(())
    }

    pub(super) fn attempt_ended(
        &mut self,
        member: u64,
        how: &str,
        again: bool,
        took: Duration,
        there: Option<There<'_>>,
        at: Duration,
    ) -> Result<(), Wrong> {
        if let Some((_, elsewhere)) = &mut self.elsewhere {
            elsewhere.attempt_ended(member, how, took, there, at);
        }
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
        self.replay.ended(member, how, why.as_deref(), at)?;
        if let Some((_, elsewhere)) = &mut self.elsewhere {
            elsewhere.ended(member, end, at);
        }
        Ok(())
    }

    pub(super) fn stopping(&mut self, why: &str, at: Duration) {
        self.stops.push(format!("{why}, at {:.3} s", at.as_secs_f64()));
        if let Some((_, elsewhere)) = &mut self.elsewhere {
            elsewhere.stopping(why, at);
        }
    }

    /// What a terminal is told.
    pub(super) fn summary(&self) -> String {
        if let Some(story) = self.in_order() {
            return story.summary();
        }
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
        if let Some(story) = self.in_order() {
            return story.page();
        }
        self.replay.timeline().to_html()
    }
}
