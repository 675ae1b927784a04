//! What can go wrong with a group: when it is spawned into, when it is waited for, and how it ends.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use headcount::Cancelled;

use super::account::Account;
use super::roll::Missing;
use crate::member::Member;
use crate::store::{GroupState, StoreError};

/// A group did not come to what its policy asks for.
///
/// Its text is one sentence about the root: the member whose failure came first, or why the group was ended. Members that were
/// cancelled because of it are counted in the [`account`](Self::account) and not listed.
///
/// ```text
/// group "thumbnails" (0199…): member #3 "cat.png" failed in its attempt 2: no space left on device (and 4 others failed)
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupError {
    pub(super) account: Account,
    pub(super) root: Option<Root>,
}

/// The failure that came first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Root {
    /// Whose.
    pub member: Member,
    /// In which attempt, if that could still be read.
    pub attempt: Option<u32>,
    /// Why, as its handler said; nothing of a member that was lost.
    pub why: Option<Vec<u8>>,
}

impl GroupError {
    /// How the group ended.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The failure that came first. None if nobody failed: the group was cancelled, out of time, or abandoned.
    #[must_use]
    pub fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// Whose failure the root is.
    #[must_use]
    pub fn member(&self) -> Option<&Member> {
        self.root().map(|root| &root.member)
    }
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { group, name, state, reason, tally } = &self.account;
        write!(f, "group {name:?} ({group})")?;
        let reason = reason.as_deref().unwrap_or_default();
        match state {
            GroupState::Cancelled => write!(f, " was cancelled: {reason}")?,
            GroupState::Expired => write!(f, " was cancelled: its time was up")?,
            GroupState::Abandoned => write!(f, " was abandoned: {reason}")?,
            _ => {}
        }
        let own = *state == GroupState::Failed;
        let Some(root) = &self.root else {
            return if own { write!(f, ": too few succeeded ({tally})") } else { write!(f, " ({tally})") };
        };
        f.write_str(if own { ": " } else { "; before that " })?;
        write!(f, "{root}")?;
        match (tally.failed + tally.lost).saturating_sub(1) {
            0 => Ok(()),
            1 => f.write_str(" (and 1 other failed)"),
            others => write!(f, " (and {others} others failed)"),
        }
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { member, attempt, why } = self;
        write!(f, "member {member} ")?;
        match (why, attempt) {
            (Some(why), Some(attempt)) if *attempt > 1 => {
                write!(f, "failed in its attempt {attempt}: {}", String::from_utf8_lossy(why))
            }
            (Some(why), _) => write!(f, "failed: {}", String::from_utf8_lossy(why)),
            (None, Some(attempt)) => {
                write!(f, "was lost: no worker was heard of again, the last in its attempt {attempt}")
            }
            (None, None) => f.write_str("failed"),
        }
    }
}

impl Error for GroupError {}

/// Why a wait ended without what was waited for.
#[derive(Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// The group is over, and it is not what its policy asks for.
    Failed(Box<GroupError>),
    /// Time was up first. It goes on, and may be waited for again.
    TimedOut(Box<Missing>),
    /// The context of whoever waits was cancelled first. The group goes on.
    Cancelled(Cancelled),
    /// The engine lost the group, or was away for too long.
    Engine(StoreError),
    /// A member's result is not of the type that was asked for.
    Result {
        /// Whose.
        member: Member,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

impl WaitError {
    /// The group's own failure, if it is that.
    #[must_use]
    pub fn failed(&self) -> Option<&GroupError> {
        match self {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Who was out when time was up, if it was.
    #[must_use]
    pub fn missing(&self) -> Option<&Missing> {
        match self {
            Self::TimedOut(missing) => Some(missing),
            _ => None,
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::TimedOut(missing) => missing.fmt(f),
            Self::Cancelled(why) => write!(f, "the wait was cancelled: {why}"),
            Self::Engine(error) => error.fmt(f),
            Self::Result { member, source } => {
                write!(f, "the result of member {member} is not what was asked for: {source}")
            }
        }
    }
}

impl Error for WaitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(_) | Self::TimedOut(_) => None,
            Self::Cancelled(why) => why.source(),
            Self::Engine(error) => error.source(),
            Self::Result { source, .. } => source.source(),
        }
    }
}

impl From<StoreError> for WaitError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error)
    }
}

impl From<Cancelled> for WaitError {
    fn from(why: Cancelled) -> Self {
        Self::Cancelled(why)
    }
}

/// Why a member could not be spawned, or a group not be sealed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SpawnError {
    /// What it was to be spawned with cannot be written as JSON.
    Args(Arc<serde_json::Error>),
    /// The engine refuses, or was away for too long.
    Engine(Arc<StoreError>),
    /// The runtime in which the group was opened is no more.
    Runtime,
}

impl SpawnError {
    pub(super) fn engine(error: StoreError) -> Self {
        Self::Engine(Arc::new(error))
    }

    pub(super) fn args(error: serde_json::Error) -> Self {
        Self::Args(Arc::new(error))
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Args(error) => write!(f, "what it was spawned with cannot be written as JSON: {error}"),
            Self::Engine(error) => error.fmt(f),
            Self::Runtime => f.write_str("the runtime in which the group was opened is no more"),
        }
    }
}

impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Args(error) => error.source(),
            Self::Engine(error) => error.source(),
            Self::Runtime => None,
        }
    }
}
