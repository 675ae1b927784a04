//! Waiting in the queue for a slot instead of leaving a job there: what back-pressure is made of.
//!
//! A turn stands in the same queue as the jobs, so it is neither overtaken by them nor overtakes them. When it is
//! granted, its slots are held, and whoever waited either leaves a job that starts with them or gives them back.
//!
//! Granting and giving up exclude each other under the desk's lock; the wake-up is outside it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::launch::Launch;
use super::queue::{Entry, Job, Page};
use super::workers::Workers;

use crate::fault::{self, Fault};
use crate::sync::{Acquire, AtomicU8, Release};
use crate::wait::lock::Lock;
use crate::wait::parker::{self, Unparker};
use crate::who::threads::{Pause, pause};

/// Nothing has been decided.
const WAITING: u8 = 0;
/// The slots are held for whoever waits.
const GRANTED: u8 = 1;
/// Nobody waits any more.
const GIVEN_UP: u8 = 2;

/// One place in the queue, and who waits for it.
#[derive(Debug)]
pub(crate) struct Seat {
    weight: usize,
    /// Changed under the desk's lock only, from WAITING to one of the others.
    state: AtomicU8,
    sleeper: Lock<Option<Unparker>>,
}

impl Seat {
    pub(super) fn new(weight: usize) -> Self {
        Self { weight, state: AtomicU8::new(WAITING), sleeper: Lock::new(None) }
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn is_granted(&self) -> bool {
        // Acquire: what those did who gave back the slots is seen by who gets them (pairs with `grant`).
        self.state.load(Acquire) == GRANTED
    }

    pub(super) fn is_given_up(&self) -> bool {
        // Acquire, though the desk's lock would do: it makes no difference worth a second kind of load.
        self.state.load(Acquire) == GIVEN_UP
    }

    /// Under the desk's lock, of a seat that waits. `wake` must follow outside it.
    pub(super) fn grant(&self) {
        // Release: pairs with `is_granted`.
        self.state.store(GRANTED, Release);
    }

    /// Under the desk's lock, of a seat that waits.
    pub(super) fn give_up(&self) {
        // Release: as `grant`; nothing is published by it.
        self.state.store(GIVEN_UP, Release);
    }

    /// Makes who waits look again: whether it is granted, and whether it should go on waiting.
    ///
    /// Why no wake-up is lost, this side: what there is to see was done before the lock is taken. If `sleep` has not
    /// taken the lock yet, it looks after it has, and sees it. If it has, its handle is found here.
    pub(crate) fn wake(&self) {
        let sleeper = self.sleeper.lock().take();
        if let Some(sleeper) = sleeper {
            sleeper.unpark();
        }
    }

    /// Sleeps once, unless `stay` says no: until woken, for no reason, or until `deadline`; false when that has passed.
    ///
    /// Why no wake-up is lost, this side: the handle is left before the last look, see `wake`.
    pub(super) fn sleep(&self, deadline: Option<Instant>, mut stay: impl FnMut() -> bool) -> bool {
        let planted = fault::planted(Fault::TurnUnheard);
        if planted && !stay() {
            return true;
        }
        *self.sleeper.lock() = Some(parker::unparker());
        if !planted && !stay() {
            return true;
        }
        parker::park(deadline)
    }
}

impl<'scope, L: Launch<'scope>> Workers<'scope, L> {
    /// Waits in the queue for `weight` slots, as a job would.
    pub(crate) fn turn(self: &Arc<Self>, weight: usize) -> Turn<'_, 'scope, L> {
        let seat = Arc::new(Seat::new(weight));
        self.visit(|desk| {
            if desk.limit == usize::MAX {
                // Those before it have their slots, and wait for threads only.
                desk.hold(weight);
                seat.grant();
            } else {
                let mut page = Page::default();
                page.push(Entry::Turn(Arc::clone(&seat)));
                desk.queue.append(&mut page);
            }
        });
        Turn { workers: self, seat, used: false }
    }

    /// Takes `weight` slots if they are free and nobody waits.
    pub(crate) fn try_turn(self: &Arc<Self>, weight: usize) -> Option<Turn<'_, 'scope, L>> {
        let granted = self.visit(|desk| {
            desk.grant_turns();
            let free = desk.limit == usize::MAX || (desk.queue.is_empty() && desk.fits(weight));
            if free {
                desk.hold(weight);
            }
            free
        });
        granted.then(|| {
            let seat = Arc::new(Seat::new(weight));
            seat.grant();
            Turn { workers: self, seat, used: false }
        })
    }
}

/// A place in the queue for who wants slots without leaving a job yet. Dropped unused, it gives back what it has.
#[must_use = "dropped, it gives the slots back"]
pub(crate) struct Turn<'a, 'scope, L: Launch<'scope>> {
    workers: &'a Arc<Workers<'scope, L>>,
    seat: Arc<Seat>,
    used: bool,
}

impl<'scope, L: Launch<'scope>> Turn<'_, 'scope, L> {
    pub(crate) fn is_granted(&self) -> bool {
        self.seat.is_granted()
    }

    /// What makes `wait` look again, for whoever may want to end it.
    pub(crate) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Waits until the slots are held, `gives_up` says yes, or `deadline` has passed; true in the first case. Whoever
    /// changes what `gives_up` says must then call [`Seat::wake`]. Meanwhile it [stands in](Workers::stand_in).
    pub(crate) fn wait(&self, deadline: Option<Instant>, gives_up: impl Fn() -> bool) -> bool {
        loop {
            if self.is_granted() {
                return true;
            }
            if gives_up() {
                return self.is_granted();
            }
            if self.workers.stand_in() {
                continue;
            }
            let _pausing = pause(Pause::Slot);
            let until = deadline.or_else(|| self.workers.patience());
            if !self.seat.sleep(until, || !self.is_granted() && !gives_up()) && deadline.is_some() {
                return self.is_granted();
            }
        }
    }

    /// Leaves the job that the slots were for.
    ///
    /// # Panics
    ///
    /// If the slots have not been granted.
    pub(crate) fn push(mut self, job: Job<'scope>) {
        assert!(self.is_granted(), "a job was left before its turn");
        self.used = true;
        self.workers.visit(|desk| desk.granted.push_back((job, self.seat.weight())));
    }
}

impl<'scope, L: Launch<'scope>> Drop for Turn<'_, 'scope, L> {
    fn drop(&mut self) {
        if !self.used {
            // Under the desk's lock, so that either it has been granted or it never will be.
            self.workers.visit(|desk| {
                if !self.seat.is_granted() {
                    self.seat.give_up();
                } else if !fault::planted(Fault::TurnKept) {
                    desk.give_back(self.seat.weight());
                }
            });
        }
    }
}

impl<'scope, L: Launch<'scope>> fmt::Debug for Turn<'_, 'scope, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn")
            .field("weight", &self.seat.weight)
            .field("granted", &self.is_granted())
            .finish()
    }
}
