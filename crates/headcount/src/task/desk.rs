//! The desk at which the carriers of a group meet: who is ready, who carries, who is at home and who is coming.
//!
//! All of it is under one lock, the [`carriers`](super::carriers)' K2; nothing here starts, wakes or polls anybody. What must be done so
//! that somebody comes is given back as a [`Call`], to be made without the lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use async_task::Runnable;

use crate::fault::{self, Fault};
use crate::wait::lock::Lock;

/// How many members a carrier takes on its tray at most; and, with all it finds there, polls in one go.
pub(super) const TRAY: usize = 64;

/// An emptied queue that has room for more than this is given back to the allocator.
const LARGE: usize = 4096;

/// What a carrier has taken and not polled yet.
pub(super) type Tray = Lock<VecDeque<Runnable>>;

/// See the room's text.
#[derive(Default)]
pub(super) struct Desk {
    pub(super) ready: VecDeque<Runnable>,
    /// Those of all carriers.
    trays: Vec<Arc<Tray>>,
    /// Who is at home: whose tray, and how to wake him.
    pub(super) home: Vec<(Arc<Tray>, Waker)>,
    pub(super) coming: usize,
    /// How many members are over.
    pub(super) over: u64,
}

/// What must be done, without the lock, so that somebody comes.
pub(super) enum Call {
    Wake(Waker),
    Start(Arc<Tray>),
}

impl Desk {
    /// How many members are ready, counted until there are `enough`.
    pub(super) fn waiting(&self, enough: usize) -> usize {
        let mut waiting = self.ready.len();
        for tray in &self.trays {
            if waiting >= enough {
                break;
            }
            waiting += tray.lock().len();
        }
        waiting
    }

    /// Somebody to be called, if fewer are coming than wanted.
    pub(super) fn call(&mut self, wanted: usize) -> Option<Call> {
        if self.coming >= wanted {
            return None;
        }
        self.coming += 1;
        Some(match self.home.pop() {
            Some((_, waker)) => Call::Wake(waker),
            None => {
                let tray = Arc::default();
                self.trays.push(Arc::clone(&tray));
                Call::Start(tray)
            }
        })
    }

    /// The same for those on trays and in the queue, except for one, who has a carrier at hand.
    pub(super) fn call_for_the_rest(&mut self, most: usize) -> Option<Call> {
        if fault::planted(Fault::TrayUnseen) {
            return None;
        }
        let rest = self.waiting(most + 1).saturating_sub(1);
        self.call(rest.min(most))
    }

    /// The waker of one who was at home: an executor may poll, and drop, whom nobody has woken.
    #[must_use = "it is to be dropped without the lock"]
    pub(super) fn arrive(&mut self, tray: &Arc<Tray>) -> Option<Waker> {
        let at_home = self.home.iter().position(|(whose, _)| Arc::ptr_eq(whose, tray));
        if at_home.is_none() {
            self.coming -= 1;
        }
        at_home.map(|at| self.home.swap_remove(at).1)
    }

    /// Fills the tray, unless something is left on it; a queue to be freed.
    pub(super) fn fill(&mut self, tray: &Arc<Tray>) -> Option<VecDeque<Runnable>> {
        let mut mine = tray.lock();
        if !mine.is_empty() {
            return None;
        }
        let ready = self.ready.len().min(TRAY);
        mine.extend(self.ready.drain(..ready));
        if ready == 0 {
            // The owner of a tray takes no other lock meanwhile, so two may be held here.
            let others = self.trays.iter().filter(|other| !Arc::ptr_eq(other, tray));
            for mut theirs in others.map(|other| other.lock()) {
                let half = theirs.len().div_ceil(2);
                mine.extend(theirs.drain(..half));
                if half > 0 {
                    break;
                }
            }
        }
        let is_large = self.ready.is_empty() && self.ready.capacity() > LARGE;
        is_large.then(|| std::mem::take(&mut self.ready))
    }

    pub(super) fn leave(&mut self, tray: &Arc<Tray>) {
        self.trays.retain(|other| !Arc::ptr_eq(other, tray));
    }

    pub(super) fn take_all(&mut self) -> VecDeque<Runnable> {
        let mut all = std::mem::take(&mut self.ready);
        for tray in &self.trays {
            all.append(&mut tray.lock());
        }
        all
    }
}
