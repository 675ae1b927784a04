//! Workers that do their work: limits, groups that come and go, handlers they do not have, and how they end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount::{Context, ok};
use headcount_cluster::{
    Group, GroupState, Place, Settings, Stopped, Store, StoreError, Unknown, Worker, WorkerEvent,
};
use tokio::time::{Instant, sleep};

use super::{LEASE, engine, group_of, limited, settings, start, worker};

#[tokio::test(start_paused = true)]
async fn no_more_run_than_the_worker_or_the_group_allows() {
    let engine = engine();
    for (group_limit, worker_limit, expected) in [(0, 3, 3), (2, 5, 2)] {
        let settings = Settings { limit: group_limit, ..settings() };
        let group = group_of(&engine, settings, "count", 0..20).await;
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&most);
        let worker = Worker::new(engine.clone()).limit(worker_limit).until_idle().handle(
            "count",
            move |_ctx, _n: u64| {
                let (now, most) = (Arc::clone(&now), Arc::clone(&most));
                async move {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    sleep(Duration::from_secs(5)).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    ok(())
                }
            },
        );
        let worker = start(worker);
        limited(group.wait()).await.unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), expected);
        limited(worker).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_serves_groups_that_come_and_go() {
    let engine = engine();
    let worker = start(worker(&engine));
    for round in 1..=5 {
        let groups = [
            group_of(&engine, settings(), "square", 1..=round).await,
            group_of(&engine, settings(), "square", 1..=round).await,
        ];
        for group in groups {
            let begin = Instant::now();
            assert_eq!(limited(group.results::<u64>()).await.unwrap().len() as u64, round);
            assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
        }
    }
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn a_worker_with_groups_of_its_own_ends_with_them_and_touches_no_other() {
    let engine = engine();
    let ours = group_of(&engine, settings(), "sleep", [10, 20]).await;
    let others = group_of(&engine, settings(), "sleep", [1]).await;
    let served = limited(start(worker(&engine).groups([ours.id()]))).await.unwrap();
    assert_eq!(served.done, 2);
    assert_eq!(others.summary().await.unwrap().tally.done, 0);
    let gone = headcount_cluster::GroupId::new();
    let error = limited(worker(&engine).groups([gone]).run(&Context::background()))
        .await
        .expect_err("nobody made it");
    assert!(matches!(error, StoreError::Vanished(_)));
}

#[tokio::test(start_paused = true)]
async fn until_idle_waits_for_retries_and_not_for_others_members() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [100, 1]).await;
    let slow = start(worker(&engine).limit(1));
    sleep(Duration::from_secs(2)).await;
    let begin = Instant::now();
    assert_eq!(limited(start(worker(&engine).until_idle())).await.unwrap().done, 1);
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(group.summary().await.unwrap().tally.running, 1);
    // Where there is nothing at all it ends at once.
    assert_eq!(limited(start(worker(&super::engine()).until_idle())).await.unwrap().done, 0);
    slow.abort();
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_handler_is_unknown_is_given_back_for_who_knows_it() {
    let engine = engine();
    let group = group_of(&engine, settings(), "square", 1..=40).await;
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let other = Worker::new(engine.clone())
        .named("other")
        .handle("cube", |_ctx, n: u64| async move { ok(n * n * n) });
    let other = start(other.on_event(move |event| {
        if let WorkerEvent::Unknown { why, .. } = event {
            heard.lock().unwrap().push(why.clone());
        }
    }));
    sleep(Duration::from_secs(20)).await;
    assert_eq!(said.lock().unwrap()[0], "worker \"other\" has no handler \"square\" (it has: cube)");
    let missing = group.missing().await.unwrap();
    assert!(missing.members.iter().all(|out| out.place != Place::Running || out.attempt > 0));
    assert_eq!(missing.members[0].handler.as_deref(), Some("square"));
    let ours = start(worker(&engine).groups([group.id()]));
    assert_eq!(limited(group.results::<u64>()).await.unwrap().len(), 40);
    limited(ours).await.unwrap();
    other.abort();
}

#[tokio::test(start_paused = true)]
async fn a_member_whose_handler_is_unknown_fails_if_that_is_wanted_or_it_names_none() {
    let engine = engine();
    let group = Group::open(engine.clone(), settings()).await.unwrap();
    group.spawn("sqare", &1_u64).await.unwrap();
    let group = group.seal().await.unwrap();
    limited(start(worker(&engine).named("w").unknown(Unknown::Fail).until_idle())).await.unwrap();
    let error = limited(group.wait()).await.expect_err("nobody knows it");
    assert!(
        error.to_string().ends_with("worker \"w\" has no handler \"sqare\" (it has: sleep, square)"),
        "{error}"
    );

    let id = headcount_cluster::GroupId::new();
    engine.open(id, &settings()).await.unwrap();
    engine.add(id, &[("by hand".into(), b"square 7".to_vec())]).await.unwrap();
    engine.seal(id, 1).await.unwrap();
    limited(start(worker(&engine).named("w").until_idle())).await.unwrap();
    let error = limited(Group::attach(engine, id).await.unwrap().wait()).await.expect_err("it names none");
    let end = "member \"by hand\" failed: what it carries names no handler: worker \"w\" cannot run it";
    assert!(error.to_string().ends_with(end), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_who_runs_within_a_heartbeat() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [1000; 3]).await;
    let worker = start(worker(&engine).groups([group.id()]));
    sleep(Duration::from_secs(500)).await;
    let begin = Instant::now();
    group.cancel("enough").await.unwrap();
    let error = limited(group.wait()).await.expect_err("cancelled");
    assert_eq!(error.failed().unwrap().account().tally.cancelled, 3);
    assert!(begin.elapsed() <= LEASE / 3 + Duration::from_millis(50), "{:?}", begin.elapsed());
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handler_learns_why_it_is_stopped_and_one_that_does_not_heed_it_is_dropped() {
    let engine = engine();
    let group = group_of(&engine, settings(), "stubborn", [0]).await;
    let why = Arc::new(Mutex::new(None));
    let learns = Arc::clone(&why);
    let worker =
        worker(&engine).patience(Duration::from_secs(20)).handle("stubborn", move |ctx: Context, _n: u64| {
            let learns = Arc::clone(&learns);
            async move {
                let cancelled = ctx.wait_async().await;
                *learns.lock().unwrap() =
                    cancelled.cause().and_then(|cause| cause.downcast_ref::<Stopped>()).cloned();
                std::future::pending::<()>().await;
                ok(())
            }
        });
    let worker = start(worker.groups([group.id()]));
    sleep(Duration::from_secs(1)).await;
    let begin = Instant::now();
    group.cancel("enough").await.unwrap();
    limited(group.wait()).await.expect_err("cancelled");
    let expected = Stopped::GroupOver { state: GroupState::Cancelled, reason: Some("enough".into()) };
    assert_eq!(*why.lock().unwrap(), Some(expected));
    assert!(begin.elapsed() >= Duration::from_secs(20) && begin.elapsed() < Duration::from_secs(35));
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_drains_lets_those_end_that_run_and_claims_nobody() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [20; 8]).await;
    let (ctx, drain) = Context::background().with_cancel();
    let worker = worker(&engine).limit(3);
    let draining = tokio::spawn(async move { worker.run(&ctx).await.unwrap() });
    sleep(Duration::from_secs(10)).await;
    drain.cancel();
    let served = limited(draining).await.unwrap();
    let tally = group.summary().await.unwrap().tally;
    assert_eq!((served.done, served.returned, tally.done, tally.running), (3, 0, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn who_drains_gives_back_those_that_take_too_long_and_loses_nobody() {
    let engine = engine();
    for hurried in [false, true] {
        let group = group_of(&engine, settings(), "sleep", [5, 100, 100, 100]).await;
        let (ctx, drain) = Context::background().with_cancel();
        let (hard, hurry) = Context::background().with_cancel();
        let worker = worker(&engine).groups([group.id()]).grace(Duration::from_secs(30)).hurried_by(&hard);
        let draining = tokio::spawn(async move { worker.run(&ctx).await.unwrap() });
        sleep(Duration::from_secs(10)).await;
        let begin = Instant::now();
        if hurried {
            hurry.cancel()
        } else {
            drain.cancel()
        }
        let served = limited(draining).await.unwrap();
        assert_eq!((served.done, served.returned), (1, 3));
        let grace = if hurried { 0 } else { 30 };
        assert_eq!(begin.elapsed().as_secs(), grace);
        // They are there for others at once, and it was neither a failure nor a loss.
        let others = start(super::worker(&engine).groups([group.id()]));
        sleep(Duration::from_secs(1)).await;
        let now = group.missing().await.unwrap();
        assert_eq!(now.summary.tally.running, 3);
        assert!(now.members.iter().all(|out| out.attempt == 2));
        limited(group.wait()).await.unwrap();
        limited(others).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_finds_the_one_worker_that_knows_it_among_many_that_do_not() {
    let engine = engine();
    let group = group_of(&engine, settings(), "square", 1..=20).await;
    let cube = |_ctx: Context, n: u64| async move { ok(n * n * n) };
    let others = [(); 10].map(|()| start(Worker::new(engine.clone()).limit(8).handle("cube", cube)));
    sleep(Duration::from_secs(600)).await;
    let begin = Instant::now();
    let ours = start(worker(&engine).groups([group.id()]));
    assert_eq!(limited(group.results::<u64>()).await.unwrap().len(), 20);
    assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", begin.elapsed());
    limited(ours).await.unwrap();
    // And what these can do they do, though they had given up looking.
    let theirs = group_of(&engine, settings(), "cube", 1..=20).await;
    assert_eq!(limited(theirs.results::<u64>()).await.unwrap().len(), 20);
    others.into_iter().for_each(|other| other.abort());
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_observer_panics_does_not_go_on_as_if_nothing_was() {
    let engine = engine();
    for word in ["begins", "ends"] {
        let group = group_of(&engine, settings(), "sleep", [1, 2]).await;
        let worker = worker(&engine).groups([group.id()]).on_event(move |event| match event {
            WorkerEvent::Began { .. } => assert_ne!(word, "begins", "it panics"),
            WorkerEvent::Ended { .. } => assert_ne!(word, "ends", "it panics"),
            _ => {}
        });
        let panic = limited(start(worker)).await.expect_err("it panics").into_panic();
        assert!(panic.downcast_ref::<String>().is_some_and(|text| text.contains("it panics")));
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_are_put_up_with() {
    let engine = engine();
    let longest = Duration::MAX;
    let settings = Settings {
        lease: longest,
        owner_lease: longest,
        deadline: Some(longest),
        keep: longest,
        backoff: headcount_cluster::Backoff::Fixed(longest),
        retries: 1,
        ..settings()
    };
    let group = group_of(&engine, settings, "square", 1..=3).await.patience(longest).look_every(longest);
    let worker = worker(&engine).groups([group.id()]).grace(longest).patience(longest);
    let worker = start(worker);
    assert_eq!(limited(group.wait_timeout(longest)).await.unwrap().tally.done, 3);
    limited(worker).await.unwrap();
}
