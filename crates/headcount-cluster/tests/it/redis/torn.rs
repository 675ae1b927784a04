//! A crash tears the server's file, and the server begins with it twice. What it had forgotten the first time it may carry out the
//! second time, a part of a step or all of it (valkey-io/valkey#4342, and Redis 7.0): the next step mends the group.

use std::time::Duration;

use headcount_cluster::{Backoff, Finished, GroupId, GroupState, Policy, Redis, Report, Settings, Store};

use super::patience::{account, ends, insist, patient};
use super::reach::{Reached, conforms};
use super::server::Server;

const MEMBERS: u64 = 12;

fn settings() -> Settings {
    let (policy, lease) = (Policy::KeepGoing, Duration::from_millis(200));
    Settings { policy, lease, losses: 1000, events: 1_000_000, ..Settings::new("torn") }
}

/// Claims some and reports all but the last of them, each with a result of its own; the third of all fails.
async fn some(redis: &Redis, group: GroupId, worker: &str, most: usize) -> bool {
    let claimed = insist(async || redis.claim(group, worker, most).await).await;
    for claim in claimed.claims.iter().take(most - 1) {
        assert_eq!(claim.payload, b"give", "{}", claim.token.member);
        let own = claim.token.member.as_bytes().to_vec();
        let third = claim.token.member == "3";
        let report = if third { Report::Failed { why: own, again: false } } else { Report::Done(own) };
        insist(async || redis.finish(group, &claim.token, &report).await).await;
    }
    claimed.group.state.is_terminal()
}

async fn work_to_the_end(redis: &Redis, group: GroupId) {
    while !some(redis, group, "last", 5).await {
        insist(async || redis.reap(group).await).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_step_that_was_forgotten_and_comes_back_in_part_is_mended() {
    let server = Server::start(&["appendonly yes", "appendfsync always", "aof-load-truncated yes"]);
    let redis = patient(&server.url()).await;
    let file = server.folder().join("appendonlydir").join("appendonly.aof.1.incr.aof");
    let written = || std::fs::read(&file).expect("its file");
    let group = GroupId::new();
    redis.open(group, &settings()).await.expect("opened");
    let members: Vec<_> = (1..=MEMBERS).map(|n| (n.to_string(), b"give".to_vec())).collect();
    redis.add(group, &members).await.expect("added");
    redis.seal(group, MEMBERS).await.expect("sealed");
    let begin = written().len();
    // A claim of four members, and three reports.
    some(&redis, group, "first", 4).await;
    server.signal("KILL");
    let whole = written();
    let (cuts, mut mended) = (16, 0);
    for cut in (0..cuts).map(|nth| begin + (whole.len() - begin) * nth / cuts + 7 * nth) {
        std::fs::write(&file, &whole[..cut]).expect("cut");
        server.begin_again();
        some(&redis, group, "second", 3).await;
        server.signal("KILL");
        server.begin_again();
        work_to_the_end(&redis, group).await;

        let end = account(&redis, group).await;
        assert_eq!(
            (end.state, end.tally.done, end.tally.failed),
            (GroupState::Failed, MEMBERS - 1, 1),
            "cut at {cut}"
        );
        let ids: Vec<_> = (1..=MEMBERS).map(|n| n.to_string()).collect();
        let kept = insist(async || redis.results(group, &ids).await).await;
        let own = ids.iter().map(|id| Some(id.as_bytes().to_vec()));
        assert!(own.eq(kept.iter().cloned()), "each has its own result: {kept:?}");
        assert_eq!(ends(&server, group).await.1, 1, "one end of the group");
        let events: Vec<(String, Vec<String>)> = server.ask(&format!("XRANGE hc:{{{group}}}:e - +")).await;
        mended += events.iter().filter(|(_, fields)| fields[1] == "mended").count();
        server.signal("KILL");
    }
    // Later servers throw the torn step away for good.
    server.begin_again();
    if server.info("server", "redis_version").await.starts_with("7.0.") {
        assert!(mended > 0, "no cut was one that this server comes back to");
    }
}

/// A group with somebody in every place loses all that follows from where they stand, and has it again after the next step.
pub(crate) async fn mended_from_nothing(redis: &Redis, server: &Server) {
    let group = GroupId::new();
    let settings = Settings {
        retries: 1,
        lease: Duration::from_secs(1000),
        backoff: Backoff::Fixed(Duration::from_secs(1000)),
        ..settings()
    };
    redis.open(group, &settings).await.expect("opened");
    let members: Vec<_> = (1..=6).map(|n| (n.to_string(), b"give".to_vec())).collect();
    redis.add(group, &members).await.expect("added");
    redis.seal(group, 6).await.expect("sealed");
    let claims = redis.claim(group, "worker", 4).await.expect("claimed").claims;
    let again = Report::Failed { why: Vec::new(), again: true };
    let bad = Report::Failed { why: Vec::new(), again: false };
    for (claim, report) in claims.iter().zip([Report::Done(Vec::new()), again, bad]) {
        redis.finish(group, &claim.token, &report).await.expect("finished");
    }
    let before = account(redis, group).await;
    let key = |what: &str| format!("hc:{{{group}}}:{what}");
    for what in ["q", "d", "l"] {
        server.ask::<()>(&format!("DEL {}", key(what))).await;
    }
    server.ask::<()>(&format!("HSET {} ok 77 failed 0 total 5 state done", key("g"))).await;
    server.ask::<()>(&format!("XADD {} * k terminal m  a  d done", key("e"))).await;
    server.ask::<()>(&format!("HINCRBY {} tx 1", key("g"))).await;
    redis.reap(group).await.expect("mended");

    let after = account(redis, group).await;
    assert_eq!(
        (after.tally, after.state, after.first_failure),
        (before.tally, before.state, before.first_failure)
    );
    assert_eq!(ends(server, group).await.1, 0, "it is not over");
    // Those who run hold what they held, and the others come in their order.
    let said = redis.finish(group, &claims[3].token, &Report::Done(Vec::new())).await.expect("finished").0;
    assert_eq!(said, Finished::Counted);
    // Who waited does so no longer: for how long it was to wait is not known any more.
    let next = redis.claim(group, "worker", 9).await.expect("claimed").claims;
    assert_eq!(next.iter().map(|claim| claim.token.member.as_str()).collect::<Vec<_>>(), ["5", "6", "2"]);
    for claim in &next {
        assert_eq!(claim.payload, b"give");
        redis.finish(group, &claim.token, &Report::Done(Vec::new())).await.expect("finished");
    }
    assert_eq!(account(redis, group).await.state, GroupState::Failed);
    assert_eq!(ends(server, group).await.1, 1);
}

#[tokio::test]
async fn what_follows_from_where_members_stand_is_made_anew() {
    let server = Server::shared();
    let redis = patient(&server.url()).await;
    mended_from_nothing(&redis, server).await;
}

#[tokio::test]
async fn a_cancel_that_was_forgotten_and_comes_back_in_part_is_one() {
    let server = Server::shared();
    let redis = patient(&server.url()).await;
    let key = |group: GroupId, what: &str| format!("hc:{{{group}}}:{what}");
    // In one group a member was taken for cancelled by a cancel that lost the rest of its effects, in the other by its worker.
    for cancelled in [true, false] {
        let group = GroupId::new();
        let settings = Settings { lease: Duration::from_secs(1000), ..settings() };
        redis.open(group, &settings).await.expect("opened");
        let members: Vec<_> = (1..=3).map(|n| (n.to_string(), b"give".to_vec())).collect();
        redis.add(group, &members).await.expect("added");
        redis.seal(group, 3).await.expect("sealed");
        let claim = redis.claim(group, "worker", 1).await.expect("claimed").claims.remove(0);
        if cancelled {
            server.ask::<()>(&format!("XADD {} * k cancel m  a  d enough", key(group, "e"))).await;
            server.ask::<()>(&format!("HSET {} 2 c:0:0", key(group, "m"))).await;
        } else {
            redis.finish(group, &claim.token, &Report::Cancelled).await.expect("finished");
        }
        server.ask::<()>(&format!("HINCRBY {} tx 1", key(group, "g"))).await;
        let now = redis.reap(group).await.expect("mended").group;
        let (state, count) = (now.state, now.tally.cancelled);
        if cancelled {
            assert_eq!((state, now.reason.as_deref(), count), (GroupState::Cancelling, Some("enough"), 2));
        } else {
            assert_eq!((state, count), (GroupState::Open, 1));
        }
        account(&redis, group).await;
    }
}

/// Each script counts itself at its begin and at its end, whatever it did in between.
#[tokio::test]
async fn a_group_that_nothing_happened_to_is_never_mended() {
    let server = Server::start(&[]);
    let redis = patient(&server.url()).await;
    conforms(&Reached(redis, server.connection().await)).await;
    let keys: Vec<String> = server.ask("KEYS hc:*:e").await;
    assert!(!keys.is_empty());
    for key in keys {
        let events: Vec<(String, Vec<String>)> = server.ask(&format!("XRANGE {key} - +")).await;
        assert!(events.iter().all(|(_, fields)| fields[1] != "mended"), "{key}: {events:?}");
    }
}
