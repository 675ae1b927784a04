//! Values that are returned whole: each of those who run items winds its own on a spool, and empties that where all can, now
//! and then.

use super::hands::Sink;
use crate::map::reel::Reel;
use crate::map::spool::Spool;
use crate::wait::lock::Lock;

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Spools<U> {
    keeps: bool,
    reel: Lock<Reel<U>>,
}

impl<U> Spools<U> {
    /// None yet, of so many values as far as is known. They are dropped as they come unless `keeps`.
    pub(super) fn new(keeps: bool, expected: usize) -> Self {
        Self { keeps, reel: Lock::new(Reel::new(expected)) }
    }

    /// All of them, when all are over.
    pub(super) fn take(&self) -> Vec<Spool<U>> {
        vec![std::mem::replace(&mut *self.reel.lock(), Reel::new(0)).finish()]
    }
}

impl<U: Send> Sink<U> for Spools<U> {
    type Own = Spool<U>;

    fn open(&self) -> Spool<U> {
        Spool::new(self.keeps)
    }

    #[inline]
    fn put(&self, own: &mut Spool<U>, index: usize, value: U) {
        if own.is_full(index) {
            self.reel.lock().take(own);
        }
        own.wind(index, value);
    }

    fn flush(&self, _: &mut Spool<U>) {}

    fn close(&self, mut own: Spool<U>) {
        self.reel.lock().take(&mut own);
    }
}
