//! May this thread be blocked? Asked before it is, so that the answer can be a message instead of a stalled runtime.

/// Panics when the calling thread is running an async task: it would hold up a worker thread of the runtime, and
/// perhaps the very members that it waits for. `what` was called; `instead` is its async twin.
///
/// Tokio's own rule is kept: `spawn_blocking` and `block_in_place` may block, a task may not, and neither may the
/// future given to `block_on`. A task made `unconstrained` cannot be told from `block_in_place` and is let through.
#[track_caller]
pub(crate) fn assert_allowed(what: &str, instead: &str) {
    #[cfg(feature = "tokio")]
    assert!(
        !tokio_task::is_running(),
        "{what} would block a thread that is running an async task: use `{instead}.await` there, or move the wait \
         to `tokio::task::spawn_blocking`"
    );
    #[cfg(not(feature = "tokio"))]
    let _ = (what, instead);
}

#[cfg(feature = "tokio")]
mod tokio_task {
    use core::task::{Context, Poll, Waker};
    use tokio::task::coop;

    /// More steps than tokio's budget for one poll can count (a `u8`).
    const STEPS: u32 = 256;

    /// Whether tokio is polling a future on this very thread.
    ///
    /// Tokio has no such question, but an observable difference: while it polls, and only then, the thread has a
    /// finite budget. So we spend it, in thought: the first step remembers the budget and puts it back at the end.
    pub(super) fn is_running() -> bool {
        if tokio::runtime::Handle::try_current().is_err() {
            return false;
        }
        if !coop::has_budget_remaining() {
            return true;
        }
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(_restored_when_dropped) = coop::poll_proceed(&mut cx) else { return true };
        for _ in 0..STEPS {
            if !coop::has_budget_remaining() {
                return true;
            }
            if let Poll::Ready(step) = coop::poll_proceed(&mut cx) {
                step.made_progress();
            }
        }
        false
    }
}
