//! The seat of a running child. There is one a worker; whoever wants to know or signal who runs there
//! locks it, and the child cannot be reaped under their hands.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use rustix::process::{Pid, Signal};

use super::{Tail, signal_group};
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
}

impl Seat {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Sitter>> {
        locked(&self.0)
    }

    /// Remembers the last of what the child wrote.
    pub(crate) fn hear(&self, bytes: &[u8]) {
        if let Some(sitter) = &mut *self.lock() {
            sitter.tail.push(bytes);
        }
    }

    /// Asks the group to end. It is continued too: a stopped process does not hear a TERM.
    pub(crate) fn terminate(&self) {
        if let Some(sitter) = &mut *self.lock() {
            sitter.told = true;
            signal_group(sitter.group, Signal::TERM);
            signal_group(sitter.group, Signal::CONT);
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
