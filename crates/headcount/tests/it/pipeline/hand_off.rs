//! The hand-off: bounded, and nothing waits in it for a batch to fill. Time is in the test's hands: a source that gives its
//! next item only when the test says so, and a stage that is held up for as long as the test likes.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;

use headcount::{Context, Pipeline, ok};

use super::Count;
use crate::{LIMIT, within};

/// The sink gets each item before the source is allowed to go on to the next: not one item waits for another one.
#[test]
fn an_item_reaches_the_sink_though_no_other_ever_comes() {
    within(|| {
        let (next, allowed) = mpsc::channel();
        next.send(()).unwrap();
        let mut given = 0;
        let source = std::iter::from_fn(move || {
            allowed.recv_timeout(LIMIT).ok()?;
            given += 1;
            (given <= 100).then_some(given)
        });
        let pipeline = Pipeline::source(source)
            .stage("one", 2, |_, n| ok(n))
            .stage("two", 3, |_, n| ok(n))
            .ordered()
            .tee("beside", |_, _| ok(()));
        let mut seen = Vec::new();
        pipeline
            .run_for_each(&Context::background(), |n| {
                seen.push(n);
                next.send(()).unwrap();
            })
            .unwrap();
        assert!(seen.into_iter().eq(1..=100));
    });
}

/// A burst of tiny items, and then one that takes for ever: those before it, made by the same worker, are not held back.
#[test]
fn what_a_worker_has_made_is_not_held_back_while_it_is_at_its_next_item() {
    within(|| {
        let come = Count::default();
        let pipeline = Pipeline::source(0..5_000).stage("made", 1, |_, n| {
            if n == 4_999 {
                come.reaches(4_999); // the sink has all the others
            }
            ok(n)
        });
        pipeline.run_for_each(&Context::background(), |_| _ = come.add()).unwrap();
        assert_eq!(come.get(), 5_000);
    });
}

/// Long items are not taken in batches: while one is at work the others go to other workers.
#[test]
fn items_behind_a_long_one_go_to_idle_workers() {
    within(|| {
        let together = Count::default();
        let pipeline = Pipeline::source(0..4).stage("meet", 4, |_, n| {
            together.add();
            together.reaches(4); // all four at once
            ok(n)
        });
        pipeline.run_for_each(&Context::background(), drop).unwrap();
    });
}

#[test]
fn no_more_items_are_under_way_than_the_buffers_and_hands_hold() {
    within(|| {
        let made = AtomicUsize::new(0);
        let (gate, mut passed) = (Count::default(), 0);
        let source = std::iter::repeat_with(|| made.fetch_add(1, SeqCst)).take(10_000);
        let pipeline = Pipeline::source(source).buffer(3).stage("pass", 2, |_, n| ok(n)).buffer(5);
        pipeline
            .run_for_each(&Context::background(), |_| {
                // Three before the stage and one that waits there; in two hands two each, at most, and one that waits; five
                // behind it, or six, since each worker has its part; and six in the sink's hand.
                let under_way = made.load(SeqCst) - passed;
                assert!(under_way <= 3 + 1 + 2 * (2 + 1) + 6 + 6, "{under_way} items are under way");
                passed += 1;
                gate.add();
            })
            .unwrap();
        assert_eq!(gate.get(), 10_000);
    });
}

#[test]
fn a_blocked_source_is_pulled_no_further_and_an_endless_one_stays_flat() {
    within(|| {
        let made = AtomicUsize::new(0);
        let mut seen = 0;
        Pipeline::source(std::iter::repeat_with(|| made.fetch_add(1, SeqCst)))
            .buffer(16)
            .stage("pass", 2, |_, n| ok(n))
            .buffer(16)
            .run(&Context::background(), |n| {
                let under_way = made.load(SeqCst).saturating_sub(seen);
                assert!(under_way <= 100, "{under_way} items at the {n}th");
                seen += 1;
                if seen == 100_000 {
                    std::ops::ControlFlow::Break(())
                } else {
                    std::ops::ControlFlow::Continue(())
                }
            })
            .unwrap();
        assert_eq!(seen, 100_000);
    });
}

#[test]
fn what_stages_did_is_seen_by_those_below_and_by_the_caller() {
    within(|| {
        let written: Vec<_> = (0..1_000).map(|_| AtomicUsize::new(0)).collect();
        let pipeline = Pipeline::source(0..1_000_usize)
            .stage("write", 3, |_, n| {
                written[n].store(n + 1, std::sync::atomic::Ordering::Relaxed);
                ok(n)
            })
            .stage("read", 2, |_, n| {
                assert_eq!(written[n].load(std::sync::atomic::Ordering::Relaxed), n + 1);
                ok(n)
            });
        assert_eq!(pipeline.run_fold(&Context::background(), 0, |count, _| count + 1).unwrap(), 1_000);
    });
}

#[test]
fn buffers_and_workers_of_zero_are_refused_by_name() {
    let text = |f: fn()| crate::message(&*std::panic::catch_unwind(f).unwrap_err()).to_owned();
    let none = text(|| drop(Pipeline::source(0..1).stage("parse", 0, |_, n| ok(n))));
    assert_eq!(none, "stage \"parse\" was given 0 workers: nothing would ever come out of it");
    let zero = text(|| drop(Pipeline::source(0..1).buffer(0)));
    assert_eq!(zero, "a hand-off without room could never hand on an item: buffer(0)");
}
