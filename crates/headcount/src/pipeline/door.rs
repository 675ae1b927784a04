//! Who sleeps in front of a belt, who is called in, and who is still behind it.
//!
//! # Words
//!
//! *Sleepers* are takers that found nothing and wait for a call; a pusher *rings* for one of them; one at a time is *called*
//! and on its way. *Open* is how many pushers have not closed, *takers* how many takers have not left.
//!
//! # Rules
//!
//! * **D1, list, then look.** A taker is listed as a sleeper before it looks into the outboxes for the last time.
//! * **D2, push, then look.** A pusher looks at the hint after it has pushed, and rings if it is set.
//! * **D3, the called one answers for all.** While somebody is on its way the hint is off and nobody else is called. Who was
//!   called takes the mark back ([`Door::leave`]) *before* it looks into the outboxes, and rings itself for what it leaves.
//! * **D4, count, then look.** A pusher closes under the door's lock after its last push. A taker that was told under that
//!   lock that nobody is open looks once more, and what it does not find then never was.
//!
//! # Why no item is left lying while a taker sleeps
//!
//! A pusher and a taker both lock the pusher's outbox: one to push, the other to look (D1, D2). If the push came first, the
//! taker finds the item. If the look came first, the outbox's lock makes what the taker did before visible to the pusher
//! (edge **B1**), and that is the hint, set when it was listed. It may have been cleared since, but only because somebody was
//! called; that one sets it again and then looks (D3). Either its look comes after the push and finds the item, or the push
//! comes after the look and sees the hint by the same edge. Who clears it for good, at the end, calls everybody.

use std::mem;
use std::sync::Arc;

use super::seat::Seat;
use crate::fault::{self, Fault};
use crate::sync::{AtomicU8, Relaxed};
use crate::wait::lock::Lock;

#[derive(Debug)]
pub(super) struct Door {
    /// 1 while ringing is of use: somebody sleeps, and nobody is on its way. Written under the lock.
    hint: AtomicU8,
    inside: Lock<Inside>,
}

#[derive(Debug)]
struct Inside {
    sleepers: Vec<Arc<Seat>>,
    called: Option<Arc<Seat>>,
    open: usize,
    takers: usize,
}

impl Door {
    pub(super) fn new(open: usize, takers: usize) -> Self {
        let inside = Inside { sleepers: Vec::new(), called: None, open, takers };
        Self { hint: AtomicU8::new(0), inside: Lock::new(inside) }
    }

    /// Whether ringing is of use. Asked by whoever has just pushed or ended a run (D2).
    #[inline]
    pub(super) fn hint(&self) -> bool {
        // Relaxed, B1: the lock of the outbox that was given back just now is what makes it new enough.
        self.hint.load(Relaxed) != 0
    }

    fn set_hint(&self, inside: &Inside) {
        let hint = u8::from(inside.called.is_none() && !inside.sleepers.is_empty());
        // Relaxed, B1: the taker locks the outboxes after this.
        self.hint.store(hint, Relaxed);
    }

    /// D1: lists a taker as asleep. True if no pusher is open any more (D4).
    pub(super) fn enlist(&self, seat: &Arc<Seat>) -> bool {
        let mut inside = self.inside.lock();
        inside.sleepers.push(Arc::clone(seat));
        self.set_hint(&inside);
        inside.open == 0
    }

    /// D3: a taker is up again, by itself or called. True if it was called, and so has to answer for what it leaves.
    pub(super) fn leave(&self, seat: &Arc<Seat>) -> bool {
        let mut inside = self.inside.lock();
        let called = inside.called.as_ref().is_some_and(|called| Arc::ptr_eq(called, seat));
        if called {
            inside.called = None;
        } else if let Some(at) = inside.sleepers.iter().position(|sleeper| Arc::ptr_eq(sleeper, seat)) {
            inside.sleepers.remove(at);
        }
        self.set_hint(&inside);
        called
    }

    /// Calls one sleeper, the last to come, whose memory is warmest; nobody if one is on its way.
    #[cold]
    pub(super) fn ring(&self) {
        let mut inside = self.inside.lock();
        if inside.called.is_some() {
            return;
        }
        let Some(seat) = inside.sleepers.pop() else { return };
        inside.called = Some(Arc::clone(&seat));
        self.set_hint(&inside);
        drop(inside);
        seat.call();
    }

    /// D4: a pusher has pushed its last. The last of them calls everybody.
    pub(super) fn close_one(&self) {
        let mut inside = self.inside.lock();
        inside.open -= 1;
        if inside.open > 0 || fault::planted(Fault::CloseUnheard) {
            return;
        }
        let sleepers = mem::take(&mut inside.sleepers);
        self.set_hint(&inside);
        drop(inside);
        sleepers.iter().for_each(|seat| seat.call());
    }

    /// A taker has left for ever. True if it was the last.
    pub(super) fn leave_for_ever(&self) -> bool {
        let mut inside = self.inside.lock();
        inside.takers -= 1;
        inside.takers == 0
    }
}
