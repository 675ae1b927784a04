//! Random pipelines against plain iterators: the same items, in the same order where order is kept; the same failure.

use std::sync::{Arc, Mutex};

use headcount::{Context, Pipeline};
use proptest::prelude::*;

use super::collect;
use crate::within;

/// A pipeline of three stages of different kinds.
#[derive(Clone, Debug)]
struct Plan {
    items: usize,
    workers: [usize; 3],
    buffers: [usize; 4],
    ordered: bool,
    on_tasks: bool,
    /// The item at which a stage fails, if any.
    fails: Option<usize>,
    /// The item at which the context is cancelled, if any.
    cancelled: Option<usize>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let shape = (0_usize..400, prop::array::uniform3(1_usize..5), prop::array::uniform4(1_usize..9));
    let manner = (any::<bool>(), any::<bool>());
    let trouble = (prop::option::weighted(0.2, 0_usize..400), prop::option::weighted(0.2, 0_usize..400));
    (shape, manner, trouble).prop_map(|(shape, manner, trouble)| Plan {
        items: shape.0,
        workers: shape.1,
        buffers: shape.2,
        ordered: manner.0,
        on_tasks: manner.1,
        fails: trouble.0,
        cancelled: trouble.1,
    })
}

/// Some items come to nothing, some to several.
fn several(n: usize) -> impl Iterator<Item = (usize, usize)> + Send {
    (0..n % 4).map(move |nth| (n, nth))
}

/// The naive twin.
fn expected(items: usize) -> Vec<(usize, usize)> {
    (0..items).map(|n| n * 3).filter(|n| n % 5 != 0).flat_map(several).collect()
}

fn run(plan: &Plan) -> Result<Vec<(usize, usize)>, headcount::GroupError> {
    let (ctx, canceller) = Context::background().with_cancel();
    // Kept here as well: dropped with the stage, it would cancel.
    let canceller = Arc::new(Mutex::new(Some(canceller)));
    let _kept = Arc::clone(&canceller);
    let Plan { items, workers, buffers, fails, cancelled, .. } = plan.clone();
    let first = move |_: &Context, n: usize| {
        if cancelled == Some(n) {
            canceller.lock().unwrap().take().unwrap().cancel();
        }
        if fails == Some(n) { Err(format!("item {n}")) } else { Ok(n * 3) }
    };
    let second = |_: &Context, n: usize| headcount::ok((n % 5 != 0).then_some(n));
    let third = |_: &Context, n: usize| headcount::ok(several(n));
    let source = Pipeline::source(0..items).buffer(buffers[0]);
    if plan.ordered {
        let pipeline = source.stage("first", workers[0], first).ordered().buffer(buffers[1]);
        let pipeline = pipeline.filter_map("second", workers[1], second).ordered().buffer(buffers[2]);
        let pipeline = pipeline.flat_map("third", workers[2], third).ordered().buffer(buffers[3]);
        collect(pipeline, &ctx, plan.on_tasks)
    } else {
        let pipeline = source.stage("first", workers[0], first).buffer(buffers[1]);
        let pipeline = pipeline.filter_map("second", workers[1], second).buffer(buffers[2]);
        let pipeline = pipeline.flat_map("third", workers[2], third).buffer(buffers[3]);
        collect(pipeline, &ctx, plan.on_tasks)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pipeline_gives_what_plain_iterators_give_or_the_failure(plan in plans()) {
        let story = plan.clone();
        let result = within(move || run(&story));
        let reached = |at: Option<usize>| at.is_some_and(|at| at < plan.items);
        match result {
            Ok(mut got) => {
                // One that was cancelled by its last items may have been over by then.
                prop_assert!(!reached(plan.fails));
                if !plan.ordered {
                    got.sort_unstable();
                }
                prop_assert_eq!(got, expected(plan.items));
            }
            Err(error) if error.cancelled().is_some() => prop_assert!(reached(plan.cancelled), "{}", error),
            Err(error) => {
                prop_assert!(reached(plan.fails), "{}", error);
                let item = format!("item {}", plan.fails.unwrap());
                prop_assert!(error.to_string().ends_with(&item), "{}", error);
                prop_assert!(error.member().unwrap().name().unwrap().starts_with("first"), "{}", error);
            }
        }
    }
}
