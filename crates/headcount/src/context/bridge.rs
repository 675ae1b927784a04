//! To and from `tokio_util`'s `CancellationToken`, for code that speaks the other language.

use std::panic::Location;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Context;
use super::callback::{self, OnCancel};
use super::cancelled::{CancelKind, Cancelled};
use super::node::Node;
use super::timer::{Alarm, Set};
use crate::roll::roots::What;

impl Context {
    /// Cancels `token` when this context is cancelled, for as long as the handle is kept (or for good with
    /// [`keep`](OnCancel::keep)).
    ///
    /// ```
    /// use headcount::Context;
    /// use tokio_util::sync::CancellationToken;
    ///
    /// let (ctx, canceller) = Context::background().with_cancel();
    /// let token = CancellationToken::new();
    /// let _linked = ctx.cancels_token(&token);
    /// canceller.cancel();
    /// assert!(token.is_cancelled());
    /// ```
    #[track_caller]
    pub fn cancels_token(&self, token: &CancellationToken) -> OnCancel {
        let token = token.clone();
        self.on_cancel(move |_| token.cancel())
    }

    /// A context below this one that is cancelled when `token` is, or when this one is.
    ///
    /// A token has no cause, so the cancellation's place is this call. The link is a task, which goes with the context.
    ///
    /// # Panics
    ///
    /// If called outside a Tokio runtime, unless the token is cancelled already.
    #[must_use]
    #[track_caller]
    pub fn with_token(&self, token: &CancellationToken) -> Self {
        let place = Location::caller();
        let node = Node::below([self.node.as_ref(), None], self.deadline());
        let context = Self { node: Some(Arc::clone(&node)), values: self.values.clone() };
        let cause = Cancelled::new(CancelKind::Cancelled, None, place);
        if token.is_cancelled() {
            // Born now: nobody has registered a callback.
            let _ = node.cancel(&cause);
            return context;
        }
        let (token, weak) = (token.clone(), Arc::downgrade(&node));
        let task = tokio::spawn(async move {
            token.cancelled_owned().await;
            if let Some(node) = weak.upgrade() {
                callback::run(node.cancel(&cause), &cause);
            }
        });
        drop(node.set_alarm(Alarm::new(Set::Task(task.abort_handle()), What::Link, place)));
        context
    }
}
