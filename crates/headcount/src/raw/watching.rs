//! The waiters' side of the counter: beginning to watch, being listed, leaving. The protocol, its invariants C and its edges
//! E are stated at the top of `counter`.

use core::pin::Pin;

use super::counter::Counter;
use super::word::{Count, Tally};
use crate::fault::{self, Fault};
use crate::sync::{AcqRel, Acquire, Relaxed};
use crate::wait::list::{Node, Place, Waiters};
use crate::wait::wake::Wake;

/// What a wait finds when it asks to be listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Watch {
    /// So few are out that the wait is over.
    Over,
    /// Watched from now on, in the round of this number.
    Round(u64),
}

impl Counter {
    /// Begins a wait for `at_most` members or fewer, without listing anybody yet.
    pub(crate) fn watch(&self, at_most: u64) -> Watch {
        let waiters = self.waiters.lock();
        if self.is_over(at_most) { Watch::Over } else { Watch::Round(waiters.round()) }
    }

    /// Lists a waiter under the lock, unless its wait is over; true if it is listed.
    ///
    /// Why no wake-up is lost, this side: the tally is looked at after the lock was taken and before it is given back.
    /// An end that reaches zero after that look takes the lock to do so (C5) and finds the waiter listed. One that
    /// reached zero before is seen by the look, or has closed the round. For "at most", see `announce_at_most`.
    ///
    /// # Safety
    /// As [`Waiters::list`]: the node is not listed, was never in another counter, and leaves before it is dropped.
    pub(crate) unsafe fn list(&self, node: Pin<&Node>, wake: Wake) -> bool {
        // SAFETY: the caller's promises, passed on.
        let listed = unsafe { self.list_unless_over(node, wake) };
        if !listed {
            node.end();
        }
        listed
    }

    /// # Safety
    /// As [`list`](Self::list).
    unsafe fn list_unless_over(&self, node: Pin<&Node>, wake: Wake) -> bool {
        let at_most = node.at_most();
        if fault::planted(Fault::LookThenList) {
            let over = self.is_over(at_most);
            let mut waiters = self.waiters.lock();
            if !over {
                // SAFETY: the caller's promises, passed on.
                unsafe { waiters.list(node, wake) };
            }
            return !over;
        }

        let mut waiters = self.waiters.lock();
        // SAFETY: the caller's promises, passed on.
        if unsafe { waiters.has_missed(&node) } || self.is_over(at_most) {
            return false;
        }
        if at_most > 0 && !self.announce_at_most(at_most) {
            self.drop_at_most_flag(&waiters);
            return false;
        }
        // SAFETY: the caller's promises, passed on.
        unsafe { waiters.list(node, wake) };
        true
    }

    /// Under the lock: whether `at_most` or fewer are out; if not, watching is on.
    fn is_over(&self, at_most: u64) -> bool {
        // Acquire, E1: if this reads few enough members, their work is seen.
        let mut count = Count(self.count.load(Acquire));
        while !count.is_watched() {
            if count.members() <= at_most {
                return true;
            }
            self.tally_begins();
            // Relaxed: published by the exchange below (E3); nobody reads the tally before WATCHED is set (C1). It is zero
            // now, unless somebody who counts by hand, in `raw`, has brought members back that were still on their way out;
            // then what these have still to enter is kept, because this adds and does not store.
            let members = Tally::of(count.members()).0;
            self.tally.fetch_add(members, Relaxed);
            // Release, E3. Acquire, E1: the work of those who came back quietly is seen by this waiter, and through the
            // lock by whoever releases others.
            let watched = count.0 | Count::WATCHED;
            match self.count.compare_exchange_weak(count.0, watched, AcqRel, Acquire) {
                Ok(_) => return false,
                Err(now) => {
                    // Relaxed: takes back what nobody has read.
                    self.tally.fetch_sub(members, Relaxed);
                    count = Count(now);
                }
            }
        }
        // Acquire, E2: if this is few enough, the work of those entered is seen.
        let tally = Tally(self.tally.load(Acquire));
        tally.members() <= i64::try_from(at_most).unwrap_or(i64::MAX)
    }

    /// Under the lock, watched: makes every later end look under the lock; false if so few are out already.
    ///
    /// Why no wake-up is lost: an end is entered by an exchange of the whole tally. If it comes after the flag was set,
    /// it sees the flag and goes through the lock. If it comes before, the value returned here counts it.
    fn announce_at_most(&self, at_most: u64) -> bool {
        if fault::planted(Fault::AtMostUnannounced) {
            return true;
        }
        // Acquire, E2: as the look in `is_over`. The flag is read by ends in their own exchange.
        let before = Tally(self.tally.fetch_or(Tally::AT_MOST, Acquire));
        before.members() > i64::try_from(at_most).unwrap_or(i64::MAX)
    }

    /// Under the lock: clears the flag when no "at most" wait is listed any more.
    pub(super) fn drop_at_most_flag(&self, waiters: &Waiters) {
        if waiters.at_mosts() == 0 {
            // Relaxed: an end that still sees the flag only takes the lock for nothing.
            self.tally.fetch_and(!Tally::AT_MOST, Relaxed);
        }
    }

    /// Ends a listed wait early. True if it had been released after all.
    ///
    /// # Safety
    /// The node was never in another counter.
    pub(crate) unsafe fn leave(&self, node: &Node) -> bool {
        let mut waiters = self.waiters.lock();
        let at_mosts = waiters.at_mosts();
        // SAFETY: the caller's promise, passed on.
        let (place, wake) = unsafe { waiters.leave(node) };
        if waiters.at_mosts() < at_mosts {
            self.drop_at_most_flag(&waiters);
        }
        drop(waiters);
        // A waker is foreign code down to its drop: not under the lock.
        drop(wake);
        place != Place::Waiting
    }

    /// The round whose end a wait waits for, listed or not yet; nothing if it is over.
    ///
    /// # Safety
    /// The node was never in another counter.
    #[cfg(feature = "std")]
    pub(crate) unsafe fn round_of(&self, node: &Node) -> Option<u64> {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.waiters.lock().round_of(node) }
    }

    /// Whether the round of this number has ended: exactly then those are released who wait for its end. (The tally reaches zero
    /// under the lock, and nowhere else, C5.)
    #[cfg(feature = "std")]
    pub(crate) fn has_ended(&self, round: u64) -> bool {
        self.waiters.lock().round() > round
    }

    /// Looks after a listed future that is polled again: where it stands, with its waker brought up to date.
    ///
    /// # Safety
    /// The node was never in another counter.
    pub(crate) unsafe fn revisit(&self, node: &Node, waker: &core::task::Waker) -> Place {
        let mut waiters = self.waiters.lock();
        // SAFETY: the caller's promise, passed on.
        let (place, wakes) = unsafe { (waiters.place(node), waiters.wakes(node, waker)) };
        if place != Place::Waiting || wakes || fault::planted(Fault::StaleWaker) {
            return place;
        }
        // Cloning and dropping a waker is foreign code: not under the lock. Look again afterwards.
        drop(waiters);
        let wake = Wake::Task(waker.clone());
        waiters = self.waiters.lock();
        // SAFETY: as above.
        let place = unsafe { waiters.place(node) };
        let old = match place {
            // SAFETY: as above.
            Place::Waiting => unsafe { waiters.rewake(node, wake) },
            _ => Some(wake),
        };
        drop(waiters);
        drop(old);
        place
    }

    /// How many waits are listed; for tests and for the roll call.
    pub(crate) fn listed(&self) -> usize {
        self.waiters.lock().len()
    }
}
