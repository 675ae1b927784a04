//! The right to cancel a context, and what becomes of it when it is forgotten.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::callback;
use super::cancelled::{CancelKind, Cancelled};
use super::node::Node;
#[cfg(doc)]
use crate::context::Context;

/// The right to cancel a context. Dropping it cancels.
///
/// When [`cancel`](Self::cancel) returns, every context that was derived from it before is cancelled, and everyone who
/// waits on one of them is woken. The first cancellation of a context is its cause for ever.
///
/// # Panics
///
/// Cancelling, also by dropping, goes on with the panic of a callback once all have run; but not while the thread is
/// unwinding already.
///
/// # Examples
///
/// ```
/// use headcount::{CancelKind, Context};
///
/// let (ctx, canceller) = Context::background().with_cancel();
/// let (below, _its_own) = ctx.with_cancel();
/// drop(canceller); // forgotten, or an early return
/// assert_eq!(below.check().unwrap_err().kind(), CancelKind::Dropped);
/// ```
#[must_use = "dropping a canceller cancels; `keep` lets the context outlive it"]
pub struct Canceller {
    pub(super) node: Option<Arc<Node>>,
    pub(super) made: &'static Location<'static>,
}

impl Canceller {
    /// Cancels the context and all below it.
    #[track_caller]
    pub fn cancel(self) {
        self.finish(CancelKind::Cancelled, None, Location::caller());
    }

    /// Cancels the context and all below it, and says why: an error, a boxed error, or a string.
    #[track_caller]
    pub fn cancel_because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.finish(CancelKind::Cancelled, Some(cause.into()), Location::caller());
    }

    /// Gives up the right: the context is no longer cancelled by this, only from above or by its deadline.
    pub fn keep(mut self) {
        self.node = None;
    }

    /// Cancels in the name of others, and stays; a panic of a callback has been reported and ends here.
    pub(crate) fn cancel_quietly(&self, cause: &Cancelled) {
        if let Some(node) = &self.node {
            let callbacks = node.cancel(cause);
            drop(callback::run_quietly(callbacks, cause));
        }
    }

    /// Cancels from elsewhere, in the name of whoever called `place`.
    #[cfg(all(feature = "signals", unix))]
    pub(super) fn cancel_at(
        self,
        cause: Option<Box<dyn Error + Send + Sync>>,
        place: &'static Location<'static>,
    ) {
        self.finish(CancelKind::Cancelled, cause, place);
    }

    fn finish(
        mut self,
        kind: CancelKind,
        cause: Option<Box<dyn Error + Send + Sync>>,
        place: &'static Location<'static>,
    ) {
        if let Some(node) = self.node.take() {
            cancel(&node, &Cancelled::new(kind, cause, place));
        }
    }
}

impl Drop for Canceller {
    fn drop(&mut self) {
        if let Some(node) = self.node.take() {
            // Most are dropped after their context has served: nobody is left to see it, or it has its cause already.
            if !node.is_alone() && !node.is_cancelled() {
                let cause = Cancelled::new(CancelKind::Dropped, None, self.made);
                let callbacks = node.cancel(&cause);
                if std::thread::panicking() {
                    // A second panic would end the process; the hook has reported this one.
                    callback::run_quietly(callbacks, &cause);
                } else {
                    callback::run(callbacks, &cause);
                }
            }
        }
    }
}

fn cancel(node: &Arc<Node>, cause: &Cancelled) {
    let callbacks = node.cancel(cause);
    callback::run(callbacks, cause);
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller")
            .field("made", &format_args!("{}:{}", self.made.file(), self.made.line()))
            .finish()
    }
}
