//! The error of a group: one sentence about its root, and everything else on request.

use std::error::Error;
use std::fmt;

use super::ended::Failure;
use super::error::{BoxError, MemberError, Root};
use super::member::Member;
use super::panics::PanicReport;
use super::tally::Tally;
use crate::Cancelled;
use crate::roll::Title;

/// A group has failed; it knows which member began it, and who else did.
///
/// One failure reads as one error. Its text is a sentence that ends with the text of its *root*, and
/// [`source`](Error::source) goes on below the root, so nothing is printed twice:
///
/// ```text
/// group "prices" (src/main.rs:9): member #3 "sku 42" (src/prices.rs:31) failed: connection refused
/// ```
///
/// The root is the first failure that happened. Members that ended only because the group was then cancelled are counted
/// in the [`tally`](Self::tally) and not listed. Where no member failed, the cancellation itself is the root:
///
/// ```text
/// group "prices" (src/main.rs:9) was cancelled: deadline exceeded, set at src/main.rs:8
/// ```
///
/// If that was given a cause, the sentence ends with the cause's text; [`cancelled`](Self::cancelled) has the cause itself.
///
/// When several have failed the text says how many, and [`others`](Self::others) has them.
pub struct GroupError<E = BoxError>(Box<Inner<E>>);

/// Boxed, so that the `Ok` of a wait stays as small as it can be.
struct Inner<E> {
    title: Title,
    why: Why<E>,
    /// Real failures, in the order in which they happened.
    others: Vec<(Member, MemberError<E>)>,
    tally: Tally,
    /// How many succeeded of how many that had to.
    short: Option<(usize, usize)>,
}

enum Why<E> {
    Member(Member, MemberError<E>),
    Cancelled(Cancelled),
    /// Nobody failed, and yet too few succeeded.
    TooFew,
}

impl<E> GroupError<E> {
    /// The root is the first real failure, or else the cancellation.
    pub(crate) fn new(
        title: Title,
        failures: Vec<Failure<E>>,
        tally: Tally,
        cancelled: Option<Cancelled>,
    ) -> Self {
        let (mut real, stopped) = sort_out(failures);
        let why = match real.next() {
            Some((member, error)) => Why::Member(member, error),
            None => why_nobody_failed(stopped, cancelled),
        };
        Self(Box::new(Inner { title, why, others: real.collect(), tally, short: None }))
    }

    /// The root is the cancellation; members that had failed before it are the others.
    pub(super) fn cut_short(
        title: Title,
        failures: Vec<Failure<E>>,
        tally: Tally,
        cancelled: Option<Cancelled>,
    ) -> Self {
        let (real, stopped) = sort_out(failures);
        let why = why_nobody_failed(stopped, cancelled);
        Self(Box::new(Inner { title, why, others: real.collect(), tally, short: None }))
    }

    /// The same error, saying first that only `got` of `needed` succeeded.
    pub(super) fn too_few(mut self, got: usize, needed: usize) -> Self {
        self.0.short = Some((got, needed));
        self
    }

    /// The root, if it is an error that a member returned.
    #[must_use]
    pub fn root(&self) -> Option<&E> {
        match &self.0.why {
            Why::Member(_, MemberError::Failed(error)) => Some(error),
            _ => None,
        }
    }

    /// The root by value, if it is an error that a member returned.
    ///
    /// # Errors
    ///
    /// The error itself again, if its root is a panic or a cancellation.
    pub fn into_root(self) -> Result<E, Self> {
        let Inner { title, why, others, tally, short } = *self.0;
        match why {
            Why::Member(_, MemberError::Failed(error)) => Ok(error),
            why => Err(Self(Box::new(Inner { title, why, others, tally, short }))),
        }
    }

    /// Whose failure the root is; nobody's if it is a cancellation.
    #[must_use]
    pub fn member(&self) -> Option<&Member> {
        match &self.0.why {
            Why::Member(member, _) => Some(member),
            _ => None,
        }
    }

    /// The root, if it is a cancellation of the group.
    #[must_use]
    pub fn cancelled(&self) -> Option<&Cancelled> {
        match &self.0.why {
            Why::Cancelled(why) => Some(why),
            _ => None,
        }
    }

    /// The root, if it is a panic.
    #[must_use]
    pub fn panic(&self) -> Option<&PanicReport> {
        match &self.0.why {
            Why::Member(_, MemberError::Panicked(report)) => Some(report),
            _ => None,
        }
    }

    /// The other members that failed or panicked, in the order in which they did.
    pub fn others(&self) -> impl ExactSizeIterator<Item = (&Member, &MemberError<E>)> {
        self.0.others.iter().map(|(member, error)| (member, error))
    }

    /// How many members ended in which way.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.0.tally
    }
}

type Members<E> = std::vec::IntoIter<(Member, MemberError<E>)>;

/// Those who failed by themselves, and those who were stopped; without those who were stopped alone, by hand.
fn sort_out<E>(failures: Vec<Failure<E>>) -> (Members<E>, Members<E>) {
    let (mut real, mut stopped) = (Vec::new(), Vec::new());
    for failure in failures {
        if failure.error.is_failure() {
            real.push((failure.member, failure.error));
        } else if failure.is_consequence() {
            stopped.push((failure.member, failure.error));
        }
    }
    (real.into_iter(), stopped.into_iter())
}

/// The root where no member's failure is: the cancellation of the group or, where that is not known, of a member.
fn why_nobody_failed<E>(mut stopped: Members<E>, cancelled: Option<Cancelled>) -> Why<E> {
    match (stopped.next(), cancelled) {
        (None, _) => Why::TooFew,
        (Some(_), Some(why)) | (Some((_, MemberError::Cancelled(why))), None) => Why::Cancelled(why),
        (Some((member, error)), None) => Why::Member(member, error),
    }
}

impl<E: Root> GroupError<E> {
    /// The root as an `X`, if it is one: the error of a member, a [`PanicReport`] or a [`Cancelled`].
    ///
    /// It looks at the root alone, neither below it nor into an `anyhow::Error`.
    #[must_use]
    pub fn downcast_ref<X: Error + 'static>(&self) -> Option<&X> {
        self.root_error()?.downcast_ref()
    }

    /// The error with whose text the sentence ends.
    fn root_error(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0.why {
            Why::Member(_, error) => error.as_error(),
            Why::Cancelled(why) => Some(why),
            Why::TooFew => None,
        }
    }
}

impl<E: Root> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { title, why, others, short, .. } = &*self.0;
        write!(f, "{title}")?;
        if let Some((got, needed)) = short {
            write!(f, ": only {got} of {needed} needed succeeded")?;
        }
        match why {
            Why::Member(member, error) => {
                let what = match error {
                    MemberError::Failed(_) => "failed",
                    MemberError::Panicked(_) => "panicked",
                    MemberError::Cancelled(_) => "was cancelled",
                    MemberError::Aborted => "was aborted",
                    MemberError::Dropped => "was dropped by its executor before it was over",
                };
                write!(f, ": member {member} {what}")?;
                match others.len() {
                    0 => {}
                    1 => f.write_str(" (and 1 other failed)")?,
                    n => write!(f, " (and {n} others failed)")?,
                }
            }
            Why::Cancelled(_) if short.is_some() => f.write_str(": cancelled early")?,
            Why::Cancelled(_) => f.write_str(" was cancelled")?,
            Why::TooFew if short.is_some() => {}
            Why::TooFew => f.write_str(": no member succeeded")?,
        }
        match (why, self.root_error()) {
            // Who asks why a group was cancelled is to read it in the sentence.
            (Why::Cancelled(why), _) => write!(f, ": {}", why.with_cause()),
            (_, Some(error)) => write!(f, ": {error}"),
            (_, None) => Ok(()),
        }
    }
}

/// The sentence, what lies below it, and who else failed: errors are mostly seen through `unwrap`.
impl<E: Root> fmt::Debug for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// As many as a person reads.
        const SHOWN: usize = 20;
        write!(f, "{self}")?;
        let mut below = self.source();
        while let Some(error) = below {
            write!(f, "\n  because: {error}")?;
            below = error.source();
        }
        for (member, error) in self.others().take(SHOWN) {
            write!(f, "\n  also {member}: {error}")?;
        }
        match self.others().len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl<E: Root> Error for GroupError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let below = self.root_error()?.source();
        // No text is printed twice: that of a cancellation's cause is in the sentence.
        if matches!(self.0.why, Why::Cancelled(_)) { below?.source() } else { below }
    }
}
