//! Where one worker waits, be it a thread or a task: for input, or for room.
//!
//! A worker has one seat for its whole life, so that whoever has news for it (an item, room, a close, a cancellation) need not
//! know what it waits for. A call that comes while nobody sits is remembered; a worker that is called looks at everything
//! again, so a call too many costs a look and a call too few is what must not be.
//!
//! # The wake-up that must not be lost
//!
//! Who waits looks for a call and leaves its handle under one lock ([`Seat::wait`], [`Seat::poll`]); who calls leaves the
//! call and takes the handle under the same ([`Seat::call`]). So either the call is seen, or the handle is found.

use std::mem;
use std::task::{Context as TaskContext, Poll};

use crate::wait::lock::Lock;
use crate::wait::parker;
use crate::wait::wake::Wake;

#[derive(Debug, Default)]
pub struct Seat {
    state: Lock<State>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Away,
    /// Called, and not come yet.
    Called,
    /// Sits there, and is woken like this.
    Waiting(Wake),
}

impl Seat {
    /// Calls the one whose seat it is. Wakers are foreign code: not to be used under a lock.
    pub(super) fn call(&self) {
        let before = mem::replace(&mut *self.state.lock(), State::Called);
        if let State::Waiting(wake) = before {
            wake.wake();
        }
    }

    /// Blocks the thread until a call, and takes it.
    pub(super) fn wait(&self) {
        while !self.sit(|| Wake::Thread(parker::unparker())) {
            parker::park(None);
        }
    }

    /// The same for a task.
    pub(super) fn poll(&self, cx: &TaskContext<'_>) -> Poll<()> {
        if self.sit(|| Wake::Task(cx.waker().clone())) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes a call; if there is none, leaves a handle.
    fn sit(&self, handle: impl FnOnce() -> Wake) -> bool {
        // Cloned and dropped without the lock: it is foreign code.
        let handle = handle();
        let mut state = self.state.lock();
        let called = matches!(*state, State::Called);
        let next = if called { State::Away } else { State::Waiting(handle) };
        let before = mem::replace(&mut *state, next);
        drop(state);
        drop(before);
        called
    }
}
