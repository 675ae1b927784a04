//! Waiting for a cancellation, sleeping until one, running a future under one; and a group that is waited for under one.

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use headcount::{Context, WaitGroup};

use crate::{LIMIT, Poller, within};

const SHORT: Duration = Duration::from_millis(10);

#[test]
fn threads_and_futures_are_released_by_one_cancel() {
    let (ctx, canceller) = Context::background().with_cancel();
    let threads: Vec<_> = (0..5)
        .map(|_| {
            let ctx = ctx.clone();
            thread::spawn(move || ctx.wait().cause().unwrap().to_string())
        })
        .collect();
    let poller = Poller::new();
    let mut wait = pin!(ctx.wait_async());
    assert!(!poller.poll(wait.as_mut()));
    canceller.cancel_because("enough");
    assert_eq!(poller.wakes(), 1);
    assert!(poller.poll(wait.as_mut()));
    let causes = within(move || threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>());
    assert_eq!(causes, ["enough"; 5]);
    assert!(poller.poll(pin!(ctx.wait_async())));
}

#[test]
fn a_timed_wait_and_a_sleep_end_by_time_or_by_cancel() {
    for ctx in [Context::background(), Context::background().with_timeout(Duration::from_secs(3600))] {
        let begun = Instant::now();
        assert!(ctx.wait_timeout(SHORT).is_none());
        ctx.sleep(SHORT).unwrap();
        assert!(begun.elapsed() >= 2 * SHORT);
    }
    let (ctx, canceller) = Context::background().with_cancel();
    let sleeper = {
        let ctx = ctx.clone();
        thread::spawn(move || ctx.sleep(Duration::MAX))
    };
    canceller.cancel();
    assert!(within(move || sleeper.join().unwrap()).is_err());
    assert!(ctx.wait_timeout(Duration::ZERO).is_some(), "cancelled counts before time does");
    assert!(ctx.sleep(Duration::ZERO).is_err());
}

#[test]
fn a_dropped_wait_leaves_nothing() {
    let (ctx, _canceller) = Context::background().with_cancel();
    let poller = Poller::new();
    for _ in 0..100 {
        assert!(!poller.poll(pin!(ctx.wait_async())));
        assert!(ctx.wait_timeout(Duration::ZERO).is_none());
    }
    assert_eq!(std::sync::Arc::strong_count(&poller), 1, "no waker is kept");
}

#[test]
fn run_async_polls_nothing_under_a_cancelled_context() {
    let poller = Poller::new();
    let (ctx, canceller) = Context::background().with_cancel();
    assert!(poller.poll(pin!(ctx.run_async(ready(1)))));
    canceller.cancel();
    let mut polled = false;
    let watched = std::future::poll_fn(|_| {
        polled = true;
        std::task::Poll::Ready(())
    });
    assert!(poller.poll(pin!(ctx.run_async(watched))));
    assert!(!polled);
}

#[test]
fn run_async_is_cut_short_by_a_cancel_and_drops_its_future() {
    struct Witness(mpsc::Sender<()>);
    impl Drop for Witness {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (ctx, canceller) = Context::background().with_cancel();
    let (poller, (sender, receiver)) = (Poller::new(), mpsc::channel());
    let mut running = Box::pin(ctx.run_async(async move {
        let _witness = Witness(sender);
        pending::<()>().await;
    }));
    assert!(!poller.poll(running.as_mut()));
    canceller.cancel();
    assert_eq!(poller.wakes(), 1);
    assert!(poller.poll(running.as_mut()));
    drop(running);
    receiver.recv_timeout(LIMIT).unwrap();
}

#[test]
fn a_group_is_waited_for_under_a_context() {
    let group = WaitGroup::new();
    group.wait_with(&Context::background()).unwrap();
    let (ctx, canceller) = Context::background().with_cancel();
    group.wait_with(&ctx).unwrap();

    let token = group.add_named("late");
    let (waiter, waited) = (group.clone(), ctx.clone());
    let thread = thread::spawn(move || waiter.wait_with(&waited));
    canceller.cancel_because("closing");
    let error = within(move || thread.join().unwrap()).unwrap_err();
    assert_eq!(error.cancelled().cause().unwrap().to_string(), "closing");
    assert_eq!(error.roll_call().iter().next().unwrap().name(), Some("late"));
    let text = error.to_string();
    assert!(text.contains("1 still out when the wait at") && text.contains("\"late\""), "{text}");
    assert!(error.place().file().ends_with("waiting.rs"));
    assert!(std::error::Error::source(&error).unwrap().is::<headcount::Cancelled>());
    assert!(group.wait_with(&ctx).is_err(), "cancelled before");

    let (live, _live) = Context::background().with_cancel();
    let waiter = group.clone();
    let thread = thread::spawn(move || waiter.wait_with(&live));
    drop(token);
    within(move || thread.join().unwrap()).unwrap();
    group.wait_with(&ctx).unwrap();
    assert!(format!("{group:?}").ends_with("waiting: 0 }"));
}

#[test]
fn a_wait_under_a_context_leaves_both_lists() {
    let group = WaitGroup::new();
    let _token = group.add();
    let ctx = Context::background().with_timeout(SHORT);
    assert!(group.wait_with(&ctx).unwrap_err().cancelled().is_deadline());
    assert!(format!("{group:?}").ends_with("waiting: 0 }"));
}
