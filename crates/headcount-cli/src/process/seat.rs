//! The seat of a running child. There is one a lane; whoever wants to know or signal who runs there
//! locks it, and the child cannot be reaped under their hands.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use rustix::process::{Pid, Signal};

use super::{Running, Tail, signal_group};
use crate::ledger::Number;
use crate::locked;

/// A seat: empty, or taken by a running child.
#[derive(Debug, Default)]
pub(crate) struct Seat(Mutex<Option<Sitter>>);

/// What is known about a running child.
#[derive(Debug)]
pub(crate) struct Sitter {
    pub(crate) group: Pid,
    pub(crate) number: Number,
    pub(crate) label: String,
    pub(crate) since: Instant,
    pub(crate) tail: Tail,
    /// We told it to end, so its end is our doing.
    pub(crate) told: bool,
    /// We killed it, when it was told before or not.
    pub(crate) killed: bool,
    /// Its time ran out before we told it anything else.
    pub(crate) timed_out: bool,
}

impl Sitter {
    /// One who has just begun.
    pub(crate) fn new(running: &Running, number: Number, label: String) -> Self {
        Self {
            group: running.group(),
            number,
            label,
            since: Instant::now(),
            tail: Tail::default(),
            told: false,
            killed: false,
            timed_out: false,
        }
    }
}

impl Seat {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Sitter>> {
        locked(&self.0)
    }

    /// The same for one who must not wait.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, Option<Sitter>>> {
        self.0.try_lock().ok()
    }

    /// Remembers the last of what the child wrote.
    pub(crate) fn hear(&self, bytes: &[u8]) {
        if let Some(sitter) = &mut *self.lock() {
            sitter.tail.push(bytes);
        }
    }

    /// Asks the group to end because the batch does.
    pub(crate) fn terminate(&self) {
        if let Some(sitter) = &mut *self.lock() {
            sitter.told = true;
            ask(sitter);
        }
    }

    /// Notes that the member's time has run out, unless it was told to end before.
    pub(super) fn run_out(&self) -> bool {
        let mut seat = self.lock();
        let Some(sitter) = seat.as_mut().filter(|sitter| !sitter.told) else { return false };
        sitter.timed_out = true;
        true
    }

    /// Asks the group to end because its time has run out.
    pub(super) fn tell_to_end(&self) {
        if let Some(sitter) = &*self.lock() {
            ask(sitter);
        }
    }

    /// Ends the group because its time has run out.
    pub(super) fn tell_to_die(&self) {
        if let Some(sitter) = &*self.lock() {
            signal_group(sitter.group, Signal::KILL);
        }
    }

    /// Ends the group.
    pub(crate) fn kill(&self) {
        if let Some(sitter) = &mut *self.lock() {
            sitter.told = true;
            sitter.killed = true;
            signal_group(sitter.group, Signal::KILL);
        }
    }
}

/// A group that is asked to end is continued too: a stopped process does not hear a TERM.
fn ask(sitter: &Sitter) {
    signal_group(sitter.group, Signal::TERM);
    signal_group(sitter.group, Signal::CONT);
}
