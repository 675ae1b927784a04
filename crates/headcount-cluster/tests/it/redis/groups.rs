//! Groups and workers on a server: what they promise on the engine in this process, where time is real and answers take a while.
//!
//! Nothing here is proved by how long it took: members wait at a gate until they are let go, and where a hint is to be heard there is
//! no other way for the wait to end within the test's limit.

use std::sync::Arc;
use std::time::Duration;

use headcount::{Context, ok};
use headcount_cluster::{
    Backoff, Failure, Group, GroupState, MemberError, Place, Policy, Redis, Report, Served, Settings,
    Stopped, Store, StoreError, WaitError, Worker,
};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::make_earlier;
use super::patience::{account, ends, patient, until};
use super::server::{LIMIT, Server};

const NEVER: Duration = Duration::from_secs(1000);

fn settings() -> Settings {
    Settings { policy: Policy::KeepGoing, ..Settings::new("trial") }
}

async fn engine() -> Redis {
    patient(&Server::shared().url()).await
}

async fn group_of(redis: &Redis, settings: Settings, handler: &str, members: u64) -> Group<Redis> {
    let group = Group::open(redis.clone(), settings).await.expect("opened");
    for n in 1..=members {
        group.spawn(handler, &n).await.expect("spawned");
    }
    group.seal().await.expect("sealed")
}

/// A worker that can square numbers, and one handler that waits until it is let go or stopped.
fn worker(redis: &Redis, group: &Group<Redis>, gate: &Arc<Semaphore>) -> Worker<Redis> {
    let gate = Arc::clone(gate);
    Worker::new(redis.clone())
        .groups([group.id()])
        .limit(4)
        .handle("square", |_ctx, n: u64| async move { ok(n * n) })
        .handle("wait", move |ctx: Context, n: u64| {
            let gate = Arc::clone(&gate);
            async move {
                tokio::select! {
                    open = gate.acquire() => {
                        open.expect("nobody closes it").forget();
                        Ok(n)
                    }
                    why = ctx.wait_async() => Err(Failure::new(why.to_string())),
                }
            }
        })
}

fn start(worker: Worker<Redis>) -> JoinHandle<Served> {
    tokio::spawn(async move { worker.run(&Context::background()).await.expect("it serves") })
}

async fn limited<T>(waits: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, waits).await.expect("over in time")
}

async fn runs(group: &Group<Redis>, running: u64) {
    until("so many run", async || group.summary().await.expect("summary").tally.running == running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_of_two_workers_come_in_the_order_of_spawning() {
    let redis = engine().await;
    let group = group_of(&redis, settings(), "square", 2000).await;
    let gate = Arc::new(Semaphore::new(0));
    let workers = [(); 2].map(|()| start(worker(&redis, &group, &gate)));
    let results = limited(group.results::<u64>()).await.expect("all succeed");
    assert!(results.into_iter().eq((1..=2000).map(|n| n * n)));
    let mut done = 0;
    for worker in workers {
        done += limited(worker).await.expect("served").done;
    }
    assert_eq!(done, 2000);
    account(&redis, group.id()).await;
}

#[tokio::test]
async fn a_hundred_who_wait_are_all_woken_by_the_end_and_late_ones_get_the_same() {
    let redis = engine().await;
    let group = group_of(&redis, settings(), "wait", 3).await;
    // They would look again far too late.
    let waits: Vec<_> = (0..100)
        .map(|_| {
            let group = group.clone().look_every(NEVER);
            tokio::spawn(async move { group.wait().await.expect("it is done") })
        })
        .collect();
    let gate = Arc::new(Semaphore::new(0));
    let worker = start(worker(&redis, &group, &gate));
    runs(&group, 3).await;
    gate.add_permits(3);
    let first = limited(group.clone().look_every(NEVER).wait()).await.expect("it is done");
    assert_eq!((first.state, first.tally.done), (GroupState::Done, 3));
    for wait in waits {
        assert_eq!(limited(wait).await.expect("woken"), first);
    }
    let late = Group::attach(redis, group.id()).await.expect("it is remembered");
    assert_eq!(limited(late.wait()).await.expect("it is done"), first);
    limited(worker).await.expect("served");
}

#[tokio::test]
async fn a_cancel_reaches_who_runs_by_the_heartbeat() {
    let redis = engine().await;
    let group = group_of(&redis, settings(), "watch", 2).await;
    let gate = Arc::new(Semaphore::new(0));
    let stopped = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = Arc::clone(&stopped);
    let worker = worker(&redis, &group, &gate).handle("watch", move |ctx: Context, _n: u64| {
        let noted = Arc::clone(&noted);
        async move {
            let why = ctx.wait_async().await;
            let why = why.cause().and_then(|cause| cause.downcast_ref::<Stopped>()).cloned();
            noted.lock().expect("no panic").push(why);
            Err::<(), _>("stopped")
        }
    });
    let worker = start(worker);
    runs(&group, 2).await;
    group.cancel("enough").await.expect("cancelled");
    let error = limited(group.wait()).await.expect_err("it was cancelled");
    let account = error.failed().expect("it is over").account();
    assert_eq!((account.state, account.tally.cancelled), (GroupState::Cancelled, 2));
    let over = Stopped::GroupOver { state: GroupState::Cancelled, reason: Some("enough".into()) };
    assert_eq!(*stopped.lock().expect("no panic"), [Some(over.clone()), Some(over)]);
    let served = limited(worker).await.expect("served");
    assert_eq!((served.returned, served.stale), (2, 0));
}

#[tokio::test]
async fn who_drains_gives_back_those_that_run_and_another_worker_runs_them() {
    let redis = engine().await;
    let group = group_of(&redis, settings(), "wait", 6).await;
    let gate = Arc::new(Semaphore::new(0));
    let (ctx, drain) = Context::background().with_cancel();
    let drains = worker(&redis, &group, &gate).grace(Duration::ZERO);
    let draining = tokio::spawn(async move { drains.run(&ctx).await.expect("it serves") });
    runs(&group, 4).await;
    drain.cancel();
    assert_eq!(limited(draining).await.expect("drained").returned, 4);
    let tally = group.summary().await.expect("summary").tally;
    assert_eq!((tally.running, tally.waiting, tally.ended()), (0, 0, 0), "at once, and nobody is lost");
    gate.add_permits(6);
    let next = start(worker(&redis, &group, &gate));
    assert_eq!(limited(group.results::<u64>()).await.expect("all succeed"), [1, 2, 3, 4, 5, 6]);
    limited(next).await.expect("served");
}

#[tokio::test]
async fn what_a_worker_held_that_vanished_another_one_runs_and_at_the_third_it_is_lost() {
    let redis = engine().await;
    let group = group_of(&redis, Settings { lease: NEVER, ..settings() }, "wait", 2).await;
    let group = group.look_every(Duration::from_millis(50));
    let mut beside = Server::shared().connection().await;
    let gate = Arc::new(Semaphore::new(0));
    for _ in 0..2 {
        let crashes = start(worker(&redis, &group, &gate));
        runs(&group, 2).await;
        crashes.abort();
        assert!(crashes.await.expect_err("it was killed").is_cancelled());
        make_earlier(&mut beside, group.id(), NEVER).await;
        assert_eq!(redis.reap(group.id()).await.expect("reaped").redelivered, 2);
    }
    let missing = group.missing().await.expect("a roll call");
    let stands: Vec<_> = missing.members.iter().map(|out| (out.place, out.attempt)).collect();
    assert_eq!(stands, [(Place::Queued, 2); 2]);
    // One of them ends well, and the other takes a third worker along.
    let third = start(worker(&redis, &group, &gate));
    runs(&group, 2).await;
    gate.add_permits(1);
    runs(&group, 1).await;
    third.abort();
    assert!(third.await.expect_err("it was killed").is_cancelled());
    make_earlier(&mut beside, group.id(), NEVER).await;
    let outcomes = limited(group.outcomes::<u64>()).await.expect("it is over");
    let lost = outcomes.iter().filter(|(_, end)| *end == Err(MemberError::Lost { attempt: 3 })).count();
    let done = outcomes.iter().filter(|(_, end)| end.is_ok()).count();
    assert_eq!((done, lost), (1, 1), "{outcomes:?}");
}

#[tokio::test]
async fn a_failure_is_tried_again_on_the_servers_clock() {
    let redis = engine().await;
    let settings = Settings { retries: 2, backoff: Backoff::Fixed(Duration::from_millis(50)), ..settings() };
    let group = group_of(&redis, settings, "third time", 3).await;
    let gate = Arc::new(Semaphore::new(0));
    let worker = worker(&redis, &group, &gate).handle_bytes("third time", |_ctx, job| async move {
        match job.attempt {
            3 => Ok(job.args),
            attempt => Err(Failure::new(format!("attempt {attempt}"))),
        }
    });
    let worker = start(worker);
    assert_eq!(limited(group.results::<u64>()).await.expect("all succeed"), [1, 2, 3]);
    let served = limited(worker).await.expect("served");
    assert_eq!((served.done, served.failed), (3, 6));
}

#[tokio::test]
async fn more_than_may_run_at_once_are_called_as_places_get_free() {
    let redis = engine().await;
    let group = group_of(&redis, Settings { limit: 2, ..settings() }, "square", 40).await;
    let gate = Arc::new(Semaphore::new(0));
    let workers = [(); 2].map(|()| start(worker(&redis, &group, &gate)));
    assert_eq!(limited(group.wait()).await.expect("all succeed").tally.done, 40);
    for worker in workers {
        limited(worker).await.expect("served");
    }
    account(&redis, group.id()).await;
}

/// Workers, a registrar and who waits go on while the server is killed and comes back with what is on its disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_outlives_its_server() {
    const MEMBERS: u64 = 300;
    let server = Server::start(&["appendonly yes", "appendfsync always"]);
    let redis = Redis::connect(&server.url()).await.expect("it runs");
    let lease = Duration::from_secs(4);
    let settings = Settings { lease, losses: 1000, events: 1_000_000, ..settings() };
    let registrar = Group::open(redis.clone(), settings).await.expect("opened");
    let gate = Arc::new(Semaphore::new(0));
    let workers = [(); 2].map(|()| start(worker(&redis, &registrar, &gate)));
    for n in 1..=MEMBERS {
        registrar.spawn("wait", &n).await.expect("spawned");
        if n == MEMBERS / 2 {
            registrar.flush().await.expect("they are there");
            gate.add_permits(40);
            server.signal("KILL");
            server.begin_again();
        }
    }
    let group = limited(registrar.seal()).await.expect("sealed");
    for enough in [20, 60] {
        gate.add_permits(40);
        until("some progress", async || group.summary().await.is_ok_and(|now| now.tally.done >= enough))
            .await;
        server.signal("KILL");
        server.begin_again();
        gate.add_permits(40);
    }
    gate.add_permits(Semaphore::MAX_PERMITS / 2);
    assert!(limited(group.results::<u64>()).await.expect("all succeed").into_iter().eq(1..=MEMBERS));
    for worker in workers {
        limited(worker).await.expect("served");
    }
    account(&redis, group.id()).await;
    let (members, group_ends) = ends(&server, group.id()).await;
    assert_eq!((members.len() as u64, group_ends), (MEMBERS, 1));
    assert!(members.values().all(|ends| *ends == 1), "each once: {members:?}");
}

#[tokio::test]
async fn a_group_that_the_server_was_emptied_of_is_an_error_to_who_waits_and_ends_who_runs() {
    let server = Server::start(&[]);
    let redis = patient(&server.url()).await;
    let group = group_of(&redis, settings(), "wait", 2).await;
    let gate = Arc::new(Semaphore::new(0));
    let worker = start(worker(&redis, &group, &gate));
    runs(&group, 2).await;
    let waits = group.clone().look_every(Duration::from_millis(50));
    let waits = tokio::spawn(async move { waits.wait().await });
    server.ask::<()>("FLUSHALL").await;
    let error = limited(waits).await.expect("it ends").expect_err("it is gone");
    assert!(matches!(error, WaitError::Engine(StoreError::Vanished(gone)) if gone == group.id()), "{error}");
    let served = limited(worker).await.expect("it ends with its group");
    assert_eq!((served.done, served.unheard), (0, 2));
}

#[tokio::test]
async fn who_hears_news_hears_that_the_server_has_gone_back_and_everyone_is_counted_once() {
    const MEMBERS: u64 = 10;
    let server = Server::start(&[]);
    let redis = patient(&server.url()).await;
    let group = group_of(&redis, settings(), "square", MEMBERS).await;
    let mut progress = group.progress();
    let news = limited(progress.next()).await.expect("it answers").expect("it is open");
    assert!(!news.rolled_back);
    // This is what it comes back with; of what follows nothing is on its disk.
    server.ask::<()>("SAVE").await;
    for _ in 1..MEMBERS {
        let claim = redis.claim(group.id(), "forgotten", 1).await.expect("claimed").claims.remove(0);
        redis.finish(group.id(), &claim.token, &Report::Done(b"0".to_vec())).await.expect("finished");
    }
    assert_eq!(group.summary().await.expect("summary").tally.done, MEMBERS - 1);
    server.signal("KILL");
    server.begin_again();
    let news = limited(progress.next()).await.expect("it answers").expect("it is open");
    assert!(news.rolled_back && news.summary.tally.done == 0, "{news:?}");
    let gate = Arc::new(Semaphore::new(0));
    let worker = start(worker(&redis, &group, &gate));
    let squares: Vec<_> = (1..=MEMBERS).map(|n| n * n).collect();
    assert_eq!(limited(group.results::<u64>()).await.expect("all succeed"), squares);
    assert_eq!(group.rollbacks(), 1);
    limited(worker).await.expect("served");
    let (members, group_ends) = ends(&server, group.id()).await;
    assert!(members.len() as u64 == MEMBERS && group_ends == 1 && members.values().all(|ends| *ends == 1));
}
