//! The slab: a limited number of slots, in which members' futures stand from their first poll to their last, one after the other.
//!
//! Slots come in rows, made when they are first needed and kept until the end, so that an item costs no allocation once as many
//! rows are there as members run at once. Which members are polled is the bells' business.
//!
//! # Rules that make the unsafe code sound
//!
//! * **L1.** The cell of a slot is filled exactly while its bit in `taken` is set. Cells are reached only through the slab,
//!   which is borrowed uniquely for that.
//! * **L2.** A future never moves while it is in its cell: rows are boxed, boxes are neither replaced nor given away, and a
//!   future leaves its cell only by being dropped there. So it is pinned. If its destructor panics the cell counts as empty.
#![expect(unsafe_code, reason = "futures stand in slots that are used again; rules L1 and L2")]

use std::fmt;
use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};

use super::bells::{Bells, WORD};
use crate::group::panics::{self, Payload};

/// As many slots as the first row has; the next ones have twice as many each, up to a word's.
const FEWEST: usize = 8;

/// What a slot holds.
struct Cell<F> {
    /// Which item this is.
    index: usize,
    future: F,
}

struct Row<F> {
    /// L1, by bit.
    taken: u64,
    cells: Box<[MaybeUninit<Cell<F>>]>,
}

/// The members that are out, and who of them was woken.
pub(super) struct Slab<F> {
    rows: Vec<Row<F>>,
    /// Slots that are empty. The last is taken first: what was used last is at hand.
    free: Vec<u32>,
    /// How many slots there are, and may be.
    slots: usize,
    limit: usize,
    bells: Bells,
}

/// How a member ended: the number of its item, and its output, or its panic.
pub(super) type End<O> = (usize, Result<O, Payload>);

impl<F> Slab<F> {
    /// One with up to `limit` slots.
    pub(super) fn new(limit: usize) -> Self {
        // A slot's number is four bytes, and nobody polls so many in one task.
        let limit = limit.min(u32::MAX as usize / 2);
        Self { rows: Vec::new(), free: Vec::new(), slots: 0, limit, bells: Bells::new() }
    }

    /// Whether one more may be put in.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        !self.free.is_empty() || self.slots < self.limit
    }

    /// Whether nobody is out.
    pub(super) fn is_empty(&self) -> bool {
        self.out() == 0
    }

    /// How many are out.
    pub(super) fn out(&self) -> usize {
        self.slots - self.free.len()
    }

    /// Puts in the member of the item `index`, which is then to be polled; the slot. There must be room.
    #[inline]
    pub(super) fn insert(&mut self, index: usize, future: F) -> usize {
        if self.free.is_empty() {
            self.add_row();
        }
        let slot = self.free.pop().unwrap_or_else(|| unreachable!("there is room")) as usize;
        let row = &mut self.rows[slot / WORD];
        row.cells[slot % WORD].write(Cell { index, future });
        // L1: written first.
        row.taken |= 1 << (slot % WORD);
        slot
    }

    #[cold]
    fn add_row(&mut self) {
        let first = self.rows.len() * WORD;
        let most = FEWEST.checked_shl(self.rows.len() as u32).map_or(WORD, |most| most.clamp(FEWEST, WORD));
        let cells = most.min(self.limit - self.slots);
        self.rows.push(Row { taken: 0, cells: Box::new_uninit_slice(cells) });
        self.bells.add_row();
        self.slots += cells;
        self.free.extend((first..first + cells).rev().map(|slot| slot as u32));
    }

    /// The next member that was woken, by its slot; perhaps of one who is gone.
    #[inline]
    pub(super) fn next_woken(&mut self) -> Option<usize> {
        self.bells.next()
    }

    /// Has `waker` woken when a member is; false if one was, and has not been polled since.
    pub(super) fn sleep(&self, waker: &Waker) -> bool {
        self.bells.sleep(waker)
    }

    /// Which item the member in the slot is, if there is one.
    #[inline]
    pub(super) fn item(&self, slot: usize) -> Option<usize> {
        let row = &self.rows[slot / WORD];
        let taken = row.taken & (1 << (slot % WORD)) != 0;
        let cell = row.cells[slot % WORD].as_ptr();
        // SAFETY: L1. By a pointer: a reference to the whole would also be one to the future, which may refer to itself.
        taken.then(|| unsafe { (*cell).index })
    }

    /// Polls who is in the slot, if anybody is; its end, if that was it. Does not unwind.
    #[inline]
    pub(super) fn poll(&mut self, slot: usize) -> Option<End<F::Output>>
    where
        F: Future,
    {
        let row = &mut self.rows[slot / WORD];
        if row.taken & (1 << (slot % WORD)) == 0 {
            return None;
        }
        let cell = row.cells[slot % WORD].as_mut_ptr();
        // SAFETY: L1.
        let index = unsafe { (*cell).index };
        // SAFETY: L1 and L2.
        let future = unsafe { Pin::new_unchecked(&mut (*cell).future) };
        let waker = self.bells.waker(slot);
        let output = match panics::catch(|| future.poll(&mut TaskContext::from_waker(&waker))) {
            Ok(Poll::Pending) => return None,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => Err(payload),
        };
        let gone = self.remove(slot);
        Some((index, settle(output, gone)))
    }

    /// Drops the future that is in the slot, where it stands. There must be one.
    #[inline]
    fn remove(&mut self, slot: usize) -> Result<(), Payload> {
        let row = &mut self.rows[slot / WORD];
        // L1: whatever its destructor does.
        row.taken &= !(1 << (slot % WORD));
        self.free.push(slot as u32);
        let cell = &mut row.cells[slot % WORD];
        // SAFETY: L1: the caller has seen its bit.
        panics::catch(|| unsafe { cell.assume_init_drop() })
    }

    /// Drops everybody where they stand. `each` is told the number of the item, and the panic of its destructor.
    pub(super) fn call_off(&mut self, mut each: impl FnMut(End<()>)) {
        for row in 0..self.rows.len() {
            while self.rows[row].taken != 0 {
                let slot = self.rows[row].taken.trailing_zeros() as usize;
                let cell = self.rows[row].cells[slot].as_ptr();
                // SAFETY: L1.
                let index = unsafe { (*cell).index };
                each((index, self.remove(row * WORD + slot)));
            }
        }
    }
}

/// What came of a member whose output and whose destructor came to this. The first panic counts.
#[inline]
pub(super) fn settle<O>(output: Result<O, Payload>, gone: Result<(), Payload>) -> Result<O, Payload> {
    match (output, gone) {
        (output, Ok(())) => output,
        (Ok(output), Err(payload)) => {
            panics::drop_quietly(output);
            Err(payload)
        }
        (Err(first), Err(payload)) => {
            panics::drop_quietly(payload);
            Err(first)
        }
    }
}

impl<F> Drop for Slab<F> {
    fn drop(&mut self) {
        self.call_off(|(_, gone)| panics::drop_quietly(gone));
    }
}

impl<F> fmt::Debug for Slab<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab").field("out", &self.out()).field("limit", &self.limit).finish_non_exhaustive()
    }
}
