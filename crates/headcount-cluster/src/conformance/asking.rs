//! What may be asked of groups besides: who there is, what is known of them, and when to look again.

use std::time::Duration;

use super::{
    Bench, LEASE, add, claim, done, failed_for_now, finish, group_of, one, sealed, settings, summary,
};
use crate::store::Store;
use crate::{Backoff, Finished, GroupId, GroupState, Place, Report, Settings};

/// Far longer than a test may take: whoever comes back was called.
const PATIENCE: Duration = Duration::from_secs(1000);

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn groups_are_listed_in_pages_the_newest_first(bench: &impl Bench) {
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(group_of(bench, 0, &settings()).await);
    }
    // Opened again, a group is not newer.
    bench.store().open(made[0], &settings()).await.expect("found");
    for most in [1, 2, 5, 500] {
        let (mut seen, mut after) = (Vec::<GroupId>::new(), None);
        loop {
            let page = bench.store().groups(after.as_deref(), most).await.expect("listed");
            assert!(page.items.len() <= most);
            seen.extend(&page.items);
            after = page.next;
            // Others may have groups here, too.
            if after.is_none() || seen.contains(&made[0]) {
                break;
            }
        }
        assert!(seen.is_sorted_by(|a, b| a > b), "each once, the newest first");
        seen.retain(|group| made.contains(group));
        assert!(seen.iter().rev().eq(&made), "{most} at a time: {seen:?} of {made:?}");
    }
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_looks_for_groups_is_called_when_one_is_made(bench: &impl Bench) {
    let first = group_of(bench, 0, &settings()).await;
    // It was made before it was asked for.
    bench.store().opened(None, PATIENCE).await.expect("hinted");
    let made = bench.store().opened(Some(first), PATIENCE);
    let makes = async {
        tokio::task::yield_now().await;
        group_of(bench, 0, &settings()).await
    };
    let (made, _) = tokio::join!(made, makes);
    made.expect("hinted");
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn what_is_known_of_a_member_is_told(bench: &impl Bench) {
    let group = group_of(bench, 3, &settings()).await;
    let claims = claim(bench, group, 2).await;
    finish(bench, group, &claims[0], done()).await;
    let asked = ["2", "4", "1", "3"].map(String::from);
    let told = bench.store().details(group, &asked).await.expect("told");
    let told: Vec<_> = told
        .iter()
        .map(|detail| {
            let detail = detail.as_ref()?;
            let worker = detail.standing.runs.as_ref().map(|(worker, _)| worker.as_str());
            Some((detail.standing.member.as_str(), detail.standing.attempt, worker, &detail.payload[..]))
        })
        .collect();
    let expected = [
        Some(("2", 1, Some("worker"), &b"give 2"[..])),
        None,
        Some(("1", 1, None, b"")),
        Some(("3", 0, None, b"give 3")),
    ];
    assert_eq!(told, expected);
    assert!(bench.store().details(group, &[]).await.expect("told").is_empty());
    assert!(bench.store().details(group, &vec!["1".into(); 501]).await.is_err());
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_is_given_back_is_next_and_was_neither_lost_nor_failed(bench: &impl Bench) {
    let settings = Settings { retries: 1, backoff: Backoff::Fixed(LEASE), losses: 2, ..settings() };
    let group = group_of(bench, 2, &settings).await;
    let back = || Report::Returned { after: Duration::ZERO };
    for attempt in 1..=5 {
        let given = one(bench, group).await;
        assert_eq!((given.token.member.as_str(), given.token.attempt), ("1", attempt));
        let (said, now) = finish(bench, group, &given, back()).await;
        assert_eq!((said, now.tally.running), (Finished::Again(Duration::ZERO), 0));
        // It is not theirs any more, whatever they say of it.
        for late in [back(), done(), failed_for_now()] {
            assert_eq!(finish(bench, group, &given, late).await.0, Finished::Stale);
        }
    }
    // It may still fail once, and its worker vanish once, as if nothing had been.
    let given = one(bench, group).await;
    assert_eq!(finish(bench, group, &given, failed_for_now()).await.0, Finished::Again(LEASE));
    bench.pass(group, LEASE).await;
    let others = claim(bench, group, 9).await;
    assert_eq!(others.len(), 2);
    bench.pass(group, LEASE).await;
    let reaped = bench.store().reap(group).await.expect("reaped");
    assert_eq!((reaped.redelivered, reaped.lost), (2, 0));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_is_given_back_for_later_waits(bench: &impl Bench) {
    let group = sealed(bench, 1, &settings()).await;
    let given = one(bench, group).await;
    let (said, now) = finish(bench, group, &given, Report::Returned { after: LEASE }).await;
    assert_eq!((said, now.tally.waiting), (Finished::Again(LEASE), 1));
    let told =
        bench.store().details(group, &["1".into()]).await.expect("told").remove(0).expect("it is there");
    assert_eq!((told.standing.place, told.standing.attempt), (Place::Waiting, 1));
    bench.pass(group, LEASE / 2).await;
    assert!(claim(bench, group, 1).await.is_empty());
    bench.pass(group, LEASE / 2).await;
    let given = one(bench, group).await;
    assert_eq!(given.payload, b"give 1", "what it was given stays");
    bench.store().cancel(group, "enough").await.expect("cancelled");
    // Nobody begins any more: there is nothing to go back to.
    for said in [Finished::Counted, Finished::AlreadySame] {
        let back = Report::Returned { after: LEASE };
        let (answer, now) = finish(bench, group, &given, back).await;
        assert_eq!((answer, now.state, now.tally.cancelled), (said, GroupState::Cancelled, 1));
    }
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_waits_for_the_end_is_woken_by_it_alone(bench: &impl Bench) {
    let group = sealed(bench, 2, &settings()).await;
    let store = bench.store();
    let first = one(bench, group).await;
    {
        let waits = store.ended(group, PATIENCE);
        tokio::pin!(waits);
        finish(bench, group, &first, done()).await;
        assert!(one_moment(waits.as_mut()).await.is_none(), "one is still out");
        let last = one(bench, group).await;
        let (waits, (_, now)) = tokio::join!(waits, finish(bench, group, &last, done()));
        waits.expect("hinted");
        assert_eq!(now.state, GroupState::Done);
    }
    // Whoever comes late does not wait.
    store.ended(group, PATIENCE).await.expect("hinted");
    store
        .changed(group, summary(bench, group).await.revision, Duration::from_millis(1))
        .await
        .expect("patient");
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_looks_for_members_is_called_when_there_are_some(bench: &impl Bench) {
    let both = [group_of(bench, 0, &settings()).await, group_of(bench, 0, &settings()).await];
    let [idle, busy] = both;
    let ready = bench.store().ready(&both, PATIENCE);
    let comes = async {
        tokio::task::yield_now().await;
        add(bench, busy, 1).await;
    };
    let (ready, ()) = tokio::join!(ready, comes);
    ready.expect("hinted");
    // Nobody is there: it comes back by itself, and says nothing.
    bench.store().ready(&[idle], Duration::from_millis(1)).await.expect("patient");
    // What was given back is there for others.
    let given = one(bench, busy).await;
    finish(bench, busy, &given, Report::Returned { after: Duration::ZERO }).await;
    bench.store().ready(&[busy], PATIENCE).await.expect("hinted");
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn who_looks_for_members_is_called_when_a_place_is_free(bench: &impl Bench) {
    let group = sealed(bench, 3, &Settings { limit: 1, losses: 1, ..settings() }).await;
    let first = one(bench, group).await;
    // Those who were called for the beginning have come and gone.
    for _ in 0..50 {
        bench.store().ready(&[group], Duration::from_millis(1)).await.expect("patient");
    }
    finish(bench, group, &first, done()).await;
    bench.store().ready(&[group], PATIENCE).await.expect("hinted");
    one(bench, group).await;
    bench.pass(group, LEASE).await;
    bench.store().reap(group).await.expect("reaped");
    bench.store().ready(&[group], PATIENCE).await.expect("hinted");
    one(bench, group).await;
}

/// What it is after one look at it, and a moment for the engine.
async fn one_moment<F: Future + Unpin>(waits: F) -> Option<F::Output> {
    tokio::time::timeout(Duration::from_millis(30), waits).await.ok()
}
