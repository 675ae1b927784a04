//! Where a member stands, how many stand there, and what is said when a step is refused.

use std::fmt;

use super::{Attempt, Number};

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Known, not started.
    Registered,
    /// This attempt runs.
    Running(Attempt),
    /// An attempt did not succeed; this is the next one.
    Waiting(Attempt),
    /// It is over, for ever.
    Ended(End),
}

/// How a member ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Between two attempts.
    pub waiting: u64,
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

    /// One more stands there.
    pub(super) fn enter(&mut self, state: State) {
        if let Some(count) = self.count(state) {
            *count += 1;
        }
    }

    /// One less stands there.
    pub(super) fn leave(&mut self, state: State) {
        if let Some(count) = self.count(state) {
            *count -= 1;
        }
    }

    /// That of all who are registered is none of these: who was registered once always was.
    fn count(&mut self, state: State) -> Option<&mut u64> {
        Some(match state {
            State::Registered => return None,
            State::Running(_) => &mut self.running,
            State::Waiting(_) => &mut self.waiting,
            State::Ended(End::Done) => &mut self.done,
            State::Ended(End::Failed) => &mut self.failed,
            State::Ended(End::Lost) => &mut self.lost,
            State::Ended(End::Cancelled) => &mut self.cancelled,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = if self.registered == 1 { "member" } else { "members" };
        let Self { registered, done, failed, lost, cancelled, .. } = self;
        write!(f, "{registered} {members}: {done} ok, {failed} failed, {lost} lost, {cancelled} cancelled")
    }
}

/// A step the rules do not allow. It is a fault of whoever told it, never of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepError {
    /// The member does not stand where the step begins.
    Member {
        /// The member that was spoken of.
        member: Number,
        /// The attempt that was spoken of, if one was.
        attempt: Option<Attempt>,
        /// Where it stood; nothing when it was never registered.
        stood: Option<State>,
    },
    /// It does not go with the number of inputs.
    Total {
        /// So many were spoken of.
        asked: u64,
        /// So many are sealed.
        sealed: Option<u64>,
        /// So many are registered.
        registered: u64,
    },
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Member { member, attempt, stood } => {
                write!(f, "member {member} ")?;
                if let Some(attempt) = attempt {
                    write!(f, "was said to run its attempt {attempt}, and ")?;
                }
                match stood {
                    None => f.write_str("was never registered"),
                    Some(State::Registered) => f.write_str("is registered and not running"),
                    Some(State::Running(running)) => write!(f, "is running its attempt {running}"),
                    Some(State::Waiting(next)) => write!(f, "waits for its attempt {next}"),
                    Some(State::Ended(end)) => write!(f, "has ended ({end})"),
                }
            }
            Self::Total { asked, sealed: Some(sealed), .. } => {
                write!(f, "there are {sealed} inputs, and {asked} were spoken of")
            }
            Self::Total { asked, registered, .. } => {
                write!(f, "{registered} inputs are registered, and there were said to be {asked} in all")
            }
        }
    }
}

impl std::error::Error for StepError {}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "ok",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
        })
    }
}

/// A member's place in the book, in one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mark {
    Registered,
    /// Running or waiting: more is known elsewhere.
    Begun,
    Done,
    Failed,
    Lost,
    Cancelled,
}

impl Mark {
    pub(super) fn of(state: State) -> Self {
        match state {
            State::Registered => Self::Registered,
            State::Running(_) | State::Waiting(_) => Self::Begun,
            State::Ended(End::Done) => Self::Done,
            State::Ended(End::Failed) => Self::Failed,
            State::Ended(End::Lost) => Self::Lost,
            State::Ended(End::Cancelled) => Self::Cancelled,
        }
    }
}

/// A member that has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begun {
    Running(Attempt),
    Waiting(Attempt),
}

impl Begun {
    pub(super) fn of(state: State) -> Option<Self> {
        match state {
            State::Running(attempt) => Some(Self::Running(attempt)),
            State::Waiting(next) => Some(Self::Waiting(next)),
            State::Registered | State::Ended(_) => None,
        }
    }

    pub(super) fn state(self) -> State {
        match self {
            Self::Running(attempt) => State::Running(attempt),
            Self::Waiting(next) => State::Waiting(next),
        }
    }

    /// The attempt that runs, or the next one.
    pub(super) fn attempt(self) -> Attempt {
        match self {
            Self::Running(attempt) | Self::Waiting(attempt) => attempt,
        }
    }
}
