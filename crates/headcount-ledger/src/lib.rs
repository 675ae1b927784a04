//! The ledger: who is registered, who runs which attempt, who waits for the next, how each ended, and what the policy
//! says to that.
//!
//! Pure: no clock, no file, no process. It is told what happened and answers what is to be done, so it can be tested
//! alone, replayed from a journal, and carried by another engine. Its rules:
//!
//! 1. A member is registered once and ends once. What has ended never changes again in this round.
//! 2. Attempts are counted from 1, and each is fenced: what is said of an attempt that is not the one that runs is
//!    refused and changes nothing. Only a running attempt may be done, failed or lost.
//! 3. Where a member stands is the truth, and is kept for every member; the counts only follow. They change in one
//!    place, with the state of one member, and [`Ledger::recount`] counts anew.
//! 4. The total is sealed once. A second seal must say the same, and nobody is registered beyond it.
//! 5. The verdict follows from the counts. Once the batch is over it stays so, for the same reason.
//! 6. A refused step changes nothing.
//! 7. A *round* is one run of the command. The next one takes over what was done (and what failed, unless that is to
//!    be tried again), for ever; everybody else stands at the beginning again, or before the attempt that was next.
//!
//! A member that stands at the beginning or has ended takes a byte; those in between a little more.

mod event;
mod policy;
mod state;

use std::collections::BTreeMap;

pub use event::Event;
pub use policy::{Budget, Outcome, Over, Policy, Reason};
use state::{Begun, Mark};
pub use state::{End, State, StepError, Tally};

/// The position of a member's input, from 1. It names the member for ever.
pub type Number = u64;

/// Which attempt at a member it is, from 1.
pub type Attempt = u32;

/// What the policy asks for after a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Stop the members that run and start no more.
    StopTheRest(Over),
}

/// The book of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    policy: Policy,
    /// Where each member stands, the first member first.
    marks: Vec<Mark>,
    /// More of those whose mark says that they have begun, and of nobody else.
    begun: BTreeMap<Number, Begun>,
    /// Members that are known by the total alone: the book was closed before they were registered.
    unseen: u64,
    tally: Tally,
    /// How many inputs there are, once that is sealed.
    total: Option<u64>,
    /// How many had failed or were lost when the round began. They count, but stop nobody again.
    bad_before: u64,
    over: Option<Over>,
}

impl Ledger {
    /// An empty book under this policy, for so many inputs, where that is known.
    #[must_use]
    pub fn new(policy: Policy, total: Option<u64>) -> Self {
        Self {
            policy,
            marks: Vec::new(),
            begun: BTreeMap::new(),
            unseen: 0,
            tally: Tally::default(),
            total,
            bad_before: 0,
            over: None,
        }
    }

    /// The next member; its number is one more than the last.
    ///
    /// # Errors
    /// When the total is sealed and all are registered.
    pub fn register(&mut self) -> Result<Number, StepError> {
        let registered = self.last();
        if self.total.is_some_and(|total| registered >= total) {
            return Err(StepError::Total { asked: registered + 1, sealed: self.total, registered });
        }
        self.marks.push(Mark::Registered);
        self.tally.registered += 1;
        Ok(registered + 1)
    }

    /// A member begins its next attempt; says which one that is.
    ///
    /// # Errors
    /// When it is not open, or runs.
    pub fn start(&mut self, member: Number) -> Result<Attempt, StepError> {
        let attempt = self.next_attempt(member)?;
        self.change(member, State::Running(attempt));
        Ok(attempt)
    }

    /// The attempt that [`Ledger::start`] would begin.
    ///
    /// # Errors
    /// When the member is not open, or runs.
    pub fn next_attempt(&self, member: Number) -> Result<Attempt, StepError> {
        match self.state(member) {
            Some(State::Registered) => Ok(1),
            Some(State::Waiting(next)) => Ok(next),
            stood => Err(StepError::Member { member, attempt: None, stood }),
        }
    }

    /// A running attempt did not succeed, and there will be another.
    ///
    /// # Errors
    /// When it is not this attempt that runs.
    pub fn put_off(&mut self, member: Number, attempt: Attempt) -> Result<(), StepError> {
        self.fence(member, attempt)?;
        self.change(member, State::Waiting(attempt.saturating_add(1)));
        Ok(())
    }

    /// A member ends with the attempt that runs.
    ///
    /// # Errors
    /// When it is not this attempt that runs.
    pub fn end(&mut self, member: Number, attempt: Attempt, end: End) -> Result<Verdict, StepError> {
        self.fence(member, attempt)?;
        self.change(member, State::Ended(end));
        self.judge(Some(member));
        Ok(self.verdict())
    }

    /// A member that does not run never will.
    ///
    /// # Errors
    /// When it runs, or is not open.
    pub fn cancel(&mut self, member: Number) -> Result<Verdict, StepError> {
        self.next_attempt(member)?;
        self.change(member, State::Ended(End::Cancelled));
        Ok(self.verdict())
    }

    /// So many inputs there are in all.
    ///
    /// # Errors
    /// When another total was sealed, or more are registered.
    pub fn seal(&mut self, total: u64) -> Result<Verdict, StepError> {
        let registered = self.last();
        if self.total.is_some_and(|sealed| sealed != total) || registered > total {
            return Err(StepError::Total { asked: total, sealed: self.total, registered });
        }
        self.total = Some(total);
        self.judge(None);
        Ok(self.verdict())
    }

    /// Begins another round: see rule 7. The policy and the stop of the last round are forgotten.
    pub fn resume(&mut self, policy: Policy, failed_too: bool) {
        self.begun.retain(|_, begun| {
            let next = begun.attempt();
            *begun = Begun::Waiting(next);
            // The first attempt is what whoever is registered begins with.
            next > 1
        });
        for (place, mark) in self.marks.iter_mut().enumerate() {
            let stays = match mark {
                Mark::Done => true,
                Mark::Failed => !failed_too,
                Mark::Begun => self.begun.contains_key(&(place as u64 + 1)),
                Mark::Registered | Mark::Lost | Mark::Cancelled => false,
            };
            if !stays {
                *mark = Mark::Registered;
            }
        }
        (self.policy, self.over, self.unseen) = (policy, None, 0);
        self.tally = self.recount();
        self.bad_before = self.tally.failed;
        // Others may have been enough before, which is so in this round too.
        self.judge(None);
    }

    /// What the policy asks for as things stand.
    pub fn verdict(&self) -> Verdict {
        self.over.map_or(Verdict::Continue, Verdict::StopTheRest)
    }

    /// What the batch has come to. Asked when the book is closed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.policy.outcome(&self.tally)
    }

    /// What is to be said of it besides the counts. Asked when the book is closed.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        self.policy.remark(&self.tally, self.over)
    }

    /// Closes the book: what still runs is lost, what never ran or waits is cancelled, and so are the inputs that
    /// were known and never registered.
    pub fn close(&mut self) -> Tally {
        for place in 0..self.marks.len() {
            let member = place as u64 + 1;
            match self.state(member) {
                Some(State::Running(_)) => self.change(member, State::Ended(End::Lost)),
                Some(State::Registered | State::Waiting(_)) => {
                    self.change(member, State::Ended(End::Cancelled));
                }
                Some(State::Ended(_)) | None => {}
            }
        }
        let unseen = self.total.unwrap_or(0).saturating_sub(self.tally.registered);
        self.unseen += unseen;
        self.tally.registered += unseen;
        self.tally.cancelled += unseen;
        debug_assert_eq!(self.tally, self.recount(), "the counts follow from where members stand");
        self.tally
    }

    /// The counts as they stand.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The counts, counted anew from where each member stands. They are those of [`Ledger::tally`]: the way to check.
    #[must_use]
    pub fn recount(&self) -> Tally {
        let registered = self.last() + self.unseen;
        let mut tally = Tally { registered, cancelled: self.unseen, ..Tally::default() };
        (1..=self.last()).filter_map(|member| self.state(member)).for_each(|state| tally.enter(state));
        tally
    }

    /// How many inputs there are, if that is sealed.
    #[must_use]
    pub fn total(&self) -> Option<u64> {
        self.total
    }

    /// Where a member stands; nothing if it was never registered.
    #[must_use]
    pub fn state(&self, member: Number) -> Option<State> {
        let place = usize::try_from(member.checked_sub(1)?).ok()?;
        Some(match self.marks.get(place)? {
            Mark::Registered => State::Registered,
            Mark::Begun => self.begun.get(&member)?.state(),
            Mark::Done => State::Ended(End::Done),
            Mark::Failed => State::Ended(End::Failed),
            Mark::Lost => State::Ended(End::Lost),
            Mark::Cancelled => State::Ended(End::Cancelled),
        })
    }

    /// The last member that is registered.
    #[must_use]
    pub fn last(&self) -> Number {
        self.marks.len() as u64
    }

    /// Rule 2.
    fn fence(&self, member: Number, attempt: Attempt) -> Result<(), StepError> {
        match self.state(member) {
            Some(State::Running(running)) if running == attempt => Ok(()),
            stood => Err(StepError::Member { member, attempt: Some(attempt), stood }),
        }
    }

    /// The one place where a registered member changes, and the counts with it (rule 3). The step is allowed.
    fn change(&mut self, member: Number, to: State) {
        let Some(from) = self.state(member) else { return };
        // A member that has a state has a place.
        let Some(mark) = usize::try_from(member - 1).ok().and_then(|place| self.marks.get_mut(place)) else {
            return;
        };
        *mark = Mark::of(to);
        match Begun::of(to) {
            Some(begun) => drop(self.begun.insert(member, begun)),
            None => drop(self.begun.remove(&member)),
        }
        self.tally.leave(from);
        self.tally.enter(to);
    }

    fn judge(&mut self, member: Option<Number>) {
        if self.over.is_none() {
            let reason = self.policy.reason(&self.tally, self.bad_before, self.total);
            self.over = reason.map(|reason| Over { policy: self.policy, reason, member });
        }
    }
}
