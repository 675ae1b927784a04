//! Order: kept where it was asked for, whoever is faster; and given up where it was not.

use headcount::{Context, Pipeline, ok};

use super::{Count, collect};
use crate::within;

#[test]
fn an_ordered_stage_keeps_order_though_later_items_are_finished_first() {
    within(|| {
        let later = Count::default();
        let source = Pipeline::source(0..100);
        let stage = source.stage("hold", 4, |_, n| {
            if n == 0 {
                later.reaches(10); // all of them after this one
            } else {
                later.add();
            }
            ok(n)
        });
        let all: Vec<i32> = stage.ordered().run_collect(&Context::background()).unwrap();
        assert!(all.into_iter().eq(0..100));
    });
}

#[test]
fn without_order_a_slow_item_holds_up_no_other() {
    within(|| {
        let come = Count::default();
        let stage = Pipeline::source(0..100).stage("hold", 2, |_, n| {
            if n == 0 {
                come.reaches(99); // the sink has all the others
            }
            ok(n)
        });
        let mut last = None;
        let run = stage.run_for_each(&Context::background(), |n| {
            last = Some(n);
            come.add();
        });
        run.unwrap();
        assert_eq!(last, Some(0));
    });
}

#[test]
fn order_holds_through_several_ordered_stages_of_many_workers() {
    for on_tasks in [false, true] {
        let all = within(move || {
            let pipeline = Pipeline::source(0..20_000_u32)
                .stage("one", 3, |_, n| ok(n + 1))
                .ordered()
                .filter_map("two", 2, |_, n| ok((n % 7 != 0).then_some(n)))
                .ordered()
                .stage("three", 4, |_, n| ok(n - 1))
                .ordered();
            collect(pipeline, &Context::background(), on_tasks).unwrap()
        });
        assert!(all.into_iter().eq((0..20_000).filter(|n| (n + 1) % 7 != 0)));
    }
}

#[test]
fn stages_of_one_worker_keep_order_unasked() {
    for on_tasks in [false, true] {
        let all = within(move || {
            let pipeline = Pipeline::source(0..5_000_u32)
                .stage("one", 1, |_, n| ok(n))
                .flat_map("two", 1, |_, n| ok([n; 2]))
                .tee("beside", |_, _| ok(()));
            collect(pipeline, &Context::background(), on_tasks).unwrap()
        });
        assert!(all.into_iter().eq((0..5_000).flat_map(|n| [n; 2])));
    }
}

#[test]
fn each_source_keeps_its_order_when_several_flow_together() {
    let all = within(|| {
        let sources = (0..4_u32).map(|which| (0..1_000_u32).map(move |n| (which, n)));
        let pipeline = Pipeline::sources(sources).stage("pass", 3, |_, item| ok(item)).ordered();
        collect(pipeline, &Context::background(), false).unwrap()
    });
    assert_eq!(all.len(), 4_000);
    for which in 0..4 {
        let own = all.iter().filter(|item| item.0 == which).map(|item| item.1);
        assert!(own.eq(0..1_000), "source {which}");
    }
}
