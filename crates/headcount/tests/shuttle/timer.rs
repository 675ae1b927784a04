//! Models of the timer: its thread against those who set deadlines, take them back, and let time pass.

use std::sync::Arc;
use std::time::Duration;

use headcount::time::{advance, threads};
use headcount::{CancelKind, Context};
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread;

use crate::IDLE;

const SOON: Duration = IDLE;
/// Later than the thread's idle time, so that nobody wakes it for this.
const LATER: Duration = Duration::from_secs(2);
/// Later than all that a model advances the clock by.
const NEVER: Duration = Duration::from_secs(1_000_000);

models! {
    /// A deadline is set while its time is being reached: it passes, by the timer or at once.
    a_deadline_passes_however_its_setting_meets_its_time => {
        let at = {
            let ctx = Context::background().with_timeout(SOON);
            ctx.deadline().unwrap()
        };
        let passing = thread::spawn(|| advance(SOON));
        let ctx = Context::background().with_deadline(at);
        assert_eq!(ctx.wait().kind(), CancelKind::DeadlineExceeded);
        passing.join().unwrap();
    }

    /// T2: one that is earlier than all before it is heard at once, whether the thread is awake, about to sleep, or asleep.
    an_earlier_deadline_is_heard => {
        let late = Context::background().with_timeout(NEVER);
        let soon = Context::background().with_timeout(SOON);
        advance(SOON);
        assert!(soon.wait().is_deadline() && !late.is_cancelled());
    }

    /// T2, from two threads: whoever is earlier is heard.
    two_set_deadlines_at_once => {
        let other = thread::spawn(|| Context::background().with_timeout(LATER));
        let soon = Context::background().with_timeout(SOON);
        let later = other.join().unwrap();
        advance(SOON);
        assert!(soon.wait().is_deadline() && !later.is_cancelled());
        advance(LATER - SOON);
        assert!(later.wait().is_deadline());
    }

    /// T3: a deadline that is set while the thread ends is served, by that thread or by the next.
    a_deadline_set_while_the_thread_ends_is_served => {
        let first = Context::background().with_timeout(SOON);
        advance(SOON);
        first.wait();
        let passing = thread::spawn(|| advance(IDLE));
        let next = Context::background().with_timeout(LATER);
        passing.join().unwrap();
        advance(LATER);
        assert!(next.wait().is_deadline());
    }

    /// The thread ends, and is started again by the next deadline.
    an_ended_thread_is_started_again => {
        for _ in 0..2 {
            let ctx = Context::background().with_timeout(SOON);
            assert_eq!(threads(), 1);
            advance(SOON);
            assert!(ctx.wait().is_deadline());
            crate::the_timer_ends();
        }
    }

    /// The last deadline is taken back long before its time: the thread does not sleep on for it.
    the_thread_does_not_stay_for_a_deadline_that_was_taken_back => {
        let ctx = Context::background().with_timeout(NEVER);
        let other = thread::spawn(|| drop(Context::background().with_timeout(NEVER)));
        drop(ctx);
        other.join().unwrap();
    }

    /// T4: a context is dropped while its deadline passes; nothing rings twice, and others are served.
    a_context_is_dropped_while_its_deadline_passes => {
        let ctx = Context::background().with_timeout(SOON);
        let other = Context::background().with_timeout(SOON);
        let passing = thread::spawn(|| advance(SOON));
        drop(ctx);
        assert!(other.wait().is_deadline());
        passing.join().unwrap();
    }

    /// A cancel races with the deadline: one cause, for ever, and nothing is left on the timer.
    a_cancel_races_with_the_deadline => {
        let (parent, canceller) = Context::background().with_cancel();
        let ctx = parent.with_timeout(SOON);
        let passing = thread::spawn(|| advance(SOON));
        canceller.cancel();
        let kind = ctx.wait().kind();
        passing.join().unwrap();
        assert_eq!(ctx.wait().kind(), kind);
        assert!(matches!(kind, CancelKind::Cancelled | CancelKind::DeadlineExceeded));
        assert_eq!(parent.wait().kind(), CancelKind::Cancelled);
    }

    /// Callbacks run once, and one that takes its time delays no other deadline.
    a_slow_callback_delays_no_other_deadline => {
        let (slow, other) = (Context::background().with_timeout(SOON), Context::background().with_timeout(LATER));
        let ran = Arc::new(AtomicUsize::new(0));
        let (count, awaited) = (Arc::clone(&ran), other.clone());
        slow.on_cancel(move |_| {
            awaited.wait();
            count.fetch_add(1, Ordering::SeqCst);
        })
        .keep();
        advance(SOON);
        slow.wait();
        advance(LATER - SOON);
        assert!(other.wait().is_deadline());
        crate::the_timer_ends();
        assert_eq!(ran.load(Ordering::SeqCst), 1);
    }

    /// A blocked thread gives up in time, or is released by the deadline that comes first; the clock moves whenever it likes.
    a_timed_wait_ends_by_its_timeout_or_by_the_deadline => {
        let ctx = Context::background().with_timeout(LATER);
        let waited = ctx.clone();
        let waiter = thread::spawn(move || waited.wait_timeout(SOON));
        advance(SOON);
        advance(SOON);
        assert!(ctx.wait().is_deadline());
        // Whoever began to wait only after the first second may still wait for the second.
        advance(SOON);
        assert!(waiter.join().unwrap().is_none_or(|why| why.is_deadline()));
    }
}
