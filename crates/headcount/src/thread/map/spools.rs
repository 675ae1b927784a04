//! Values that are returned whole: each of those who run items winds its own on a spool.

use super::hands::Sink;
use crate::map::spool::Spool;
use crate::wait::lock::Lock;

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Spools<U> {
    keeps: bool,
    wound: Lock<Vec<Spool<U>>>,
}

impl<U> Spools<U> {
    /// None yet. Values are dropped as they come unless `keeps`.
    pub(super) fn new(keeps: bool) -> Self {
        Self { keeps, wound: Lock::default() }
    }

    /// All of them, when all are over.
    pub(super) fn take(&self) -> Vec<Spool<U>> {
        std::mem::take(&mut self.wound.lock())
    }
}

impl<U: Send> Sink<U> for Spools<U> {
    type Own = Spool<U>;

    fn open(&self) -> Spool<U> {
        Spool::new(self.keeps)
    }

    #[inline]
    fn put(&self, own: &mut Spool<U>, index: usize, value: U) {
        own.wind(index, value);
    }

    fn flush(&self, _: &mut Spool<U>) {}

    fn close(&self, own: Spool<U>) {
        self.wound.lock().push(own);
    }
}
