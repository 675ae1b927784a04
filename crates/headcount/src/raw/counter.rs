//! The counter: how members are counted out and back, and how waiters learn of it. `raw::WaitGroup` and `WaitGroup`
//! are two faces of it.
//!
//! # Two modes
//!
//! *Quiet*, while nobody waits: the count is one word, and a member costs one blind addition out and one blind
//! subtraction back. Nothing else happens, not even when zero is reached, because nobody is there to be told.
//!
//! *Watched*, from the moment a wait begins until zero is next reached: a member that goes out or comes back still
//! changes the count first, and, seeing [`WATCHED`](Count::WATCHED) in what it read, enters the same change in the
//! *tally*. The tally is exact: it starts, under the lock, with the very count that the watching began with, and its
//! way to zero leads through the lock only. Zero of the tally closes the round and releases its waiters.
//!
//! Why two words? A subtraction that gives up the member's unit cannot at the same time keep the counter alive for
//! what follows, nor notice that the count was zero for an instant before a new member came. One exchange loop on one
//! word could do both, but costs a third more than the plain pair, always. This way it is paid only while somebody
//! waits. `DESIGN.md` has the figures and the shapes that were rejected.
//!
//! # Invariants
//!
//! * **C1.** `WATCHED` changes only under the lock. It is set together with a tally equal to the count.
//! * **C2.** In watched mode *count = tally + beginnings on their way − ends on their way*, where "on its way" is a
//!   change made to the count and not yet entered in the tally.
//! * **C3.** A beginning on its way owns a unit of the count, since its token does not exist before `add` returns. So
//!   when the count is zero no beginning is on its way, and by C2 the tally is the number of ends on their way.
//! * **C4.** Watching stops only at a moment when no member is out *and* the tally is zero. By C3 nobody is on the way
//!   then, so nobody will enter anything in a tally that is no longer kept, nor touch a counter that may be freed. Two words
//!   cannot be read at once, and a member that goes out and comes back in between leaves the count as it was. So the closer
//!   marks the count `CLOSING` at a moment when no member is out, looks at the tally, and stops watching only if the mark
//!   still stands: whoever goes out takes the mark away *before* being entered in the tally. If the mark stands nobody has
//!   gone out since it was set, so nobody has come back either, and what the look at the tally found still holds.
//! * **C5.** The tally goes from above to zero only under the lock. A member's end that is entered without the lock leaves
//!   another one entered, and that entry is its last touch of the counter.
//!
//! # Edges
//!
//! * **E1, done → wait, quiet.** The subtraction from the count (Release) happens before a wait that reads zero members
//!   (Acquire), and before the change to watched mode (Acquire). All changes of the count are read-modify-writes, so
//!   each continues the release sequences of all before it.
//! * **E2, done → release, watched.** The entry in the tally (Release) happens before the entry that reaches zero
//!   (Acquire), which happens before the release of the waiters (E4, in `wait::list`).
//! * **E3, watch → record.** The tally gets its first value before `WATCHED` is set (Release); who reads `WATCHED`
//!   in the count (Acquire) enters its change in that tally.

use super::word::{Count, Tally};
use crate::fault::{self, Fault};
use crate::sync::{AcqRel, Acquire, AtomicU64, Relaxed, Release, const_unless_loom};
use crate::wait::list::Waiters;
use crate::wait::lock::Lock;
use crate::wait::wake::WakeBatch;

/// What an operation on the count leaves behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Left {
    /// Someone still holds on to the counter.
    Somebody,
    /// The count is zero in all its fields, and the caller made it so: nobody else will ever touch it.
    Nobody,
}

/// More members than [`Count::MAX_MEMBERS`], or fewer than none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OutOfRange {
    Overflow,
    Negative,
}

#[derive(Debug)]
pub(crate) struct Counter {
    pub(super) count: AtomicU64,
    /// Meaningful in watched mode only.
    pub(super) tally: AtomicU64,
    pub(super) waiters: Lock<Waiters>,
    #[cfg(loom)]
    grave: super::grave::Grave,
}

impl Counter {
    const_unless_loom! {
        /// A counter with nobody out and `holders` holders.
        pub(crate) fn new(holders: u64) -> Self {
            Self {
                count: AtomicU64::new(holders * Count::HOLDER),
                tally: AtomicU64::new(0),
                waiters: Lock::new(Waiters::new()),
                #[cfg(loom)]
                grave: super::grave::Grave::new(),
            }
        }
    }

    /// A counter with so many members out and no holder.
    #[cfg(feature = "std")]
    pub(crate) fn with_members(members: u64) -> Self {
        Self { count: AtomicU64::new(members * Count::MEMBER), ..Self::new(0) }
    }

    /// Tells the model checker that the counter is in use here, so that it objects if it could have been freed.
    #[inline(always)]
    fn in_use(&self) {
        #[cfg(loom)]
        self.grave.in_use();
    }

    /// Tells the model checker that the tally is used here, which must be after it began (E3).
    #[inline(always)]
    fn tally_in_use(&self) {
        #[cfg(loom)]
        self.grave.tally_in_use();
    }

    /// Tells the model checker that a tally begins here, which must be after all use of the one before (C4).
    #[inline(always)]
    pub(super) fn tally_begins(&self) {
        #[cfg(loom)]
        self.grave.tally_begins();
    }

    /// Tells the model checker that the counter is freed here.
    #[cfg(loom)]
    pub(crate) fn bury(&self) {
        self.grave.bury();
    }

    /// How many members are out. Acquire, E1: who reads zero has seen everything that the members did.
    #[inline]
    pub(crate) fn members(&self) -> u64 {
        Count(self.count.load(Acquire)).members()
    }

    /// Counts one member out.
    #[inline]
    pub(crate) fn add_one(&self) -> Result<(), OutOfRange> {
        // Acquire, E3: if this reads WATCHED, the tally it is entered in is there. The beginning of a member publishes
        // nothing; what its maker hands it travels with the token.
        let before = Count(self.count.fetch_add(Count::MEMBER, Acquire));
        if before.0 & Count::ADD_SLOWLY == 0 { Ok(()) } else { self.add_one_slowly(before) }
    }

    #[cold]
    fn add_one_slowly(&self, before: Count) -> Result<(), OutOfRange> {
        if before.is_watched() {
            self.record_out(before, 1);
        }
        if before.members() < Count::MAX_MEMBERS {
            return Ok(());
        }
        // Taken back like any other member's: meanwhile watching may have begun, or all the others may have come back. The
        // caller has a hold or a unit of its own, so nothing is to be freed.
        let _ = self.done_one();
        Err(OutOfRange::Overflow)
    }

    /// Counts `n` members out in one step.
    pub(crate) fn add(&self, n: u64) -> Result<(), OutOfRange> {
        // Relaxed: only a first guess for the exchange.
        let mut count = Count(self.count.load(Relaxed));
        loop {
            // An exchange and not a blind addition: a handful of large additions could overshoot the spare half.
            if n > Count::MAX_MEMBERS || count.members() + n > Count::MAX_MEMBERS {
                return Err(OutOfRange::Overflow);
            }
            // Acquire, E3, as in `add_one`.
            match self.count.compare_exchange_weak(count.0, count.0 + n, Acquire, Relaxed) {
                Ok(_) => break,
                Err(now) => count = Count(now),
            }
        }
        if count.is_watched() {
            self.record_out(count, n);
        }
        Ok(())
    }

    /// Enters a beginning in the tally; `before` is what the count was before it.
    #[cold]
    fn record_out(&self, before: Count, n: u64) {
        if before.is_closing() && !fault::planted(Fault::ClosingKept) {
            // Relaxed: who closes reads the mark in the same exchange that stops watching (C4).
            self.count.fetch_and(!Count::CLOSING, Relaxed);
        }
        self.tally_in_use();
        // Relaxed: a beginning publishes nothing; as a read-modify-write it continues the release sequences of E2.
        let before = Tally(self.tally.fetch_add(Tally::of(n).0, Relaxed));
        // Only under `raw`: an end was entered before the beginning that it answers, and this completes the pair.
        // The lock-free entry of C5 never happens below zero, so this zero needs settling too.
        if before.members() < 0 && before.plus(n).members() == 0 {
            let _ = self.settle(0);
        }
    }

    /// Counts one member back in. The caller owns that member's unit.
    #[inline]
    pub(crate) fn done_one(&self) -> Left {
        self.in_use();
        // Release, E1: what the member did is seen by whoever reads its absence. Acquire, E3, for the tally; and so
        // that the last one out may free what all the others used.
        let before = Count(self.count.fetch_sub(Count::MEMBER, fault::ordering(Fault::RelaxedDone, AcqRel)));
        if before.is_watched() {
            self.record_back(1)
        } else if before.0 == Count::MEMBER {
            Left::Nobody
        } else {
            Left::Somebody
        }
    }

    /// Counts `n` members back in, at least one. The caller owns their units.
    pub(crate) fn done(&self, n: u64) -> Left {
        self.in_use();
        // AcqRel, as in `done_one`.
        let before = Count(self.count.fetch_sub(n, AcqRel));
        if before.is_watched() {
            self.record_back(n)
        } else if before.0 == n {
            Left::Nobody
        } else {
            Left::Somebody
        }
    }

    /// Counts `n` members back in if so many are out; for callers who count by hand and may be wrong.
    pub(crate) fn done_checked(&self, n: u64) -> Result<(), OutOfRange> {
        // Relaxed: only a first guess for the exchange.
        let mut count = Count(self.count.load(Relaxed));
        loop {
            if count.members() < n {
                return Err(OutOfRange::Negative);
            }
            // AcqRel, as in `done_one`.
            let order = fault::ordering(Fault::RelaxedDone, AcqRel);
            match self.count.compare_exchange_weak(count.0, count.0 - n, order, Relaxed) {
                Ok(_) => break,
                Err(now) => count = Count(now),
            }
        }
        if count.is_watched() {
            // Nothing is to be freed here: the caller holds the counter by reference.
            let _ = self.record_back(n);
        }
        Ok(())
    }

    /// Enters an end in the tally. What keeps the counter alive meanwhile is C4: this end is on its way.
    #[cold]
    fn record_back(&self, n: u64) -> Left {
        self.in_use();
        self.tally_in_use();
        // Relaxed: only a first guess for the exchange.
        let mut tally = Tally(self.tally.load(Relaxed));
        loop {
            let after = tally.minus(n);
            if tally.has_at_most() || after.members() == 0 {
                return self.settle(n);
            }
            // Release, E2: what the members did is seen by the end that reaches zero.
            let order = fault::ordering(Fault::RelaxedRecord, Release);
            match self.tally.compare_exchange_weak(tally.0, after.0, order, Relaxed) {
                // C5: from here on the counter may be gone.
                Ok(_) => return Left::Somebody,
                Err(now) => tally = Tally(now),
            }
        }
    }

    /// Enters `n` ends under the lock, releases whom that releases, and wakes them.
    ///
    /// The waiters may be gone before their last wake-up is given, and the group with them. Until the ends are entered
    /// C4 keeps the counter alive; from then on `WATCHED`, which only the lock's holder could take away; and before the
    /// lock is given up a hold is taken, which lasts until everyone is woken.
    fn settle(&self, n: u64) -> Left {
        self.in_use();
        let mut waiters = self.waiters.lock();
        // Acquire, E2: what all members entered so far did. No Release is needed: whoever reaches zero holds the lock after us.
        let after = Tally(self.tally.fetch_sub(Tally::of(n).0, Acquire)).minus(n);
        let mut held = false;
        if after.members() == 0 {
            if after.has_at_most() {
                // Relaxed: the flag steers ends that come later; they read it in the same exchange that enters them.
                self.tally.fetch_and(!Tally::AT_MOST, Relaxed);
            }
            waiters.close_round();
            held = self.quiet_and_hold();
        } else if after.has_at_most() {
            waiters.release_at_most(u64::try_from(after.members()).unwrap_or(0));
            self.drop_at_most_flag(&waiters);
        }
        if !held && !fault::planted(Fault::NoHoldWhileWaking) {
            // Relaxed: taking a hold publishes nothing.
            self.count.fetch_add(Count::HOLDER, Relaxed);
        }
        // The one waiter that most groups have is woken without a batch and without taking the lock again.
        let first = waiters.next_due();
        let mut waking = Waking { counter: self, all: !waiters.has_due() };
        drop(waiters);
        if let Some(wake) = first {
            wake.wake();
        }
        waking.wake_rest();
        self.in_use();
        if fault::planted(Fault::NoHoldWhileWaking) { Left::Somebody } else { self.release() }
    }

    /// Stops watching if that is possible now (C4), and takes a hold in the same step; false if it is not. The lock is held,
    /// so nobody else is trying. Who made it impossible is out or on the way, will be entered, and tries again (C5).
    fn quiet_and_hold(&self) -> bool {
        if fault::planted(Fault::QuietTooSoon) {
            self.count.fetch_and(!Count::WATCHED, AcqRel);
            return false;
        }
        let hold = if fault::planted(Fault::NoHoldWhileWaking) { 0 } else { Count::HOLDER };
        // Relaxed is enough, and stale is not possible where it would hurt: by E2 every end in the tally happened before,
        // so this reads the count as it was after all of them, or later.
        let mut count = Count(self.count.load(Relaxed));
        loop {
            if count.members() > 0 {
                return false;
            }
            // Acquire: who came back before this exchange was entered when going out, and the look at the tally sees that.
            match self.count.compare_exchange_weak(count.0, count.0 | Count::CLOSING, Acquire, Relaxed) {
                Ok(_) => break,
                Err(now) => count = Count(now),
            }
        }
        count = Count(count.0 | Count::CLOSING);
        // Relaxed: see the Acquire above; what comes later takes the mark away.
        if Tally(self.tally.load(Relaxed)).members() == 0 || fault::planted(Fault::TallyUnlooked) {
            while count.is_closing() && count.members() == 0 {
                // Relaxed: the next watcher is ordered after this one by the lock, and who frees by `release`.
                let quiet = (count.0 & !(Count::WATCHED | Count::CLOSING)) + hold;
                match self.count.compare_exchange_weak(count.0, quiet, Relaxed, Relaxed) {
                    Ok(_) => return true,
                    Err(now) => count = Count(now),
                }
            }
        }
        // Relaxed: takes back what only the lock's holder acts on.
        self.count.fetch_and(!Count::CLOSING, Relaxed);
        false
    }

    /// Takes a hold for a caller that has one already.
    pub(crate) fn hold(&self) -> Result<(), OutOfRange> {
        // Relaxed: as for `Arc`, the new holder got the counter from an old one.
        let before = Count(self.count.fetch_add(Count::HOLDER, Relaxed));
        if before.holders() < Count::MAX_HOLDERS {
            return Ok(());
        }
        // Relaxed: takes back what no one was told of.
        self.count.fetch_sub(Count::HOLDER, Relaxed);
        Err(OutOfRange::Overflow)
    }

    /// Gives up a hold.
    pub(crate) fn release(&self) -> Left {
        self.in_use();
        // Release: all that this holder did is before the freeing. Acquire: if it is the freeing, after all the others.
        let before = self.count.fetch_sub(Count::HOLDER, AcqRel);
        if before == Count::HOLDER { Left::Nobody } else { Left::Somebody }
    }
}

/// Wakes everyone who is due, also when one of the wakers panics: unwinding drops this and so goes on with the rest.
///
/// After such a panic the hold on the counter is not given up, since nobody would be there to free it. So a waker that
/// panics costs the memory of the group, a hundred bytes or two, and nothing else.
struct Waking<'c> {
    counter: &'c Counter,
    all: bool,
}

impl Waking<'_> {
    #[inline]
    fn wake_rest(&mut self) {
        if !self.all {
            self.wake_batches();
        }
    }

    #[cold]
    fn wake_batches(&mut self) {
        let mut batch = WakeBatch::new();
        while !self.all {
            self.all = self.counter.waiters.lock().collect(&mut batch);
            // Foreign code runs in the wakers: the lock is free again.
            batch.wake_all();
        }
    }
}

impl Drop for Waking<'_> {
    fn drop(&mut self) {
        self.wake_rest();
    }
}
