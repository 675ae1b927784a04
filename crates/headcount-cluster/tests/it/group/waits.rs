//! Waiting: from anywhere, by many, late, with hints and without.

use std::time::Duration;

use headcount::{CancelKind, Context};
use headcount_cluster::{Group, GroupId, GroupState, Place, Store, StoreError, WaitError};
use tokio::time::{Instant, sleep};

use super::flaky::{Fate, Flaky};
use super::{engine, group_of, limited, settings, square, start, worker};

#[tokio::test(start_paused = true)]
async fn a_hundred_waiters_early_and_late_get_the_same() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [10, 20]).await;
    let waits: Vec<_> = (0..100_u64)
        .map(|n| {
            let (engine, id) = (engine.clone(), group.id());
            tokio::spawn(async move {
                sleep(Duration::from_millis(300 * n)).await;
                let group = Group::attach(engine, id).await.unwrap();
                group.wait().await.unwrap()
            })
        })
        .collect();
    let worker = start(worker(&engine).until_idle());
    let first = limited(group.wait()).await.unwrap();
    assert_eq!((first.state, first.tally.done), (GroupState::Done, 2));
    for wait in waits {
        assert_eq!(limited(wait).await.unwrap(), first);
    }
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_wait_wakes_with_the_last_finish() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [100]).await;
    let worker = start(worker(&engine));
    let begin = Instant::now();
    limited(group.wait()).await.unwrap();
    assert!(begin.elapsed() < Duration::from_millis(100_050), "{:?}", begin.elapsed());
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn all_hints_lost_a_wait_still_ends_soon() {
    let engine = engine();
    for hint in [Fate::Hangs, Fate::Refused, Fate::Answered] {
        let deaf = Flaky::new(&engine, move |asked| match asked {
            "ended" | "ready" | "changed" => hint,
            _ => Fate::Answered,
        });
        let group = group_of(&deaf, settings(), "sleep", [100]).await;
        let worker = start(worker(&deaf));
        let begin = Instant::now();
        limited(group.wait()).await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(100 + 1 + 8), "{hint:?}: {:?}", begin.elapsed());
        worker.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_out_of_time_says_who_is_missing() {
    let engine = engine();
    let group = Group::open(engine.clone(), settings()).await.unwrap();
    group.spawn_named("a nap", "sleep", &1000_u64).await.unwrap();
    group.spawn("square", &3_u64).await.unwrap();
    group.spawn_named("nobody's", "unheard of", &()).await.unwrap();
    let line = line!() - 1;
    let group = group.seal().await.unwrap();
    let worker = start(worker(&engine).named("w 1"));
    let error = limited(group.wait_timeout(Duration::from_secs(5))).await.expect_err("they sleep");
    let missing = error.missing().expect("time was up");
    assert_eq!((missing.outstanding(), missing.members.len()), (2, 2));
    let out = &missing.members[0];
    assert_eq!((out.member.name(), out.place, out.attempt), (Some("a nap"), Place::Running, 1));
    assert_eq!(out.runs.as_ref().map(|(worker, _)| worker.as_str()), Some("w 1"));
    let out = &missing.members[1];
    assert_eq!(
        (out.member.number(), out.place, out.handler.as_deref()),
        (Some(3), Place::Waiting, Some("unheard of"))
    );
    let text = error.to_string();
    let mut lines = text.lines();
    let head = format!("group \"trial\" ({}): 2 of 3 still out after 5.0 s", group.id());
    assert_eq!(lines.next(), Some(head.as_str()));
    let running: Vec<_> = lines.next().unwrap().split_whitespace().collect();
    let place = format!("{}:{}", file!(), line - 2);
    let expected =
        ["#1", "\"a", "nap\"", "running", "5.0", "s", "on", "w", "1,", "attempt", "1", "sleep", &place];
    assert_eq!(running, expected);
    assert!(lines.next().unwrap().ends_with(&format!("unheard of  {}:{line}", file!())), "{text}");
    // It goes on, and may be waited for again.
    assert_eq!(group.summary().await.unwrap().state, GroupState::Open);
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn of_very_many_a_roll_call_lists_some() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", std::iter::repeat_n(9, 5000)).await;
    let worker = start(worker(&engine).limit(300));
    sleep(Duration::from_secs(2)).await;
    let missing = group.missing().await.unwrap();
    let running = missing.members.iter().filter(|out| out.place == Place::Running).count();
    assert_eq!((missing.outstanding(), missing.members.len(), running), (5000, 200, 100));
    assert!(missing.to_string().ends_with("\n  and 4800 more"), "{missing}");
    worker.abort();
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_context_of_who_waits_and_the_group_goes_on() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [100]).await;
    let ctx = Context::background().with_timeout(Duration::from_secs(7));
    let error = limited(group.wait_with(&ctx)).await.expect_err("it was cancelled");
    assert!(
        matches!(&error, WaitError::Cancelled(why) if why.kind() == CancelKind::DeadlineExceeded),
        "{error}"
    );
    let worker = start(worker(&engine).until_idle());
    limited(group.wait_with(&Context::background())).await.unwrap();
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_for_a_while_is_waited_for_and_no_longer() {
    let engine = engine();
    for (away, patience, ends) in [(50, 60, true), (200, 60, false)] {
        let begin = Instant::now();
        let flaky = Flaky::new(&engine, move |_| {
            let at = begin.elapsed().as_secs();
            if (10..10 + away).contains(&at) { Fate::Refused } else { Fate::Answered }
        });
        let group = group_of(&engine, settings(), "sleep", [5]).await;
        let worker = start(worker(&engine).until_idle());
        let elsewhere =
            Group::attach(flaky, group.id()).await.unwrap().patience(Duration::from_secs(patience));
        sleep(Duration::from_secs(11)).await;
        let waited = limited(elsewhere.wait()).await;
        assert_eq!(waited.is_ok(), ends, "away for {away} s");
        assert!(ends || matches!(waited, Err(WaitError::Engine(_))));
        limited(worker).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_nobody_made_or_that_is_gone_is_an_error() {
    let (engine, id) = (engine(), GroupId::new());
    let error = Group::attach(engine, id).await.expect_err("nobody made it");
    assert!(matches!(error, StoreError::Vanished(gone) if gone == id));
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_until_the_end_and_once_for_each_change() {
    let engine = engine();
    let group = group_of(&engine, settings(), "sleep", [10, 20, 30]).await;
    let worker = start(worker(&engine).limit(3).until_idle());
    let mut progress = group.progress();
    let (mut done, mut revision) = (Vec::new(), 0);
    while let Some(news) = limited(progress.next()).await.unwrap() {
        assert!(news.summary.revision > revision && !news.rolled_back);
        revision = news.summary.revision;
        done.push(news.summary.tally.done);
    }
    assert!(
        done.is_sorted() && done.last() == Some(&3) && done.contains(&1) && done.contains(&2),
        "{done:?}"
    );
    assert!(limited(progress.next()).await.unwrap().is_none());
    limited(worker).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_goes_back_in_time_is_noticed_once_and_the_wait_goes_on() {
    // The same group in two engines: the second is what a replica that lagged behind knows of it.
    let (primary, replica, id) = (engine(), engine(), GroupId::new());
    let (settings, payload) = (settings(), square(3));
    for engine in [&primary, &replica] {
        engine.open(id, &settings).await.unwrap();
        engine.add(id, &[("1".into(), payload.clone())]).await.unwrap();
        engine.seal(id, 1).await.unwrap();
    }
    let both = Flaky::pair(&primary, &replica);
    let group = Group::attach(both.clone(), id).await.unwrap();
    let first = start(worker(&primary).until_idle());
    limited(group.wait()).await.unwrap();
    limited(first).await.unwrap();
    both.fail_over();
    let mut progress = group.progress();
    let news = limited(progress.next()).await.unwrap().unwrap();
    assert_eq!((news.rolled_back, news.summary.state), (true, GroupState::Open));
    let second = start(worker(&replica).until_idle());
    limited(group.wait()).await.unwrap();
    limited(second).await.unwrap();
    assert_eq!(group.rollbacks(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_with_a_limit_keeps_it_also_when_the_engine_is_away() {
    let engine = engine();
    for (fate, from) in [(Fate::Hangs, 1), (Fate::Refused, 1), (Fate::Hangs, 0), (Fate::Refused, 0)] {
        let group = group_of(&engine, settings(), "sleep", [100]).await;
        let mut calls = 0;
        let flaky = Flaky::new(&engine, move |asked| {
            calls += u32::from(asked == "summary");
            if calls > from + 1 { fate } else { Fate::Answered }
        });
        let far = Group::attach(flaky, group.id()).await.unwrap();
        let begin = Instant::now();
        let error = limited(far.wait_timeout(Duration::from_secs(20))).await.expect_err("nobody runs it");
        assert!(begin.elapsed() <= Duration::from_secs(30), "{:?}", begin.elapsed());
        match error {
            // It is told as it was when the engine last answered.
            WaitError::TimedOut(missing) => {
                assert_eq!((from, missing.outstanding(), missing.members.len()), (1, 1, 0));
                assert!(
                    missing.to_string().ends_with("1 of 1 still out after 20.0 s\n  and 1 more"),
                    "{missing}"
                );
            }
            error => assert!(from == 0 && matches!(error, WaitError::Engine(_)), "{error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_who_hears_news_hears_that_the_engine_went_back() {
    let (primary, replica, id) = (engine(), engine(), GroupId::new());
    for engine in [&primary, &replica] {
        engine.open(id, &settings()).await.unwrap();
    }
    primary.add(id, &[("1".into(), square(3))]).await.unwrap();
    let both = Flaky::pair(&primary, &replica);
    let group = Group::attach(both.clone(), id).await.unwrap();
    let mut listeners = [group.progress(), group.progress()];
    for listener in &mut listeners {
        assert!(!limited(listener.next()).await.unwrap().unwrap().rolled_back);
    }
    both.fail_over();
    for listener in &mut listeners {
        assert!(limited(listener.next()).await.unwrap().unwrap().rolled_back);
    }
    assert_eq!(group.rollbacks(), 1);
}
