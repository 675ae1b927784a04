//! What both kinds of group share: who ended how, and what that makes of the group.
//!
//! | file | idea |
//! |---|---|
//! | `core` | the book of members, and the group's way from its first member to its end: invariants G1 to G4 |
//! | `page`, `pen`, `sheet` | a page of the book: what came of its members, and who they are; edges G1 to G3, rules P1 and P2 |
//! | `court` | who judges, and what that cancels |
//! | `ending`, `settle` | how a member's end is taken; what its output comes to |
//! | `closure`, `fork` | members that are closures; members whose value has a type of its own |
//! | `refused` | members that were not launched |
//! | `recorded` | telling the recorder of a [`Timeline`](crate::Timeline) |
//! | `arrivals` | results on their way to someone who takes them as they come |
//! | `policy`, `policies`, `trial` | the rule that decides when a group is over, the ready ones, and how to try one out |
//! | `body` | what the body of a scope may return |
//! | `ended`, `tally`, `member` | what came back, and from whom |
//! | `error`, `group_error`, `consequence`, `panics` | what can go wrong, and whose fault it was |
//!
//! Launching and waiting are the kinds' own: [`task`](crate::task) and `thread`.

pub(crate) mod arrivals;
mod body;
pub(crate) mod closure;
pub(crate) mod consequence;
pub(crate) mod core;
pub(crate) mod court;
pub(crate) mod ended;
pub(crate) mod ending;
mod error;
pub(crate) mod fork;
pub(crate) mod group_error;
pub(crate) mod ledger;
pub(crate) mod mark;
mod member;
pub(crate) mod page;
pub(crate) mod panics;
pub(crate) mod pen;
mod policies;
mod policy;
pub(crate) mod recorded;
mod refused;
pub(crate) mod settle;
pub(crate) mod sheet;
mod tally;
mod trial;
pub(crate) mod zero;

pub use self::body::Body;
pub(crate) use self::consequence::note as note_cancelled;
pub use self::ended::Ended;
pub use self::error::{BoxError, FromMember, MemberError, Root, ok};
pub use self::fork::Fork;
pub use self::group_error::GroupError;
pub use self::member::Member;
pub use self::panics::{PanicReport, Panics};
pub use self::policies::{CollectAll, Discard, ErrorBudget, FailFast, FirstOk, Quorum};
pub use self::policy::{Outcome, Policy, Verdict};
pub use self::refused::{SubmitError, TrySpawnError};
pub use self::tally::Tally;
pub use self::trial::Trial;
pub(crate) use crate::roll::Title;
pub(crate) use crate::who;
