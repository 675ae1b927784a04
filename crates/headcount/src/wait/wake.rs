//! Wake-ups that were collected under a lock and are given after it: a small batch, no allocation.
//!
//! Wakers are foreign code. They never run under a lock, and one that panics does not cost the others their wake-up. A
//! second one that panics while the first is unwinding ends the process, as any second panic does.

use core::task::Waker;

#[cfg(any(loom, feature = "std"))]
use super::parker::Unparker;

/// How one waiter is woken.
#[derive(Debug)]
pub(crate) enum Wake {
    Task(Waker),
    #[cfg(any(loom, feature = "std"))]
    Thread(Unparker),
}

impl Wake {
    /// Must not be called under a lock.
    pub(crate) fn wake(self) {
        match self {
            Wake::Task(waker) => waker.wake(),
            #[cfg(any(loom, feature = "std"))]
            Wake::Thread(thread) => thread.unpark(),
        }
    }
}

/// Thirty-two is tokio's size for the same thing: large enough that the lock is taken rarely, small enough for the
/// stack of a task that drops its token deep inside other calls.
const SIZE: usize = 32;

#[derive(Debug)]
pub(crate) struct WakeBatch {
    wakes: [Option<Wake>; SIZE],
    /// How many were put in, and how many of these were given; both from the front, so waiters wake in their order.
    filled: usize,
    given: usize,
}

impl WakeBatch {
    pub(crate) const fn new() -> Self {
        Self { wakes: [const { None }; SIZE], filled: 0, given: 0 }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.filled == SIZE
    }

    pub(crate) fn push(&mut self, wake: Wake) {
        self.wakes[self.filled] = Some(wake);
        self.filled += 1;
    }

    /// Gives all wake-ups and empties the batch. Must not be called under a lock.
    pub(crate) fn wake_all(&mut self) {
        /// Goes on with the rest when a waker panics: the unwinding drops this guard.
        struct Rest<'a>(&'a mut WakeBatch);
        impl Rest<'_> {
            fn give(&mut self) {
                while self.0.given < self.0.filled {
                    let next = self.0.given;
                    self.0.given += 1;
                    if let Some(wake) = self.0.wakes[next].take() {
                        wake.wake();
                    }
                }
                (self.0.filled, self.0.given) = (0, 0);
            }
        }
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                self.give();
            }
        }

        Rest(self).give();
    }
}
