//! A policy's proving ground: a group's end, told member by member, without the group.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;

use super::consequence::is_consequence;
use super::ended::{Ended, Failure, Who};
use super::error::{BoxError, MemberError, Root};
use super::member::Member;
use super::policy::{Outcome, Policy, Verdict};
use super::tally::Tally;
use crate::roll::Title;
use crate::{Cancelled, Name};

/// Tries out a [`Policy`] without running anything: you tell how members end, it answers as it would in a group.
///
/// Members are called by their [index](Member::index), in the order in which they *end*. Nothing is cancelled after
/// [`Verdict::Finish`]: what you tell then is kept like everything else, and no longer judged.
///
/// # Examples
///
/// ```
/// use headcount::{FirstOk, Trial, Verdict};
///
/// let mut trial = Trial::new(FirstOk);
/// assert_eq!(trial.failed(0, std::fmt::Error), Verdict::Continue);
/// assert_eq!(trial.succeeded(2, "two"), Verdict::Finish);
/// trial.succeeded(1, "one"); // too late
/// assert_eq!(trial.end().unwrap(), "two");
/// ```
pub struct Trial<T, E = BoxError, P = super::FailFast> {
    policy: P,
    finished: bool,
    name: Option<Name>,
    place: &'static Location<'static>,
    names: BTreeMap<usize, Name>,
    values: BTreeMap<usize, (Member, T)>,
    failures: Vec<Failure<E>>,
    tally: Tally,
    cancelled: Option<Cancelled>,
}

impl<T, E: Root, P: Policy<T, E>> Trial<T, E, P> {
    /// A trial of `policy` with no members yet.
    #[track_caller]
    pub fn new(policy: P) -> Self {
        Self {
            policy,
            finished: false,
            name: None,
            place: Location::caller(),
            names: BTreeMap::new(),
            values: BTreeMap::new(),
            failures: Vec::new(),
            tally: Tally::default(),
            cancelled: None,
        }
    }

    /// Names the group.
    #[must_use]
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Names a member, before it ends.
    pub fn name(&mut self, index: usize, name: impl Into<Name>) {
        self.names.insert(index, name.into());
    }

    /// The group is cancelled. As in a group, members whose error from now on is or wraps a [`Cancelled`] count as
    /// cancelled, not as failed; unless it is a deadline of their own.
    pub fn cancel(&mut self, why: Cancelled) {
        self.cancelled.get_or_insert(why);
    }

    /// A member returns a value.
    #[track_caller]
    pub fn succeeded(&mut self, index: usize, value: T) -> Verdict {
        self.ended(index, Ok(value))
    }

    /// A member returns an error.
    #[track_caller]
    pub fn failed(&mut self, index: usize, error: E) -> Verdict {
        self.ended(index, Err(MemberError::Failed(error)))
    }

    /// A member that is a fork succeeds.
    #[track_caller]
    pub fn forked(&mut self, index: usize) -> Verdict {
        let member = self.member(index);
        self.tally.succeeded += 1;
        if P::JUDGES_VALUES { self.judge(&Outcome::Forked(&member)) } else { self.verdict() }
    }

    /// A member ends, in whatever way.
    #[track_caller]
    pub fn ended(&mut self, index: usize, outcome: Result<T, MemberError<E>>) -> Verdict {
        let member = self.member(index);
        let error = match outcome {
            Ok(value) => return self.judge_value(member, value),
            Err(MemberError::Failed(error)) => match &self.cancelled {
                Some(why) if is_consequence(error.as_error(), why) => MemberError::Cancelled(why.clone()),
                _ => MemberError::Failed(error),
            },
            Err(error) => error,
        };
        self.judge_failure(Failure { member, error, by_hand: false })
    }

    /// A member ends because it was cancelled by its own canceller, alone and on purpose.
    #[track_caller]
    pub fn cancelled_by_hand(&mut self, index: usize, why: Cancelled) -> Verdict {
        let member = self.member(index);
        self.judge_failure(Failure { member, error: MemberError::Cancelled(why), by_hand: true })
    }

    /// Everybody is over: what the group's wait would return.
    pub fn end(self) -> P::Output {
        let title = Title::new(self.name, self.place);
        let (members, values) = self.values.into_values().unzip();
        let who = Who::Members(members);
        self.policy.output(Ended::new(title, values, who, self.failures, self.tally, self.cancelled))
    }

    #[track_caller]
    fn member(&mut self, index: usize) -> Member {
        Member::new(index, self.names.remove(&index), Location::caller())
    }

    fn judge_value(&mut self, member: Member, value: T) -> Verdict {
        self.tally.succeeded += 1;
        let verdict =
            if P::JUDGES_VALUES { self.judge(&Outcome::Value(&member, &value)) } else { self.verdict() };
        if P::KEEPS {
            self.values.insert(member.index(), (member, value));
        }
        verdict
    }

    fn judge_failure(&mut self, failure: Failure<E>) -> Verdict {
        self.tally.count(&failure.error);
        let verdict = self.judge(&Outcome::Failed(&failure.member, &failure.error));
        if P::KEEPS {
            self.failures.push(failure);
        }
        verdict
    }

    fn judge(&mut self, outcome: &Outcome<'_, T, E>) -> Verdict {
        self.finished = self.finished || self.policy.judge(outcome) == Verdict::Finish;
        self.verdict()
    }

    fn verdict(&self) -> Verdict {
        if self.finished { Verdict::Finish } else { Verdict::Continue }
    }
}

impl<T, E, P: fmt::Debug> fmt::Debug for Trial<T, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial")
            .field("policy", &self.policy)
            .field("finished", &self.finished)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}
