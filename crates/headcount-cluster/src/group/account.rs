//! What a group came to.

use std::fmt;

use headcount_ledger::Tally;

use crate::store::{GroupId, GroupState, Summary};

/// The end of a group: the same for everybody who waits, whenever they ask.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// The group.
    pub group: GroupId,
    /// What it is called.
    pub name: String,
    /// How it ended.
    pub state: GroupState,
    /// Why it was ended before everybody had begun, if it was.
    pub reason: Option<String>,
    /// How many ended in which way.
    pub tally: Tally,
}

impl Account {
    pub(super) fn new(group: GroupId, now: Summary) -> Self {
        Self { group, name: now.name, state: now.state, reason: now.reason, tally: now.tally }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {:?} ({}) is {}: {}", self.name, self.group, self.state, self.tally)
    }
}
