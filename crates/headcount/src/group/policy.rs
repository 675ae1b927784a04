//! The rule that decides when a group is over and what it returns.

use super::ended::Ended;
use super::error::{BoxError, MemberError};
use super::member::Member;

/// The rule that decides when a group is over early, and what its wait returns.
///
/// The group keeps what its members return; a policy only judges how each of them ended, and shapes the answer at the end.
/// Six are ready: [`FailFast`](crate::FailFast), [`CollectAll`](crate::CollectAll), [`FirstOk`](struct@crate::FirstOk),
/// [`Quorum`](struct@crate::Quorum), [`ErrorBudget`](struct@crate::ErrorBudget) and [`Discard`](crate::Discard).
///
/// [`Trial`](crate::Trial) tries one out without a group.
///
/// # Examples
///
/// Give up as soon as two members in a row have failed:
///
/// ```
/// use headcount::{Ended, GroupError, Outcome, Policy, Trial, Verdict};
///
/// #[derive(Default)]
/// struct TwoInARow(u32);
///
/// impl<T, E> Policy<T, E> for TwoInARow {
///     const KEEPS: bool = true;
///     type Output = Result<Vec<T>, GroupError<E>>;
///
///     fn judge(&mut self, outcome: &Outcome<'_, T, E>) -> Verdict {
///         self.0 = match outcome {
///             Outcome::Failed(_, error) if error.is_failure() => self.0 + 1,
///             _ => 0,
///         };
///         if self.0 == 2 { Verdict::Finish } else { Verdict::Continue }
///     }
///
///     fn output(self, ended: Ended<T, E>) -> Self::Output {
///         if self.0 == 2 { Err(ended.into_error()) } else { Ok(ended.into_values()) }
///     }
/// }
///
/// let mut trial = Trial::<u32, std::fmt::Error, _>::new(TwoInARow::default());
/// assert_eq!(trial.failed(0, std::fmt::Error), Verdict::Continue);
/// assert_eq!(trial.succeeded(2, 7), Verdict::Continue);
/// assert_eq!(trial.failed(1, std::fmt::Error), Verdict::Continue);
/// assert_eq!(trial.end().unwrap(), [7]);
/// ```
pub trait Policy<T, E = BoxError>: Send {
    /// Whether the group keeps what its members return. If false, values and errors are dropped as they come, and only
    /// the tally is left at the end: for groups without end.
    const KEEPS: bool;

    /// Whether [`judge`](Self::judge) is asked about members that succeed. If false, success takes no lock.
    const JUDGES_VALUES: bool = true;

    /// Says, each time a member has ended, whether the group is to go on.
    ///
    /// It is asked under a lock of the group's own. It must not call the group, nor cancel a context above it: members that
    /// end because of that would wait for this very judgement.
    ///
    /// Members are judged in the order in which they
    /// end, one at a time; after [`Verdict::Finish`] there is no further question.
    fn judge(&mut self, outcome: &Outcome<'_, T, E>) -> Verdict;

    /// What the group's wait returns.
    type Output;

    /// Makes the answer, once every member is over.
    fn output(self, ended: Ended<T, E>) -> Self::Output;
}

/// Whether a group goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It does.
    Continue,
    /// It is over: its members are cancelled, and no more are taken in.
    Finish,
}

/// How one member has ended.
#[derive(Debug)]
pub enum Outcome<'a, T, E = BoxError> {
    /// It returned a value.
    Value(&'a Member, &'a T),
    /// It was a fork and succeeded: its value has a type of its own and went to the holder of the fork.
    Forked(&'a Member),
    /// It ended without a value.
    Failed(&'a Member, &'a MemberError<E>),
}

impl<'a, T, E> Outcome<'a, T, E> {
    /// Who ended.
    #[must_use]
    pub fn member(&self) -> &'a Member {
        match self {
            Self::Value(member, _) | Self::Forked(member) | Self::Failed(member, _) => member,
        }
    }
}

impl<T, E> Clone for Outcome<'_, T, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, E> Copy for Outcome<'_, T, E> {}
