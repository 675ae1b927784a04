//! What a cancellation was: its kind, its cause, and where it came from.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;

use crate::group;
use crate::sync;

/// Why a context is over. Cheap to clone: a cause that was given is shared, the rest is a few words.
///
/// Its text is one sentence, which says where in the source the cancellation came from; the cause, if one was given, is
/// its [`source`](Error::source). It becomes an [`io::Error`] by `?`, of the kind `TimedOut` for a deadline and
/// `Interrupted` otherwise.
///
/// # Examples
///
/// ```
/// use headcount::{CancelKind, Context};
///
/// let (ctx, canceller) = Context::background().with_cancel();
/// canceller.cancel_because("the user closed the window");
///
/// let why = ctx.check().unwrap_err();
/// assert_eq!(why.kind(), CancelKind::Cancelled);
/// assert!(why.to_string().starts_with("cancelled at "));
/// assert_eq!(std::error::Error::source(&why).unwrap().to_string(), "the user closed the window");
/// ```
#[derive(Clone)]
pub struct Cancelled {
    /// Each cancellation has its own.
    number: usize,
    kind: CancelKind,
    place: &'static Location<'static>,
    /// Counted only if there is one: a crowd that is cancelled without a cause does not queue up for one count.
    cause: Option<Arc<Box<dyn Error + Send + Sync>>>,
}

/// The kinds of cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelKind {
    /// Somebody asked for it: [`Canceller::cancel`](crate::Canceller::cancel) or `cancel_because`.
    Cancelled,
    /// Its deadline, or that of a context above it, has passed.
    DeadlineExceeded,
    /// A member of its group failed.
    MemberFailed,
    /// Its group has what it needed, and is over.
    GroupOver,
    /// Its [`Canceller`](crate::Canceller), or its group, was dropped without a word.
    Dropped,
}

impl Cancelled {
    pub(crate) fn new(
        kind: CancelKind,
        cause: Option<Box<dyn Error + Send + Sync>>,
        place: &'static Location<'static>,
    ) -> Self {
        Self { number: sync::number(), kind, place, cause: cause.map(Arc::new) }
    }

    /// Which kind of cancellation it was.
    #[must_use]
    pub fn kind(&self) -> CancelKind {
        self.kind
    }

    /// Whether a deadline was the reason.
    #[must_use]
    pub fn is_deadline(&self) -> bool {
        self.kind == CancelKind::DeadlineExceeded
    }

    /// What was given to `cancel_because`.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref().map(|cause| &**cause)
    }

    /// Its text, with the words of its cause if there is one: for a text whose error goes on below the cause, if at all.
    pub(crate) fn with_cause(&self) -> WithCause<'_> {
        WithCause(self)
    }

    /// Whether both are the same cancellation, not merely two that look alike.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        self.number == other.number
    }

    /// Where it came from: the call that cancelled, the call that set the deadline, or, for a canceller that was dropped,
    /// the call that made it.
    #[must_use]
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        group::note_cancelled(self);
        let what = match self.kind {
            CancelKind::Cancelled => "cancelled at",
            CancelKind::DeadlineExceeded => "deadline exceeded, set at",
            CancelKind::MemberFailed => "cancelled because a member failed, launched at",
            CancelKind::GroupOver => {
                "cancelled because its group had what it needed, from the member launched at"
            }
            CancelKind::Dropped => "cancelled because its canceller or group was dropped, made at",
        };
        write!(f, "{what} {}:{}", self.place.file(), self.place.line())
    }
}

/// See [`Cancelled::with_cause`].
#[derive(Debug)]
pub(crate) struct WithCause<'c>(&'c Cancelled);

impl fmt::Display for WithCause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.cause() {
            Some(cause) => write!(f, "{}: {cause}", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cancelled")
            .field("kind", &self.kind)
            .field("place", &format_args!("{}:{}", self.place.file(), self.place.line()))
            .field("cause", &self.cause)
            .finish()
    }
}

impl Error for Cancelled {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| &**cause as &(dyn Error + 'static))
    }
}

/// So that `?` works in functions that do input and output. The `Cancelled` is inside (`get_ref`, `downcast`).
impl From<Cancelled> for io::Error {
    fn from(cancelled: Cancelled) -> Self {
        let kind = if cancelled.is_deadline() { io::ErrorKind::TimedOut } else { io::ErrorKind::Interrupted };
        io::Error::new(kind, cancelled)
    }
}
