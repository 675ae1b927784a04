//! What is drawn: each member as a bar in a lane. The page and the trace are both made of this.

use super::lanes;
use super::member::{Nanoseconds, TimelineMember};
use super::recorder::Snapshot;

pub(super) struct Chart<'s> {
    snapshot: &'s Snapshot,
    /// In the order of spawning.
    pub(super) bars: Vec<Bar<'s>>,
    lanes: usize,
}

/// One member.
pub(super) struct Bar<'s> {
    pub(super) member: &'s TimelineMember,
    /// From begin to end, or until now. Of one that never began, or whose begin is not known, only the end.
    pub(super) from: Nanoseconds,
    pub(super) to: Nanoseconds,
    pub(super) ran: bool,
    pub(super) lane: usize,
}

impl<'s> Chart<'s> {
    pub(super) fn new(snapshot: &'s Snapshot) -> Self {
        let now = snapshot.now;
        let bar = |member: &'s TimelineMember| {
            let to = member.end_or(now);
            Bar { member, from: member.begun.unwrap_or(to), to, ran: member.begun.is_some(), lane: 0 }
        };
        let mut bars: Vec<Bar<'s>> = snapshot.members.iter().map(bar).collect();
        let spans: Vec<_> = bars.iter().map(|bar| (bar.from, bar.to)).collect();
        for (bar, lane) in bars.iter_mut().zip(lanes::pack(&spans)) {
            bar.lane = lane;
        }
        let lanes = bars.iter().map(|bar| bar.lane + 1).max().unwrap_or(0);
        Self { snapshot, bars, lanes }
    }

    pub(super) fn title(&self) -> String {
        self.snapshot.title.to_string()
    }

    /// What members run on.
    pub(super) fn carrier(&self) -> &'static str {
        self.snapshot.carrier
    }

    /// How many members there were, kept or not.
    pub(super) fn total(&self) -> u64 {
        self.snapshot.census.spawned
    }

    pub(super) fn stride(&self) -> usize {
        self.snapshot.stride
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }
}

impl Bar<'_> {
    /// How the member stands, in a word.
    pub(super) fn state(&self) -> &'static str {
        match (self.member.ended, self.ran) {
            (Some((_, how)), _) => how.word(),
            (None, true) => "running",
            (None, false) => "queued",
        }
    }

    /// What it waited for before it began.
    pub(super) fn waited_for(&self) -> &'static str {
        if self.member.queued_for_slot { "a slot of the limit" } else { "its turn" }
    }
}
