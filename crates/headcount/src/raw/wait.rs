//! One wait, for tasks ([`Wait`] is a future) and for threads (`block`).
//!
//! # Rules that make the unsafe code sound
//!
//! * **W1.** A `Wait`'s node is listed only in `self.counter`, through a pinned reference to the `Wait`, and its `Drop`
//!   takes the node out unless it was released. Only the `Wait` itself lists it, while it is fresh. That is what `Counter`'s unsafe methods and rules L1 and L2 of
//!   `wait::list` ask for.
//! * **W2.** The node is never moved out of a pinned `Wait`.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::counter::Counter;
use super::watching::Watch;
use crate::wait::list::{Node, Place};
use crate::wait::wake::Wake;

/// The future of [`raw::WaitGroup::wait_async`](super::WaitGroup::wait_async), and what the other waits are made of: ready when the round in which it
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
    /// Whether it is listed, and whether it is over, is the node's state.
    node: Node,
}

impl<'a> Wait<'a> {
    #[inline]
    pub(crate) fn new(counter: &'a Counter, at_most: u64) -> Self {
        let round = if counter.members() <= at_most { None } else { Self::begin(counter, at_most) };
        // Only numbers come out of the branches, so that the wait is made where it stays: copying what has just been written in
        // small pieces is slow.
        Self { counter, node: Node::watching(at_most, round) }
    }

    /// The round it belongs to, unless it is over.
    #[cold]
    fn begin(counter: &Counter, at_most: u64) -> Option<u64> {
        match counter.watch(at_most) {
            Watch::Over => None,
            Watch::Round(round) => Some(round),
        }
    }

    /// The number of the round whose end it waits for; nothing if it is over.
    #[cfg(feature = "std")]
    pub(crate) fn round(&self) -> Option<u64> {
        // SAFETY: W1.
        unsafe { self.counter.round_of(&self.node) }
    }

    /// Lists this wait, which was not listed before; true if it is listed, false if it is over.
    fn list(self: Pin<&Self>, wake: Wake) -> bool {
        // SAFETY: W2, `self` is pinned, and the node is part of it.
        let node = unsafe { self.map_unchecked(|wait| &wait.node) };
        // SAFETY: W1.
        unsafe { self.get_ref().counter.list(node, wake) }
    }

    /// Ends a listed wait; true if it was released after all.
    fn leave(&self) -> bool {
        if self.node.is_released() {
            return true;
        }
        // SAFETY: W1.
        let released = unsafe { self.counter.leave(&self.node) };
        self.node.end();
        released
    }
}

impl Future for Wait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.as_ref();
        if this.node.is_released() {
            return Poll::Ready(());
        }
        if this.node.is_fresh() {
            // A waker is cloned before the lock is taken: it is foreign code.
            let listed = this.list(Wake::Task(cx.waker().clone()));
            return if listed { Poll::Pending } else { Poll::Ready(()) };
        }
        // SAFETY: W1.
        match unsafe { this.counter.revisit(&this.node, cx.waker()) } {
            Place::Waiting => return Poll::Pending,
            // Released, and the wake-up is not given yet: take the node out, nobody needs to wake us any more.
            Place::Due => _ = this.leave(),
            Place::Out => {}
        }
        Poll::Ready(())
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if !self.node.is_fresh() && !crate::fault::planted(crate::fault::Fault::DropStaysListed) {
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
    use core::pin::{Pin, pin};
    use std::time::Instant;

    use super::{Counter, Node, Wait};
    use crate::wait::parker::{park, unparker};
    use crate::wait::wake::Wake;

    /// How often a thread looks before it sleeps: about a microsecond, a tenth of what a sleep and a wake-up cost.
    /// A member that ends within it is noticed in a fraction of that; one that does not has delayed the sleep by it.
    const LOOKS: u32 = 40;

    impl Wait<'_> {
        /// Blocks the thread until it is over, which was never polled; false if `deadline` passed first.
        pub(crate) fn block(self: Pin<&Self>, deadline: Option<Instant>) -> bool {
            if self.node.is_released() || !self.list(Wake::Thread(unparker())) {
                return true;
            }
            // Under a checker looking again and again only multiplies the interleavings.
            let looks = if cfg!(any(loom, shuttle)) { 0 } else { LOOKS };
            for _ in 0..looks {
                if self.node.is_released() {
                    return true;
                }
                core::hint::spin_loop();
            }
            while self.node.announce_sleep() {
                if !park(deadline) {
                    return self.leave();
                }
            }
            true
        }
    }

    impl Counter {
        /// Blocks the thread until `at_most` members or fewer are out; false if `deadline` passed first.
        #[cold]
        pub(crate) fn block(&self, at_most: u64, deadline: Option<Instant>) -> bool {
            pin!(Wait { counter: self, node: Node::new(at_most) }).as_ref().block(deadline)
        }

        /// Blocks the thread until no member is out here or none is out in `other`; true if here, also when both.
        #[cold]
        pub(crate) fn block_with(&self, other: &Counter) -> bool {
            let fresh = |counter| Wait { counter, node: Node::new(0) };
            let (here, there) = (pin!(fresh(self)), pin!(fresh(other)));
            if !here.as_ref().list(Wake::Thread(unparker())) {
                return true;
            }
            if !there.as_ref().list(Wake::Thread(unparker())) {
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
