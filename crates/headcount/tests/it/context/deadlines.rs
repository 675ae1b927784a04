//! Deadlines: the earliest counts, the passed one counts at once, the dropped one leaves nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::{CancelKind, Context};

use crate::LIMIT;

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn it_is_cancelled_when_its_time_has_come_and_not_before() {
    let begun = Instant::now();
    let line = line!() + 1;
    let ctx = Context::background().with_timeout(SHORT);
    // Whoever was stopped in between has missed it.
    assert!(!ctx.is_cancelled() || begun.elapsed() >= SHORT);
    let why = ctx.wait_timeout(LIMIT).unwrap();
    assert!(begun.elapsed() >= SHORT);
    assert_eq!((why.kind(), why.place().line()), (CancelKind::DeadlineExceeded, line));
    assert!(why.to_string().starts_with("deadline exceeded, set at "));
    assert_eq!(ctx.remaining(), Some(Duration::ZERO));
}

#[test]
fn the_earliest_of_parent_and_own_counts() {
    let parent = Context::background().with_timeout(LONG);
    let at = parent.deadline().unwrap();
    assert_eq!(parent.with_timeout(2 * LONG).deadline(), Some(at));
    assert!(parent.with_timeout(SHORT).deadline().unwrap() < at);
    assert_eq!(parent.with_cancel().0.deadline(), Some(at));
    assert_eq!(Context::background().merged(&parent).deadline(), Some(at));
    let sooner = Context::background().with_timeout(LONG / 2);
    assert_eq!(parent.merged(&sooner).deadline(), sooner.deadline());

    let early = Context::background().with_timeout(SHORT);
    let below = early.with_timeout(LONG);
    let why = below.wait_timeout(LIMIT).unwrap();
    assert!(why.is_deadline() && early.is_cancelled());
}

#[test]
fn a_deadline_that_has_passed_counts_at_once() {
    let ctx = Context::background().with_deadline(Instant::now());
    assert!(ctx.check().unwrap_err().is_deadline());
    assert!(Context::background().with_timeout(Duration::ZERO).is_cancelled());
}

#[test]
fn a_manual_cancel_before_the_deadline_is_told_as_such_for_ever() {
    let cancelled_in_time = || {
        let (parent, canceller) = Context::background().with_cancel();
        let ctx = parent.with_timeout(SHORT);
        canceller.cancel();
        (Instant::now() < ctx.deadline().unwrap()).then_some(ctx)
    };
    // Whoever is stopped for so long that it was late begins again.
    let ctx = std::iter::repeat_with(cancelled_in_time).flatten().next().unwrap();
    while Instant::now() < ctx.deadline().unwrap() + SHORT {
        std::thread::yield_now();
    }
    assert_eq!(ctx.check().unwrap_err().kind(), CancelKind::Cancelled);
}

#[test]
fn a_timeout_beyond_the_end_of_time_is_none() {
    let ctx = Context::background().with_timeout(Duration::MAX);
    assert!(ctx.deadline().is_none() && !ctx.is_cancelled());
}

#[test]
fn deadlines_pass_in_their_order_whatever_the_order_they_were_set_in() {
    let begun = Instant::now();
    let contexts: Vec<_> = [30_u64, 10, 20, 0, 25, 5]
        .map(|millis| (millis, Context::background().with_deadline(begun + Duration::from_millis(millis))))
        .into();
    for (millis, ctx) in &contexts {
        assert!(ctx.wait_timeout(LIMIT).unwrap().is_deadline());
        assert!(begun.elapsed() >= Duration::from_millis(*millis));
    }
}

#[test]
fn a_million_deadlines_are_set_and_dropped() {
    let begun = Instant::now();
    let crowd: Vec<_> = (0..1_000_000_u32)
        .map(|n| Context::background().with_timeout(LONG + Duration::from_nanos(n.into())))
        .collect();
    let soon = Context::background().with_timeout(SHORT);
    assert!(
        soon.wait_timeout(LIMIT).unwrap().is_deadline(),
        "a crowd of late ones does not hold up a soon one"
    );
    drop(crowd);
    // Far above what it takes (a second or so, unoptimized, and a hundred where twenty others are at work), far below what a list
    // instead of a map would: hours.
    assert!(begun.elapsed() < 60 * LIMIT);
}

#[test]
fn a_waker_that_panics_at_its_deadline_harms_no_other() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }
    // Whoever is stopped for so long that it was late begins again.
    loop {
        let ctx = Context::background().with_timeout(SHORT);
        let mut wait = std::pin::pin!(ctx.wait_async());
        let waker = Arc::new(Panics).into();
        if wait.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_ready() {
            assert!(Instant::now() >= ctx.deadline().unwrap());
            continue;
        }
        let next = Context::background().with_timeout(2 * SHORT);
        assert!(next.wait_timeout(LIMIT).expect("nobody serves it").is_deadline());
        assert!(ctx.is_cancelled());
        break;
    }
}

/// The thread is named; where threads can be listed, we see that it has gone. Only this process's own threads count.
#[cfg(target_os = "linux")]
#[test]
fn the_timer_thread_ends_when_no_deadline_is_left() {
    let timer_threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok());
        names.filter(|name| name.starts_with("headcount timer")).count()
    };
    let ctx = Context::background().with_timeout(LONG);
    let begun = Instant::now();
    // A thread gets its name after it has started.
    while timer_threads() == 0 {
        assert!(begun.elapsed() < LIMIT, "no timer thread");
        std::thread::yield_now();
    }
    drop(ctx);
    let begun = Instant::now();
    // Other tests that share this process may set deadlines meanwhile and keep the thread. It is asked for a moment at
    // which it is gone, and other tests end.
    while timer_threads() > 0 {
        assert!(begun.elapsed() < LIMIT, "the timer thread does not end");
        std::thread::yield_now();
    }
    // And it comes back when it is needed.
    assert!(Context::background().with_timeout(SHORT).wait_timeout(LIMIT).is_some());
}
