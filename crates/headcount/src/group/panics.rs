//! Panics of members: caught, carried and passed on. No other room of the groups unwinds by hand.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io::Write;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::process;
use std::sync::{Mutex, PoisonError};

use super::member::Member;

/// What a member's panic does to its group.
///
/// In every case the panic is printed by the panic hook when it happens, and the member counts as failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Panics {
    /// The other members are cancelled and waited for; then the first panic goes on in whoever waits for the group, with
    /// its payload unchanged.
    #[default]
    Resume,
    /// A panic is one more way to fail: it becomes [`MemberError::Panicked`](crate::MemberError::Panicked).
    AsError,
    /// The process ends at once.
    Abort,
}

/// What a panicking member left behind: the payload of its panic.
///
/// Its text is one line: the message, or a note that there is none. Use [`into_payload`](Self::into_payload) with
/// [`std::panic::resume_unwind`] to let the panic go on.
///
/// ```
/// use headcount::PanicReport;
///
/// let payload = std::panic::catch_unwind(|| panic!("out of cheese")).unwrap_err();
/// let report = PanicReport::new(payload);
/// assert_eq!(report.message(), Some("out of cheese"));
/// ```
pub struct PanicReport {
    /// A copy, because nothing can be lent out of `payload` through a shared reference.
    message: Option<Box<str>>,
    /// Never locked. A payload is `Send` and not `Sync`; behind a mutex the report is both, which errors must be.
    /// `None` only while the report is taken apart.
    payload: Mutex<Option<Payload>>,
}

pub(crate) type Payload = Box<dyn Any + Send>;

impl PanicReport {
    /// A report of a panic that was caught by [`std::panic::catch_unwind`] or found by joining a thread.
    #[must_use]
    pub fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast_ref::<&'static str>() {
            Some(text) => Some(Box::from(*text)),
            None => payload.downcast_ref::<String>().map(|text| Box::from(text.as_str())),
        };
        Self { message, payload: Mutex::new(Some(payload)) }
    }

    /// The panic's message, whole; none if the payload is no text.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The payload, unchanged.
    #[must_use]
    pub fn into_payload(mut self) -> Box<dyn Any + Send> {
        // Taken by nobody before: this and `drop` are the only ones to, and each has the report to itself.
        self.take().unwrap_or_else(|| Box::new(()))
    }

    fn take(&mut self) -> Option<Payload> {
        self.payload.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A payload is any value and its destructor may panic. Errors are dropped in many places, often while another panic is on
/// its way, so that one ends here.
impl Drop for PanicReport {
    fn drop(&mut self) {
        drop_quietly(self.take());
    }
}

impl fmt::Display for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(message) = self.message() else {
            return f.write_str("a payload that is no text");
        };
        // `assert_eq` and its like say what they compared on lines of their own.
        let mut lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
        f.write_str(lines.next().unwrap_or("an empty message"))?;
        lines.try_for_each(|line| write!(f, ", {line}"))
    }
}

impl fmt::Debug for PanicReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PanicReport").field("message", &self.message).finish_non_exhaustive()
    }
}

impl Error for PanicReport {}

/// Runs `f`; its panic, if it panics.
///
/// Unwind safety is asserted: whoever catches must not look at what `f` was changing, or put it right.
pub(crate) fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Payload> {
    panic::catch_unwind(AssertUnwindSafe(f))
}

/// Drops `value`, and a panic of its destructor with it.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch(|| drop(value)) {
        // The payload's own destructor may panic, and so may the payload of that, without end. Whoever makes such values
        // loses a few bytes to them.
        if let Err(next) = catch(|| drop(payload)) {
            mem::forget(next);
        }
    }
}

/// Drops values one by one, each as [`drop_quietly`] does. Dropped together, the second that panics would end the process.
pub(crate) fn drop_each_quietly<T>(values: impl IntoIterator<Item = T>) {
    let values = values.into_iter();
    if mem::needs_drop::<T>() {
        values.for_each(drop_quietly);
    }
}

/// Runs `f`; nothing if it panics, and nothing is left of its panic.
pub(crate) fn try_quietly<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch(f).map_err(drop_quietly).ok()
}

/// Lets a caught panic go on, unchanged and without another word from the panic hook.
pub(crate) fn resume(payload: Payload) -> ! {
    panic::resume_unwind(payload)
}

/// Ends the process because `member` panicked, and says so. The panic hook has printed the panic itself.
pub(crate) fn abort(member: &Member) -> ! {
    // `eprintln` would panic where nobody reads standard error.
    let _ = writeln!(std::io::stderr(), "member {member} panicked, and its group's panics end the process");
    process::abort()
}
