//! Retries, policies, cancellations, deadlines, and how a group ends.

use std::time::Duration;

use super::{
    Bench, LEASE, claim, done, failed, failed_for_now, finish, group_of, one, sealed, settings, summary,
};
use crate::store::Store;
use crate::{Backoff, Budget, Finished, GroupState, Place, Policy, Report, Settings};

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_failure_is_tried_again_when_it_is_due_and_no_oftener_than_allowed(bench: &impl Bench) {
    let (first, most) = (Duration::from_secs(200), Duration::from_secs(500));
    let backoff = Backoff::Doubling { first, most };
    let group = sealed(bench, 1, &Settings { retries: 3, backoff, ..settings() }).await;
    for (attempt, wait) in [(1, 200), (2, 400), (3, 500)] {
        let claim = one(bench, group).await;
        assert_eq!(claim.token.attempt, attempt);
        let wait = Duration::from_secs(wait);
        let (said, now) = finish(bench, group, &claim, failed_for_now()).await;
        assert_eq!((said, now.tally.waiting, now.tally.running), (Finished::Again(wait), 1, 0));
        let standing = bench.store().standings(group, None).await.expect("standings").items.remove(0);
        assert_eq!((standing.place, standing.attempt), (Place::Waiting, attempt));
        bench.pass(group, wait - Duration::from_secs(100)).await;
        assert!(super::claim(bench, group, 1).await.is_empty(), "not yet");
        bench.pass(group, Duration::from_secs(100)).await;
    }
    let last = one(bench, group).await;
    let (said, now) = finish(bench, group, &last, failed_for_now()).await;
    assert_eq!((said, now.state), (Finished::Counted, GroupState::Failed));
    let why = bench.store().results(group, &["1".into()]).await.expect("results");
    assert_eq!(why, [Some(b"busy".to_vec())]);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_retry_that_is_reported_twice_is_one(bench: &impl Bench) {
    let backoff = Backoff::Fixed(LEASE);
    let group = sealed(bench, 1, &Settings { retries: 1, backoff, ..settings() }).await;
    let claim = one(bench, group).await;
    finish(bench, group, &claim, failed_for_now()).await;
    assert_eq!(finish(bench, group, &claim, failed_for_now()).await.0, Finished::AlreadySame);
    assert_eq!(finish(bench, group, &claim, done()).await.0, Finished::Stale);
    bench.pass(group, LEASE).await;
    let next = one(bench, group).await;
    assert_eq!(next.token.attempt, 2);
    assert_eq!(finish(bench, group, &claim, failed_for_now()).await.0, Finished::Stale);
    assert_eq!(finish(bench, group, &next, done()).await.1.state, GroupState::Done);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn the_first_failure_ends_the_rest(bench: &impl Bench) {
    let group = sealed(bench, 9, &Settings { policy: Policy::FailFast, ..settings() }).await;
    let claims = claim(bench, group, 3).await;
    let (_, now) = finish(bench, group, &claims[1], failed()).await;
    assert_eq!((now.state, now.toward), (GroupState::Cancelling, Some(GroupState::Failed)));
    assert_eq!((now.tally.cancelled, now.tally.running, now.first_failure.as_deref()), (6, 2, Some("2")));
    // Whoever runs is told, and a success of theirs counts as one.
    let held = [claims[0].token.clone()];
    assert_eq!(bench.store().renew(group, &held).await.expect("renewed").group.state, GroupState::Cancelling);
    finish(bench, group, &claims[0], done()).await;
    let (_, now) = finish(bench, group, &claims[2], Report::Cancelled).await;
    assert_eq!((now.state, now.tally.done, now.tally.cancelled), (GroupState::Failed, 1, 7));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn the_policies_end_a_group_as_on_one_machine(bench: &impl Bench) {
    // What six members report ("+" well, "-" not), after how many of them it is decided, and how.
    let table = [
        (Policy::KeepGoing, "-+--++", 7, GroupState::Failed),
        (Policy::KeepGoing, "++++++", 7, GroupState::Done),
        (Policy::FailFast, "++-+++", 3, GroupState::Failed),
        (Policy::FirstSuccess, "--+-++", 3, GroupState::Done),
        (Policy::FirstSuccess, "------", 7, GroupState::Failed),
        (Policy::Quorum(2), "+-+-++", 3, GroupState::Done),
        (Policy::Quorum(5), "--+-++", 2, GroupState::Failed),
        (Policy::Quorum(7), "++++++", 0, GroupState::Failed),
        (Policy::MaxFailures(Budget::Count(1)), "-+-+++", 3, GroupState::Failed),
        (Policy::MaxFailures(Budget::Count(2)), "-+-+++", 7, GroupState::Failed),
        (Policy::MaxFailures(Budget::Percent(20)), "-+-+++", 3, GroupState::Failed),
    ];
    for (policy, reports, decided, state) in table {
        let group = sealed(bench, 6, &Settings { policy, ..settings() }).await;
        let claims = claim(bench, group, 6).await;
        assert_eq!(claims.len(), if decided == 0 { 0 } else { 6 }, "{policy:?}");
        for (place, (report, claim)) in reports.chars().zip(&claims).enumerate() {
            let report = if report == '+' { done() } else { failed() };
            let (_, now) = finish(bench, group, claim, report).await;
            let over = now.toward.is_some();
            assert_eq!(
                over,
                place + 1 >= decided,
                "{policy:?}, after {} of {reports_len}",
                place + 1,
                reports_len = 6
            );
        }
        assert_eq!(summary(bench, group).await.state, state, "{policy:?}");
    }
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_cancel_reaches_who_runs_with_the_heartbeat(bench: &impl Bench) {
    let group = sealed(bench, 1200, &settings()).await;
    let running = one(bench, group).await;
    let now = bench.store().cancel(group, "the release was called off").await.expect("cancelled");
    assert_eq!(
        (now.state, now.reason.as_deref()),
        (GroupState::Cancelling, Some("the release was called off"))
    );
    assert!(claim(bench, group, 1).await.is_empty(), "nobody begins");
    let renewed = bench.store().renew(group, std::slice::from_ref(&running.token)).await.expect("renewed");
    assert_eq!((renewed.group.state, renewed.stale.len()), (GroupState::Cancelling, 0));
    finish(bench, group, &running, Report::Cancelled).await;
    // Many are cancelled a chunk at a time, by whoever comes along.
    for _ in 0..3 {
        bench.store().reap(group).await.expect("reaped");
    }
    let now = bench.store().cancel(group, "twice").await.expect("answered");
    assert_eq!((now.state, now.tally.cancelled, now.tally.ended()), (GroupState::Cancelled, 1200, 1200));
    assert_eq!(now.reason.as_deref(), Some("the release was called off"), "the first reason is the reason");
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_runs_has_one_lease_to_answer_a_cancel(bench: &impl Bench) {
    let group = sealed(bench, 2, &settings()).await;
    let claims = claim(bench, group, 2).await;
    bench.store().cancel(group, "enough").await.expect("cancelled");
    bench.pass(group, LEASE * 2 / 3).await;
    // A heartbeat does not buy time any more.
    bench.store().renew(group, &[claims[0].token.clone()]).await.expect("renewed");
    finish(bench, group, &claims[1], Report::Cancelled).await;
    bench.pass(group, LEASE / 2).await;
    let reaped = bench.store().reap(group).await.expect("reaped");
    assert_eq!((reaped.lost, reaped.redelivered, reaped.group.state), (1, 0, GroupState::Cancelled));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_deadline_ends_the_group(bench: &impl Bench) {
    let deadline = Some(LEASE * 3 / 2);
    for noticed_by_claim in [true, false] {
        let group = sealed(bench, 3, &Settings { deadline, ..settings() }).await;
        let running = one(bench, group).await;
        for left in [LEASE, LEASE / 2] {
            bench.pass(group, LEASE / 2).await;
            let now = bench
                .store()
                .renew(group, std::slice::from_ref(&running.token))
                .await
                .expect("renewed")
                .group;
            assert!(now.left.is_some_and(|time| time <= left), "{now:?}");
            assert_eq!(now.state, GroupState::Open);
        }
        bench.pass(group, LEASE / 2).await;
        if noticed_by_claim {
            assert!(claim(bench, group, 1).await.is_empty());
        } else {
            bench.store().reap(group).await.expect("reaped");
        }
        let now = summary(bench, group).await;
        assert_eq!((now.state, now.toward), (GroupState::Cancelling, Some(GroupState::Expired)));
        let (_, now) = finish(bench, group, &running, Report::Cancelled).await;
        assert_eq!((now.state, now.tally.cancelled), (GroupState::Expired, 3));
    }
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_group_whose_owner_vanished_is_abandoned(bench: &impl Bench) {
    let group = group_of(bench, 2, &settings()).await;
    bench.pass(group, 5 * LEASE).await;
    bench.store().keep(group).await.expect("kept");
    bench.pass(group, 5 * LEASE).await;
    assert_eq!(bench.store().reap(group).await.expect("reaped").group.state, GroupState::Open);
    bench.pass(group, LEASE).await;
    let now = bench.store().reap(group).await.expect("reaped").group;
    assert_eq!((now.state, now.tally.cancelled), (GroupState::Abandoned, 2));
    assert!(now.reason.is_some());
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_sealed_group_needs_no_owner(bench: &impl Bench) {
    let group = sealed(bench, 1, &settings()).await;
    bench.pass(group, 60 * LEASE).await;
    assert_eq!(bench.store().reap(group).await.expect("reaped").group.state, GroupState::Open);
    let claim = one(bench, group).await;
    assert_eq!(finish(bench, group, &claim, done()).await.1.state, GroupState::Done);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_asks_late_is_told_the_same(bench: &impl Bench) {
    let group = sealed(bench, 2, &settings()).await;
    for result in ["one", "two"] {
        let claim = one(bench, group).await;
        finish(bench, group, &claim, Report::Done(result.into())).await;
    }
    let end = summary(bench, group).await;
    assert_eq!(end.state, GroupState::Done);
    bench.pass(group, LEASE).await;
    bench.store().reap(group).await.expect("reaped");
    bench.store().cancel(group, "too late").await.expect("answered");
    let late = summary(bench, group).await;
    assert_eq!((late.state, late.tally, late.reason), (end.state, end.tally, None));
    let results = bench.store().results(group, &["2".into(), "1".into()]).await.expect("results");
    assert_eq!(results, [Some(b"two".to_vec()), Some(b"one".to_vec())]);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_waits_for_a_change_is_woken(bench: &impl Bench) {
    let backoff = Backoff::Fixed(Duration::ZERO);
    let group = sealed(bench, 1, &Settings { retries: 1, backoff, ..settings() }).await;
    let seen = summary(bench, group).await.revision;
    let claim = one(bench, group).await;
    // It has changed already.
    let patience = Duration::from_secs(100);
    bench.store().changed(group, seen, patience).await.expect("changed");
    // It changes while we wait: the two run beside each other until both are over, long before patience is. Once the change
    // comes as the wait begins, and once, where the machine is not too busy, when it has begun.
    for (report, pause) in [(failed_for_now(), 0), (done(), 100)] {
        let claim = if pause > 0 { one(bench, group).await } else { claim.clone() };
        let seen = summary(bench, group).await.revision;
        let waits = bench.store().changed(group, seen, patience);
        let ends = async {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            finish(bench, group, &claim, report).await
        };
        let (changed, (_, now)) = tokio::join!(waits, ends);
        changed.expect("changed");
        assert!(now.revision > seen);
    }
    assert_eq!(summary(bench, group).await.state, GroupState::Done);
}
