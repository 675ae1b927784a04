//! Claims, leases, and who may end a member.

use std::time::Duration;

use super::{Bench, LEASE, claim, done, failed, finish, one, sealed, settings, summary};
use crate::store::{Standing, Store, Token};
use crate::{Backoff, Budget, Finished, GroupState, Place, Policy, Report, Settings, StoreError};

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn no_more_run_than_the_limit_allows(bench: &impl Bench) {
    let group = sealed(bench, 5, &Settings { limit: 2, ..settings() }).await;
    let first = claim(bench, group, 5).await;
    assert_eq!(first.len(), 2);
    assert!(claim(bench, group, 5).await.is_empty());
    finish(bench, group, &first[1], done()).await;
    assert_eq!(claim(bench, group, 5).await.len(), 1);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn members_begin_in_their_order_with_what_they_were_given(bench: &impl Bench) {
    let group = sealed(bench, 4, &settings()).await;
    let mut claims = claim(bench, group, 3).await;
    claims.extend(claim(bench, group, 3).await);
    let given: Vec<_> = claims.iter().map(|claim| (claim.token.attempt, claim.payload.clone())).collect();
    assert_eq!(given, [1, 2, 3, 4].map(|n| (1, format!("give {n}").into_bytes())));
    assert!(claims.windows(2).all(|pair| pair[0].token.nonce != pair[1].token.nonce));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_report_made_twice_counts_once(bench: &impl Bench) {
    for (report, cancelled) in [(done(), false), (failed(), false), (Report::Cancelled, true)] {
        let group = sealed(bench, 2, &settings()).await;
        let claim = one(bench, group).await;
        let (first, _) = finish(bench, group, &claim, report.clone()).await;
        let (second, now) = finish(bench, group, &claim, report).await;
        assert_eq!((first, second), (Finished::Counted, Finished::AlreadySame));
        assert_eq!((now.tally.ended(), now.tally.cancelled), (1, u64::from(cancelled)));
    }
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn another_report_of_the_same_attempt_is_stale(bench: &impl Bench) {
    let group = sealed(bench, 2, &settings()).await;
    let claim = one(bench, group).await;
    finish(bench, group, &claim, Report::Done(b"first".to_vec())).await;
    let (said, now) = finish(bench, group, &claim, failed()).await;
    assert_eq!((said, now.tally.done, now.tally.failed), (Finished::Stale, 1, 0));
    let results = bench.store().results(group, &["1".into(), "2".into()]).await.expect("results");
    assert_eq!(results, [Some(b"first".to_vec()), None]);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_token_that_was_never_given_out_is_stale(bench: &impl Bench) {
    let group = sealed(bench, 2, &settings()).await;
    let claim = one(bench, group).await;
    let made_up = [
        Token { attempt: 2, ..claim.token.clone() },
        Token { nonce: "0123456789abcdef001".into(), ..claim.token.clone() },
        Token { nonce: String::new(), ..claim.token.clone() },
        Token { member: "2".into(), ..claim.token.clone() },
        Token { member: "nobody".into(), ..claim.token.clone() },
        Token { member: "2".into(), attempt: 0, nonce: String::new() },
    ];
    for token in &made_up {
        for report in [done(), failed(), super::failed_for_now(), Report::Cancelled] {
            let (said, _) = bench.store().finish(group, token, &report).await.expect("answered");
            assert_eq!(said, Finished::Stale, "{token:?}, {report:?}");
        }
    }
    let renewed = bench.store().renew(group, &made_up).await.expect("answered");
    assert_eq!(renewed.stale.len(), made_up.len());
    assert_eq!(summary(bench, group).await.tally.ended(), 0);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn whoever_lost_its_lease_is_stale_and_the_next_attempt_counts(bench: &impl Bench) {
    let group = sealed(bench, 1, &settings()).await;
    let paused = one(bench, group).await;
    bench.pass(group, LEASE).await;
    let reaped = bench.store().reap(group).await.expect("reaped");
    assert_eq!((reaped.redelivered, reaped.lost), (1, 0));
    assert_eq!(bench.store().reap(group).await.expect("reaped").redelivered, 0, "once");
    assert_eq!(finish(bench, group, &paused, done()).await.0, Finished::Stale, "also while nobody has it");

    let next = one(bench, group).await;
    assert_eq!((next.token.attempt, next.payload.as_slice()), (2, &b"give 1"[..]));
    assert_eq!(finish(bench, group, &paused, done()).await.0, Finished::Stale);
    let (said, now) = finish(bench, group, &next, done()).await;
    assert_eq!((said, now.state, now.tally.done), (Finished::Counted, GroupState::Done, 1));
    assert_eq!(finish(bench, group, &paused, done()).await.0, Finished::Stale);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_lease_that_is_over_and_not_reaped_still_counts(bench: &impl Bench) {
    let group = sealed(bench, 1, &settings()).await;
    let claim = one(bench, group).await;
    bench.pass(group, 3 * LEASE).await;
    assert_eq!(finish(bench, group, &claim, done()).await.0, Finished::Counted);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_renewed_lease_is_not_reaped(bench: &impl Bench) {
    let group = sealed(bench, 2, &settings()).await;
    let claims = claim(bench, group, 2).await;
    for _ in 0..3 {
        bench.pass(group, LEASE * 2 / 3).await;
        let renewed = bench.store().renew(group, &[claims[0].token.clone()]).await.expect("renewed");
        assert_eq!((renewed.stale.len(), renewed.group.state), (0, GroupState::Open));
    }
    assert_eq!(bench.store().reap(group).await.expect("reaped").redelivered, 1, "the other one");
    let tokens = [claims[0].token.clone(), claims[1].token.clone()];
    assert_eq!(bench.store().renew(group, &tokens).await.expect("renewed").stale, ["2"]);
    let page = bench.store().standings(group, None).await.expect("standings");
    let runs = |standing: &Standing| standing.runs.clone().map(|(worker, _)| worker);
    let mut places: Vec<_> =
        page.items.iter().map(|s| (s.member.as_str(), s.place, s.attempt, runs(s))).collect();
    places.sort_by_key(|place| place.0);
    let worker = Some("worker".to_owned());
    assert_eq!(places, [("1", Place::Running, 1, worker), ("2", Place::Queued, 1, None)]);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_member_that_takes_its_workers_along_is_lost(bench: &impl Bench) {
    let settings = Settings { losses: 3, retries: 5, ..settings() };
    let group = sealed(bench, 1, &settings).await;
    for attempt in 1..=3 {
        assert_eq!(one(bench, group).await.token.attempt, attempt);
        bench.pass(group, LEASE).await;
        let reaped = bench.store().reap(group).await.expect("reaped");
        assert_eq!((reaped.redelivered, reaped.lost), if attempt < 3 { (1, 0) } else { (0, 1) });
    }
    let now = summary(bench, group).await;
    assert_eq!((now.state, now.tally.lost, now.first_failure.as_deref()), (GroupState::Failed, 1, Some("1")));

    // Lost is as bad as failed.
    let settings = Settings { losses: 1, policy: Policy::FailFast, ..settings };
    let group = sealed(bench, 3, &settings).await;
    one(bench, group).await;
    bench.pass(group, LEASE).await;
    let now = bench.store().reap(group).await.expect("reaped").group;
    assert_eq!((now.state, now.tally.lost, now.tally.cancelled), (GroupState::Failed, 1, 2));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn reports_at_once_are_as_one_after_the_other(bench: &impl Bench) {
    let policy = Policy::MaxFailures(Budget::Count(1));
    let settings = Settings { policy, retries: 1, backoff: Backoff::Fixed(LEASE), ..settings() };
    let group = sealed(bench, 9, &settings).await;
    let claims = claim(bench, group, 8).await;
    let of = |member: usize, report: Report| (claims[member - 1].token.clone(), report);
    let again = || Report::Failed { why: b"busy".to_vec(), again: true };
    let back = || Report::Returned { after: Duration::ZERO };
    let stranger = Token { nonce: "0".into(), ..claims[7].token.clone() };
    let reports = [
        of(1, done()),
        of(1, done()),
        of(2, again()),
        of(3, back()),
        of(4, failed()),
        // This is one too many: nobody begins any more.
        of(5, failed()),
        of(6, again()),
        of(7, back()),
        (stranger, done()),
        of(8, done()),
    ];
    let (said, now) = bench.store().finish_all(group, &reports).await.expect("finished");
    let (counted, same) = (Finished::Counted, Finished::AlreadySame);
    let begins = [counted, same, Finished::Again(LEASE), Finished::Again(Duration::ZERO), counted, counted];
    assert_eq!(said[..6], begins);
    assert_eq!(said[6..], [counted, counted, Finished::Stale, counted]);
    let tally = now.tally;
    assert_eq!((tally.done, tally.failed, tally.cancelled), (2, 3, 4));
    assert_eq!((now.state, now.first_failure.as_deref()), (GroupState::Failed, Some("4")));
    let (said, after) = bench.store().finish_all(group, &reports[4..6]).await.expect("answered");
    assert_eq!((said, after.revision), (vec![same, same], now.revision), "asked again it changes nothing");
    let (said, _) = bench.store().finish_all(group, &[]).await.expect("answered");
    assert!(said.is_empty());
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_result_that_is_too_much_keeps_no_other_from_being_reported(bench: &impl Bench) {
    let group = sealed(bench, 2, &Settings { largest: 10, ..settings() }).await;
    let claims = claim(bench, group, 2).await;
    let large = Report::Done(vec![b'x'; 11]);
    let reports = [(claims[0].token.clone(), done()), (claims[1].token.clone(), large.clone())];
    let error = bench.store().finish_all(group, &reports).await.expect_err("too much");
    assert!(matches!(error, StoreError::TooLarge { member, bytes: 11, largest: 10 } if member == "2"));
    let said = finish(bench, group, &claims[0], done()).await.0;
    assert!(matches!(said, Finished::Counted | Finished::AlreadySame), "{said:?}");
    bench.store().finish(group, &claims[1].token, &large).await.expect_err("still too much");
    assert_eq!(finish(bench, group, &claims[1], failed()).await.1.state, GroupState::Failed);
    // Of an attempt that does not run it does not matter how much it brings.
    assert_eq!(finish(bench, group, &claims[1], large).await.0, Finished::Stale);
}
