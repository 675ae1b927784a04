//! The server is killed, stopped, emptied, and comes back with what it has on its disk, or with less.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headcount_cluster::{
    Finished, GroupId, GroupState, Place, Policy, Redis, RedisOptions, Report, Settings, Store, StoreError,
};

use super::patience::{account, ends, insist, patient, until};
use super::server::Server;

const ON_DISK: [&str; 2] = ["appendonly yes", "appendfsync everysec"];

fn settings(lease: Duration) -> Settings {
    let policy = Policy::KeepGoing;
    Settings { policy, lease, losses: 1000, events: 1_000_000, ..Settings::new("trial") }
}

async fn open_with(redis: &Redis, members: usize, settings: &Settings) -> GroupId {
    let group = GroupId::new();
    insist(async || redis.open(group, settings).await).await;
    let members: Vec<_> = (1..=members).map(|n| (n.to_string(), b"give".to_vec())).collect();
    for chunk in members.chunks(50) {
        insist(async || redis.add(group, chunk).await).await;
    }
    group
}

/// Claims and reports until the group is over. A server that was killed may have lost what it had answered already, even the group:
/// somebody registers it again.
async fn work(redis: &Redis, group: GroupId, worker: &str) {
    loop {
        let claimed = match redis.claim(group, worker, 5).await {
            Ok(claimed) => claimed,
            Err(error) => {
                assert!(error.is_passing() || matches!(error, StoreError::Vanished(_)), "{error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        if claimed.group.state.is_terminal() {
            return;
        }
        for claim in &claimed.claims {
            let report = Report::Done(b"took".to_vec());
            while let Err(error) = redis.finish(group, &claim.token, &report).await {
                if matches!(error, StoreError::Vanished(_)) {
                    break;
                }
                assert!(error.is_passing(), "{error}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        if claimed.claims.is_empty() {
            // Somebody else has them, or a crash has taken our answer along: then the lease brings them back.
            let _ = redis.reap(group).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Registers everybody, and whoever was lost once more.
async fn register(redis: &Redis, group: GroupId, settings: &Settings, members: &[(String, Vec<u8>)]) {
    let step = async || -> Result<(), StoreError> {
        redis.open(group, settings).await?;
        for chunk in members.chunks(10) {
            redis.add(group, chunk).await?;
            redis.keep(group).await?;
        }
        Ok(())
    };
    while let Err(error) = step().await {
        assert!(error.is_passing() || matches!(error, StoreError::Vanished(_)), "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Everybody insists while the server is killed again and again, each time after some have been counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_comes_back_has_counted_everyone_once() {
    const MEMBERS: usize = 300;
    let server = Server::start(&ON_DISK);
    let redis = Redis::connect(&server.url()).await.expect("it runs");
    let group = GroupId::new();
    let settings = settings(Duration::from_secs(1));
    let killing = AtomicBool::new(true);
    let registrar = async {
        let members: Vec<_> = (1..=MEMBERS).map(|n| (n.to_string(), vec![b'x'; n])).collect();
        // The group is open until after the last kill.
        until("the last kill", async || {
            register(&redis, group, &settings, &members).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            !killing.load(Ordering::Relaxed)
        })
        .await;
        loop {
            register(&redis, group, &settings, &members).await;
            match redis.seal(group, MEMBERS as u64).await {
                Ok(_) => break,
                // What was lost shows up here.
                Err(error) => assert!(
                    error.is_passing() || matches!(error, StoreError::Total { .. } | StoreError::Vanished(_)),
                    "{error}"
                ),
            }
        }
    };
    let worker = async |name: &str| work(&redis, group, name).await;
    let killer = async {
        for (signal, after) in [("KILL", 20), ("TERM", 60), ("KILL", 120)] {
            until("some progress", async || {
                redis.summary(group).await.is_ok_and(|now| now.tally.done >= after)
            })
            .await;
            server.signal(signal);
            server.begin_again();
        }
        killing.store(false, Ordering::Relaxed);
    };
    tokio::join!(registrar, worker("a"), worker("b"), worker("c"), killer);

    let end = account(&redis, group).await;
    assert_eq!((end.state, end.tally.done), (GroupState::Done, MEMBERS as u64));
    let (members, group_ends) = ends(&server, group).await;
    assert_eq!((members.len(), group_ends), (MEMBERS, 1));
    assert!(members.values().all(|ends| *ends == 1), "each once: {members:?}");
}

/// A machine that loses its power loses the end of the file, wherever that was: what is left is the group after one of its steps.
#[tokio::test]
async fn a_file_cut_anywhere_is_the_group_as_it_once_was() {
    // With "everysec" the file may lack what was answered, while the disk is busy: here it has all, and is cut by us.
    let server = Server::start(&[ON_DISK[0], "appendfsync always", "aof-load-truncated yes"]);
    let redis = patient(&server.url()).await;
    let settings = Settings { retries: 1, ..settings(Duration::from_secs(1000)) };
    let group = open_with(&redis, 20, &settings).await;
    redis.seal(group, 20).await.expect("sealed");
    let claims = redis.claim(group, "worker", 12).await.expect("claimed").claims;
    for (number, claim) in claims.iter().enumerate() {
        let failed = Report::Failed { why: b"it broke".to_vec(), again: number % 2 == 0 };
        let report = if number % 3 == 0 { failed } else { Report::Done(b"took".to_vec()) };
        redis.finish(group, &claim.token, &report).await.expect("finished");
    }
    redis.cancel(group, "enough").await.expect("cancelled");
    let last = account(&redis, group).await;
    server.signal("KILL");
    let folder = server.folder().join("appendonlydir");
    let file = std::fs::read_dir(&folder).expect("its folder").filter_map(|entry| entry.ok()?.path().into());
    let file =
        file.map(|path: std::path::PathBuf| path).find(|path| path.to_string_lossy().ends_with(".incr.aof"));
    let file = file.expect("its file");
    let whole = std::fs::read(&file).expect("its bytes");
    let (mut revision, mut seen) = (last.revision + 1, 0);
    for cut in (0..12).map(|twelfth| whole.len() - twelfth * whole.len() / 12 - twelfth) {
        std::fs::write(&file, &whole[..cut]).expect("cut");
        server.begin_again();
        // While it loads it says so, which passes.
        let found = loop {
            match redis.summary(group).await {
                Ok(now) => break Some(now),
                Err(StoreError::Vanished(_)) => break None,
                Err(error) => assert!(error.is_passing(), "{error}"),
            }
        };
        if let Some(found) = found {
            let now = account(&redis, group).await;
            assert_eq!(found.tally, now.tally);
            assert!(now.revision <= revision, "less of the file is an earlier group");
            revision = now.revision;
            // It goes on from there: nobody is in two places, nobody in none.
            let again = redis.cancel(group, "enough").await.expect("it goes on");
            assert!(again.tally.ended() + again.tally.running == again.tally.registered, "{again:?}");
            seen += 1;
        }
        server.signal("KILL");
    }
    assert!(seen > 6, "most cuts leave a group: {seen}");
}

#[tokio::test]
async fn a_server_that_hangs_is_told_of_and_what_was_asked_twice_is_done_once() {
    let server = Server::start(&[]);
    let options = RedisOptions::new(server.url());
    let brief = Duration::from_millis(500);
    let options = options.answer_within(brief).connect_within(brief);
    let redis = insist(async || options.clone().connect().await).await;
    let group = open_with(&redis, 2, &settings(Duration::from_secs(1000))).await;
    let claims = insist(async || redis.claim(group, "worker", 2).await).await.claims;
    server.signal("STOP");
    let report = Report::Done(b"took".to_vec());
    for _ in 0..2 {
        let error = redis.finish(group, &claims[0].token, &report).await.expect_err("nobody answers");
        assert!(error.is_passing() && error.to_string().contains("in time"), "{error}");
    }
    server.signal("CONT");
    // Whether one of those was heard is not known: asked again it is done, once.
    let (said, _) = insist(async || redis.finish(group, &claims[0].token, &report).await).await;
    assert!(matches!(said, Finished::Counted | Finished::AlreadySame), "{said:?}");
    let now = account(&redis, group).await;
    assert_eq!((now.tally.done, now.tally.running), (1, 1));
    let (members, _) = ends(&server, group).await;
    assert_eq!(members.values().sum::<u32>(), 1);
}

#[tokio::test]
async fn a_server_that_forgets_its_scripts_is_told_them_again() {
    let server = Server::start(&[]);
    let redis = patient(&server.url()).await;
    let group = open_with(&redis, 3, &settings(Duration::from_secs(1000))).await;
    let mut counted = 0;
    for _ in 0..3 {
        server.ask::<()>("SCRIPT FLUSH").await;
        let claims = redis.claim(group, "worker", 1).await.expect("claimed").claims;
        server.ask::<()>("SCRIPT FLUSH").await;
        let said =
            redis.finish(group, &claims[0].token, &Report::Done(Vec::new())).await.expect("finished").0;
        counted += u32::from(said == Finished::Counted);
    }
    assert_eq!((counted, account(&redis, group).await.tally.done), (3, 3));
}

#[tokio::test]
async fn a_group_that_the_server_was_emptied_of_has_vanished() {
    let server = Server::start(&[]);
    let redis = patient(&server.url()).await;
    let group = open_with(&redis, 2, &settings(Duration::from_secs(1000))).await;
    let claim = redis.claim(group, "worker", 1).await.expect("claimed").claims.remove(0);
    let before = redis.summary(group).await.expect("summary");
    server.ask::<()>("FLUSHALL").await;
    let tokens = [claim.token.clone()];
    let answers = [
        redis.summary(group).await.map(drop),
        redis.renew(group, &tokens).await.map(drop),
        redis.finish(group, &claim.token, &Report::Done(Vec::new())).await.map(drop),
        redis.standings(group, None).await.map(drop),
        redis.changed(group, before.revision, Duration::from_secs(100)).await,
    ];
    for answer in answers {
        let error = answer.expect_err("nothing is there");
        assert!(
            matches!(error, StoreError::Vanished(lost) if lost == group) && !error.is_passing(),
            "{error}"
        );
        assert!(error.to_string().contains("has lost it"), "{error}");
    }
    // Nothing of it came back by being asked about.
    assert_eq!(server.ask::<u64>("DBSIZE").await, 0);
}

#[tokio::test]
async fn a_server_that_was_started_again_says_that_it_is_another_run() {
    // With "everysec" an answer may be given that is not even with the kernel yet, while the disk is busy.
    let server = Server::start(&[ON_DISK[0], "appendfsync always"]);
    let redis = patient(&server.url()).await;
    let group = open_with(&redis, 1, &settings(Duration::from_secs(1000))).await;
    let made_in = redis.summary(group).await.expect("summary").incarnation.expect("it says so");
    assert_eq!(redis.incarnation().await.expect("asked").as_ref(), Some(&made_in));
    server.signal("KILL");
    server.begin_again();
    let now = insist(async || redis.summary(group).await).await;
    assert_eq!(now.incarnation.as_ref(), Some(&made_in), "where it was made does not change");
    assert_ne!(redis.incarnation().await.expect("asked"), Some(made_in));
    let standing = redis.standings(group, None).await.expect("standings").items.remove(0);
    assert_eq!(standing.place, Place::Queued);
}
