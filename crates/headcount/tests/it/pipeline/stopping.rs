//! Stopping from below: the sink has enough, and those above end by themselves. And ending from above, down to the sink.

use std::ops::ControlFlow;

use headcount::{Context, Pipeline, ok};

use super::{Census, collect};
use crate::within;

#[test]
fn an_endless_source_ends_when_the_sink_has_enough() {
    for wanted in [1, 2, 10, 1_000, 100_000] {
        within(move || {
            let census = Census::default();
            let one = census.clone();
            let mut seen = 0;
            let pipeline = Pipeline::source(std::iter::repeat_with(move || one.one()))
                .stage("one", 3, |_, item| ok(item))
                .ordered()
                .flat_map("endless", 2, |_, item| ok(std::iter::repeat(item)))
                .tee("beside", |_, _| ok(()));
            let result = pipeline.run(&Context::background(), |_| {
                seen += 1;
                if seen == wanted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            result.unwrap();
            assert_eq!(seen, wanted);
            assert_eq!(census.alive(), 0);
        });
    }
}

#[test]
fn a_stage_that_hands_on_nothing_more_ends_as_well_when_the_sink_has_enough() {
    within(|| {
        let pipeline =
            Pipeline::source(0_u64..)
                .stage("pass", 2, |_, n| ok(n))
                .filter_map("only five", 2, |_, n| ok((n == 5).then_some(n)));
        let mut seen = None;
        let result = pipeline.run(&Context::background(), |n| {
            seen = Some(n);
            ControlFlow::Break(())
        });
        result.unwrap();
        assert_eq!(seen, Some(5));
    });
}

#[test]
fn a_branch_gets_all_that_has_passed_though_the_sink_stops_early() {
    within(|| {
        let (mut beside, mut seen) = (Vec::new(), 0);
        let pipeline = Pipeline::source(0..).tee("beside", |_, n| {
            beside.push(n);
            ok(())
        });
        let result = pipeline.run(&Context::background(), |_| {
            seen += 1;
            if seen == 500 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        result.unwrap();
        assert!(beside.len() >= 500);
        assert!(beside.iter().copied().eq(0..beside.len()), "in order and without a gap");
    });
}

#[test]
fn an_empty_source_ends_all_at_once() {
    for on_tasks in [false, true] {
        within(move || {
            let pipeline = Pipeline::source(Vec::<u32>::new()).stage("one", 4, |_, n| ok(n)).ordered();
            assert!(collect(pipeline, &Context::background(), on_tasks).unwrap().is_empty());
            let none: [Vec<u32>; 0] = [];
            let pipeline = Pipeline::sources(none).stage("one", 4, |_, n| ok(n));
            assert!(collect(pipeline, &Context::background(), on_tasks).unwrap().is_empty());
        });
    }
}

#[test]
fn what_it_borrows_is_back_when_it_returns() {
    let texts = vec!["one".to_owned(), "three".to_owned()];
    let mut lengths = Vec::new();
    let pipeline = Pipeline::source(&texts).stage("len", 2, |_, text: &String| ok(text.len()));
    pipeline.run_for_each(&Context::background(), |n| lengths.push(n)).unwrap();
    drop(texts);
    lengths.sort_unstable();
    assert_eq!(lengths, [3, 5]);
}
