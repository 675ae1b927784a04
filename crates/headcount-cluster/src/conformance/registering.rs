//! Making groups, registering members, sealing.

use std::time::Duration;

use super::{Bench, add, claim, done, finish, group_of, one, sealed, settings, summary};
use crate::store::{CHUNK, GroupId, Store};
use crate::{Added, Budget, GroupState, Policy, Settings, StoreError};

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_group_is_made_once_and_found_again(bench: &impl Bench) {
    let group = group_of(bench, 2, &settings()).await;
    // Whoever did not hear the answer asks again; others settings do not change it.
    let again = bench.store().open(group, &Settings::new("another")).await.expect("found");
    assert_eq!((again.name.as_str(), again.tally.registered), ("trial", 2));
    assert_eq!((again.state, again.sealed), (GroupState::Open, false));
    let policies = [
        Policy::FailFast,
        Policy::KeepGoing,
        Policy::FirstSuccess,
        Policy::Quorum(7),
        Policy::MaxFailures(Budget::Count(0)),
        Policy::MaxFailures(Budget::Percent(30)),
    ];
    for policy in policies {
        let group = group_of(bench, 1, &Settings { policy, ..settings() }).await;
        assert_eq!(summary(bench, group).await.policy, policy, "whoever waits has to judge by it");
    }
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_group_that_nobody_made_has_vanished(bench: &impl Bench) {
    let (store, group) = (bench.store(), GroupId::new());
    let vanished =
        |error: StoreError| assert!(matches!(error, StoreError::Vanished(id) if id == group), "{error}");
    vanished(store.summary(group).await.expect_err("vanished"));
    vanished(store.add(group, &[("1".into(), Vec::new())]).await.expect_err("vanished"));
    vanished(store.seal(group, 0).await.expect_err("vanished"));
    vanished(store.claim(group, "worker", 1).await.expect_err("vanished"));
    vanished(store.reap(group).await.expect_err("vanished"));
    vanished(store.cancel(group, "why").await.expect_err("vanished"));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn members_are_registered_once(bench: &impl Bench) {
    let group = group_of(bench, 3, &settings()).await;
    let first = one(bench, group).await;
    let members = ["1", "3", "4"].map(|member| (member.to_owned(), b"other".to_vec()));
    let Added::In { known, group: now } = bench.store().add(group, &members).await.expect("added") else {
        panic!("the group is open")
    };
    assert_eq!((known, now.tally.registered, now.tally.running), (vec!["1".into(), "3".into()], 4, 1));
    finish(bench, group, &first, done()).await;
    // Neither one that runs nor one that has ended begins anew, and what was given first stays.
    add(bench, group, 3).await;
    let left = claim(bench, group, 9).await;
    let given: Vec<_> = left.iter().map(|claim| (claim.token.member.as_str(), &claim.payload[..])).collect();
    assert_eq!(given, [("2", &b"give 2"[..]), ("3", b"give 3"), ("4", b"other")]);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn what_is_too_much_is_refused_and_changes_nothing(bench: &impl Bench) {
    let store = bench.store();
    let group = group_of(bench, 1, &Settings { largest: 100, ..settings() }).await;
    let many: Vec<_> = (0..=CHUNK).map(|n| (format!("many {n}"), Vec::new())).collect();
    let error = store.add(group, &many).await.expect_err("too many");
    assert!(matches!(error, StoreError::TooMany(501)), "{error}");
    for name in ["", &"n".repeat(513)] {
        let error = store.add(group, &[(name.into(), Vec::new())]).await.expect_err("no name");
        assert!(matches!(error, StoreError::Name(_)), "{error}");
    }
    let tokens = vec![crate::Token { member: "1".into(), attempt: 1, nonce: "0".into() }; CHUNK + 1];
    let error = store.renew(group, &tokens).await.expect_err("too many");
    assert!(matches!(error, StoreError::TooMany(501)), "{error}");
    let names = vec!["1".to_owned(); CHUNK + 1];
    assert!(matches!(store.results(group, &names).await, Err(StoreError::TooMany(501))));
    let long = "l".repeat(crate::store::WORDS + 1);
    assert!(matches!(store.open(GroupId::new(), &Settings::new(&long)).await, Err(StoreError::Words(4097))));
    assert!(matches!(store.cancel(group, &long).await, Err(StoreError::Words(4097))));
    let heavy = [("light".into(), vec![0; 100]), ("heavy".into(), vec![0; 101])];
    let error = store.add(group, &heavy).await.expect_err("too large");
    let StoreError::TooLarge { member, bytes, largest } = error else { panic!("{error}") };
    assert_eq!((member.as_str(), bytes, largest), ("heavy", 101, 100));
    assert_eq!(summary(bench, group).await.tally.registered, 1);

    let claim = one(bench, group).await;
    let error =
        store.finish(group, &claim.token, &crate::Report::Done(vec![0; 101])).await.expect_err("too large");
    assert!(matches!(error, StoreError::TooLarge { bytes: 101, largest: 100, .. }), "{error}");
    let now = summary(bench, group).await;
    assert_eq!((now.tally.running, now.tally.done), (1, 0), "it runs on, and may report less");
    let (said, _) = finish(bench, group, &claim, crate::Report::Done(vec![7; 100])).await;
    assert_eq!(said, crate::Finished::Counted);
    assert_eq!(store.results(group, &["1".into()]).await.expect("results"), [Some(vec![7; 100])]);
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn nobody_comes_in_after_the_seal(bench: &impl Bench) {
    let group = sealed(bench, 2, &settings()).await;
    let new = [("2".into(), Vec::new()), ("3".into(), Vec::new())];
    assert!(matches!(bench.store().add(group, &new).await.expect("answered"), Added::Sealed(_)));
    // Who is in may be told again.
    assert!(matches!(bench.store().add(group, &new[..1]).await.expect("answered"), Added::In { .. }));
    let now = summary(bench, group).await;
    assert_eq!((now.tally.registered, now.sealed), (2, true));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_seal_of_another_number_is_refused(bench: &impl Bench) {
    let group = group_of(bench, 2, &settings()).await;
    for asked in [1, 3] {
        let error = bench.store().seal(group, asked).await.expect_err("another number");
        assert!(matches!(error, StoreError::Total { asked: a, registered: 2, .. } if a == asked), "{error}");
    }
    assert!(!summary(bench, group).await.sealed);
    // Twice the same is once.
    assert!(bench.store().seal(group, 2).await.expect("sealed").sealed);
    assert!(bench.store().seal(group, 2).await.expect("sealed").sealed);
    assert!(matches!(bench.store().seal(group, 3).await, Err(StoreError::Total { .. })));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn a_seal_ends_a_group_whose_members_are_all_back(bench: &impl Bench) {
    let empty = sealed(bench, 0, &settings()).await;
    assert_eq!(summary(bench, empty).await.state, GroupState::Done);

    let group = group_of(bench, 1, &settings()).await;
    let claim = one(bench, group).await;
    let (_, before) = finish(bench, group, &claim, done()).await;
    assert_eq!(before.state, GroupState::Open, "more may come");
    bench.pass(group, Duration::from_secs(1)).await;
    assert_eq!(bench.store().seal(group, 1).await.expect("sealed").state, GroupState::Done);
}
