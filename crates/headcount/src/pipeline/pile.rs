//! The items in an outbox: first in, first out, and taken many at a time for the price of one.
//!
//! Whoever takes a handful item by item keeps the pusher waiting as long as that takes, since both are in the outbox. So
//! items lie in blocks, and a taker with an empty hand exchanges that for a whole block. What it leaves is used for the next
//! one: blocks that go round cost no allocation.

use std::collections::VecDeque;
use std::mem;

/// How many items make a block. Enough for the exchange to cost nothing to speak of for each of them, and a part of what lies
/// in an outbox of tiny items.
const BLOCK: usize = if cfg!(any(loom, shuttle)) { 2 } else { 512 };

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Pile<T> {
    /// Blocks before the last one. None is empty.
    full: VecDeque<VecDeque<T>>,
    /// What is pushed goes here.
    last: VecDeque<T>,
    /// Empty blocks, as many as there have been at most.
    spare: Vec<VecDeque<T>>,
    len: usize,
}

impl<T> Default for Pile<T> {
    fn default() -> Self {
        Self { full: VecDeque::new(), last: VecDeque::new(), spare: Vec::new(), len: 0 }
    }
}

impl<T> Pile<T> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        if self.last.len() >= BLOCK {
            self.begin_block();
        }
        self.last.push_back(item);
        self.len += 1;
    }

    #[cold]
    fn begin_block(&mut self) {
        let next = self.spare.pop().unwrap_or_else(|| VecDeque::with_capacity(BLOCK));
        self.full.push_back(mem::replace(&mut self.last, next));
    }

    /// Moves items from the front to `hand`, `most` of them or fewer, but not none if there are any. How many.
    pub(super) fn give(&mut self, most: usize, hand: &mut VecDeque<T>) -> usize {
        let front = self.full.front_mut().unwrap_or(&mut self.last);
        let given = if hand.is_empty() && front.len() <= most {
            mem::swap(front, hand);
            hand.len()
        } else {
            let given = most.min(front.len());
            hand.extend(front.drain(..given));
            given
        };
        // The last one is not in this list, and may be empty.
        if self.full.front().is_some_and(VecDeque::is_empty) {
            self.spare.extend(self.full.pop_front());
        }
        self.len -= given;
        given
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{BLOCK, Pile};
    use std::collections::VecDeque;

    /// Pushes so many at a time and takes so many, until a few blocks have gone through.
    fn through(pushed: usize, most: usize) -> (Vec<usize>, Pile<usize>) {
        let (mut pile, mut hand, mut out) = (Pile::default(), VecDeque::new(), Vec::new());
        let mut next = 0;
        while next < 4 * BLOCK {
            (0..pushed).for_each(|_| {
                pile.push(next);
                next += 1;
            });
            let before = pile.len();
            let given = pile.give(most, &mut hand);
            assert!((1..=most).contains(&given), "{given} of {before}, {most} at most");
            assert_eq!((hand.len(), pile.len()), (given, before - given));
            out.extend(hand.drain(..));
        }
        while !pile.is_empty() {
            pile.give(most, &mut hand);
            out.extend(hand.drain(..));
        }
        assert_eq!(pile.give(most, &mut hand), 0);
        (out, pile)
    }

    #[test]
    fn what_was_pushed_comes_out_in_that_order_however_it_is_taken() {
        for pushed in [1, 3, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            for most in [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK] {
                let (out, _) = through(pushed, most);
                assert!(out.iter().copied().eq(0..out.len()), "{pushed} pushed, {most} taken");
                assert!(out.len() >= 4 * BLOCK);
            }
        }
    }

    #[test]
    fn a_hand_that_is_not_empty_is_added_to() {
        let mut pile = Pile::default();
        (0..5).for_each(|item| pile.push(item));
        let mut hand = VecDeque::from([9]);
        assert_eq!(pile.give(3, &mut hand), 3);
        assert_eq!(hand, [9, 0, 1, 2]);
        assert_eq!(pile.give(3, &mut hand), 2);
        assert_eq!((hand, pile.len()), (VecDeque::from([9, 0, 1, 2, 3, 4]), 0));
    }

    #[test]
    fn blocks_go_round() {
        let (_, pile) = through(3 * BLOCK, 10 * BLOCK);
        let spare = pile.spare.len();
        assert!(pile.full.is_empty() && (1..=12).contains(&spare), "{spare} spare");
        assert!(pile.spare.iter().all(VecDeque::is_empty));
    }
}
