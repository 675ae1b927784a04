//! The policies that are ready.

use super::ended::Ended;
use super::error::MemberError;
use super::group_error::GroupError;
use super::member::Member;
use super::panics;
use super::policy::{Outcome, Policy, Verdict};
use super::tally::Tally;

/// All must succeed: the first failure cancels the rest. The policy of a group that is given none.
///
/// The answer is every value in spawn order, or the first failure.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailFast;

impl<T, E> Policy<T, E> for FailFast {
    const KEEPS: bool = true;
    const JUDGES_VALUES: bool = false;
    type Output = Result<Vec<T>, GroupError<E>>;

    fn judge(&mut self, outcome: &Outcome<'_, T, E>) -> Verdict {
        if is_failure(outcome) { Verdict::Finish } else { Verdict::Continue }
    }

    fn output(self, ended: Ended<T, E>) -> Self::Output {
        match ended.into_values_and_error() {
            (values, None) => Ok(values),
            (values, Some(error)) => {
                panics::drop_each_quietly(values);
                Err(error)
            }
        }
    }
}

/// All are heard: a failure stops nobody.
///
/// The answer is what became of each member, in spawn order. Forks that succeed are not in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct CollectAll;

impl<T, E> Policy<T, E> for CollectAll {
    const KEEPS: bool = true;
    const JUDGES_VALUES: bool = false;
    type Output = Vec<Result<T, MemberError<E>>>;

    fn judge(&mut self, _: &Outcome<'_, T, E>) -> Verdict {
        Verdict::Continue
    }

    fn output(self, ended: Ended<T, E>) -> Self::Output {
        ended.into_outcomes().into_iter().map(|(_, outcome)| outcome).collect()
    }
}

/// One is enough: the first to succeed cancels the rest.
///
/// The answer is its value, or, if nobody succeeded, the first failure.
#[derive(Clone, Debug, Default)]
pub struct FirstOk {
    /// Who was first in time; others may have succeeded before their cancellation reached them.
    first: Option<usize>,
}

/// The policy [`FirstOk`](struct@FirstOk), ready for use.
#[expect(
    non_upper_case_globals,
    reason = "it reads as the unit struct that it would be, had it nothing to note"
)]
pub const FirstOk: FirstOk = FirstOk { first: None };

impl<T, E> Policy<T, E> for FirstOk {
    const KEEPS: bool = true;
    type Output = Result<T, GroupError<E>>;

    fn judge(&mut self, outcome: &Outcome<'_, T, E>) -> Verdict {
        match outcome {
            Outcome::Value(member, _) => {
                self.first = Some(member.index());
                Verdict::Finish
            }
            _ => Verdict::Continue,
        }
    }

    fn output(self, mut ended: Ended<T, E>) -> Self::Output {
        match self.first.and_then(|index| ended.take_value(index)) {
            Some(value) => {
                ended.discard();
                Ok(value)
            }
            None => Err(ended.into_error()),
        }
    }
}

/// So many are enough: when `needed` have succeeded the rest are cancelled.
///
/// The answer is the values of those that were first, in spawn order; or, if they were too few, the first failure.
#[derive(Clone, Debug)]
pub struct Quorum {
    needed: usize,
    /// Who succeeded, in the order of ending.
    first: Vec<usize>,
}

/// The policy [`Quorum`](struct@Quorum): `needed` members must succeed.
#[expect(non_snake_case, reason = "it reads as the tuple struct that it would be, had it nothing to count")]
#[must_use]
pub fn Quorum(needed: usize) -> Quorum {
    Quorum { needed, first: Vec::new() }
}

impl<T, E> Policy<T, E> for Quorum {
    const KEEPS: bool = true;
    type Output = Result<Vec<T>, GroupError<E>>;

    fn judge(&mut self, outcome: &Outcome<'_, T, E>) -> Verdict {
        match outcome {
            Outcome::Value(member, _) if self.first.len() < self.needed => self.first.push(member.index()),
            _ => {}
        }
        if self.first.len() >= self.needed { Verdict::Finish } else { Verdict::Continue }
    }

    fn output(mut self, mut ended: Ended<T, E>) -> Self::Output {
        if self.first.len() < self.needed {
            return Err(ended.into_error().too_few(self.first.len(), self.needed));
        }
        // Others may have succeeded before their cancellation reached them; nobody asked for those.
        self.first.sort_unstable();
        panics::drop_each_quietly(ended.take_failures());
        let is_first = |(member, _): &(_, T)| self.first.binary_search(&Member::index(member)).is_ok();
        let (first, late): (Vec<_>, Vec<_>) = ended.into_members_and_values().into_iter().partition(is_first);
        panics::drop_each_quietly(late);
        Ok(first.into_iter().map(|(_, value)| value).collect())
    }
}

/// Some may fail: when more than `allowed` have failed or panicked the rest are cancelled.
///
/// The answer is the values in spawn order and the failures in the order in which they happened; or, if they were too
/// many or the group was cancelled, its error.
#[derive(Clone, Debug)]
pub struct ErrorBudget {
    allowed: usize,
    spent: usize,
}

/// The policy [`ErrorBudget`](struct@ErrorBudget): up to `allowed` members may fail.
#[expect(non_snake_case, reason = "it reads as the tuple struct that it would be, had it nothing to count")]
#[must_use]
pub fn ErrorBudget(allowed: usize) -> ErrorBudget {
    ErrorBudget { allowed, spent: 0 }
}

impl<T, E> Policy<T, E> for ErrorBudget {
    const KEEPS: bool = true;
    const JUDGES_VALUES: bool = false;
    type Output = Result<(Vec<T>, Vec<MemberError<E>>), GroupError<E>>;

    fn judge(&mut self, outcome: &Outcome<'_, T, E>) -> Verdict {
        self.spent += usize::from(is_failure(outcome));
        if self.spent > self.allowed { Verdict::Finish } else { Verdict::Continue }
    }

    fn output(self, mut ended: Ended<T, E>) -> Self::Output {
        if self.spent > self.allowed {
            Err(ended.into_error())
        } else if ended.was_cut_short() {
            // The failures so far were allowed: it is not for them that values are missing.
            Err(ended.into_cancellation_error())
        } else {
            let failures = ended.take_failures().into_iter().map(|failure| failure.error);
            let failures = failures.filter(MemberError::is_failure).collect();
            Ok((ended.into_values(), failures))
        }
    }
}

/// Only counted: what members return is dropped as it comes, and a failure stops nobody. For servers and other groups
/// without end, whose memory must stay flat.
///
/// The answer is the [`Tally`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

impl<T, E> Policy<T, E> for Discard {
    const KEEPS: bool = false;
    const JUDGES_VALUES: bool = false;
    type Output = Tally;

    fn judge(&mut self, _: &Outcome<'_, T, E>) -> Verdict {
        Verdict::Continue
    }

    fn output(self, ended: Ended<T, E>) -> Self::Output {
        ended.tally()
    }
}

/// Whether a member failed by itself, so that it counts against the group.
fn is_failure<T, E>(outcome: &Outcome<'_, T, E>) -> bool {
    matches!(outcome, Outcome::Failed(_, error) if error.is_failure())
}
