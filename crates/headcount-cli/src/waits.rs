//! Members between two attempts. They hold no slot: their lane goes on with others, and whichever lane is free when
//! the wait is over takes them.
//!
//! A lane that has nothing to run asks here ([`crate::batch`]). It reads the next input if nobody else does, no longer
//! than until somebody's wait is over, and sleeps here otherwise. So there is always a lane for those who wait:
//! whoever is put off brings one.
//!
//! So that those who wait do not fill the memory, nobody new is taken in when there are [`MOST`].

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::Member;
use crate::ledger::{Attempt, Number};
use crate::locked;

/// So many wait at most, give or take one a lane.
const MOST: usize = 1000;

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Those who wait.
#[derive(Debug, Default)]
pub(crate) struct Queue(BinaryHeap<Waiting>);

/// One who waits.
#[derive(Debug)]
struct Waiting {
    due: Instant,
    next: Attempt,
    member: Member,
}

/// One who waits, as it is told.
#[derive(Debug)]
pub(crate) struct Between {
    pub(crate) number: Number,
    pub(crate) label: String,
    pub(crate) next: Attempt,
    pub(crate) left: Duration,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    /// The heap gives the greatest first, and that is to be who is due first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.member.number).cmp(&(self.due, self.member.number))
    }
}

impl Queue {
    /// Somebody whose wait is over.
    pub(crate) fn take_due(&mut self) -> Option<Member> {
        let due = self.first_due().is_some_and(|due| due <= Instant::now());
        if due { self.0.pop().map(|waiting| waiting.member) } else { None }
    }

    /// When the first wait is over.
    pub(crate) fn first_due(&self) -> Option<Instant> {
        self.0.peek().map(|waiting| waiting.due)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nobody new may come.
    pub(crate) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }
}

impl Waits {
    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        locked(&self.queue)
    }

    /// Lets a member wait for its next attempt.
    pub(crate) fn add(&self, member: Member, next: Attempt, wait: Duration) {
        // A wait beyond the end of time is over when the batch is stopped.
        let due = Instant::now().checked_add(wait).unwrap_or_else(|| Instant::now() + FAR);
        self.queue().0.push(Waiting { due, next, member });
        self.changed.notify_all();
    }

    /// Sleeps until the first wait is over or something has changed.
    pub(crate) fn sleep<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        match queue.first_due() {
            None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            Some(due) => {
                let left = due.saturating_duration_since(Instant::now());
                self.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    /// Something has changed for those who sleep: the input is free, or the batch is being stopped.
    pub(crate) fn wake(&self) {
        // With the lock, so that nobody is between looking and sleeping.
        let _queue = self.queue();
        self.changed.notify_all();
    }

    /// Those who wait at this moment, the first due first.
    pub(crate) fn told(&self) -> Vec<Between> {
        let now = Instant::now();
        let queue = self.queue();
        let mut told: Vec<_> = queue
            .0
            .iter()
            .map(|Waiting { due, next, member }| Between {
                number: member.number,
                label: member.label.clone(),
                next: *next,
                left: due.saturating_duration_since(now),
            })
            .collect();
        drop(queue);
        told.sort_by_key(|between| (between.left, between.number));
        told
    }

    /// Everyone out: there will be no more attempts.
    pub(crate) fn clear(&self) -> Vec<(Member, Attempt)> {
        let waiting = std::mem::take(&mut self.queue().0);
        waiting.into_iter().map(|waiting| (waiting.member, waiting.next)).collect()
    }
}

/// As good as for ever.
const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
