//! Under loom only: a witness that nothing uses a counter after it was freed.
//!
//! A model cannot detect a use after free by itself: the memory is still there, or the process dies. So in its builds
//! the memory is kept, freeing is a write to a watched cell, and every use on the slow paths is a read of it. An
//! interleaving in which the two could meet is a causality violation, which loom reports with the schedule.

use loom::alloc::Track;
use loom::cell::UnsafeCell;

/// What is watched: the counter's memory, and its tally.
///
/// The tally has a witness of its own: loom runs read-modify-writes of all words in one order, so it would not notice by
/// itself that an entry in the tally is not ordered after the tally's beginning.
#[derive(Debug)]
pub(crate) struct Grave {
    counter: UnsafeCell<Option<Track<()>>>,
    tally: UnsafeCell<()>,
}

// SAFETY: G1, the cells are read and written only through loom, which reports any two accesses that are not ordered.
unsafe impl Sync for Grave {}

impl Grave {
    pub(crate) fn new() -> Self {
        // The tracked unit is dropped by `bury` or with the counter; loom reports a group that is never freed.
        Self { counter: UnsafeCell::new(Some(Track::new(()))), tally: UnsafeCell::new(()) }
    }

    pub(crate) fn in_use(&self) {
        self.counter.with(|_| ());
    }

    pub(crate) fn bury(&self) {
        // SAFETY: G1.
        self.counter.with_mut(|track| drop(unsafe { (*track).take() }));
    }

    pub(crate) fn tally_in_use(&self) {
        self.tally.with(|_| ());
    }

    pub(crate) fn tally_begins(&self) {
        self.tally.with_mut(|_| ());
    }
}
