//! The tree: who is cancelled by whom, and what is left of those who are gone.

use std::error::Error;
use std::io;
use std::sync::{Arc, Barrier};
use std::thread;

use headcount::{CancelKind, Canceller, Context};

use crate::within;

#[test]
fn background_is_never_cancelled() {
    let ctx = Context::background();
    assert!(!ctx.is_cancelled() && ctx.check().is_ok() && ctx.cancelled_because().is_none());
    assert!(ctx.deadline().is_none() && ctx.remaining().is_none());
}

#[test]
fn cancel_reaches_grandchildren_and_not_siblings() {
    let (root, _root) = Context::background().with_cancel();
    let (child, canceller) = root.with_cancel();
    let (sibling, _sibling) = root.with_cancel();
    let (grandchild, _grandchild) = child.with_value(1_u8).with_cancel();
    canceller.cancel();
    assert!(child.is_cancelled() && grandchild.is_cancelled());
    assert!(!root.is_cancelled() && !sibling.is_cancelled());
}

#[test]
fn a_child_of_a_cancelled_context_is_born_cancelled_with_its_cause() {
    let (ctx, canceller) = Context::background().with_cancel();
    canceller.cancel_because("first");
    let (child, late) = ctx.with_cancel();
    late.cancel_because("second");
    assert_eq!(child.check().unwrap_err().source().unwrap().to_string(), "first");
    assert_eq!(ctx.children(), 0);
}

#[test]
fn the_first_cause_wins_for_ever() {
    let (ctx, first) = Context::background().with_cancel();
    let (child, second) = ctx.with_cancel();
    second.cancel_because("below");
    first.cancel_because("above");
    assert_eq!(child.check().unwrap_err().cause().unwrap().to_string(), "below");
    assert_eq!(ctx.check().unwrap_err().cause().unwrap().to_string(), "above");
}

#[test]
fn it_says_what_why_and_where() {
    let (ctx, canceller) = Context::background().with_cancel();
    let line = line!() + 1;
    canceller.cancel_because(io::Error::other("disk full"));
    let why = ctx.check().unwrap_err();
    assert_eq!((why.kind(), why.place().line()), (CancelKind::Cancelled, line));
    assert!(why.place().file().ends_with("tree.rs"));
    assert!(
        why.to_string().starts_with("cancelled at ") && why.to_string().ends_with(&format!("tree.rs:{line}"))
    );
    assert_eq!(why.source().unwrap().to_string(), "disk full");
    assert!(why.cause().unwrap().downcast_ref::<io::Error>().is_some());
    assert!(!why.is_deadline());
}

#[test]
fn it_becomes_an_io_error_by_question_mark() {
    fn read(ctx: &Context) -> io::Result<()> {
        ctx.check()?;
        Ok(())
    }
    let (ctx, canceller) = Context::background().with_cancel();
    read(&ctx).unwrap();
    canceller.cancel();
    let error = read(&ctx).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    assert!(error.get_ref().unwrap().downcast_ref::<headcount::Cancelled>().is_some());
    let late = Context::background().with_timeout(std::time::Duration::ZERO);
    assert_eq!(read(&late).unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[test]
fn a_dropped_canceller_cancels_and_a_kept_one_does_not() {
    let line = line!() + 1;
    let (ctx, canceller) = Context::background().with_cancel();
    drop(canceller);
    let why = ctx.check().unwrap_err();
    assert_eq!((why.kind(), why.place().line()), (CancelKind::Dropped, line));

    let (parent, outer) = Context::background().with_cancel();
    let (ctx, inner) = parent.with_cancel();
    inner.keep();
    assert!(!ctx.is_cancelled());
    outer.cancel();
    assert!(ctx.is_cancelled());
}

#[test]
fn a_middle_node_that_is_dropped_does_not_cut_its_descendants_off() {
    let (root, canceller) = Context::background().with_cancel();
    let (leaf, _leaf) = {
        let (middle, keep) = root.with_cancel();
        keep.keep();
        let (lower, keep) = middle.with_cancel();
        keep.keep();
        lower.with_cancel()
    };
    assert!(!leaf.is_cancelled());
    canceller.cancel();
    assert!(leaf.is_cancelled());
}

#[test]
fn children_that_are_gone_leave_no_trace() {
    let (root, _root) = Context::background().with_cancel();
    let kept = root.with_cancel();
    for _ in 0..100_000 {
        drop(root.with_cancel());
    }
    assert_eq!(root.children(), 1);
    drop(kept);
    let crowd: Vec<_> = (0..1000).map(|_| root.with_cancel()).collect();
    assert_eq!(root.children(), 1000);
    drop(crowd);
    assert_eq!(root.children(), 0);
}

#[test]
fn merged_is_cancelled_by_either() {
    for which in 0..2 {
        let (one, first) = Context::background().with_value("one").with_cancel();
        let (two, second) = Context::background().with_value(2_u8).with_cancel();
        let both = one.merged(&two);
        assert_eq!((both.value::<&str>(), both.value::<u8>()), (Some(&"one"), None));
        let (below, _below) = both.with_cancel();
        let cancellers: [Canceller; 2] = [first, second];
        let [first, second] = cancellers;
        let (cancel, _other) = if which == 0 { (first, second) } else { (second, first) };
        cancel.cancel_because("either");
        assert_eq!(below.check().unwrap_err().cause().unwrap().to_string(), "either");
        assert_eq!((one.is_cancelled(), two.is_cancelled()), (which == 0, which == 1));
    }
    let (one, cancel) = Context::background().with_cancel();
    assert!(!Context::background().merged(&Context::background()).is_cancelled());
    let (left, right) = (one.merged(&Context::background()), Context::background().merged(&one));
    cancel.cancel();
    assert!(left.is_cancelled() && right.is_cancelled());
}

#[test]
fn detached_keeps_values_and_leaves_the_rest() {
    let (ctx, canceller) = Context::background().with_value(7_u32).with_cancel();
    let detached = ctx.with_timeout(std::time::Duration::ZERO).detached();
    canceller.cancel();
    assert!(!detached.is_cancelled() && detached.deadline().is_none());
    assert_eq!(detached.value::<u32>(), Some(&7));
}

#[test]
fn depth_ten_thousand_neither_overflows_nor_leaks() {
    // A small stack makes recursion show.
    let deep = thread::Builder::new().stack_size(128 * 1024).spawn(|| {
        for drop_order in 0..3 {
            let (root, canceller) = Context::background().with_cancel();
            let mut chain = vec![root];
            for _ in 0..10_000 {
                let (next, keep) = chain.last().unwrap().with_cancel();
                keep.keep();
                chain.push(next.with_value(1_u8));
            }
            let leaf = chain.last().unwrap().clone();
            match drop_order {
                0 => chain.reverse(),
                1 => {}
                _ => chain.truncate(1),
            }
            canceller.cancel();
            assert!(leaf.is_cancelled());
            drop(chain);
            drop(leaf);
        }
    });
    deep.unwrap().join().unwrap();
}

#[test]
fn a_million_children_are_cancelled_in_linear_time() {
    let time = |width: usize| {
        let (root, canceller) = Context::background().with_cancel();
        let children: Vec<_> = (0..width).map(|_| root.with_cancel()).collect();
        let begun = std::time::Instant::now();
        canceller.cancel();
        let took = begun.elapsed();
        assert!(children.iter().all(|(child, _)| child.is_cancelled()));
        took.as_secs_f64()
    };
    // Ten times the width: ten times the work, and a hundred times if it were quadratic. A machine with other things to do may
    // stop the clock's owner at any moment, so it has several tries; a quadratic one would fail them all.
    let ratio = || time(1_000_000) / time(100_000).max(0.001);
    let ratios: Vec<f64> =
        std::iter::repeat_with(ratio).take(10).take_while(|ratio| *ratio >= 60.0).collect();
    assert!(ratios.len() < 10, "so many times as long for ten times the width: {ratios:?}");
}

#[test]
fn cancel_reaches_all_that_was_there_whoever_else_cancels() {
    within(|| {
        for _ in 0..300 {
            let (root, outer) = Context::background().with_cancel();
            let (middle, inner) = root.with_cancel();
            let leaves: Arc<Vec<_>> =
                Arc::new((0..50).map(|_| middle.with_timeout(std::time::Duration::MAX)).collect());
            let start = Arc::new(Barrier::new(2));
            let threads = [outer, inner].map(|canceller| {
                let (leaves, start) = (Arc::clone(&leaves), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    canceller.cancel();
                    assert!(leaves.iter().all(Context::is_cancelled), "cancel returned too early");
                })
            });
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        }
    });
}

#[test]
fn a_child_born_during_the_cancel_is_cancelled() {
    within(|| {
        for _ in 0..300 {
            let (root, canceller) = Context::background().with_cancel();
            let start = Arc::new(Barrier::new(2));
            let (parent, begin) = (root.clone(), Arc::clone(&start));
            let deriving = thread::spawn(move || {
                begin.wait();
                let mut born = Vec::new();
                while !parent.is_cancelled() {
                    born.push(parent.with_cancel());
                    let (child, _) = born.last().unwrap();
                    born.push(child.with_cancel());
                }
                born
            });
            start.wait();
            canceller.cancel();
            let born = deriving.join().unwrap();
            assert!(born.iter().all(|(child, _)| child.is_cancelled()));
            assert!(root.with_cancel().0.is_cancelled());
        }
    });
}
