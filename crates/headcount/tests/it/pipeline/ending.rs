//! Abnormal ends: errors, panics, cancellations. Each is told in full, and nothing is left behind.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use headcount::{CancelKind, Context, Pipeline, ok};

use super::{Census, Count, collect};
use crate::{message, within};

#[test]
fn an_error_names_the_stage_its_worker_and_its_place() {
    for on_tasks in [false, true] {
        within(move || {
            let pipeline = Pipeline::source(0..100).named("orders").stage("pass", 2, |_, n| ok(n));
            let line = line!() + 1;
            let pipeline = pipeline.stage("parse", 4, |_, n| if n == 50 { Err("no number") } else { Ok(n) });
            let error = collect(pipeline, &Context::background(), on_tasks).unwrap_err();
            let member = error.member().unwrap();
            assert!(member.name().unwrap().starts_with("parse "), "{member}");
            assert!(member.name().unwrap().ends_with("/4"), "{member}");
            assert_eq!((member.place().file(), member.place().line()), (file!(), line));
            let text = error.to_string();
            assert!(text.starts_with("group \"orders\" ("), "{text}");
            assert!(text.ends_with("failed: no number"), "{text}");
            assert_eq!(error.others().len(), 0, "consequences are none: {error:?}");
        });
    }
}

#[test]
fn the_error_keeps_its_type() {
    let pipeline = Pipeline::source(["1", "x"]).stage("parse", 1, |_, text: &str| text.parse::<u8>());
    let error = pipeline.run_collect::<Vec<_>>(&Context::background()).unwrap_err();
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
    let pipeline = Pipeline::source(["1"]).stage("parse", 1, |_, _| anyhow::Ok(1));
    let pipeline = pipeline.tee("log", |_, _| Err::<(), _>(std::io::Error::other("the disk is full")));
    let error = pipeline.run_collect::<Vec<_>>(&Context::background()).unwrap_err();
    assert_eq!(error.member().unwrap().name(), Some("log"));
    assert!(error.downcast_ref::<std::io::Error>().is_some());
}

/// A stage's items and what it captured, all counted, go through three stages; `trouble` ends them somewhere in the middle.
fn furnished(
    census: &Census,
    items: usize,
    trouble: impl Fn(&Context, usize) -> Result<(), &'static str> + Send + Sync + 'static,
) -> Pipeline<impl headcount::OnThreads<Item: Send> + 'static> {
    let (held, one) = (census.one(), census.clone());
    Pipeline::source((0..items).map(move |n| (n, one.one())))
        .buffer(8)
        .stage("pass", 3, |_, item| ok(item))
        .buffer(8)
        .stage("trouble", 2, move |ctx, (n, item)| {
            let _held = &held;
            trouble(ctx, n).map(|()| (n, item))
        })
        .ordered()
        .flat_map("double", 2, |_, (n, item)| ok([(n, item.clone()), (n, item)]))
        .tee("beside", |_, _| ok(()))
}

#[test]
fn nothing_is_left_after_an_error_wherever_it_happens() {
    for on_tasks in [false, true] {
        for at in [0, 1, 7, 100, 999] {
            within(move || {
                let census = Census::default();
                let pipeline =
                    furnished(&census, 1_000, move |_, n| if n == at { Err("here") } else { Ok(()) });
                let error = collect(pipeline, &Context::background(), on_tasks).map(drop).unwrap_err();
                assert!(error.to_string().ends_with("failed: here"), "{error}");
                drop(error);
                assert_eq!(census.alive(), 0, "failed at {at}, on tasks: {on_tasks}");
            });
        }
    }
}

#[test]
fn a_panic_of_a_stage_goes_on_in_the_caller_and_nothing_is_left() {
    for on_tasks in [false, true] {
        within(move || {
            let census = Census::default();
            let pipeline = furnished(&census, 1_000, |_, n| if n == 77 { panic!("at 77") } else { Ok(()) });
            let run = AssertUnwindSafe(|| collect(pipeline, &Context::background(), on_tasks).map(drop));
            assert_eq!(message(&*catch_unwind(run).unwrap_err()), "at 77");
            assert_eq!(census.alive(), 0);
        });
    }
}

#[test]
fn a_panic_of_the_source_goes_on_in_the_caller() {
    for on_tasks in [false, true] {
        within(move || {
            let source = (0..100).inspect(|n| assert!(*n < 50, "the source is dry"));
            let pipeline = Pipeline::source(source).stage("pass", 2, |_, n| ok(n));
            let run = AssertUnwindSafe(|| collect(pipeline, &Context::background(), on_tasks).map(drop));
            assert_eq!(message(&*catch_unwind(run).unwrap_err()), "the source is dry");
        });
    }
}

#[test]
fn a_panic_of_the_sink_ends_all_and_goes_on() {
    within(|| {
        let census = Census::default();
        let pipeline = furnished(&census, usize::MAX, |_, _| Ok(()));
        let run = AssertUnwindSafe(|| {
            let _ = pipeline.run_for_each(&Context::background(), |_| panic!("the sink is full"));
        });
        assert_eq!(message(&*catch_unwind(run).unwrap_err()), "the sink is full");
        assert_eq!(census.alive(), 0);
    });
}

#[test]
fn a_cancellation_ends_all_wherever_they_wait_and_is_the_error() {
    for on_tasks in [false, true] {
        within(move || {
            let census = Census::default();
            let (ctx, canceller) = Context::background().with_cancel();
            let (canceller, come) = (std::sync::Mutex::new(Some(canceller)), Count::default());
            // An endless source: those above wait for room, those below for items.
            let pipeline = furnished(&census, usize::MAX, move |ctx, _| {
                match come.add() {
                    21 => canceller.lock().unwrap().take().unwrap().cancel_because("the plug is pulled"),
                    // For ever, if it were not for the cancellation; a task must not, and goes on.
                    22.. if !on_tasks => drop(ctx.wait()),
                    _ => {}
                }
                Ok(())
            });
            let error = collect(pipeline, &ctx, on_tasks).map(drop).unwrap_err();
            assert_eq!(error.cancelled().unwrap().kind(), CancelKind::Cancelled);
            let cause = std::error::Error::source(error.cancelled().unwrap()).unwrap().to_string();
            assert_eq!(cause, "the plug is pulled");
            assert_eq!(census.alive(), 0);
        });
    }
}

/// A worker with hundreds of tiny items in its hand heeds a cancellation at the next one.
#[test]
fn no_item_is_begun_after_the_cancellation() {
    for on_tasks in [false, true] {
        within(move || {
            let (ctx, canceller) = Context::background().with_cancel();
            let (canceller, late) =
                (std::sync::Mutex::new(Some(canceller)), std::sync::Arc::new(Count::default()));
            let begun = std::sync::Arc::clone(&late);
            let pipeline = Pipeline::source(0..).stage("count", 1, move |ctx, n| {
                if ctx.is_cancelled() {
                    begun.add();
                }
                if n == 20_000 {
                    canceller.lock().unwrap().take().unwrap().cancel();
                }
                ok(n)
            });
            assert!(collect(pipeline, &ctx, on_tasks).unwrap_err().cancelled().is_some());
            assert_eq!(late.get(), 0);
        });
    }
}

/// So does the sink, which runs on the caller's own thread or task.
#[test]
fn the_sink_is_given_no_item_after_the_cancellation() {
    for on_tasks in [false, true] {
        within(move || {
            let (ctx, canceller) = Context::background().with_cancel();
            let (mut canceller, late) = (Some(canceller), Count::default());
            let sink = |n| {
                if canceller.is_none() {
                    late.add();
                }
                if n == 20_000 {
                    drop(canceller.take());
                }
            };
            let error = super::for_each(Pipeline::source(0..), &ctx, on_tasks, sink).unwrap_err();
            assert!(error.cancelled().is_some());
            assert_eq!(late.get(), 0, "on tasks: {on_tasks}");
        });
    }
}

#[test]
fn a_deadline_wakes_workers_that_wait_for_a_source_that_gives_nothing() {
    within(|| {
        let ctx = Context::background().with_timeout(Duration::from_millis(5));
        let waits = ctx.clone();
        let source = std::iter::from_fn(move || Some(waits.wait()));
        let pipeline = Pipeline::source(source).stage("pass", 3, |_, why| ok(why));
        let error = pipeline.run_for_each(&ctx, drop).unwrap_err();
        assert_eq!(error.cancelled().unwrap().kind(), CancelKind::DeadlineExceeded);
    });
}

#[test]
fn one_cancelled_before_it_is_run_pulls_nothing() {
    for on_tasks in [false, true] {
        within(move || {
            let (ctx, canceller) = Context::background().with_cancel();
            canceller.cancel();
            let source = std::iter::from_fn(|| -> Option<u32> { panic!("it was pulled") });
            let pipeline = Pipeline::source(source).stage("pass", 2, |_, n| ok(n));
            assert!(collect(pipeline, &ctx, on_tasks).unwrap_err().cancelled().is_some());
        });
    }
}

/// The workers have all ended well when the context is cancelled; only the sink is still at it.
#[test]
fn a_sink_that_is_cut_short_is_no_success() {
    within(|| {
        let (ctx, canceller) = Context::background().with_cancel();
        let mut canceller = Some(canceller);
        let done = Count::default();
        let pipeline = Pipeline::source((0..64).inspect(|_| _ = done.add())).buffer(64);
        let mut seen = 0;
        let run = pipeline.run_for_each(&ctx, |_| {
            seen += 1;
            done.reaches(64);
            drop(canceller.take());
        });
        // In hand it had one item, and it was cancelled after that.
        assert_eq!(seen, 1);
        assert!(run.unwrap_err().cancelled().is_some());
    });
}

#[test]
fn one_that_is_never_run_starts_nothing_and_leaves_nothing() {
    let census = Census::default();
    let pipeline = furnished(&census, 10, |_, _| panic!("it was run"));
    drop(pipeline);
    assert_eq!(census.alive(), 0);
}
