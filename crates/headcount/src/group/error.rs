//! The errors of members: how any error becomes the one its group keeps, and how a member can end without a value.

use std::error::Error;
use std::fmt;
use std::ops::Deref;

use super::panics::PanicReport;
use crate::Cancelled;

type Boxed = Box<dyn Error + Send + Sync + 'static>;

/// Any error, boxed: what a group keeps when its members may fail in different ways.
///
/// It prints and dereferences to the error inside, so `downcast_ref` finds the error's own type.
///
/// It is not itself an [`Error`], as `Box<dyn Error>` is not; so that everything else that is one can be turned into it by
/// [`FromMember`]. [`into_inner`](Self::into_inner) or `?` make it a box again.
pub struct BoxError(Boxed);

impl BoxError {
    /// Boxes an error: any error type, a box, an `anyhow::Error`, a string.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(error.into())
    }

    /// The box inside.
    #[must_use]
    pub fn into_inner(self) -> Box<dyn Error + Send + Sync> {
        self.0
    }
}

impl Deref for BoxError {
    type Target = dyn Error + Send + Sync + 'static;
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl AsRef<dyn Error + Send + Sync + 'static> for BoxError {
    fn as_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl From<BoxError> for Box<dyn Error + Send + Sync> {
    fn from(error: BoxError) -> Self {
        error.0
    }
}

impl From<BoxError> for Box<dyn Error> {
    fn from(error: BoxError) -> Self {
        error.0
    }
}

impl fmt::Display for BoxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for BoxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// How the error that a group keeps is made of a member's.
///
/// A group made with `new` keeps a [`BoxError`], which everything becomes that turns into a box: error types, boxed
/// errors, `anyhow::Error`, strings. A group made with `typed` keeps one error type, and members return that.
///
/// There is no need to write this for a type of your own: implement [`Error`] for it.
#[diagnostic::on_unimplemented(
    message = "a member's error `{X}` cannot become its group's error `{Self}`",
    label = "this is not an error that the group can keep",
    note = "in a group made with `new` a member's error must be `Into<Box<dyn Error + Send + Sync>>`: an error type, a boxed error, `anyhow::Error`, a string",
    note = "in a group made with `typed` it must be exactly the group's error type; `map_err` makes it so"
)]
pub trait FromMember<X> {
    /// The error as its group keeps it.
    fn from_member(error: X) -> Self;
}

// The two do not overlap: the second needs `E: Error`, which `BoxError` is not, and nobody else may say that it is. They are
// told apart by the group's error, so that a typed group says to its members which error theirs is.
impl<X: Into<Box<dyn Error + Send + Sync>>> FromMember<X> for BoxError {
    fn from_member(error: X) -> Self {
        Self(error.into())
    }
}

impl<E: Error + 'static> FromMember<E> for E {
    fn from_member(error: E) -> Self {
        error
    }
}

/// What a group's errors may be: [`BoxError`], or any one error type. Nothing else can be.
pub trait Root: sealed::Sealed + fmt::Debug + 'static {
    /// The error that it is or holds.
    fn as_error(&self) -> &(dyn Error + 'static);
}

impl Root for BoxError {
    fn as_error(&self) -> &(dyn Error + 'static) {
        &*self.0
    }
}

impl<E: Error + 'static> Root for E {
    fn as_error(&self) -> &(dyn Error + 'static) {
        self
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::BoxError {}
    impl<E: std::error::Error + 'static> Sealed for E {}
}

/// Why a member of a group ended without a value.
///
/// Its text is that of what happened to the member, without its name; [`source`](Error::source) goes on below that text.
#[non_exhaustive]
pub enum MemberError<E = BoxError> {
    /// It returned an error of its own.
    Failed(E),
    /// It panicked.
    Panicked(PanicReport),
    /// It ended, or never began, because it was cancelled: together with its group, or alone by its own canceller.
    Cancelled(Cancelled),
    /// It did not heed its cancellation, and was stopped when its group's grace was over.
    Aborted,
    /// Its executor dropped it before it was over, and nobody had asked for that: most often a runtime that was shut down. A
    /// [`Tally`](crate::Tally) counts it as aborted.
    Dropped,
}

impl<E> MemberError<E> {
    /// Whether the member failed by itself: it returned an error or panicked.
    ///
    /// Otherwise it was cancelled, aborted or dropped, which is the doing of others.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Panicked(_))
    }
}

impl<E: Root> MemberError<E> {
    /// The error in it, whose text is its text.
    pub(crate) fn as_error(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(error) => Some(error.as_error()),
            Self::Panicked(report) => Some(report),
            Self::Cancelled(why) => Some(why),
            Self::Aborted | Self::Dropped => None,
        }
    }
}

impl<E: Root> fmt::Display for MemberError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => write!(f, "{}", error.as_error()),
            Self::Panicked(report) => write!(f, "panicked: {report}"),
            Self::Cancelled(why) => write!(f, "{why}"),
            Self::Aborted => f.write_str("aborted, because it did not heed its cancellation"),
            Self::Dropped => f.write_str("dropped by its executor before it was over"),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for MemberError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            Self::Panicked(report) => f.debug_tuple("Panicked").field(report).finish(),
            Self::Cancelled(why) => f.debug_tuple("Cancelled").field(why).finish(),
            Self::Aborted => f.write_str("Aborted"),
            Self::Dropped => f.write_str("Dropped"),
        }
    }
}

impl<E: Root> Error for MemberError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.as_error()?.source()
    }
}

/// `Ok(value)`, for a member that cannot fail: it leaves no error type open.
///
/// ```
/// use headcount::{Context, task};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let group = task::Group::new(&Context::background());
/// group.spawn(|_| async { headcount::ok(7) });
/// assert_eq!(group.wait().await.unwrap(), [7]);
/// # }
/// ```
///
/// # Errors
///
/// Never.
pub const fn ok<T>(value: T) -> Result<T, std::convert::Infallible> {
    Ok(value)
}
