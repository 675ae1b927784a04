//! The ledger: who is registered, who runs, how each ended, and what the policy says to that.
//!
//! Pure: no clock, no file, no process. It is told what happened and answers what is to be done, so it can
//! be tested alone and replayed. Its rules:
//!
//! 1. A member is registered once and ends once. What has ended never changes again.
//! 2. Only what is registered may run; only what runs may be done, failed or lost.
//! 3. The counts add up after every step: registered = open + done + failed + lost + cancelled.
//! 4. Members that ended are only counted. A million of them take no more room than one.
//! 5. The verdict follows from the counts. Once the batch is over it stays so, for the same reason.

mod policy;

use std::collections::BTreeMap;
use std::fmt;

pub use policy::{Budget, Outcome, Over, Policy, Reason};

/// The position of a member's input, from 1. It names the member for ever.
pub type Number = u64;

/// What the policy asks for after a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Stop the members that run and start no more.
    StopTheRest(Over),
}

/// Where an open member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// Known, not started.
    Registered,
    /// Started, not ended.
    Running,
}

/// How a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It did its work.
    Done,
    /// It tried and did not.
    Failed,
    /// Nobody can say what became of it.
    Lost,
    /// It was stopped, or never started.
    Cancelled,
}

/// How many members there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// All that are or were.
    pub registered: u64,
    /// Started and not ended.
    pub running: u64,
    /// Ended well.
    pub done: u64,
    /// Ended badly.
    pub failed: u64,
    /// Ended unknown.
    pub lost: u64,
    /// Stopped or never started.
    pub cancelled: u64,
}

impl Tally {
    /// How many have ended, whichever way.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.done + self.failed + self.lost + self.cancelled
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = if self.registered == 1 { "member" } else { "members" };
        let Self { registered, done, failed, lost, cancelled, .. } = self;
        write!(f, "{registered} {members}: {done} ok, {failed} failed, {lost} lost, {cancelled} cancelled")
    }
}

/// A step the rules do not allow. It is a fault of the caller, never of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepError {
    /// The member that was spoken of.
    pub member: Number,
    /// Where it stood; nothing when it is not open (never registered, or ended).
    pub stood: Option<Open>,
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stood = match self.stood {
            Some(Open::Registered) => "is registered and not running",
            Some(Open::Running) => "is already running",
            None => "is not open",
        };
        write!(f, "member {} {stood}", self.member)
    }
}

impl std::error::Error for StepError {}

/// The book of one batch.
#[derive(Debug, Clone)]
pub struct Ledger {
    policy: Policy,
    open: BTreeMap<Number, Open>,
    tally: Tally,
    /// How many inputs there are, once that is known.
    total: Option<u64>,
    over: Option<Over>,
}

impl Ledger {
    /// An empty book under this policy, for so many inputs, where that is known.
    #[must_use]
    pub fn new(policy: Policy, total: Option<u64>) -> Self {
        Self { policy, open: BTreeMap::new(), tally: Tally::default(), total, over: None }
    }

    /// The next member; its number is one more than the last.
    pub fn register(&mut self) -> Number {
        self.tally.registered += 1;
        self.open.insert(self.tally.registered, Open::Registered);
        self.tally.registered
    }

    /// A registered member begins.
    ///
    /// # Errors
    /// When it is not registered, or began before.
    pub fn start(&mut self, member: Number) -> Result<(), StepError> {
        match self.open.get_mut(&member) {
            Some(state @ Open::Registered) => {
                *state = Open::Running;
                self.tally.running += 1;
                Ok(())
            }
            other => Err(StepError { member, stood: other.copied() }),
        }
    }

    /// A member ends. One that never ran can only be cancelled.
    ///
    /// # Errors
    /// When it is not open, or did not run and is said to have ended in a way only a running one can.
    pub fn end(&mut self, member: Number, end: End) -> Result<Verdict, StepError> {
        match (self.open.get(&member).copied(), end) {
            (Some(Open::Running), _) => self.tally.running -= 1,
            (Some(Open::Registered), End::Cancelled) => {}
            (stood, _) => return Err(StepError { member, stood }),
        }
        self.open.remove(&member);
        match end {
            End::Done => self.tally.done += 1,
            End::Failed => self.tally.failed += 1,
            End::Lost => self.tally.lost += 1,
            End::Cancelled => self.tally.cancelled += 1,
        }
        self.judge(Some(member));
        Ok(self.verdict())
    }

    /// The last input has been registered, so it is known now how many there are.
    pub fn input_ended(&mut self) -> Verdict {
        self.total = Some(self.tally.registered);
        self.judge(None);
        self.verdict()
    }

    fn judge(&mut self, member: Option<Number>) {
        if self.over.is_none() {
            let reason = self.policy.reason(&self.tally, self.total);
            self.over = reason.map(|reason| Over { policy: self.policy, reason, member });
        }
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

    /// Closes the book: what still runs is lost, what never ran is cancelled, and so are the inputs that
    /// were known and never registered.
    pub fn close(&mut self) -> Tally {
        for (_, state) in std::mem::take(&mut self.open) {
            match state {
                Open::Running => {
                    self.tally.running -= 1;
                    self.tally.lost += 1;
                }
                Open::Registered => self.tally.cancelled += 1,
            }
        }
        let unread = self.total.unwrap_or(0).saturating_sub(self.tally.registered);
        self.tally.registered += unread;
        self.tally.cancelled += unread;
        self.tally
    }

    /// The counts as they stand.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Where an open member stands.
    #[must_use]
    pub fn open(&self, member: Number) -> Option<Open> {
        self.open.get(&member).copied()
    }
}
