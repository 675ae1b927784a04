//! Under loom only: a witness that nothing uses a counter after it was freed.
//!
//! A model cannot detect a use after free by itself: the memory is still there, or the process dies. So in its builds
//! the memory is kept, freeing is a write to a watched cell, and every use on the slow paths is a read of it. An
//! interleaving in which the two could meet is a causality violation, which loom reports with the schedule.

use loom::alloc::Track;
use loom::cell::UnsafeCell;

#[derive(Debug)]
pub(crate) struct Grave(UnsafeCell<Option<Track<()>>>);

// SAFETY: G1, the cell is read and written only through loom, which reports any two accesses that are not ordered.
unsafe impl Sync for Grave {}

impl Grave {
    pub(crate) fn new() -> Self {
        // The tracked unit is dropped by `bury` or with the counter; loom reports a group that is never freed.
        Self(UnsafeCell::new(Some(Track::new(()))))
    }

    pub(crate) fn in_use(&self) {
        self.0.with(|_| ());
    }

    pub(crate) fn bury(&self) {
        // SAFETY: G1.
        self.0.with_mut(|track| drop(unsafe { (*track).take() }));
    }
}
