//! One wait, for tasks ([`Wait`] is a future) and for threads (`block`).
//!
//! # Rules that make the unsafe code sound
//!
//! * **W1.** A `Wait`'s node is listed only in `self.counter`, through a pinned reference to the `Wait`, and its `Drop`
//!   takes the node out unless it was released. That is what `Counter`'s unsafe methods and rules L1 and L2 of
//!   `wait::list` ask for.
//! * **W2.** The node is never moved out of a pinned `Wait`; the other fields are plain data and not pinned.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::counter::Counter;
use super::watching::Watch;
use crate::wait::list::{Node, Place};
use crate::wait::wake::Wake;

/// The future of [`WaitGroup::wait_async`](crate::WaitGroup::wait_async) and its kin: ready when the round in which it
/// was made is over.
///
/// It belongs to the round that was running when it was *made*, whether it has been polled since or not. A `Wait` that
/// was ready stays ready, so it may be polled again.
///
/// # Cancel safety
///
/// Drop it at any time: it takes itself off the list of waiters, and nobody else's wake-up is lost.
///
/// # Cost
///
/// No allocation: the place in the list of waiters is inside the future. While the round lasts, its members also enter
/// their comings and goings in a second word; see [`WaitGroup`](crate::WaitGroup), *Cost*.
#[must_use = "a wait does nothing unless it is awaited"]
pub struct Wait<'a> {
    counter: &'a Counter,
    at_most: u64,
    stage: Stage,
    node: Node,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Made in the round of this number; not listed yet.
    Fresh(u64),
    /// In the list, or released from it.
    Listed,
    Over,
}

impl<'a> Wait<'a> {
    #[inline]
    pub(crate) fn new(counter: &'a Counter, at_most: u64) -> Self {
        let stage = if counter.members() <= at_most { Stage::Over } else { Self::begin(counter, at_most) };
        Self { counter, at_most, stage, node: Node::new() }
    }

    #[cold]
    fn begin(counter: &Counter, at_most: u64) -> Stage {
        match counter.watch(at_most) {
            Watch::Over => Stage::Over,
            Watch::Round(round) => Stage::Fresh(round),
        }
    }

    /// Lists this wait; true if it is listed, false if it is over. `round` as in [`Counter::list`].
    fn list(self: Pin<&mut Self>, round: Option<u64>, wake: Wake) -> bool {
        // SAFETY: W2, nothing is moved out of the reference.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: W2, `self` was pinned, and the node is part of it.
        let node = unsafe { Pin::new_unchecked(&this.node) };
        // SAFETY: W1; the stage says that the node is not listed.
        let watch = unsafe { this.counter.list(node, this.at_most, round, wake) };
        this.stage = if watch == Watch::Over { Stage::Over } else { Stage::Listed };
        this.stage == Stage::Listed
    }

    /// Ends the wait early; true if it was released after all.
    fn leave(&self) -> bool {
        // SAFETY: W1.
        self.node.is_released() || unsafe { self.counter.leave(&self.node) }
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.stage {
            Stage::Over => return Poll::Ready(()),
            Stage::Fresh(round) => {
                // A waker is cloned before the lock is taken: it is foreign code.
                if self.as_mut().list(Some(round), Wake::Task(cx.waker().clone())) {
                    return Poll::Pending;
                }
                return Poll::Ready(());
            }
            Stage::Listed => {}
        }
        if !self.node.is_released() {
            // SAFETY: W1.
            match unsafe { self.counter.revisit(&self.node, cx.waker()) } {
                Place::Waiting => return Poll::Pending,
                // Released, and the wake-up is not given yet: take the node out, nobody needs to wake us any more.
                Place::Due => _ = self.leave(),
                Place::Out => {}
            }
        }
        // SAFETY: W2, only the stage is changed.
        unsafe { self.get_unchecked_mut() }.stage = Stage::Over;
        Poll::Ready(())
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.stage == Stage::Listed && !crate::fault::planted(crate::fault::Fault::DropStaysListed) {
            self.leave();
        }
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("outstanding", &self.counter.members()).finish_non_exhaustive()
    }
}

/// Waiting by blocking the thread.
#[cfg(any(loom, feature = "std"))]
mod blocking {
    use core::pin::pin;
    use std::time::Instant;

    use super::{Counter, Node, Stage, Wait};
    use crate::wait::parker::{park, unparker};
    use crate::wait::wake::Wake;

    /// How often a thread looks before it sleeps: about a microsecond, a tenth of what a sleep and a wake-up cost.
    /// A member that ends within it is noticed in a fraction of that; one that does not has delayed the sleep by it.
    const LOOKS: u32 = 40;

    impl Counter {
        /// Blocks the thread until `at_most` members or fewer are out; false if `deadline` passed first.
        #[cold]
        pub(crate) fn block(&self, at_most: u64, deadline: Option<Instant>) -> bool {
            let mut wait = pin!(Wait { counter: self, at_most, stage: Stage::Fresh(0), node: Node::new() });
            if !wait.as_mut().list(None, Wake::Thread(unparker())) {
                return true;
            }
            // Under a checker looking again and again only multiplies the interleavings.
            let looks = if cfg!(any(loom, shuttle)) { 0 } else { LOOKS };
            for _ in 0..looks {
                if wait.node.is_released() {
                    return true;
                }
                core::hint::spin_loop();
            }
            while wait.node.announce_sleep() {
                if !park(deadline) {
                    return wait.leave();
                }
            }
            true
        }

        /// Blocks the thread until no member is out here or none is out in `other`; true if here, also when both.
        #[cold]
        pub(crate) fn block_with(&self, other: &Counter) -> bool {
            let fresh = |counter| Wait { counter, at_most: 0, stage: Stage::Fresh(0), node: Node::new() };
            let (mut here, mut there) = (pin!(fresh(self)), pin!(fresh(other)));
            if !here.as_mut().list(None, Wake::Thread(unparker())) {
                return true;
            }
            if !there.as_mut().list(None, Wake::Thread(unparker())) {
                return here.leave();
            }
            // The thread sleeps only after it has said so to both; whichever is released then wakes it.
            while here.node.announce_sleep() && there.node.announce_sleep() {
                park(None);
            }
            here.leave()
        }
    }
}
