//! A turn in the queue for a slot: somebody who waits to launch a member, and may give up at any time.
//!
//! # The wake-up that must not be lost
//!
//! A turn is granted under its own lock, and the waker is taken out there; the one who waits looks at the state and leaves
//! its waker under the same lock. So either it sees the grant, or the granter sees the waker.

use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::wait::lock::Lock;

#[derive(Debug, Default)]
pub(crate) struct Turn {
    state: Lock<State>,
}

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    /// Granted, with this many slots, and not taken yet.
    Granted(usize),
    /// Nobody gets a turn any more: the group is over.
    Refused,
    /// Taken, or given up.
    Gone,
}

impl Default for State {
    fn default() -> Self {
        Self::Waiting(None)
    }
}

impl Turn {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Grants it, with slots; false if nobody waits for it any more, and the slots are the caller's still.
    pub(crate) fn grant(&self, held: usize) -> bool {
        self.settle(State::Granted(held))
    }

    /// Whether it has been neither granted nor refused nor given up.
    pub(crate) fn is_waited_for(&self) -> bool {
        matches!(*self.state.lock(), State::Waiting(_))
    }

    pub(crate) fn refuse(&self) {
        self.settle(State::Refused);
    }

    fn settle(&self, to: State) -> bool {
        let mut state = self.state.lock();
        let State::Waiting(waker) = &mut *state else { return false };
        let waker = waker.take();
        *state = to;
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Takes the slots, if they have been granted; an error if they never will be.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<usize, ()>> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        match &mut *state {
            State::Waiting(place) => {
                let old = place.replace(waker);
                drop(state);
                drop(old);
                Poll::Pending
            }
            State::Granted(held) => {
                let held = *held;
                *state = State::Gone;
                Poll::Ready(Ok(held))
            }
            State::Refused | State::Gone => Poll::Ready(Err(())),
        }
    }

    /// Gives the turn up; the slots, if they had been granted and not taken.
    pub(crate) fn give_up(&self) -> Option<usize> {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Gone) {
            State::Granted(held) => Some(held),
            waiting => {
                // The waker is foreign code: dropped without the lock.
                drop(state);
                drop(waiting);
                None
            }
        }
    }
}
