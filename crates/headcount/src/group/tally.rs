//! How many members ended in which way.

use std::fmt;

use super::error::MemberError;

/// How many members of a group ended in which way.
///
/// Printed, it is one line that leaves out the zeros: `7 succeeded, 2 failed, 1 cancelled`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tally {
    /// Returned a value.
    pub succeeded: u64,
    /// Returned an error of their own.
    pub failed: u64,
    /// Panicked.
    pub panicked: u64,
    /// Ended because their group, or they themselves, had been cancelled; or never began for that reason.
    pub cancelled: u64,
    /// Did not heed their cancellation and were stopped, or were dropped by their executor.
    pub aborted: u64,
}

impl Tally {
    /// All members that are over.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.succeeded + self.failed + self.panicked + self.cancelled + self.aborted
    }

    /// Counts a member that did not succeed.
    pub(crate) fn count<E>(&mut self, error: &MemberError<E>) {
        *match error {
            MemberError::Failed(_) => &mut self.failed,
            MemberError::Panicked(_) => &mut self.panicked,
            MemberError::Cancelled(_) => &mut self.cancelled,
            MemberError::Aborted | MemberError::Dropped => &mut self.aborted,
        } += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.succeeded, "succeeded"),
            (self.failed, "failed"),
            (self.panicked, "panicked"),
            (self.cancelled, "cancelled"),
            (self.aborted, "aborted"),
        ];
        let mut comma = "";
        for (number, what) in parts.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, "{comma}{number} {what}")?;
            comma = ", ";
        }
        if self.total() == 0 { f.write_str("no members") } else { Ok(()) }
    }
}
