//! Where threads rest until somebody opens.
//!
//! Whoever is to rest lists itself, then looks whether it need, then [`park`](Gate::park)s. Whoever opens has done before what the
//! other looks at. Both sides pass the gate's lock, so either the one who opens finds the other listed, or that one
//! comes later and sees what was done.

use crate::wait::lock::Lock;
use crate::wait::parker::{self, Unparker};

/// See the top of this file.
#[derive(Debug, Default)]
pub(super) struct Gate(Lock<Vec<Unparker>>);

impl Gate {
    /// Says that this thread will rest, unless it finds that it need not.
    pub(super) fn list(&self) {
        self.0.lock().push(parker::unparker());
    }

    /// Rests. May also return for no reason.
    pub(super) fn park(&self) {
        parker::park(None);
    }

    /// Wakes all who rest or are about to.
    pub(super) fn open(&self) {
        let listed = std::mem::take(&mut *self.0.lock());
        listed.into_iter().for_each(Unparker::unpark);
    }
}
