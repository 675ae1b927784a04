//! Who was woken: one bit for each slot of the slab, and a waker that costs nothing for each bit.
//!
//! Sixty-four slots are a *row*, sixty-four rows a *floor*. Whoever wakes a slot sets its bit in the row; who was the first to set
//! one there sets the row's bit on the floor; who was the first to do that rouses the task that the map is part of, if it
//! sleeps. The map takes whole words, and polls the slots whose bits were set. So a slot is polled because it was woken,
//! once for any number of wake-ups, and everyone who is on a word that was taken has a turn before anyone has another.
//!
//! A list, as `FuturesUnordered` has one, would keep the order of wake-ups too. But its nodes are used by wakers after their
//! future is gone, so each future needs one of its own, or a number that says whose it was. A bit that is set too late is
//! one poll too many, which every future must bear, and a row is freed when its last waker is.
//!
//! # Why no wake-up is lost
//!
//! * **M1.** A bit that is set is on its way to the map: either the one who found the word zero has yet to go one level up, or it
//!   has, or the map has taken the word above and will come to this one. So whoever finds a word that is not zero need
//!   not go on.
//! * **M2.** The map says that it sleeps, and then looks at the floors ([`Bells::sleep`]); a waker sets the floor's bit, and then looks
//!   whether the map sleeps ([`Sleeper::rouse`]). Both look by changing the floor's word. Whoever changes it second sees
//!   what the first had done before: the map sees the bit, or the waker the sleep.
//!
//! # Edges
//!
//! * **M3.** what was done before a wake-up → the poll that it brings about (the row's word).
//!
//! # Rules that make the unsafe code sound
//!
//! * **W1.** A waker's pointer is a row's address plus the number of the slot, which is less than 64. Rows are aligned to 64 bytes and not
//!   smaller, so the pointer stays inside the row, and its last six bits are the number.
//! * **W2.** A waker owns one reference to its row's `Arc`. A borrowed one owns none, is never dropped, and does not outlive
//!   the borrow of the bells, who own one.
#![expect(unsafe_code, reason = "a waker for each slot without an allocation for each; rules W1 and W2")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Waker};

use crate::fault::{self, Fault};
use crate::sync::{AcqRel, AtomicU8, AtomicU64, Relaxed};
use crate::wait::lock::Lock;

/// How many bits a word has.
pub(super) const WORD: usize = 64;

/// The task that the map is part of.
#[derive(Debug, Default)]
struct Sleeper {
    /// One if it has nothing to do until somebody is woken.
    asleep: AtomicU8,
    /// Left before `asleep` is set; taken by who clears it.
    waker: Lock<Option<Waker>>,
}

impl Sleeper {
    /// Wakes the task, if it sleeps.
    fn rouse(&self) {
        // AcqRel, M2: read after the bit was set; what has been left in `waker` before is there.
        if self.asleep.swap(0, AcqRel) == 0 {
            return;
        }
        // Nothing, if another took it for a sleep before this one: then that wakes, and the map looks again.
        let waker = self.waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[derive(Debug)]
struct Floor {
    /// Rows on which somebody was woken.
    woken: AtomicU64,
    sleeper: Arc<Sleeper>,
}

impl Floor {
    /// Takes its word, if somebody was woken there.
    #[inline]
    fn take(&self) -> Option<u64> {
        // Relaxed: only a hint; before it sleeps the map looks again (M2).
        // AcqRel, M1 and M2.
        (self.woken.load(Relaxed) != 0).then(|| self.woken.swap(0, AcqRel))
    }
}

/// Aligned for W1; and so that no two rows share a line of the cache.
#[derive(Debug)]
#[repr(align(64))]
struct Row {
    /// Slots that were woken.
    woken: AtomicU64,
    floor: Arc<Floor>,
    /// Its bit on the floor.
    bit: u64,
}

const _: () = assert!(size_of::<Row>() >= WORD && align_of::<Row>() == WORD, "W1");

impl Row {
    fn wake(&self, slot: usize) {
        // AcqRel, M3: released to the map, which takes the word; and, M1, after whoever set the bits that are there.
        if self.woken.fetch_or(1 << slot, AcqRel) != 0 {
            return;
        }
        if fault::planted(Fault::BellUnlooked) {
            // Looks whether the map sleeps before it says why it should not.
            // Relaxed: it is a fault in any case.
            let asleep = self.floor.sleeper.asleep.load(Relaxed) == 1;
            self.floor.woken.fetch_or(self.bit, AcqRel);
            return if asleep {
                self.floor.sleeper.rouse()
            };
        }
        // AcqRel, M2: what the map did before it last changed the word is seen: that it sleeps.
        if self.floor.woken.fetch_or(self.bit, AcqRel) == 0 {
            self.floor.sleeper.rouse();
        }
    }
}

/// Who was woken and has not had a turn. The map's own side; wakers have the other.
pub(super) struct Bells {
    sleeper: Arc<Sleeper>,
    floors: Vec<Arc<Floor>>,
    rows: Vec<Arc<Row>>,
    /// The floor whose word was taken last, and what is left of it.
    floor: (usize, u64),
    /// The row, likewise.
    row: (usize, u64),
}

impl Bells {
    pub(super) fn new() -> Self {
        Self { sleeper: Arc::default(), floors: Vec::new(), rows: Vec::new(), floor: (0, 0), row: (0, 0) }
    }

    /// Bells for sixty-four more slots.
    pub(super) fn add_row(&mut self) {
        let number = self.rows.len() % WORD;
        if number == 0 {
            let sleeper = Arc::clone(&self.sleeper);
            self.floors.push(Arc::new(Floor { woken: AtomicU64::new(0), sleeper }));
        }
        let floor = Arc::clone(&self.floors[self.rows.len() / WORD]);
        self.rows.push(Arc::new(Row { woken: AtomicU64::new(0), floor, bit: 1 << number }));
    }

    /// The next slot that was woken. It may have been woken for one who is gone from it.
    #[inline]
    pub(super) fn next(&mut self) -> Option<usize> {
        loop {
            if let Some(slot) = take_lowest(&mut self.row.1) {
                return Some(self.row.0 * WORD + slot);
            }
            if let Some(row) = take_lowest(&mut self.floor.1) {
                let row = self.floor.0 * WORD + row;
                // AcqRel, M3; and released, so that who sets the next bit comes after this (M1).
                self.row = (row, self.rows[row].woken.swap(0, AcqRel));
                continue;
            }
            self.floor = self.take_floor()?;
        }
    }

    /// Takes the word of the next floor on which somebody was woken, going round.
    #[inline]
    fn take_floor(&self) -> Option<(usize, u64)> {
        match &self.floors[..] {
            // Of a map of up to 4096 slots, which asks for every item.
            [only] => Some((0, only.take()?)),
            floors => {
                let (before, after) = floors.split_at(floors.len().min(self.floor.0 + 1));
                let (after, before) = ((before.len()..).zip(after), (0..).zip(before));
                after.chain(before).find_map(|(floor, at)| Some((floor, at.take()?)))
            }
        }
    }

    /// Says that the map sleeps until somebody is woken, and `waker` is then to be woken. False if somebody was, who has
    /// not had a turn.
    pub(super) fn sleep(&self, waker: &Waker) -> bool {
        // Wakers are foreign code: cloned and dropped without the lock.
        let waker = waker.clone();
        let old = self.sleeper.waker.lock().replace(waker);
        drop(old);
        // AcqRel, M2: before the look.
        self.sleeper.asleep.swap(1, AcqRel);
        if fault::planted(Fault::SleepUnlooked) {
            return true;
        }
        // AcqRel, M2: read by a change, so that whoever changes the word later sees that the map sleeps.
        !self.floors.iter().any(|floor| floor.woken.fetch_or(0, AcqRel) != 0)
    }

    /// The waker of a slot.
    #[inline]
    pub(super) fn waker(&self, slot: usize) -> Borrowed<'_> {
        let row = Arc::as_ptr(&self.rows[slot / WORD]);
        // SAFETY: W1.
        let data = unsafe { row.byte_add(slot % WORD) };
        // SAFETY: the table's functions keep to W1 and W2, and so to a waker's contract: each may be called from any
        // thread, since a row is made of parts that may be shared.
        let waker = unsafe { Waker::from_raw(RawWaker::new(data.cast(), &TABLE)) };
        Borrowed { waker: ManuallyDrop::new(waker), bells: PhantomData }
    }
}

/// Wakers may outlive the map; they wake nobody then, and keep nobody's task.
impl Drop for Bells {
    fn drop(&mut self) {
        // Relaxed: whoever is on the way past it finds no waker, or one that wakes once too often.
        self.sleeper.asleep.swap(0, Relaxed);
        let waker = self.sleeper.waker.lock().take();
        crate::group::panics::drop_quietly(waker);
    }
}

impl fmt::Debug for Bells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bells").field("rows", &self.rows.len()).finish_non_exhaustive()
    }
}

fn take_lowest(word: &mut u64) -> Option<usize> {
    let lowest = (*word != 0).then(|| word.trailing_zeros() as usize);
    // Nothing stays nothing.
    *word &= word.wrapping_sub(1);
    lowest
}

/// A waker that owns nothing (W2).
pub(super) struct Borrowed<'b> {
    waker: ManuallyDrop<Waker>,
    bells: PhantomData<&'b Bells>,
}

impl Deref for Borrowed<'_> {
    type Target = Waker;

    fn deref(&self) -> &Waker {
        &self.waker
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// The row and the slot that a waker's pointer stands for (W1).
///
/// # Safety
/// * `data` is the pointer of a waker of [`Bells::waker`], or of a clone of one.
unsafe fn apart(data: *const ()) -> (*const Row, usize) {
    let slot = data.addr() % WORD;
    // SAFETY: W1: the row begins that many bytes before, in the same allocation.
    (unsafe { data.byte_sub(slot) }.cast(), slot)
}

/// # Safety
/// * As [`apart`].
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: passed on.
    let (row, _) = unsafe { apart(data) };
    // SAFETY: W2: the row comes from an `Arc` that somebody owns meanwhile.
    unsafe { Arc::increment_strong_count(row) };
    RawWaker::new(data, &TABLE)
}

/// # Safety
/// * As [`apart`], and the waker owns its reference.
unsafe fn wake(data: *const ()) {
    // SAFETY: passed on.
    let (row, slot) = unsafe { apart(data) };
    // SAFETY: W2: the reference that the waker owned is this one's now. Dropped also if what is woken panics.
    let row = unsafe { Arc::from_raw(row) };
    row.wake(slot);
}

/// # Safety
/// * As [`apart`].
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: passed on.
    let (row, slot) = unsafe { apart(data) };
    // SAFETY: W2: somebody owns a reference meanwhile, and this one is never dropped.
    let row = ManuallyDrop::new(unsafe { Arc::from_raw(row) });
    row.wake(slot);
}

/// # Safety
/// * As [`apart`], and the waker owns its reference.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: passed on.
    let (row, _) = unsafe { apart(data) };
    // SAFETY: W2: the reference that the waker owned.
    drop(unsafe { Arc::from_raw(row) });
}
