//! What every engine has to stand, as tests: the rules of [`Store`], and what becomes of a group when somebody dies.
//!
//! An engine of your own passes them with [`conformance_tests!`](crate::conformance_tests). Each panics where a rule is broken, as
//! tests do. Time is not waited for: a [`Bench`] makes it pass.

mod asking;
mod ending;
mod fencing;
mod registering;
mod twin;

use std::future::Future;
use std::time::Duration;

pub use asking::*;
pub use ending::*;
pub use fencing::*;
pub use registering::*;
pub use twin::*;

use crate::store::{Claim, GroupId, Report, Settings, Store, Summary};

/// An engine to be tried, and its clock.
pub trait Bench: Send + Sync {
    /// The engine.
    type Store: Store;

    /// The engine.
    fn store(&self) -> &Self::Store;

    /// Makes so much time pass for a group.
    fn pass(&self, group: GroupId, time: Duration) -> impl Future<Output = ()> + Send;
}

/// The tests of this room as tests of yours: `$bench` is an expression that gives a [`Bench`].
///
/// ```no_run
/// # use headcount_cluster::{conformance::Bench, GroupId, Memory, Clock, Passing};
/// # struct Mine(Memory, Passing);
/// # impl Bench for Mine {
/// #     type Store = Memory;
/// #     fn store(&self) -> &Memory { &self.0 }
/// #     async fn pass(&self, _: GroupId, time: std::time::Duration) { self.1.pass(time) }
/// # }
/// mod mine {
///     # use super::*;
///     headcount_cluster::conformance_tests!({
///         let time = Passing::default();
///         Mine(Memory::with_clock(Clock::Driven(time.clone())), time)
///     });
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($bench:expr) => {
        $crate::conformance_tests! { $bench =>
            a_group_is_made_once_and_found_again
            a_group_that_nobody_made_has_vanished
            members_are_registered_once
            what_is_too_much_is_refused_and_changes_nothing
            nobody_comes_in_after_the_seal
            a_seal_of_another_number_is_refused
            a_seal_ends_a_group_whose_members_are_all_back
            no_more_run_than_the_limit_allows
            members_begin_in_their_order_with_what_they_were_given
            a_report_made_twice_counts_once
            another_report_of_the_same_attempt_is_stale
            reports_at_once_are_as_one_after_the_other
            a_result_that_is_too_much_keeps_no_other_from_being_reported
            a_token_that_was_never_given_out_is_stale
            whoever_lost_its_lease_is_stale_and_the_next_attempt_counts
            a_lease_that_is_over_and_not_reaped_still_counts
            a_renewed_lease_is_not_reaped
            a_member_that_takes_its_workers_along_is_lost
            a_failure_is_tried_again_when_it_is_due_and_no_oftener_than_allowed
            a_retry_that_is_reported_twice_is_one
            the_first_failure_ends_the_rest
            the_policies_end_a_group_as_on_one_machine
            a_cancel_reaches_who_runs_with_the_heartbeat
            who_runs_has_one_lease_to_answer_a_cancel
            a_deadline_ends_the_group
            a_group_whose_owner_vanished_is_abandoned
            a_sealed_group_needs_no_owner
            who_asks_late_is_told_the_same
            who_waits_for_a_change_is_woken
            groups_are_listed_in_pages_the_newest_first
            who_looks_for_groups_is_called_when_one_is_made
            what_is_known_of_a_member_is_told
            who_is_given_back_is_next_and_was_neither_lost_nor_failed
            who_is_given_back_for_later_waits
            who_waits_for_the_end_is_woken_by_it_alone
            who_looks_for_members_is_called_when_there_are_some
            who_looks_for_members_is_called_when_a_place_is_free
            many_are_registered_in_chunks_and_listed_in_pages
            workers_at_once_count_everyone_once
            random_steps_come_to_what_the_book_says
        }
    };
    ($bench:expr => $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let runtime = $crate::conformance::runtime();
                runtime.block_on(async {
                    let bench = $bench;
                    $crate::conformance::limited($crate::conformance::$name(&bench)).await;
                });
            }
        )*
    };
}

/// What the tests run on.
///
/// # Panics
///
/// When there is no thread to be had.
#[must_use]
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Every wait in a test has a limit.
///
/// # Panics
///
/// When it is over.
pub async fn limited(test: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(120), test).await.expect("over within two minutes");
}

/// How long a worker may be silent. Long beside what a test takes: an engine's own clock runs besides being turned.
const LEASE: Duration = Duration::from_secs(1000);

/// Settings for tests: nobody fails anybody else unless the test says so.
fn settings() -> Settings {
    let policy = headcount_ledger::Policy::KeepGoing;
    let (lease, owner_lease) = (LEASE, 6 * LEASE);
    Settings { policy, lease, owner_lease, ..Settings::new("trial") }
}

/// A group with members "1" to "n".
async fn group_of(bench: &impl Bench, members: usize, settings: &Settings) -> GroupId {
    let group = GroupId::new();
    bench.store().open(group, settings).await.expect("opened");
    add(bench, group, members).await;
    group
}

async fn add(bench: &impl Bench, group: GroupId, members: usize) {
    let members: Vec<_> = (1..=members).map(|n| (n.to_string(), format!("give {n}").into_bytes())).collect();
    for chunk in members.chunks(crate::store::CHUNK) {
        bench.store().add(group, chunk).await.expect("added");
    }
}

async fn sealed(bench: &impl Bench, members: usize, settings: &Settings) -> GroupId {
    let group = group_of(bench, members, settings).await;
    bench.store().seal(group, members as u64).await.expect("sealed");
    group
}

async fn claim(bench: &impl Bench, group: GroupId, most: usize) -> Vec<Claim> {
    bench.store().claim(group, "worker", most).await.expect("claimed").claims
}

async fn one(bench: &impl Bench, group: GroupId) -> Claim {
    claim(bench, group, 1).await.into_iter().next().expect("somebody is ready")
}

async fn finish(
    bench: &impl Bench,
    group: GroupId,
    claim: &Claim,
    report: Report,
) -> (crate::Finished, Summary) {
    bench.store().finish(group, &claim.token, &report).await.expect("finished")
}

fn done() -> Report {
    Report::Done(Vec::new())
}

fn failed() -> Report {
    Report::Failed { why: b"it broke".to_vec(), again: false }
}

fn failed_for_now() -> Report {
    Report::Failed { why: b"busy".to_vec(), again: true }
}

async fn summary(bench: &impl Bench, group: GroupId) -> Summary {
    bench.store().summary(group).await.expect("summary")
}
