//! Waiting for a context to be cancelled, sleeping until it is, and running a future under it.

use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::node::Node;
use super::{Cancelled, Context};
use crate::blocking;
use crate::raw::wait::Wait;
use crate::time;
use crate::wait::parker::park;
use crate::who::pending::Mark;
use crate::who::threads::{Pause, pause};

impl Context {
    /// Blocks the calling thread until the context is cancelled, and says why it was.
    ///
    /// On a context that is never cancelled it never returns.
    ///
    /// # Panics
    ///
    /// If it would block a thread that is running an async task (feature `tokio`): use
    /// [`wait_async`](Self::wait_async) there.
    #[track_caller]
    pub fn wait(&self) -> Cancelled {
        let _pausing = pause(Pause::Context);
        match self.block("Context::wait", "wait_async()", None) {
            Some(cancelled) => cancelled,
            None => unreachable!("without a deadline only a cancellation ends it"),
        }
    }

    /// Blocks the calling thread until the context is cancelled, `timeout` at the longest; nothing if that came first.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Cancelled> {
        let _pausing = pause(Pause::Context);
        self.block_for("Context::wait_timeout", "wait_async()", timeout)
    }

    /// Sleeps for `duration`, or until the context is cancelled.
    ///
    /// # Errors
    ///
    /// [`Cancelled`], if that came first.
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait); the twin is [`sleep_async`](Self::sleep_async).
    #[track_caller]
    pub fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        let _pausing = pause(Pause::Sleep);
        match self.block_for("Context::sleep", "sleep_async()", duration) {
            Some(cancelled) => Err(cancelled),
            None => Ok(()),
        }
    }

    /// The same for a thread that serves others, and whose waiting is nobody's concern: no roll tells of it.
    pub(crate) fn sleep_unseen(&self, duration: Duration) -> Result<(), Cancelled> {
        let (nap, deadline) = match self.clock() {
            None => (None, time::now().checked_add(duration)),
            // As in `block_for`.
            Some(_) => (Some(self.with_timeout(duration)), None),
        };
        if let Some(node) = &nap.as_ref().unwrap_or(self).node {
            node.out.block_until(deadline);
        }
        self.check()
    }

    /// Why it is cancelled, or nothing if `timeout` was over first, on the context's own clock.
    #[track_caller]
    fn block_for(&self, what: &str, instead: &str, timeout: Duration) -> Option<Cancelled> {
        if self.clock().is_none() {
            return self.block(what, instead, time::now().checked_add(timeout));
        }
        // A parked thread knows real time only. A nap is one deadline more on the driven clock.
        self.with_timeout(timeout).block(what, instead, None);
        self.cancelled_because()
    }

    /// Why it is cancelled, or nothing if `deadline` came first, in real time.
    #[track_caller]
    fn block(&self, what: &str, instead: &str, deadline: Option<Instant>) -> Option<Cancelled> {
        if self.is_cancelled() {
            return self.cancelled_because();
        }
        blocking::assert_allowed(what, instead);
        match &self.node {
            Some(node) => {
                node.is_waited_for();
                node.out.block_until(deadline).then(|| self.cancelled_because()).flatten()
            }
            None => {
                while park(deadline) {}
                None
            }
        }
    }

    /// Waits, without blocking the thread, until the context is cancelled, and says why it was.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; nothing stays behind.
    pub fn wait_async(&self) -> ContextWait<'_> {
        ContextWait { told: false, ..self.wait_untold(Pause::Context) }
    }

    /// The same for a wait that is a part of something else, and nobody's own; what it says to be.
    fn wait_untold(&self, pause: Pause) -> ContextWait<'_> {
        let node = self.node.as_ref();
        let wait = node.map(|node| node.out.wait_async());
        ContextWait { wait, node, told: true, pause, mark: Mark::default() }
    }

    /// Sleeps for `duration` without blocking the thread, or until the context is cancelled.
    ///
    /// On any executor: the clock is Tokio's inside its runtimes, and that of the thread that serves deadlines elsewhere.
    ///
    /// # Errors
    ///
    /// [`Cancelled`], if that came first.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; its alarm goes with it.
    pub async fn sleep_async(&self, duration: Duration) -> Result<(), Cancelled> {
        self.check()?;
        let nap = self.with_timeout(duration);
        if duration == Duration::MAX || nap.deadline().is_none() {
            // No end to be slept to: only a cancellation can wake us.
            return Err(self.wait_async().await);
        }
        nap.wait_untold(Pause::Sleep).await;
        self.check()
    }

    /// Runs `future` until it is ready or the context is cancelled. If it is cancelled already, `future` is never polled.
    ///
    /// The future is dropped with the result, also when it was cut short: what it had done so far stays done.
    ///
    /// # Errors
    ///
    /// [`Cancelled`], if that came first.
    ///
    /// # Cancel safety
    ///
    /// As safe as `future` is.
    pub fn run_async<F: IntoFuture>(&self, future: F) -> RunAsync<'_, F::IntoFuture> {
        RunAsync { pause: Pause::Under, ..self.run_part(future) }
    }

    /// The same for a future that is a part of something else, which says itself what it waits for.
    pub(crate) fn run_part<F: IntoFuture>(&self, future: F) -> RunAsync<'_, F::IntoFuture> {
        let wait = self.wait_untold(Pause::None);
        RunAsync { wait, future: future.into_future(), pause: Pause::None, mark: Mark::default() }
    }
}

pin_project! {
    /// The future of [`Context::wait_async`]: ready when the context is cancelled, with the reason.
    #[must_use = "a wait does nothing unless it is awaited"]
    #[derive(Debug)]
    pub struct ContextWait<'c> {
        #[pin]
        wait: Option<Wait<'c>>,
        node: Option<&'c Arc<Node>>,
        // Whether the context knows that it is waited for.
        told: bool,
        // What it says to be, if anything.
        pause: Pause,
        mark: Mark,
    }
}

impl Future for ContextWait<'_> {
    type Output = Cancelled;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Cancelled> {
        let this = self.project();
        let over = this.wait.as_pin_mut().is_some_and(|wait| wait.poll(cx).is_ready());
        if !over {
            if !mem::replace(this.told, true) {
                this.node.iter().for_each(|node| node.is_waited_for());
            }
            if *this.pause != Pause::None {
                this.mark.says(*this.pause);
            }
            return Poll::Pending;
        }
        this.mark.take_back();
        match this.node {
            Some(node) => Poll::Ready(node.cause_seen()),
            None => unreachable!("there is no wait without a node"),
        }
    }
}

pin_project! {
    /// The future of [`Context::run_async`].
    #[must_use = "a future does nothing unless it is awaited"]
    #[derive(Debug)]
    pub struct RunAsync<'c, F> {
        #[pin]
        wait: ContextWait<'c>,
        #[pin]
        future: F,
        // What it says to wait for if the future says nothing.
        pause: Pause,
        mark: Mark,
    }
}

impl<F: Future> Future for RunAsync<'_, F> {
    type Output = Result<F::Output, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // The cancellation first: a future under a cancelled context is not polled.
        if let Poll::Ready(cancelled) = this.wait.poll(cx) {
            this.mark.take_back();
            return Poll::Ready(Err(cancelled));
        }
        let polled = this.future.poll(cx);
        if polled.is_ready() {
            this.mark.take_back();
        } else if *this.pause != Pause::None {
            this.mark.says_at_last(*this.pause);
        }
        polled.map(Ok)
    }
}
