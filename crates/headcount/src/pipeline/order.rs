//! Keeping order through a stage of many workers.
//!
//! What a stage that keeps order takes from above is numbered, batch by batch, in the order of taking ([`Turn::number`]). What
//! comes of one batch is a *run*: it stands together in the outbox of the worker that had the batch, and may be longer or
//! shorter than that, or empty. The takers below go from run to run ([`Turn::go_on`]).
//!
//! * **O1.** Numbers are given under the turn's lock, together with the taking, and leave no gap. So the numbers' order is
//!   that of the input.
//! * **O2.** A worker has one batch at a time, so the runs in its outbox have rising numbers and only the last one grows.
//! * **O3.** The head is the run that is next. When it is at the front of an outbox what is there of it may be taken, also while
//!   it still grows. When it has ended and is empty the next number is the head.
//!
//! Why it cannot stand still: the head's worker is not kept waiting for room by others, since all that stands before the head
//! in its outbox has been taken (O2); so it pushes, waits for room that takers of the head make, or is at work.

use std::collections::VecDeque;
use std::sync::Arc;

use super::belt::Outbox;
use super::seat::Seat;
use crate::wait::lock::BriefLock;

/// What one worker's outbox holds, run by run.
#[derive(Debug, Default)]
pub(super) struct Runs(VecDeque<Run>);

#[derive(Debug)]
struct Run {
    number: u64,
    len: usize,
    ended: bool,
}

impl Runs {
    pub(super) fn begin(&mut self, number: u64) {
        self.0.push_back(Run { number, len: 0, ended: false });
    }

    #[inline]
    pub(super) fn pushed(&mut self) {
        if let Some(run) = self.0.back_mut() {
            run.len += 1;
        }
    }

    pub(super) fn end(&mut self) {
        if let Some(run) = self.0.back_mut() {
            run.ended = true;
        }
    }
}

/// Where the takers of one belt are.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// O3.
    head: u64,
    /// O1: the number of the next batch that is taken.
    next: u64,
}

impl Turn {
    /// O1: the number of what has just been taken.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    /// Takes what is there of the head, up to a hand of `most`. True if the head has moved on, so that there may be more.
    pub(super) fn go_on<'a, T: 'a>(
        &mut self,
        outboxes: impl Iterator<Item = &'a BriefLock<Outbox<T>>>,
        most: usize,
        hand: &mut VecDeque<T>,
        relieved: &mut Vec<Arc<Seat>>,
    ) -> bool {
        for outbox in outboxes {
            let mut outbox = outbox.lock();
            let outbox = &mut *outbox;
            let Some(run) = outbox.runs.0.front_mut().filter(|run| run.number == self.head) else { continue };
            // O2: it stands at the front.
            let share = run.len.min(most - hand.len());
            if share > 0 {
                run.len -= outbox.items.give(share, hand);
            }
            let over = run.ended && run.len == 0;
            if over {
                outbox.runs.0.pop_front();
                self.head += 1;
            }
            relieved.extend(outbox.relieved());
            return over;
        }
        false
    }
}
