//! The rules that decide when a batch is over, and what it then came to: functions of the counts alone.

use std::fmt;

use super::{Number, Tally};

/// The rule that decides when the batch is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The first failure ends the rest.
    FailFast,
    /// Every input gets its turn, whatever becomes of the others.
    KeepGoing,
    /// The first success ends the rest, and there has to be one.
    FirstSuccess,
    /// So many successes end the rest, and there have to be so many.
    Quorum(u64),
    /// So many may fail; one more ends the rest.
    MaxFailures(Budget),
}

/// How many may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// So many.
    Count(u64),
    /// So many in a hundred of all inputs. How many that is, is known when the number of inputs is.
    Percent(u64),
}

/// Why a batch is over before its inputs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// One failed.
    Failure,
    /// One succeeded.
    Success,
    /// So many succeeded as were asked for.
    Quorum,
    /// Even if all that are left succeeded, they would be too few.
    OutOfReach,
    /// More failed than may.
    TooMany,
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// What was asked for.
    Well,
    /// Members failed that should not have.
    Failed,
    /// Fewer succeeded than were asked for.
    QuorumMissed,
}

impl Policy {
    /// Why the batch is over with these counts, if it is. `bad_before` of them had failed in rounds before: they stopped
    /// those, and what is resumed is not to be stopped by them at once. `total` is how many inputs there are, where that
    /// is known.
    pub(super) fn reason(self, tally: &Tally, bad_before: u64, total: Option<u64>) -> Option<Reason> {
        let bad = tally.failed + tally.lost;
        let new = bad.saturating_sub(bad_before);
        match self {
            Self::KeepGoing => None,
            Self::FailFast => (new > 0).then_some(Reason::Failure),
            Self::FirstSuccess => (tally.done > 0).then_some(Reason::Success),
            Self::Quorum(needed) if tally.done >= needed => Some(Reason::Quorum),
            // Who is cancelled is not held against it: that comes of a stop, which has its own reason.
            Self::Quorum(needed) => {
                total.filter(|total| total.saturating_sub(bad) < needed).map(|_| Reason::OutOfReach)
            }
            Self::MaxFailures(Budget::Count(allowed)) => (new > allowed).then_some(Reason::TooMany),
            Self::MaxFailures(Budget::Percent(share)) => total
                .filter(|&total| new.saturating_mul(100) > share.saturating_mul(total))
                .map(|_| Reason::TooMany),
        }
    }

    /// What the batch came to, with its last counts.
    #[must_use]
    pub fn outcome(self, tally: &Tally) -> Outcome {
        match self {
            Self::FirstSuccess if tally.done > 0 => Outcome::Well,
            Self::FirstSuccess => Outcome::Failed,
            Self::Quorum(needed) if tally.done >= needed => Outcome::Well,
            Self::Quorum(_) => Outcome::QuorumMissed,
            _ if tally.failed + tally.lost > 0 => Outcome::Failed,
            _ => Outcome::Well,
        }
    }

    /// What the counts do not say by themselves.
    #[must_use]
    pub fn remark(self, tally: &Tally, over: Option<Over>) -> Option<String> {
        let bad = tally.failed + tally.lost;
        match self {
            Self::FirstSuccess if tally.done == 0 => Some("none succeeded".into()),
            Self::Quorum(needed) if tally.done < needed => {
                Some(format!("the quorum was missed: {needed} had to succeed, and {} did", tally.done))
            }
            Self::MaxFailures(budget) if bad > 0 && over.is_none() => {
                Some(format!("that is within the failures that are allowed: {budget}"))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

/// Why a batch is over, and with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// The policy that says so.
    pub policy: Policy,
    /// Why.
    pub reason: Reason,
    /// With whose end. Nobody's if it was the end of the input, which told how many there are, or so before this round.
    pub member: Option<Number>,
}

impl fmt::Display for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let good = matches!(self.reason, Reason::Success | Reason::Quorum);
        match self.member {
            Some(member) if good => write!(f, "the success of member {member}")?,
            Some(member) => write!(f, "the failure of member {member}")?,
            // The end of an input brings no success.
            None if good => f.write_str("what was done before")?,
            None => f.write_str("the end of the input")?,
        }
        match (self.policy, self.reason) {
            (Policy::Quorum(needed), Reason::Quorum) => write!(f, " (that makes the quorum of {needed})"),
            (Policy::Quorum(needed), _) => write!(f, " (a quorum of {needed} is out of reach)"),
            (Policy::MaxFailures(budget), _) => write!(f, " (more than {budget} failed)"),
            _ => Ok(()),
        }
    }
}
