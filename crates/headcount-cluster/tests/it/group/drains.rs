//! Workers that end, or are taken for dead, at bad moments.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use headcount::{Context, ok};
use headcount_cluster::{Settings, Stopped};
use tokio::time::{Instant, sleep};

use super::flaky::{Fate, Flaky};
use super::{LEASE, engine, group_of, limited, settings, start, worker};

#[tokio::test(start_paused = true)]
async fn who_is_claimed_while_the_worker_begins_to_drain_never_begins_and_is_given_back() {
    let engine = engine();
    let group = group_of(&engine, settings(), "count", 1..=3).await;
    let (ctx, drain) = Context::background().with_cancel();
    let mut drain = Some(drain);
    // The worker has asked, and hears that it ends before it hears whom it has got.
    let flaky = Flaky::new(&engine, move |asked| {
        if asked == "claim" {
            drain.take().into_iter().for_each(|drain| drain.cancel());
        }
        Fate::Answered
    });
    let calls = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&calls);
    let drains = worker(&flaky).handle("count", move |_ctx, _n: u64| {
        counts.fetch_add(1, Ordering::SeqCst);
        async { ok(()) }
    });
    let served = limited(drains.run(&ctx)).await.unwrap();
    assert_eq!((served.returned, calls.load(Ordering::SeqCst)), (3, 0));
    let next = group.missing().await.unwrap();
    assert_eq!((next.summary.tally.running, next.summary.tally.waiting, next.outstanding()), (0, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn who_drains_while_the_engine_is_away_ends_all_the_same_and_others_run_what_it_had() {
    let engine = engine();
    for hurried in [false, true] {
        let begin = Instant::now();
        let away =
            Flaky::new(
                &engine,
                move |_| {
                    if begin.elapsed().as_secs() < 10 { Fate::Answered } else { Fate::Refused }
                },
            );
        let group = group_of(&engine, settings(), "sleep", [100, 100]).await;
        let (ctx, drain) = Context::background().with_cancel();
        let (hard, hurry) = Context::background().with_cancel();
        let drains = worker(&away).groups([group.id()]).grace(Duration::from_secs(5)).hurried_by(&hard);
        let draining = tokio::spawn(async move { drains.run(&ctx).await.unwrap() });
        sleep(Duration::from_secs(12)).await;
        let told = Instant::now();
        if hurried {
            hurry.cancel();
        } else {
            drain.cancel();
        }
        let served = limited(draining).await.unwrap();
        assert_eq!((served.done, served.unheard), (0, 2), "hurried: {hurried}");
        // As long as somebody may still hear that they are given back, and if it is in a hurry no longer than it takes to ask.
        let most = if hurried { Duration::from_secs(2) } else { 2 * LEASE + Duration::from_secs(5) };
        assert!(told.elapsed() < most, "hurried: {hurried}, {:?}", told.elapsed());
        let others = start(worker(&engine).groups([group.id()]));
        assert_eq!(limited(group.wait()).await.unwrap().tally.done, 2);
        limited(others).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_attempts_in_one_worker_the_second_counts() {
    let engine = engine();
    let group = group_of(&engine, Settings { lease: LEASE, ..settings() }, "watch", [0]).await;
    let begin = Instant::now();
    // Its heartbeats do not get through, and the first attempt takes its time to stop: the same worker is given the member again.
    let flaky = Flaky::new(&engine, move |asked| match asked {
        "renew" if begin.elapsed() < 3 * LEASE => Fate::Refused,
        _ => Fate::Answered,
    });
    let causes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = Arc::clone(&causes);
    let watch = worker(&flaky).patience(10 * LEASE).handle("watch", move |ctx: Context, _n: u64| {
        let (noted, first) = (Arc::clone(&noted), begin.elapsed() < LEASE);
        async move {
            if first {
                // It ends when it likes.
                let why = ctx.wait_async().await;
                let why = why.cause().and_then(|cause| cause.downcast_ref::<Stopped>()).cloned();
                noted.lock().unwrap().push(why);
                sleep(2 * LEASE).await;
                return ok("first");
            }
            ok("second")
        }
    });
    let worker = start(watch.groups([group.id()]));
    assert_eq!(limited(group.results::<String>()).await.unwrap(), ["second"]);
    let served = limited(worker).await.unwrap();
    assert_eq!((served.done, served.stale), (1, 1), "the first one's report is not counted");
    assert_eq!(*causes.lock().unwrap(), [Some(Stopped::EngineAway)]);
}
