//! Callbacks: once, in order, on the right thread, taken back in time or not, and harmless when they panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use headcount::Context;

use crate::{LIMIT, within};

#[test]
fn they_run_once_in_order_on_the_cancelling_thread() {
    let (ctx, canceller) = Context::background().with_cancel();
    let (sender, receiver) = mpsc::channel();
    for number in 0..5 {
        let sender = sender.clone();
        ctx.on_cancel(move |why| {
            let said = why.cause().map(ToString::to_string);
            sender.send((number, thread::current().id(), said)).unwrap();
        })
        .keep();
    }
    let canceller_thread = thread::spawn(move || {
        canceller.cancel_because("now");
        thread::current().id()
    });
    let id = canceller_thread.join().unwrap();
    drop(sender);
    let ran: Vec<_> = receiver.iter().collect();
    assert_eq!(ran, (0..5).map(|number| (number, id, Some("now".to_string()))).collect::<Vec<_>>());
}

#[test]
fn on_a_cancelled_context_it_runs_at_once_on_the_callers_thread() {
    let (ctx, canceller) = Context::background().with_cancel();
    canceller.cancel();
    let (sender, receiver) = mpsc::channel();
    let handle = ctx.on_cancel(move |_| sender.send(thread::current().id()).unwrap());
    assert_eq!(receiver.try_recv(), Ok(thread::current().id()));
    assert!(!handle.stop(), "it has run");
}

#[test]
fn stop_says_whether_it_was_in_time() {
    let (ctx, canceller) = Context::background().with_cancel();
    let ran = Arc::new(AtomicUsize::new(0));
    let register = || {
        let ran = Arc::clone(&ran);
        ctx.on_cancel(move |_| _ = ran.fetch_add(1, Ordering::SeqCst))
    };
    let (stopped, late, dropped) = (register(), register(), register());
    assert!(stopped.stop());
    drop(dropped);
    canceller.cancel();
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    assert!(!late.stop());
    assert!(!Context::background().on_cancel(|_| ()).stop(), "never registered: nothing to stop");
}

#[test]
fn when_they_run_everything_below_is_cancelled_and_everyone_is_woken() {
    let (ctx, canceller) = Context::background().with_cancel();
    let below: Vec<_> = (0..10).map(|_| ctx.with_timeout(Duration::MAX).with_cancel()).collect();
    let waiter = {
        let ctx = ctx.clone();
        thread::spawn(move || ctx.wait())
    };
    let contexts: Vec<_> = below.iter().map(|(ctx, _)| ctx.clone()).collect();
    let (sender, receiver) = mpsc::channel();
    ctx.on_cancel(move |_| {
        // The waiter needs nothing more from the canceller: it returns while this callback is still running.
        waiter.join().unwrap();
        sender.send(contexts.iter().all(Context::is_cancelled)).unwrap();
    })
    .keep();
    within(move || canceller.cancel());
    assert_eq!(receiver.try_recv(), Ok(true));
}

#[test]
fn one_that_panics_harms_no_other_and_the_panic_goes_on() {
    let (ctx, canceller) = Context::background().with_cancel();
    let (child, _child) = ctx.with_cancel();
    let ran = Arc::new(Mutex::new(Vec::new()));
    for number in 0..3 {
        let ran = Arc::clone(&ran);
        ctx.on_cancel(move |_| {
            ran.lock().unwrap().push(number);
            if number == 1 {
                std::panic::resume_unwind(Box::new("callback"));
            }
        })
        .keep();
    }
    let panic = catch_unwind(AssertUnwindSafe(|| canceller.cancel())).unwrap_err();
    assert_eq!(*panic.downcast::<&str>().unwrap(), "callback");
    assert_eq!(*ran.lock().unwrap_or_else(|poisoned| poisoned.into_inner()), [0, 1, 2]);
    assert!(child.is_cancelled());
}

#[test]
fn a_callback_that_panics_does_not_end_a_process_that_is_unwinding() {
    let (ctx, canceller) = Context::background().with_cancel();
    ctx.on_cancel(|_| std::panic::resume_unwind(Box::new("callback"))).keep();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _canceller = canceller;
        std::panic::resume_unwind(Box::new("first"));
    }));
    assert_eq!(*panic.unwrap_err().downcast::<&str>().unwrap(), "first");
    assert!(ctx.is_cancelled());
}

#[test]
fn a_callback_may_use_the_tree() {
    let (ctx, canceller) = Context::background().with_cancel();
    let inner = ctx.clone();
    let (other, other_canceller) = Context::background().with_cancel();
    ctx.on_cancel(move |_| {
        let (child, _child) = inner.with_cancel();
        assert!(child.is_cancelled());
        inner.on_cancel(|_| ()).keep();
        other_canceller.cancel();
    })
    .keep();
    within(move || canceller.cancel());
    assert!(other.is_cancelled());
}

#[test]
fn a_deadlines_callbacks_delay_no_other_deadline() {
    let (release, blocked) = mpsc::channel::<()>();
    let slow = Context::background().with_timeout(Duration::from_millis(5));
    let here = std::thread::current().id();
    let hold_up = move |_: &_| {
        // Called at once, by us, if we were stopped for so long that it is over already.
        if std::thread::current().id() != here {
            _ = blocked.recv_timeout(LIMIT);
        }
    };
    slow.on_cancel(hold_up).keep();
    assert!(slow.wait().is_deadline());
    let next = Context::background().with_timeout(Duration::from_millis(5));
    assert!(next.wait_timeout(LIMIT).expect("the timer is held up").is_deadline());
    _ = release.send(());
}
