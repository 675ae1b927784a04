//! Cancellation, deadlines, causes and values, handed down a tree.
//!
//! | file | idea |
//! |---|---|
//! | here | [`Context`], what is handed down, and [`Canceller`], what is kept |
//! | `node` | the tree, how a cancellation reaches all of it, and why it cannot deadlock |
//! | `cancelled` | what a cancellation was |
//! | `waiting` | waiting, sleeping and running under a context |
//! | `callback` | what is called when it is cancelled |
//! | `timer` | what cancels it at its deadline |
//! | `clock` | [`DrivenClock`]: time in a test's hands |
//! | `dues` | the deadlines that one clock looks after |
//! | `values` | what travels with it |
//! | `seats` | the list of a node's children |
//! | `signals`, `bridge` | by feature: cancelled by Ctrl-C; to and from `CancellationToken` |

#[cfg(feature = "tokio-util")]
mod bridge;
mod callback;
mod cancelled;
mod clock;
mod dues;
mod node;
mod seats;
#[cfg(all(feature = "signals", unix))]
mod signals;
mod timer;
mod values;
mod waiting;

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::callback::Callback;
pub use self::callback::OnCancel;
pub use self::cancelled::{CancelKind, Cancelled};
pub use self::clock::DrivenClock;
use self::node::Node;
#[cfg(all(feature = "signals", unix))]
pub use self::signals::SignalReceived;
use self::values::Link;
pub use self::waiting::{ContextWait, RunAsync};
use crate::raw::counter::Counter;

/// What tells a piece of work that it should end, and why: cancellation, a deadline, and values, for threads and tasks.
///
/// A context is handed down: from the one you are given you derive others, which are cancelled when it is, or earlier.
/// It can only be read and derived from, so nobody you call can cancel you; the right to cancel is a separate thing, the
/// [`Canceller`]. Clones are handles to the same context.
///
/// It differs from Tokio's `CancellationToken` in having a deadline, a cause and values, in serving threads as well, and in
/// that [`is_cancelled`](Self::is_cancelled) is one load.
///
/// # Examples
///
/// ```
/// use headcount::{Cancelled, Context};
///
/// fn search(ctx: &Context, haystack: &[u32]) -> Result<usize, Cancelled> {
///     let mut found = 0;
///     for chunk in haystack.chunks(1024) {
///         ctx.check()?; // ends early when somebody gave up waiting
///         found += chunk.iter().filter(|&&n| n == 7).count();
///     }
///     Ok(found)
/// }
///
/// let (ctx, canceller) = Context::background().with_cancel();
/// assert_eq!(search(&ctx, &[7, 1, 7]).unwrap(), 2);
/// canceller.cancel();
/// assert!(search(&ctx, &[7, 1, 7]).is_err());
/// ```
///
/// # Memory ordering
///
/// What a thread did before it cancelled is visible to whoever sees the context cancelled, by asking or by waiting.
///
/// # Cost
///
/// Asking is one load at any depth. A derived context is one allocation, and the lock of its parent when it is made and
/// when it goes. [`background`](Self::background) and [`with_value`](Self::with_value) on it make no node at all.
#[derive(Clone, Default)]
pub struct Context {
    /// Nothing for a context that is never cancelled.
    node: Option<Arc<Node>>,
    values: Option<Arc<Link>>,
}

impl Context {
    /// The context at the root: never cancelled, no deadline, no values, no allocation.
    #[must_use]
    pub fn background() -> Self {
        Self::default()
    }

    /// A context below this one, and the right to cancel it.
    ///
    /// Dropping the canceller cancels too, so nothing is left behind when it is forgotten. Mind that `let (ctx, _) = …`
    /// drops it at once: give it a name.
    #[must_use = "a context whose canceller is dropped is cancelled at once"]
    #[track_caller]
    pub fn with_cancel(&self) -> (Self, Canceller) {
        let node = Node::below([self.node.as_ref(), None], self.deadline());
        let context = Self { node: Some(Arc::clone(&node)), values: self.values.clone() };
        (context, Canceller { node: Some(node), made: Location::caller() })
    }

    /// A context below this one that is cancelled after `timeout`, or when this one is.
    ///
    /// A timeout beyond the end of time is none. See [`with_deadline`](Self::with_deadline).
    #[must_use]
    #[track_caller]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        match self.now().checked_add(timeout) {
            Some(at) => self.with_deadline(at),
            None => self.clone(),
        }
    }

    /// A context below this one that is cancelled at `deadline`, or when this one is; never later than this one.
    ///
    /// One whose deadline has passed is cancelled already. When the last handle is dropped its alarm goes too.
    ///
    /// Inside a Tokio runtime the deadline runs on Tokio's clock, so paused time works (its timers must be enabled). If the
    /// runtime shuts down before, or outside one, a single lazy thread serves all deadlines. In a test it may be a
    /// [`DrivenClock`], which the context brings with it.
    ///
    /// # Panics
    ///
    /// If the operating system cannot start that thread. In a runtime whose timers are not enabled a task of Tokio's panics,
    /// which cannot be foreseen: that is printed, and the thread serves the deadline instead. Where a panic ends the process
    /// (`panic = "abort"`), so does this one.
    #[must_use]
    #[track_caller]
    pub fn with_deadline(&self, deadline: Instant) -> Self {
        self.with_deadline_of(deadline, Location::caller())
    }

    /// The same for a deadline that was asked for at `place`.
    pub(crate) fn with_deadline_of(&self, deadline: Instant, place: &'static Location<'static>) -> Self {
        let (earliest, own) = match self.deadline() {
            Some(above) if above <= deadline => (above, false),
            _ => (deadline, true),
        };
        let node = Node::below([self.node.as_ref(), None], Some(earliest));
        if own && !node.is_cancelled() {
            if deadline <= self.now() {
                // Born now: nobody has registered a callback.
                let _ = node.expire(place);
            } else {
                timer::set(self.clock(), &node, deadline, place);
            }
        }
        Self { node: Some(node), values: self.values.clone() }
    }

    /// A context that is cancelled when this one is or when `other` is. Its values are those of this one.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let node = match (&self.node, &other.node) {
            (Some(one), Some(two)) => {
                let deadline = [self.deadline(), other.deadline()].into_iter().flatten().min();
                Some(Node::below([Some(one), Some(two)], deadline))
            }
            (one, two) => one.as_ref().or(two.as_ref()).cloned(),
        };
        Self { node, values: self.values.clone() }
    }

    /// A context that keeps the values and leaves cancellation and deadline behind: for work that must be finished.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self { node: None, values: self.values.clone() }
    }

    /// The same context with one value more, found by its type; it hides a value of the same type from above.
    ///
    /// For what belongs to the request and not to the function: an identity, a trace. Not for parameters.
    ///
    /// ```
    /// use headcount::Context;
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct RequestId(u64);
    ///
    /// let ctx = Context::background().with_value(RequestId(7));
    /// assert_eq!(ctx.value::<RequestId>(), Some(&RequestId(7)));
    /// assert_eq!(ctx.value::<String>(), None);
    /// ```
    #[must_use]
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Self {
        Self { node: self.node.clone(), values: Some(Link::new(value, self.values.clone())) }
    }

    /// The nearest value of this type.
    ///
    /// # Cost
    ///
    /// One comparison for each value that was added since.
    #[must_use]
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.values.as_ref()?.find()
    }

    /// Whether it is cancelled: one load, at any depth and from any number of threads.
    #[inline]
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.node.as_ref().is_some_and(|node| node.is_cancelled())
    }

    /// An error once it is cancelled: for `?` in loops.
    ///
    /// # Errors
    ///
    /// [`Cancelled`]: why, by whom, and where in the source.
    #[inline]
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() {
            Err(self.cancelled_because().unwrap_or_else(|| unreachable!("N2: it is cancelled")))
        } else {
            Ok(())
        }
    }

    /// Why it is cancelled, if it is.
    #[must_use]
    pub fn cancelled_because(&self) -> Option<Cancelled> {
        self.node.as_ref()?.cause()
    }

    /// When it will be cancelled at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.node.as_ref()?.deadline
    }

    /// How much time is left until the deadline; zero once it has passed.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        Some(self.deadline()?.saturating_duration_since(self.now()))
    }

    /// Calls `f` when the context is cancelled: once, on the thread that cancels, after everything below is cancelled and
    /// everyone who waits is woken. If it is cancelled already `f` is called at once, on this thread.
    ///
    /// A slow `f` delays only the return of the `cancel` call that runs it. A deadline runs its callbacks on a thread of
    /// their own. One that panics harms no other; the panic goes on in the canceller when all have run.
    ///
    /// A callback belongs to its context, also when it is [kept](OnCancel::keep): when the last handle to the context is
    /// dropped before it is cancelled, the callback goes with it, unrun.
    #[track_caller]
    pub fn on_cancel(&self, f: impl FnOnce(&Cancelled) + Send + 'static) -> OnCancel {
        let Some(node) = &self.node else { return OnCancel::new(None) };
        register(node, Callback::new(f, Location::caller()))
    }

    /// As [`on_cancel`](Self::on_cancel), for what is ours and short: a deadline runs it too, at once.
    pub(crate) fn on_cancel_at_once(&self, f: impl FnOnce(&Cancelled) + Send + 'static) -> OnCancel {
        match &self.node {
            Some(node) => register(node, Callback::own(f)),
            None => OnCancel::new(None),
        }
    }

    /// The clock that a test drives, if this lives by one.
    fn clock(&self) -> Option<&DrivenClock> {
        self.value()
    }

    /// Now, on the clock that its deadlines are set on.
    pub(crate) fn now(&self) -> Instant {
        timer::now(self.clock())
    }

    /// The counter that reaches zero when this is cancelled; none if it never is.
    pub(crate) fn counter(&self) -> Option<&Counter> {
        Some(self.node.as_ref()?.out.counter())
    }

    /// How many contexts stand directly below this one.
    #[must_use]
    #[doc(hidden)]
    pub fn children(&self) -> usize {
        self.node.as_ref().map_or(0, |node| node.children())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("cancelled", &self.cancelled_because())
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}

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
    node: Option<Arc<Node>>,
    made: &'static Location<'static>,
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
    fn cancel_at(self, cause: Option<Box<dyn Error + Send + Sync>>, place: &'static Location<'static>) {
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

fn register(node: &Arc<Node>, callback: Callback) -> OnCancel {
    match node.call(callback) {
        Ok(number) => OnCancel::new(Some((Arc::clone(node), number))),
        Err((callback, cause)) => {
            callback.call(&cause);
            OnCancel::new(None)
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
