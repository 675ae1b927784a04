//! Models of a group of tasks: results from hand to hand, the end of the group, ends beside each other, and calling off.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use headcount::task::Group;
use headcount::{CancelKind, Context, MemberError, PanicReport, Panics, ok};
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::tasks::{Tasks, group};
use crate::{CountedWaker, Slot, check};

/// Fails with `text`.
fn err(text: &'static str) -> Result<u32, &'static str> {
    Err(text)
}

/// Panics, without a word to the panic hook.
fn panic() -> Result<u32, &'static str> {
    std::panic::resume_unwind(Box::new("out of cheese"))
}

/// A group that the first failure ends.
fn fail_fast() -> (Group<u32>, Tasks) {
    let tasks = Tasks::new();
    let group = Group::new(&Context::background()).on(tasks.executor());
    (group.grace(Duration::MAX), tasks)
}

/// The values of a group that nobody has failed in, in order.
fn values<T>(results: Vec<Result<T, MemberError>>) -> Vec<T> {
    results.into_iter().map(|result| result.unwrap_or_else(|error| panic!("{error}"))).collect()
}

/// A future that is never ready and counts its drops, with a count for its polls.
struct Endless {
    polled: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
}

impl Future for Endless {
    type Output = Result<u32, headcount::BoxError>;

    fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        self.polled.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Nothing yet, for the counts of [`Endless`].
fn count() -> Arc<AtomicUsize> {
    Arc::new(AtomicUsize::new(0))
}

models! {
    /// G2, G3 of the pages: what a member did, and its value, are seen after the wait.
    what_a_member_did_is_seen_after_the_wait, 4 => {
        let (group, tasks) = group();
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        group.spawn(move |_| async move { filled.fill(); ok(7) });
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        assert_eq!(values(block_on(group.wait())), [7]);
        assert_eq!(slot.read(), 1);
        thread.join().unwrap();
    }

    /// The same from two members on one page: the last to leave it passes on what the first did.
    the_last_of_a_page_passes_on_what_the_first_did, 2 => {
        let (group, tasks) = group();
        let slots = [Slot::new(), Slot::new()];
        for slot in &slots {
            let slot = Arc::clone(slot);
            group.spawn(move |_| async move { slot.fill(); ok(()) });
        }
        let threads = [tasks.take(), tasks.take()].map(|task| thread::spawn(move || block_on(task)));
        let results = block_on(group.wait());
        assert!(slots.iter().all(|slot| slot.read() == 1));
        assert_eq!(results.len(), 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// G2 of the pages: a member ends while its group is made a stream; its value comes once, by the one way or the other.
    a_value_is_taken_once_while_the_group_becomes_a_stream, 4 => {
        let (group, tasks) = group();
        group.spawn(|_| async { ok(Box::new(7)) });
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        let mut results = group.stream();
        let (member, value) = block_on(results.next()).expect("a result");
        assert_eq!((member.index(), *value.unwrap()), (0, 7));
        assert!(block_on(results.next()).is_none(), "the result came twice");
        thread.join().unwrap();
    }

    /// The same where nothing is to be put down: an earlier wait, that was given up, has done it. The page that ends without
    /// having heard of the stream wakes it all the same.
    a_page_ends_while_the_group_becomes_a_stream, 3 => {
        let (group, tasks) = group();
        group.spawn(|_| async { ok(7) });
        assert!(!CountedWaker::new().poll(&mut Box::pin(group.wait_idle())));
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        let mut results = group.stream();
        assert_eq!(block_on(results.next()).unwrap().1.unwrap(), 7);
        assert!(block_on(results.next()).is_none());
        thread.join().unwrap();
    }

    /// A result wakes whoever takes results, also while other members are out.
    a_result_wakes_who_takes_results, 2 => {
        let (group, tasks) = group();
        let (gate, opening) = Context::background().with_cancel();
        group.spawn(|_| async { ok(1) });
        // Out until the first result has come.
        group.spawn(move |_| async move { gate.wait_async().await; ok(2) });
        let carrier = tasks.take();
        let mut results = group.stream();
        let thread = thread::spawn(move || block_on(carrier));
        assert_eq!(block_on(results.next()).unwrap().1.unwrap(), 1);
        opening.cancel();
        tasks.run_all();
        assert_eq!(block_on(results.next()).unwrap().1.unwrap(), 2);
        assert!(block_on(results.next()).is_none());
        thread.join().unwrap();
    }

    /// The end of the last member, which has no result for the stream, wakes whoever waits for one.
    an_end_without_a_result_ends_the_stream, 4 => {
        let (group, tasks) = group::<()>();
        let fork = group.fork(|_| async { ok(7) });
        let task = tasks.take();
        let mut results = group.stream();
        let thread = thread::spawn(move || block_on(task));
        assert!(block_on(results.next()).is_none());
        assert_eq!(fork.take(), Some(7));
        thread.join().unwrap();
    }

    /// G2 of the group: a member that goes out while somebody waits already, on a page of its own, is waited for and ends it.
    a_member_spawned_by_a_member_during_the_wait_is_waited_for, 4 => {
        let (group, tasks) = group();
        let spawner = group.spawner();
        group.spawn(move |_| async move {
            spawner.spawn(|_| async { ok(2) });
            ok(1)
        });
        let thread = thread::spawn(move || tasks.run_all());
        assert_eq!(values(block_on(group.wait())), [1, 2]);
        thread.join().unwrap();
    }

    /// The same where members of one page leave at once while a sibling is counted out there: the last of them sees to it.
    members_of_a_page_begun_during_the_wait_end_it, 2 => {
        let (group, tasks) = group();
        let (spawner, sibling) = (group.spawner(), group.spawner());
        spawner.spawn(|_| async { ok(0) });
        let mut wait = Box::pin(group.wait());
        assert!(!CountedWaker::new().poll_ready(&mut wait));
        spawner.spawn(move |_| async move {
            sibling.spawn(|_| async { ok(3) });
            ok(1)
        });
        spawner.spawn(|_| async { ok(2) });
        let (first, second) = (tasks.take(), tasks.take());
        let one = thread::spawn(move || { block_on(first); tasks.run_all() });
        let other = thread::spawn(move || block_on(second));
        assert_eq!(values(block_on(wait)).len(), 4);
        one.join().unwrap();
        other.join().unwrap();
    }

    /// A scope's members are polled by who waits for them: one that is woken from elsewhere wakes the scope.
    a_member_of_a_scope_is_woken_from_elsewhere, 4 => {
        let (gate, opening) = Context::background().with_cancel();
        let thread = thread::spawn(move || opening.cancel());
        let scope = headcount::task::scope(&Context::background(), async |scope| {
            scope.spawn(|_| async { ok(gate.wait_async().await.kind()) });
        });
        assert_eq!(block_on(scope).unwrap(), [CancelKind::Cancelled]);
        thread.join().unwrap();
    }

    /// The same for two at once.
    two_members_of_a_scope_are_woken_at_once, 2 => {
        let (gates, openings): (Vec<_>, Vec<_>) = [(); 2].map(|()| Context::background().with_cancel()).into_iter().unzip();
        let threads: Vec<_> = openings.into_iter().map(|opening| thread::spawn(move || opening.cancel())).collect();
        let scope = headcount::task::scope(&Context::background(), async |scope| {
            for gate in &gates {
                scope.spawn(|_| async { ok(gate.wait_async().await.kind()) });
            }
        });
        assert_eq!(block_on(scope).unwrap().len(), 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// A spawn that races with the end of a scope is polled and waited for, or is refused and never runs.
    a_spawn_races_with_the_end_of_a_scope, 3 => {
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        let (mut thread, mut kept) = (None, None);
        let scope = headcount::task::scope(&Context::background(), |scope: headcount::task::Scope<'static, u32>| {
            kept = Some(scope.clone());
            thread = Some(thread::spawn(move || scope.spawn(move |_| async move { filled.fill(); ok(1) })));
            async {}
        });
        let values = block_on(scope).unwrap();
        let out = kept.expect("the body was called").roll_call().outstanding();
        assert_eq!(out, 0, "somebody is out of a scope that is over");
        let ran = values.len();
        if ran == 0 {
            thread.expect("the body was called").join().unwrap();
            assert_eq!(slot.read(), 0, "it ran, and nobody had waited for it");
        } else {
            assert_eq!((values, slot.read()), (vec![1], 1));
            thread.expect("the body was called").join().unwrap();
        }
    }

    /// G3: a spawn that races with the wait is waited for, or is refused and never runs.
    a_spawn_races_with_the_wait, 4 => {
        let (group, tasks) = group();
        let (spawner, slot) = (group.spawner(), Slot::new());
        let filled = Arc::clone(&slot);
        let thread = thread::spawn(move || {
            spawner.spawn(move |_| async move { filled.fill(); ok(1) });
            tasks.run_all();
        });
        let results = values(block_on(group.wait()));
        if results.is_empty() {
            thread.join().unwrap();
            assert_eq!(slot.read(), 0, "it ran, and nobody had waited for it");
        } else {
            assert_eq!((results, slot.read()), (vec![1], 1));
            thread.join().unwrap();
        }
    }

    /// A wait until nobody is out leaves the group open, and sees what was done.
    an_idle_group_is_spawned_into_again, 4 => {
        let (group, tasks) = group();
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        group.spawn(move |_| async move { filled.fill(); ok(1) });
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        block_on(group.wait_idle());
        assert_eq!(slot.read(), 1);
        group.spawn(|_| async { ok(2) });
        tasks.run_all();
        assert_eq!(values(block_on(group.wait())), [1, 2]);
        thread.join().unwrap();
    }

    /// A member that is called off while it goes to sleep is woken, or does not sleep; its future is dropped once.
    a_member_is_called_off_while_it_goes_to_sleep, 3 => {
        let (group, tasks) = group();
        let group = group.grace(Duration::ZERO);
        let (polled, dropped) = (count(), count());
        let endless = Endless { polled: Arc::clone(&polled), dropped: Arc::clone(&dropped) };
        group.spawn(move |_| endless);
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        group.cancel();
        let results = block_on(group.wait());
        assert_eq!(dropped.load(Ordering::Relaxed), 1, "its future is gone");
        match (&results[..], polled.load(Ordering::Relaxed)) {
            ([Err(MemberError::Cancelled(why))], 0) => assert_eq!(why.kind(), CancelKind::Cancelled),
            ([Err(MemberError::Aborted)], 0..) => {}
            other => panic!("{other:?}"),
        }
        thread.join().unwrap();
    }

    /// The same for one member alone, by hand: nobody else hears of it.
    a_member_is_cancelled_by_hand_while_it_goes_to_sleep, 4 => {
        let (group, tasks) = group();
        let group = group.grace(Duration::ZERO);
        let dropped = count();
        let endless = Endless { polled: count(), dropped: Arc::clone(&dropped) };
        let canceller = group.spawn_with_cancel(move |_| endless);
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        canceller.cancel();
        thread.join().unwrap();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        assert!(!group.context().is_cancelled());
        assert!(matches!(block_on(group.wait())[..], [Err(MemberError::Cancelled(_) | MemberError::Aborted)]));
    }

    /// Calling off races with an end by oneself: one of them is what came of the member.
    a_member_is_called_off_while_it_ends, 3 => {
        let (group, tasks) = group();
        let group = group.grace(Duration::ZERO);
        let dropped = count();
        let endless = Endless { polled: count(), dropped: Arc::clone(&dropped) };
        group.spawn(move |ctx| async move {
            let _gone = endless;
            ctx.wait_async().await;
            ok(7)
        });
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        group.cancel();
        let results = block_on(group.wait());
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        assert!(matches!(results[..], [Ok(7) | Err(MemberError::Cancelled(_) | MemberError::Aborted)]));
        thread.join().unwrap();
    }

    /// A group is dropped while a member runs: the member's future goes, and nothing is left that would be leaked.
    a_group_is_dropped_while_a_member_runs, 4 => {
        let (group, tasks) = group();
        let dropped = count();
        let endless = Endless { polled: count(), dropped: Arc::clone(&dropped) };
        group.spawn(move |_| endless);
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        let core = group.context().clone();
        drop(group);
        thread.join().unwrap();
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        assert_eq!(core.wait().kind(), CancelKind::Dropped);
    }

    /// Two members fail at once: one is the root and the cause of the cancellation, and the other is accounted for.
    two_members_fail_at_once, 2 => {
        let (group, tasks) = fail_fast();
        let ctx = group.context().clone();
        group.spawn(|_| async { err("one") });
        group.spawn(|_| async { err("two") });
        let threads = [tasks.take(), tasks.take()].map(|task| thread::spawn(move || block_on(task)));
        let error = block_on(group.wait()).expect_err("both have failed, or one kept the other from beginning");
        let (why, root) = (ctx.wait(), error.member().expect("a member is to blame"));
        assert_eq!((why.kind(), why.place()), (CancelKind::MemberFailed, root.place()));
        let tally = error.tally();
        assert_eq!((tally.total(), tally.failed), (2, 1 + error.others().count() as u64));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    /// A member panics while another fails: the panic goes on in who waits, after both are back, whoever was first.
    a_member_panics_while_another_fails, 4 => {
        let (group, tasks) = fail_fast();
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        group.spawn(move |_| async move { filled.fill(); panic() });
        group.spawn(|_| async { err("two") });
        let (first, second) = (tasks.take(), tasks.take());
        let thread = thread::spawn(move || block_on(first));
        block_on(second);
        // Loom's threads share one of the system's, so nothing else may run while it unwinds.
        thread.join().unwrap();
        let waiting = std::panic::AssertUnwindSafe(|| block_on(group.wait()));
        match std::panic::catch_unwind(waiting) {
            Err(payload) => assert_eq!((payload.downcast_ref(), slot.read()), (Some(&"out of cheese"), 1)),
            Ok(result) => {
                // The failure came first, and kept the other from beginning.
                assert_eq!((result.unwrap_err().tally().cancelled, slot.read()), (1, 0));
            }
        }
    }

    /// The same where panics are errors; the wait races with both.
    a_panic_that_is_an_error_wakes_who_waits, 4 => {
        let (group, tasks) = fail_fast();
        let group = group.panics(Panics::AsError);
        group.spawn(|_| async { panic() });
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        let error = block_on(group.wait()).expect_err("a panic is a failure");
        assert_eq!(error.panic().and_then(PanicReport::message), Some("out of cheese"));
        thread.join().unwrap();
    }
}
