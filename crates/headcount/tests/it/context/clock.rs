//! The clock that a test drives: deadlines, sleeps and timed waits pass when it is moved, and only then.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use headcount::{Context, DrivenClock, WaitGroup};

use crate::{LIMIT, Poller, message, within};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_deadline_passes_when_the_clock_is_moved_to_it_and_not_before() {
    let clock = DrivenClock::new();
    let line = line!() + 1;
    let ctx = clock.context().with_timeout(HOUR);
    let (below, _below) = ctx.with_cancel();
    assert_eq!((ctx.remaining(), clock.pending()), (Some(HOUR), 1));
    clock.advance(HOUR - Duration::from_nanos(1));
    assert!(!ctx.is_cancelled() && below.remaining() == Some(Duration::from_nanos(1)));
    clock.advance(Duration::from_nanos(1));
    let why = below.check().unwrap_err();
    assert!(why.is_deadline() && why.place().line() == line);
    assert_eq!((ctx.remaining(), clock.pending()), (Some(Duration::ZERO), 0));
    assert!(clock.context().with_deadline(clock.now()).is_cancelled(), "passed already");
}

#[test]
fn the_earliest_of_parent_and_own_counts_on_it_too() {
    let clock = DrivenClock::new();
    let parent = clock.context().with_timeout(HOUR);
    let (sooner, later) = (parent.with_timeout(HOUR / 2), parent.with_timeout(2 * HOUR));
    assert_eq!((later.deadline(), clock.pending()), (parent.deadline(), 2));
    clock.advance(HOUR / 2);
    assert!(sooner.is_cancelled() && !parent.is_cancelled());
    clock.advance(HOUR / 2);
    assert!(later.check().unwrap_err().is_deadline());
}

#[test]
fn deadlines_dropped_or_cancelled_early_leave_nothing_on_it() {
    let clock = DrivenClock::new();
    let (root, canceller) = clock.context().with_cancel();
    let crowd: Vec<_> = (0..100).map(|_| root.with_timeout(HOUR)).collect();
    let kept = root.with_timeout(HOUR);
    assert_eq!(clock.pending(), 101);
    drop(crowd);
    assert_eq!(clock.pending(), 1);
    canceller.cancel();
    assert_eq!(clock.pending(), 0);
    clock.advance(2 * HOUR);
    assert!(!kept.check().unwrap_err().is_deadline());
}

#[test]
fn callbacks_run_at_their_time_in_their_order_on_the_thread_that_moves_it() {
    let (clock, seen) = (DrivenClock::new(), Arc::new(Mutex::new(Vec::new())));
    let (begun, here) = (clock.now(), thread::current().id());
    let contexts = [3, 1, 2].map(|hours| {
        let ctx = clock.context().with_timeout(hours * HOUR);
        let (clock, seen) = (clock.clone(), Arc::clone(&seen));
        let note =
            move |_: &_| seen.lock().unwrap().push((hours, clock.now() - begun, thread::current().id()));
        ctx.on_cancel(note).keep();
        ctx
    });
    clock.advance(10 * HOUR);
    assert_eq!(*seen.lock().unwrap(), [1, 2, 3].map(|hours| (hours, hours * HOUR, here)));
    assert_eq!(clock.now() - begun, 10 * HOUR);
    drop(contexts);
}

#[test]
fn what_a_callback_sets_passes_in_the_same_move_if_it_is_due() {
    fn again(clock: DrivenClock, times: Arc<Mutex<Vec<Context>>>) {
        let ctx = clock.context().with_timeout(HOUR);
        let more = Arc::clone(&times);
        ctx.on_cancel(move |_| again(clock, more)).keep();
        times.lock().unwrap().push(ctx);
    }
    let (clock, times) = (DrivenClock::new(), Arc::new(Mutex::new(Vec::new())));
    again(clock.clone(), Arc::clone(&times));
    clock.advance(5 * HOUR);
    // Taken out: the last callback holds on to the list that its own context stands in.
    let times = std::mem::take(&mut *times.lock().unwrap());
    assert_eq!((times.len(), clock.pending()), (6, 1));
}

#[test]
fn a_callback_that_panics_harms_no_other_deadline() {
    let clock = DrivenClock::new();
    let (first, second) = (clock.context().with_timeout(HOUR), clock.context().with_timeout(2 * HOUR));
    first.on_cancel(|_| panic!("in a callback")).keep();
    let begun = clock.now();
    let mover = clock.clone();
    let panic = std::panic::catch_unwind(move || mover.advance(3 * HOUR)).unwrap_err();
    assert_eq!(message(&*panic), "in a callback");
    assert!(second.is_cancelled() && clock.now() - begun == 3 * HOUR);
}

#[test]
fn a_sleep_and_a_timed_wait_last_as_long_as_the_clock_says() {
    let clock = DrivenClock::new();
    let (ctx, canceller) = clock.context().with_cancel();
    let (sleeping, waiting) = (ctx.clone(), ctx.clone());
    let sleeper = thread::spawn(move || sleeping.sleep(HOUR));
    let waiter = thread::spawn(move || waiting.wait_timeout(2 * HOUR));
    assert!(clock.wait_pending_timeout(2, LIMIT));
    clock.advance(HOUR);
    within(move || sleeper.join().unwrap()).unwrap();
    assert_eq!(clock.pending(), 1);
    canceller.cancel();
    assert!(within(move || waiter.join().unwrap()).is_some(), "cancelled before its time");
    assert_eq!(clock.pending(), 0, "and nothing stays behind");

    // One that lasts for ever is ended by a cancellation only; a root that nobody cancels sleeps by the clock as well.
    let (ctx, canceller) = clock.context().with_cancel();
    let sleeper = thread::spawn(move || ctx.sleep(Duration::MAX));
    let root = clock.context();
    let timed = thread::spawn(move || root.wait_timeout(HOUR));
    assert!(clock.wait_pending_timeout(1, LIMIT));
    clock.advance(HOUR);
    assert!(within(move || timed.join().unwrap()).is_none());
    canceller.cancel();
    assert!(within(move || sleeper.join().unwrap()).is_err());
}

#[test]
fn its_futures_need_no_runtime() {
    let clock = DrivenClock::new();
    let (ctx, poller) = (clock.context(), Poller::new());
    let mut sleep = pin!(ctx.sleep_async(HOUR));
    assert!(!poller.poll(sleep.as_mut()));
    clock.advance(HOUR);
    assert_eq!(poller.wakes(), 1);
    assert!(poller.poll(sleep.as_mut()));
    let late = ctx.with_timeout(HOUR);
    let mut running = pin!(late.run_async(std::future::pending::<()>()));
    assert!(!poller.poll(running.as_mut()));
    clock.advance(HOUR);
    assert!(poller.poll(running.as_mut()));
}

#[test]
fn a_group_is_waited_for_under_it() {
    let (clock, group) = (DrivenClock::new(), WaitGroup::new());
    let token = group.add_named("late");
    let (ctx, waited) = (clock.context().with_timeout(HOUR), group.clone());
    let waiter = thread::spawn(move || waited.wait_with(&ctx));
    assert!(clock.wait_pending_timeout(1, LIMIT));
    clock.advance(HOUR);
    assert!(within(move || waiter.join().unwrap()).unwrap_err().cancelled().is_deadline());
    drop(token);
}

#[test]
fn it_travels_as_a_value_does() {
    let clock = DrivenClock::new();
    let ctx = clock.context().with_value(7_u8).with_cancel().0.detached();
    let (real, _real) = Context::background().with_cancel();
    let deep = ctx.merged(&real).with_timeout(HOUR);
    assert_eq!(clock.pending(), 1);
    let elsewhere = real.merged(&deep).with_timeout(HOUR / 2);
    assert_eq!(clock.pending(), 1, "a merged context has the clock of the first");
    clock.advance(HOUR);
    assert!(deep.is_cancelled() && elsewhere.is_cancelled());
}

#[test]
fn waiting_for_more_to_be_pending_has_a_limit() {
    let clock = DrivenClock::new();
    let begun = Instant::now();
    assert!(clock.wait_pending_timeout(0, Duration::ZERO));
    assert!(!clock.wait_pending_timeout(1, Duration::from_millis(20)));
    assert!(begun.elapsed() >= Duration::from_millis(20));
    let _set = clock.context().with_timeout(HOUR);
    assert!(clock.wait_pending_timeout(1, Duration::ZERO));
}

#[cfg(feature = "tokio")]
#[test]
fn inside_a_runtime_it_comes_before_the_runtimes_own() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let clock = DrivenClock::new();
        let ctx = clock.context();
        let sleeping = ::tokio::spawn(async move { ctx.sleep_async(HOUR).await });
        let begun = Instant::now();
        while clock.pending() == 0 {
            assert!(begun.elapsed() < LIMIT, "it does not fall asleep");
            ::tokio::task::yield_now().await;
        }
        clock.advance(HOUR);
        sleeping.await.unwrap().unwrap();
    });
}
