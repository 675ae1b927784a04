//! How many members of each group queue, run, have finished and have failed, for whatever recorder the program has.
//!
//! | name | kind | what |
//! |---|---|---|
//! | `headcount_members_queued` | gauge | registered, and not begun |
//! | `headcount_members_running` | gauge | begun, and not over |
//! | `headcount_members_finished` | counter | over, however they ended |
//! | `headcount_members_failed` | counter | of these, those that failed or panicked; consequences of a cancellation are neither |
//!
//! Each has one label, `group`: the group's name, or the place where it was made. Groups of one name are added up. The recorder
//! is the one that is installed when a group launches its first member.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::OnceLock;

use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge};

use crate::group::panics;
use crate::roll::Title;

#[derive(Debug, Default)]
pub(super) struct Group(OnceLock<Meters>);

#[derive(Debug)]
struct Meters {
    queued: Gauge,
    running: Gauge,
    finished: Counter,
    failed: Counter,
}

impl Group {
    pub(super) fn counted_out(&self, title: impl Fn() -> Title) {
        // A recorder that panics must not take the member along, which is counted out already.
        panics::try_quietly(|| self.0.get_or_init(|| Meters::new(&title())).queued.increment(1.0));
    }

    pub(super) fn begun(&self) {
        self.tell(|meters| {
            meters.queued.decrement(1.0);
            meters.running.increment(1.0);
        });
    }

    pub(super) fn ended(&self, had_begun: impl FnOnce() -> bool) {
        self.tell(|meters| {
            if had_begun() { &meters.running } else { &meters.queued }.decrement(1.0);
            meters.finished.increment(1);
        });
    }

    pub(super) fn failed(&self) {
        self.tell(|meters| meters.failed.increment(1));
    }

    fn tell(&self, what: impl FnOnce(&Meters)) {
        if let Some(meters) = self.0.get() {
            panics::try_quietly(|| what(meters));
        }
    }
}

impl Meters {
    fn new(title: &Title) -> Self {
        let queued = "headcount_members_queued";
        let running = "headcount_members_running";
        let finished = "headcount_members_finished";
        let failed = "headcount_members_failed";
        describe_gauge!(queued, Unit::Count, "members that are registered and have not begun");
        describe_gauge!(running, Unit::Count, "members that have begun and are not over");
        describe_counter!(finished, Unit::Count, "members that are over, however they ended");
        describe_counter!(failed, Unit::Count, "members that failed or panicked");
        let place = title.place();
        let group = match title.name() {
            Some(name) => name.to_string(),
            None => format!("{}:{}", place.file(), place.line()),
        };
        Self {
            queued: gauge!(queued, "group" => group.clone()),
            running: gauge!(running, "group" => group.clone()),
            finished: counter!(finished, "group" => group.clone()),
            failed: counter!(failed, "group" => group),
        }
    }
}

// Handles of a recorder are whole or not there at all.
impl UnwindSafe for Group {}
impl RefUnwindSafe for Group {}
