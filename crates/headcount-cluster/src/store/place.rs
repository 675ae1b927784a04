//! Where members and groups stand.

use std::fmt;
use std::time::Duration;

use headcount_ledger::{Policy, Tally};

/// Where a group stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupState {
    /// Members may come in and begin.
    Open,
    /// It is decided how it ends; nobody begins any more, and some still run.
    Cancelling,
    /// All are back, and it is what the policy asks for.
    Done,
    /// All are back, and it is not.
    Failed,
    /// It was cancelled, and all are back.
    Cancelled,
    /// Its time was up, and all are back.
    Expired,
    /// Whoever registered members vanished before the total was sealed, and all are back.
    Abandoned,
}

impl GroupState {
    /// Whether it will never change again.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Open | Self::Cancelling)
    }

    pub(crate) const ALL: [Self; 7] = [
        Self::Open,
        Self::Cancelling,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Expired,
        Self::Abandoned,
    ];

    /// As the engines write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Cancelling => "cancelling",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// Anybody may claim it.
    Queued,
    /// It failed, and its next attempt is not due.
    Waiting,
    /// A worker holds it.
    Running,
    /// It is over.
    Ended(Ended),
}

/// How a member ended. The same words as on one machine.
pub use headcount_ledger::End as Ended;

/// A group in a few figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// For people.
    pub name: String,
    /// What decides when it is over, and what it came to.
    pub policy: Policy,
    /// Where it stands.
    pub state: GroupState,
    /// Where it goes, once that is decided.
    pub toward: Option<GroupState>,
    /// Why that is, in words.
    pub reason: Option<String>,
    /// Whether it was said that all are registered.
    pub sealed: bool,
    /// How many stand where.
    pub tally: Tally,
    /// The first member that failed or was lost.
    pub first_failure: Option<String>,
    /// Grows with every change. A smaller one than was seen before means that the engine has gone back in time.
    pub revision: u64,
    /// The run of the engine in which the group was made, where the engine can say so.
    pub incarnation: Option<String>,
    /// What is left of the time for all of it.
    pub left: Option<Duration>,
    /// How long a worker may be silent.
    pub lease: Duration,
}

/// A member and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The member.
    pub member: String,
    /// Where it stands.
    pub place: Place,
    /// The last attempt that began; 0 if none did.
    pub attempt: u32,
    /// Who runs it, and for how long.
    pub runs: Option<(String, Duration)>,
}

/// A member, where it stands and what it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Where it stands.
    pub standing: Standing,
    /// What was registered with it. Nothing once it has ended.
    pub payload: Vec<u8>,
}

/// Some of a long list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Those here. While the group changes somebody may be listed twice, but nobody who was there all the time is missing.
    pub items: Vec<T>,
    /// How to ask for the next ones, if there are more.
    pub next: Option<String>,
}
