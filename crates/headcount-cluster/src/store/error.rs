//! What can go wrong with an engine.

use std::fmt;

use super::{CHUNK, GroupId, WORDS};

/// Why a step could not be taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The engine knows no such group: it was never made, its time of being remembered is over, or the engine lost it.
    Vanished(GroupId),
    /// The group is kept in another layout than this program knows.
    Schema(GroupId, String),
    /// Another number of members is registered, or was sealed.
    Total {
        /// The group.
        group: GroupId,
        /// What was said.
        asked: u64,
        /// How many there are.
        registered: u64,
    },
    /// More bytes than are kept.
    TooLarge {
        /// Whose.
        member: String,
        /// So many.
        bytes: usize,
        /// So many may be.
        largest: usize,
    },
    /// More members than one step takes.
    TooMany(usize),
    /// Not a name for a member or a worker: empty, or longer than 512 bytes.
    Name(String),
    /// A group's name, or the reason of a cancellation, of so many bytes: more than [`WORDS`].
    Words(usize),
    /// The engine was asked and did not do it. The next time it may.
    Engine {
        /// What was asked.
        asked: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine turned us away, and will do so until somebody changes something: an address, a password, a right.
    Refused {
        /// What was asked.
        asked: &'static str,
        /// What it said, and what would help.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine may throw groups away to make room.
    Evicts(String),
}

impl StoreError {
    /// Whether the same step may well work a little later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Engine { .. })
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanished(group) => write!(
                f,
                "the engine knows no group {group}: it was never made, is long over, or the engine has lost it (emptied, or restarted \
                 without its data)"
            ),
            Self::Schema(group, said) => {
                write!(f, "group {group}: {said}; use the version of headcount that made it")
            }
            Self::Total { group, asked, registered } => write!(
                f,
                "group {group} was to be sealed at {asked} members, and {registered} are registered: a registration was lost, or somebody \
                 else registers too"
            ),
            Self::TooLarge { member, bytes, largest } => write!(
                f,
                "member \"{member}\" brings {bytes} bytes, and {largest} are kept at most: put it where all machines find it, and \
                 pass on where that is"
            ),
            Self::TooMany(members) => {
                write!(f, "{members} members in one step; the engine is kept waiting for {CHUNK} at most")
            }
            Self::Name(name) => {
                write!(f, "{name:?} is no name for a member or a worker: 1 to 512 bytes are")
            }
            Self::Words(bytes) => {
                write!(
                    f,
                    "a name or a reason of {bytes} bytes; every answer carries it, and {WORDS} are allowed"
                )
            }
            Self::Engine { asked, source } | Self::Refused { asked, source } => {
                write!(f, "the engine was asked to {asked}: {source}")
            }
            Self::Evicts(policy) => write!(
                f,
                "the engine has a memory limit with maxmemory-policy {policy}, under which it may throw groups away; set it to noeviction"
            ),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Engine { source, .. } | Self::Refused { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}
