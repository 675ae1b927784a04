//! What gets lost: workers, answers, leases, connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount::{Context, ok};
use headcount_cluster::{Finished, Group, GroupState, MemberError, Settings, Stopped, Worker, WorkerEvent};
use tokio::time::{Instant, sleep};

use super::flaky::{Fate, Flaky};
use super::{LEASE, engine, group_of, limited, settings, start, worker};

#[tokio::test(start_paused = true)]
async fn what_a_worker_held_that_crashed_another_one_runs() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [20; 4]).await;
    let crashes = start(worker(&engine));
    sleep(Duration::from_secs(10)).await;
    crashes.abort();
    let begin = Instant::now();
    let second = start(worker(&engine).groups([group.id()]));
    let ended = limited(group.wait()).await.unwrap();
    assert_eq!((ended.tally.done, ended.tally.lost), (4, 0));
    // A lease that was prolonged at the latest when it crashed, somebody who sees it, and the work.
    assert!(begin.elapsed() < LEASE + Duration::from_secs(10 + 20), "{:?}", begin.elapsed());
    limited(second).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_member_that_takes_its_workers_along_is_lost_at_the_third() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [1000]).await;
    for attempt in 1..=3 {
        let crashes = start(worker(&engine).groups([group.id()]));
        let runs = async {
            while group.missing().await.unwrap().members[0].attempt < attempt {
                sleep(Duration::from_secs(1)).await;
            }
        };
        limited(runs).await;
        crashes.abort();
    }
    let fourth = start(worker(&engine).groups([group.id()]));
    let outcomes = limited(group.outcomes::<()>()).await.unwrap();
    assert_eq!(outcomes[0].1, Err(MemberError::Lost { attempt: 3 }));
    let error = limited(group.wait()).await.expect_err("it was lost");
    limited(fourth).await.unwrap();
    let end = "member #1 was lost: no worker was heard of again, the last in its attempt 3";
    assert!(error.to_string().ends_with(end), "{error}");
}

#[tokio::test(start_paused = true)]
async fn lost_answers_count_nobody_twice_and_lose_nobody() {
    let engine = engine();
    for every in 3..=8_u64 {
        let calls = Arc::new(AtomicU64::new(0));
        let judge = move |_: &'static str| match calls.fetch_add(1, Ordering::SeqCst) % every {
            0 => Fate::Unheard,
            1 => Fate::Refused,
            _ => Fate::Answered,
        };
        // Every loss of an answer to a claim is the loss of a worker, as far as the engine can know.
        let settings = Settings { losses: 1000, ..settings() };
        let flaky = Flaky::new(&engine, judge);
        let group = group_of(&engine, settings, "square", 1..=100).await;
        let workers = [0, 1].map(|_| start(worker(&flaky).groups([group.id()])));
        let results = limited(group.results::<u64>()).await.unwrap();
        assert!(results.into_iter().eq((1..=100).map(|n| n * n)), "every {every}");
        for worker in workers {
            limited(worker).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_cannot_reach_the_engine_stops_its_members_before_their_leases_end() {
    let engine = engine();
    let begin = Instant::now();
    // From the fifth minute on nothing of this worker's gets through.
    let cut = Flaky::new(&engine, move |_| {
        if begin.elapsed() < Duration::from_secs(300) { Fate::Answered } else { Fate::Hangs }
    });
    let group = group_of(&engine, settings(), "watch", [0]).await;
    let stops = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&stops);
    let watch = move |name: &'static str, engine: &Flaky| {
        let noted = Arc::clone(&noted);
        Worker::new(engine.clone()).named(name).handle("watch", move |ctx: Context, _n: u64| {
            let noted = Arc::clone(&noted);
            async move {
                noted.lock().unwrap().push((name, "begins", begin.elapsed()));
                let Err(cancelled) = ctx.sleep_async(Duration::from_secs(1000)).await else {
                    return ok(name);
                };
                let why = cancelled.cause().and_then(|cause| cause.downcast_ref::<Stopped>()).cloned();
                assert_eq!(why, Some(Stopped::EngineAway));
                noted.lock().unwrap().push((name, "stops", begin.elapsed()));
                ok(name)
            }
        })
    };
    let first = start(watch("first", &cut));
    sleep(Duration::from_secs(10)).await;
    let second = start(watch("second", &Flaky::new(&engine, |_| Fate::Answered)).groups([group.id()]));
    assert_eq!(limited(group.results::<String>()).await.unwrap(), ["second"]);
    limited(second).await.unwrap();
    let stops = stops.lock().unwrap();
    let at = |name, what| {
        stops.iter().find(|(n, w, _)| (*n, *w) == (name, what)).map(|(.., at)| *at).expect("it did")
    };
    assert!(at("first", "stops") < at("second", "begins"), "they never run at once: {stops:?}");
    first.abort();
}

#[tokio::test(start_paused = true)]
async fn a_zombie_is_told_and_what_it_says_is_not_counted() {
    let engine = engine();
    let begin = Instant::now();
    // As one that was stopped and continued: for two leases nothing goes out, and its clock does not see that.
    let paused = Flaky::new(&engine, move |asked| {
        let at = begin.elapsed();
        let away = at > Duration::from_secs(5) && at < Duration::from_secs(5) + 2 * LEASE;
        if away && matches!(asked, "renew" | "reap" | "claim") { Fate::Refused } else { Fate::Answered }
    });
    let group = group_of(&engine, settings(), "stubborn", [0]).await;
    let ended = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&ended);
    let stubborn = |engine: &Flaky, name: &'static str, time: u64| {
        Worker::new(engine.clone()).named(name).patience(Duration::MAX / 4).handle(
            "stubborn",
            move |_ctx, _n: u64| async move {
                sleep(Duration::from_secs(time)).await;
                ok(name)
            },
        )
    };
    let zombie = stubborn(&paused, "zombie", 100).on_event(move |event| {
        if let WorkerEvent::Ended { said, .. } = event {
            heard.lock().unwrap().push(*said);
        }
    });
    let zombie = start(zombie);
    sleep(Duration::from_secs(3)).await;
    let second =
        start(stubborn(&Flaky::new(&engine, |_| Fate::Answered), "second", 200).groups([group.id()]));
    sleep(Duration::from_secs(110)).await;
    assert_eq!(*ended.lock().unwrap(), [Some(Finished::Stale)]);
    assert_eq!(group.summary().await.unwrap().state, GroupState::Open, "the second still runs");
    assert_eq!(limited(group.results::<String>()).await.unwrap(), ["second"]);
    limited(second).await.unwrap();
    zombie.abort();
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_and_told_when_the_engine_is_back() {
    let engine = engine();
    let begin = Instant::now();
    let flaky = Flaky::new(&engine, move |_| {
        let away = (10..25).contains(&begin.elapsed().as_secs());
        if away { Fate::Refused } else { Fate::Answered }
    });
    let group = group_of(&engine, settings(), "sleep", [12]).await;
    let worker = start(worker(&flaky).groups([group.id()]));
    let ended = limited(group.wait()).await.unwrap();
    assert_eq!(ended.tally.done, 1);
    assert!(begin.elapsed() < Duration::from_secs(28), "{:?}", begin.elapsed());
    assert_eq!(limited(worker).await.unwrap().done, 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_who_runs_within_a_heartbeat_when_all_hints_are_lost() {
    let engine = engine();
    let deaf = Flaky::new(&engine, |asked| match asked {
        "ended" | "ready" | "changed" => Fate::Hangs,
        _ => Fate::Answered,
    });
    let group = group_of(&engine, settings(), "sleep", [1000; 3]).await;
    let worker = start(worker(&deaf).groups([group.id()]));
    sleep(Duration::from_secs(77)).await;
    let begin = Instant::now();
    group.cancel("enough").await.unwrap();
    limited(group.wait()).await.expect_err("cancelled");
    assert!(begin.elapsed() <= LEASE / 3 + Duration::from_millis(50), "{:?}", begin.elapsed());
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_report_that_was_heard_and_whose_answer_was_lost_is_told_to_have_counted() {
    let engine = engine();
    let (begin, mut reports) = (Instant::now(), 0);
    // The engine has counted it, says nothing, and is then away for reports until after a heartbeat.
    let flaky = Flaky::new(&engine, move |asked| match asked {
        "finish" if begin.elapsed() < LEASE / 2 => {
            reports += 1;
            if reports == 1 { Fate::Unheard } else { Fate::Refused }
        }
        _ => Fate::Answered,
    });
    let group = Group::open(engine.clone(), settings()).await.unwrap();
    group.spawn("square", &3_u64).await.unwrap();
    group.flush().await.unwrap();
    let said = Arc::new(Mutex::new(None));
    let heard = Arc::clone(&said);
    let (ctx, drain) = Context::background().with_cancel();
    let worker = worker(&flaky).on_event(move |event| {
        if let WorkerEvent::Ended { said, .. } = event {
            *heard.lock().unwrap() = *said;
        }
    });
    let worker = tokio::spawn(async move { worker.run(&ctx).await.unwrap() });
    sleep(LEASE / 2 + Duration::from_secs(2)).await;
    assert_eq!(*said.lock().unwrap(), Some(Finished::AlreadySame));
    drain.cancel();
    let served = limited(worker).await.unwrap();
    assert_eq!((served.done, served.stale), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn who_ends_while_others_are_told_of_is_told_of_with_them() {
    let engine = engine();
    let calls = Arc::new(AtomicU64::new(0));
    let counts = Arc::clone(&calls);
    let counted = Flaky::new(&engine, move |asked| {
        counts.fetch_add(u64::from(asked.starts_with("finish")), Ordering::SeqCst);
        Fate::Answered
    });
    let group = group_of(&engine, settings(), "sleep", [5; 1000]).await;
    let served = limited(start(worker(&counted).limit(500).until_idle())).await.unwrap();
    assert_eq!((served.done, limited(group.wait()).await.unwrap().tally.done), (1000, 1000));
    assert!(calls.load(Ordering::SeqCst) < 100, "{calls:?}");
}
