//! A server that takes nothing more, or nothing at all, and one that knows less than another did.

use std::time::Duration;

use headcount_cluster::{
    Added, Finished, GroupId, GroupState, Policy, Redis, Report, Settings, Store, StoreError,
};

use super::patience::{account, insist, patient, until};
use super::server::Server;

fn settings() -> Settings {
    let lease = Duration::from_secs(1000);
    Settings { policy: Policy::KeepGoing, lease, ..Settings::new("trial") }
}

async fn sealed(redis: &Redis, members: usize) -> GroupId {
    let group = GroupId::new();
    redis.open(group, &settings()).await.expect("opened");
    let members: Vec<_> = (1..=members).map(|n| (n.to_string(), b"give".to_vec())).collect();
    redis.add(group, &members).await.expect("added");
    redis.seal(group, members.len() as u64).await.expect("sealed");
    group
}

#[tokio::test]
async fn a_full_memory_is_told_and_whoever_is_there_goes_on() {
    let server = Server::start(&["maxmemory-policy noeviction"]);
    let redis = patient(&server.url()).await;
    let open = GroupId::new();
    redis.open(open, &settings()).await.expect("opened");
    redis.add(open, &[("first".into(), Vec::new())]).await.expect("added");
    let group = sealed(&redis, 3).await;
    let claims = redis.claim(group, "worker", 2).await.expect("claimed").claims;
    let doomed = sealed(&redis, 3).await;

    server.ask::<()>("CONFIG SET maxmemory 1mb").await;
    let full = |error: StoreError| {
        assert!(error.is_passing() && error.to_string().contains("memory is full"), "{error}");
    };
    full(redis.open(GroupId::new(), &settings()).await.expect_err("full"));
    full(redis.add(open, &[("second".into(), b"give".to_vec())]).await.expect_err("full"));
    let large = Report::Done(vec![b'x'; 1000]);
    full(redis.finish(group, &claims[0].token, &large).await.expect_err("full"));
    let now = account(&redis, group).await;
    assert_eq!((now.tally.running, now.tally.done), (2, 0), "nothing was dropped");
    assert_eq!(account(&redis, open).await.tally.registered, 1);
    // Who is alive can say so, and what gives memory back goes on.
    assert!(redis.renew(group, &[claims[0].token.clone()]).await.expect("renewed").stale.is_empty());
    redis.keep(open).await.expect("kept");
    redis.reap(group).await.expect("reaped");
    let small = redis.finish(group, &claims[1].token, &Report::Done(b"ok".to_vec())).await.expect("finished");
    assert_eq!(small.0, Finished::Counted, "it takes less than what the member was given");
    let last = redis.claim(group, "worker", 1).await.expect("claimed").claims.remove(0);
    let now = redis.cancel(doomed, "no room").await.expect("cancelled");
    assert_eq!((now.state, now.tally.cancelled), (GroupState::Cancelled, 3));

    server.ask::<()>("CONFIG SET maxmemory 0").await;
    assert_eq!(redis.finish(group, &claims[0].token, &large).await.expect("finished").0, Finished::Counted);
    assert_eq!(
        redis.finish(group, &last.token, &Report::Done(Vec::new())).await.expect("finished").0,
        Finished::Counted
    );
    assert_eq!(account(&redis, group).await.state, GroupState::Done);
    let added = redis.add(open, &[("second".into(), Vec::new())]).await.expect("added");
    assert!(matches!(added, Added::In { known, .. } if known.is_empty()));
    assert_eq!(redis.seal(open, 2).await.expect("sealed").tally.registered, 2);
}

/// Names, times and counts at the edges of what their types hold: what is refused changes nothing, and no script stops in the middle.
#[tokio::test]
async fn the_largest_settings_are_kept_or_refused_whole() {
    let redis = patient(&Server::shared().url()).await;
    let settings = Settings {
        limit: u32::MAX,
        retries: u32::MAX,
        losses: u32::MAX,
        lease: Duration::MAX,
        owner_lease: Duration::MAX,
        deadline: Some(Duration::MAX),
        keep: Duration::MAX,
        backoff: headcount_cluster::Backoff::Doubling { first: Duration::MAX, most: Duration::MAX },
        largest: usize::MAX,
        events: u64::MAX,
        policy: Policy::MaxFailures(headcount_cluster::Budget::Count(u64::MAX)),
        name: String::new(),
    };
    let group = GroupId::new();
    redis.open(group, &settings).await.expect("opened");
    let odd = "a:b\n{\u{0}}é".to_owned();
    let payload: Vec<u8> = (0..=255).collect();
    redis.add(group, &[(odd.clone(), payload.clone()), ("2".into(), Vec::new())]).await.expect("added");
    redis.seal(group, 2).await.expect("sealed");
    let claims = redis.claim(group, "w:1\n\u{0}", 500).await.expect("claimed").claims;
    assert_eq!((claims[0].token.member.as_str(), &claims[0].payload), (odd.as_str(), &payload));
    let standings = redis.standings(group, None).await.expect("standings").items;
    assert!(
        standings.iter().all(|standing| standing.runs.as_ref().is_some_and(|(who, _)| who == "w:1\n\u{0}"))
    );
    let again = Report::Failed { why: payload.clone(), again: true };
    assert!(matches!(redis.finish(group, &claims[1].token, &again).await, Ok((Finished::Again(_), _))));
    redis.finish(group, &claims[0].token, &Report::Done(payload.clone())).await.expect("finished");
    assert_eq!(redis.results(group, &[odd]).await.expect("results"), [Some(payload)]);
    let end = redis.cancel(group, "").await.expect("cancelled");
    assert_eq!((end.state, end.reason, end.tally.ended()), (GroupState::Cancelled, None, 2));
    account(&redis, group).await;
}

async fn replicates(replica: &Server) {
    until("a replica that is up to date", async || {
        replica.info("replication", "master_link_status").await == "up"
    })
    .await;
}

fn replica_of(primary: &Server) -> Server {
    Server::start(&[&format!("replicaof 127.0.0.1 {}", primary.port(0)), "repl-diskless-sync-delay 0"])
}

#[tokio::test]
async fn a_replica_takes_no_changes_and_says_whom_to_ask() {
    let primary = Server::on_ports(&["port"], &["repl-diskless-sync-delay 0"]);
    let redis = patient(&primary.url()).await;
    let group = GroupId::new();
    redis.open(group, &settings()).await.expect("opened");
    redis.add(group, &[("1".into(), Vec::new())]).await.expect("added");
    let replica = replica_of(&primary);
    replicates(&replica).await;
    let other = patient(&replica.url()).await;
    let error = other.claim(group, "worker", 1).await.expect_err("a replica");
    assert!(error.is_passing() && error.to_string().contains("connect to the primary"), "{error}");
    let error = other.add(group, &[("2".into(), Vec::new())]).await.expect_err("a replica");
    assert!(error.to_string().contains("connect to the primary"), "{error}");
    assert_eq!(other.summary(group).await.expect("it can be read").tally.registered, 1);
}

/// The primary goes on for a while after its replica has lost sight of it, and is gone then; the replica takes its place.
#[tokio::test]
async fn a_replica_that_lagged_behind_takes_over_and_counts_everyone_once() {
    const MEMBERS: usize = 10;
    let primary = Server::on_ports(&["port"], &["repl-diskless-sync-delay 0"]);
    let redis = patient(&primary.url()).await;
    let group = sealed(&redis, MEMBERS).await;
    let claims = redis.claim(group, "worker", 5).await.expect("claimed").claims;
    let done = || Report::Done(b"took".to_vec());
    for claim in &claims[..2] {
        redis.finish(group, &claim.token, &done()).await.expect("finished");
    }
    let replica = replica_of(&primary);
    replicates(&replica).await;
    let agreed = redis.summary(group).await.expect("summary");
    replica.ask::<()>("REPLICAOF NO ONE").await;
    // What the replica never hears of: two ends, and three attempts that begin, of which one ends.
    for claim in &claims[2..4] {
        redis.finish(group, &claim.token, &done()).await.expect("finished");
    }
    let unheard = redis.claim(group, "worker", 3).await.expect("claimed").claims;
    redis.finish(group, &unheard[0].token, &done()).await.expect("finished");
    let seen = account(&redis, group).await;
    assert_eq!(seen.tally.done, 5);
    primary.signal("KILL");

    let redis = patient(&replica.url()).await;
    let now = account(&redis, group).await;
    assert_eq!(
        (now.tally.done, now.tally.running, now.revision),
        (2, 3, agreed.revision),
        "as it was agreed"
    );
    assert!(now.revision < seen.revision, "that it went back shows");
    assert_ne!(
        redis.incarnation().await.expect("asked"),
        now.incarnation,
        "and so does that it is another server"
    );
    // Attempts that it knows go on: their ends, told again, count; told a third time they have.
    for claim in &claims[2..5] {
        assert_eq!(redis.finish(group, &claim.token, &done()).await.expect("finished").0, Finished::Counted);
        assert_eq!(
            redis.finish(group, &claim.token, &done()).await.expect("finished").0,
            Finished::AlreadySame
        );
    }
    // Of those that it does not know the numbers are given out again, and the nonces are not.
    let rest = redis.claim(group, "worker", MEMBERS).await.expect("claimed").claims;
    assert_eq!(rest.len(), 5);
    for (old, new) in unheard.iter().zip(&rest) {
        assert_eq!((&old.token.member, old.token.attempt), (&new.token.member, new.token.attempt));
        assert_ne!(old.token.nonce, new.token.nonce);
        assert_eq!(redis.finish(group, &old.token, &done()).await.expect("answered").0, Finished::Stale);
    }
    for claim in &rest {
        assert_eq!(redis.finish(group, &claim.token, &done()).await.expect("finished").0, Finished::Counted);
    }
    let end = insist(async || redis.summary(group).await).await;
    assert_eq!((end.state, end.tally.done), (GroupState::Done, MEMBERS as u64));
    let (members, group_ends) = super::patience::ends(&replica, group).await;
    assert!(group_ends == 1 && members.len() == MEMBERS && members.values().all(|ends| *ends == 1));
}
