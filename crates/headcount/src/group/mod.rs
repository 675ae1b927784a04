//! What both kinds of group share: who ended how, and what that makes of the group.

mod consequence;
mod ended;
mod error;
mod group_error;
mod member;
mod panics;
mod policies;
mod policy;
mod tally;
mod trial;

pub(crate) use self::consequence::note as note_cancelled;
pub use self::ended::Ended;
pub use self::error::{BoxError, MemberError, Raise, Root};
pub use self::group_error::GroupError;
pub use self::member::Member;
pub use self::panics::{PanicReport, Panics};
pub use self::policies::{CollectAll, Discard, ErrorBudget, FailFast, FirstOk, Quorum};
pub use self::policy::{Outcome, Policy, Verdict};
pub use self::tally::Tally;
pub use self::trial::Trial;
