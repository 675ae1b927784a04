//! How a group's count reaches zero, and how the group is closed then: [`core`](super::core)'s G2 and G3.

use std::sync::Arc;

use super::Policy;
use super::core::{Core, Kind, PageOf, PenOf};
use super::panics;
use crate::fault::{self, Fault};
use crate::sync::Relaxed;

/// Somebody waits for the count to reach zero.
pub(crate) struct Awaiting<T, E, P, K: Kind>(Arc<Core<T, E, P, K>>);

impl<T, E, P, K: Kind> Drop for Awaiting<T, E, P, K> {
    fn drop(&mut self) {
        // Relaxed: one more pen put down than needed harms nobody.
        self.0.awaited.fetch_sub(1, Relaxed);
    }
}

impl<T, E, P: Policy<T, E>, K: Kind> Core<T, E, P, K> {
    /// Says that somebody waits for the count to reach zero, as long as the guard lives (G2).
    pub(crate) fn await_zero(self: &Arc<Self>) -> Awaiting<T, E, P, K> {
        // Relaxed: ordered by the books' lock; see G2.
        self.awaited.fetch_add(1, Relaxed);
        let awaiting = Awaiting(Arc::clone(self));
        self.seal(|_| true);
        awaiting
    }

    /// A member has left `page`, and perhaps nobody but the pen is left there (G2).
    pub(super) fn pen_is_left(&self, page: &PageOf<T, E, P, K>) {
        // Relaxed: ordered by the books' lock; see G2.
        if self.awaited.load(Relaxed) > 0 && !fault::planted(Fault::PenKept) {
            self.seal(|pen| pen.page().first() == page.first() && pen.out() == 0);
        }
    }

    /// Takes the pen away if `which` says so, and puts it down.
    pub(super) fn seal(&self, which: impl FnOnce(&PenOf<T, E, P, K>) -> bool) {
        let mut books = self.books.lock();
        let pen = books.pen.take_if(|pen| which(pen));
        if let Some(pen) = &pen {
            books.next = pen.next_number();
        }
        drop(books);
        if let Some(pen) = pen {
            self.put_down(pen);
        }
    }

    pub(super) fn put_down(&self, pen: PenOf<T, E, P, K>) {
        if let Some(page) = pen.close() {
            self.page_is_over(page);
        }
    }

    /// G2, G4: everyone of this page is back.
    pub(super) fn page_is_over(&self, page: Arc<PageOf<T, E, P, K>>) {
        let mut books = self.books.lock();
        let listed = books.pages.remove(&page.first());
        self.ledger.leave(page.first());
        if books.keeps {
            books.kept.extend(listed);
        }
        drop(books);
        if fault::planted(Fault::HintThenDone) {
            self.hint();
            self.out.done();
        } else {
            self.out.done();
            // Whether anybody takes results is only to be known now: whoever begins to before this sees that the count is not
            // zero yet, and has left a waker.
            self.hint();
        }
        // Perhaps with values that nobody has taken.
        panics::drop_quietly(page);
    }

    /// Closes the group if nobody is out (G3). False if somebody is, or has just been registered.
    pub(crate) fn close(&self) -> bool {
        let mut books = self.books.lock();
        let empty = books.pen.is_none() && self.out.outstanding() == 0;
        if empty || fault::planted(Fault::CloseUnlooked) {
            books.closed = true;
        }
        books.closed
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.books.lock().closed
    }
}
