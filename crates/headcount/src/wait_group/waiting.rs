//! The owner's side for tasks: a wait that knows whose it is.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::WaitGroup;
use crate::raw::wait::Wait;
#[cfg(feature = "std")]
use crate::who::{self, Waiting};

pin_project! {
    /// The future of [`WaitGroup::wait_async`] and its kin: ready when the round in which it was made is over.
    ///
    /// It belongs to the round that was running when it was *made*, whether it has been polled since or not. Once it was ready it
    /// stays ready, so it may be polled again.
    ///
    /// # Panics
    ///
    /// When it is polled by a member of a group, of whatever kind, and could only end after that member has: see
    /// [`WaitGroup::wait_async`].
    ///
    /// # Cancel safety
    ///
    /// Drop it at any time: it takes itself off the list of waiters, and nobody else's wake-up is lost.
    ///
    /// # Cost
    ///
    /// No allocation, but for one that is polled by a member and has to wait: what a member waits for is kept in a list.
    #[must_use = "a wait does nothing unless it is awaited"]
    pub struct GroupWait<'a> {
        group: &'a WaitGroup,
        // Until nobody is out. Who waits for fewer may be one of those who are.
        to_the_end: bool,
        waiting: Edge,
        #[pin]
        wait: Wait<'a>,
    }
}

/// That a member waits, while it does.
#[cfg(feature = "std")]
type Edge = Option<Waiting>;
#[cfg(not(feature = "std"))]
type Edge = ();

impl<'a> GroupWait<'a> {
    #[inline]
    pub(super) fn new(group: &'a WaitGroup, at_most: u64) -> Self {
        let wait = Wait::new(&group.shared().counter, at_most);
        Self { group, to_the_end: at_most == 0, waiting: Edge::default(), wait }
    }
}

#[cfg(feature = "std")]
impl WaitGroup {
    /// Says that the member that runs here waits for the end of a round.
    pub(super) fn wait_for(&self, round: u64) -> Result<Waiting, who::WouldDeadlock> {
        let needs = || {
            let group = self.clone();
            std::sync::Arc::new(move || (!group.shared().counter.has_ended(round)).then_some(1_usize))
                as who::Needs
        };
        who::wait_for_round(self.id(), || self.title(), needs)
    }
}

impl Future for GroupWait<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let polled = this.wait.as_mut().poll(cx);
        #[cfg(feature = "std")]
        match polled {
            Poll::Ready(()) => *this.waiting = None,
            // Whoever is no member costs one look at a variable of the thread.
            Poll::Pending
                if *this.to_the_end
                    && who::here().is_some()
                    && this.waiting.as_ref().is_none_or(|edge| !edge.is_kept()) =>
            {
                *this.waiting = this.wait.round().map(|round| {
                    let waiting = this.group.wait_for(round);
                    waiting.unwrap_or_else(|cycle| panic!("wait_async {cycle}"))
                });
            }
            Poll::Pending => {}
        }
        polled
    }
}

impl fmt::Debug for GroupWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupWait").field("outstanding", &self.group.outstanding()).finish_non_exhaustive()
    }
}
