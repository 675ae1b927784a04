//! Models of the context tree: cancelling against deriving, dropping, registering, taking back, and a second cancelling.

use std::sync::Arc;

use headcount::{Context, WaitGroup};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::{CountedWaker, Slot, check};

/// Counts how often a callback ran.
fn counter() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

models! {
    /// X1: what the canceller did is seen by who asks, and by who waits.
    what_the_canceller_did_is_seen, 3 => {
        let (ctx, canceller) = Context::background().with_cancel();
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        let thread = thread::spawn(move || { filled.fill(); canceller.cancel_because("done"); });
        if ctx.is_cancelled() {
            assert_eq!(slot.read(), 1);
        }
        let why = ctx.wait();
        assert_eq!(slot.read(), 1);
        assert_eq!(why.cause().unwrap().to_string(), "done");
        thread.join().unwrap();
    }

    /// N3: a child made during the cancel is cancelled by one side or the other, and so is its own child.
    a_child_made_during_the_cancel_is_cancelled, 3 => {
        let (ctx, canceller) = Context::background().with_cancel();
        let thread = thread::spawn(move || canceller.cancel());
        let (child, _child) = ctx.with_cancel();
        let (grandchild, _grandchild) = child.with_cancel();
        thread.join().unwrap();
        assert!(child.is_cancelled() && grandchild.is_cancelled(), "a child was missed");
    }

    /// N4: each of two cancellers returns only when all below its node is cancelled, though the other may do the work.
    two_cancellers_each_return_when_all_is_cancelled, 3 => {
        let (top, outer) = Context::background().with_cancel();
        let (middle, inner) = top.with_cancel();
        let (leaf, _leaf) = middle.with_cancel();
        let seen = leaf.clone();
        let thread = thread::spawn(move || {
            outer.cancel();
            assert!(seen.is_cancelled(), "returned too early");
        });
        inner.cancel();
        assert!(leaf.is_cancelled(), "returned too early");
        thread.join().unwrap();
    }

    /// A child goes while its parent is cancelled: the seat is left or cleared, and nobody stumbles over it.
    a_child_is_dropped_while_its_parent_is_cancelled, 3 => {
        let (ctx, canceller) = Context::background().with_cancel();
        let (child, kept) = ctx.with_cancel();
        let (leaf, leaf_canceller) = child.with_cancel();
        kept.keep();
        leaf_canceller.keep();
        drop(child);
        let thread = thread::spawn(move || canceller.cancel());
        drop(leaf);
        thread.join().unwrap();
        assert_eq!(ctx.children(), 0);
    }

    /// A callback registered during the cancel runs exactly once, on one side or the other.
    a_callback_registered_during_the_cancel_runs_once, 3 => {
        let (ctx, canceller) = Context::background().with_cancel();
        let ran = counter();
        let count = Arc::clone(&ran);
        let thread = thread::spawn(move || canceller.cancel());
        ctx.on_cancel(move |_| _ = count.fetch_add(1, Ordering::Relaxed)).keep();
        thread.join().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 1, "the callback did not run once");
    }

    /// A canceller that is dropped when all contexts are gone sees that one of them left a callback behind.
    a_callback_is_run_by_a_canceller_that_is_left_alone, 3 => {
        let (ctx, canceller) = Context::background().with_cancel();
        let ran = counter();
        let count = Arc::clone(&ran);
        let thread = thread::spawn(move || drop(canceller));
        ctx.on_cancel(move |_| _ = count.fetch_add(1, Ordering::Relaxed)).keep();
        drop(ctx);
        thread.join().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), 1, "the callback did not run once");
    }

    /// A callback that was stopped in time never runs; one that was not has run when the cancel is over.
    a_callback_is_stopped_or_runs, 3 => {
        let (ctx, canceller) = Context::background().with_cancel();
        let ran = counter();
        let count = Arc::clone(&ran);
        let handle = ctx.on_cancel(move |_| _ = count.fetch_add(1, Ordering::Relaxed));
        let thread = thread::spawn(move || canceller.cancel());
        let in_time = handle.stop();
        thread.join().unwrap();
        assert_eq!(ran.load(Ordering::Relaxed), usize::from(!in_time));
    }

    /// A polled wait races with the cancel and is woken, or sees it.
    a_polled_wait_is_woken_by_the_cancel, 3 => {
        let (ctx, canceller) = Context::background().with_cancel();
        let waker = CountedWaker::new();
        let mut wait = Box::pin(ctx.wait_async());
        let thread = thread::spawn(move || canceller.cancel());
        let ready = waker.poll_ready(&mut wait);
        thread.join().unwrap();
        assert!(ready || waker.wakes() == 1);
        assert!(waker.poll_ready(&mut wait));
    }

    /// A wait for a group under a context ends by whichever comes first, and leaves both lists.
    a_wait_under_a_context_ends_by_either, 2 => {
        let group = WaitGroup::new();
        let (ctx, canceller) = Context::background().with_cancel();
        let token = group.add();
        let cancelling = thread::spawn(move || canceller.cancel());
        let ending = thread::spawn(move || drop(token));
        let result = group.wait_with(&ctx);
        assert!(result.is_ok() || ctx.is_cancelled());
        cancelling.join().unwrap();
        ending.join().unwrap();
        assert!(format!("{group:?}").contains("waiting: 0"));
    }
}
