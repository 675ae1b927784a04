//! What can happen, as it is written down and replayed.

use super::{Attempt, End, Ledger, Number, Policy, State, StepError, Verdict};

/// A change of the book. Each is one step of [`Ledger`]; applied in their order to an empty book they make the same
/// book again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// [`Ledger::register`].
    Registered {
        /// The new member.
        member: Number,
    },
    /// [`Ledger::start`].
    Started {
        /// Who begins.
        member: Number,
        /// Its attempt.
        attempt: Attempt,
    },
    /// [`Ledger::put_off`].
    PutOff {
        /// Who waits from now on.
        member: Number,
        /// The attempt that did not succeed.
        attempt: Attempt,
    },
    /// [`Ledger::end`].
    Ended {
        /// Who has ended.
        member: Number,
        /// With which attempt.
        attempt: Attempt,
        /// How.
        end: End,
    },
    /// [`Ledger::cancel`].
    Cancelled {
        /// Who never runs.
        member: Number,
    },
    /// [`Ledger::seal`].
    Sealed {
        /// How many there are in all.
        total: u64,
    },
    /// [`Ledger::resume`].
    Resumed {
        /// Those that failed are tried again.
        failed_too: bool,
    },
}

impl Ledger {
    /// Takes the step that is written there.
    ///
    /// # Errors
    /// When the rules do not allow it, or it would not come out as written; the book is as before then.
    pub fn apply(&mut self, event: Event) -> Result<Verdict, StepError> {
        match event {
            Event::Registered { member } => {
                if member != self.last() + 1 {
                    return Err(StepError::Member { member, attempt: None, stood: self.state(member) });
                }
                self.register()?;
            }
            Event::Started { member, attempt } => {
                if self.next_attempt(member)? != attempt {
                    let stood = self.state(member);
                    return Err(StepError::Member { member, attempt: Some(attempt), stood });
                }
                self.start(member)?;
            }
            Event::PutOff { member, attempt } => self.put_off(member, attempt)?,
            Event::Ended { member, attempt, end } => return self.end(member, attempt, end),
            Event::Cancelled { member } => return self.cancel(member),
            Event::Sealed { total } => return self.seal(total),
            Event::Resumed { failed_too } => self.resume(self.policy, failed_too),
        }
        Ok(self.verdict())
    }

    /// A book for replaying, under which nothing is ever over.
    #[must_use]
    pub fn replaying() -> Self {
        Self::new(Policy::KeepGoing, None)
    }

    /// Whether this member has nothing left to do in this round.
    #[must_use]
    pub fn is_finished(&self, member: Number) -> bool {
        matches!(self.state(member), Some(State::Ended(_)))
    }
}
