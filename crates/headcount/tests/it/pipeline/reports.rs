//! What a meter says: counts that add up, the bottleneck, and the roll call's names.

use headcount::{Context, Pipeline, ok};

use super::Count;
use crate::within;

#[test]
fn the_counts_of_all_stages_add_up() {
    let pipeline = Pipeline::source(0..1_000_u32)
        .filter_map("even", 2, |_, n| ok((n % 2 == 0).then_some(n)))
        .flat_map("triple", 3, |_, n| ok([n; 3]))
        .tee("beside", |_, _| ok(()));
    let meter = pipeline.meter();
    assert!(meter.report().stages().is_empty(), "nothing has begun");
    pipeline.run_for_each(&Context::background(), drop).unwrap();
    let report = meter.report();
    let counts = |name| {
        let stage = report.stage(name).unwrap_or_else(|| panic!("no {name} in {report}"));
        (stage.workers(), stage.items_in(), stage.items_out())
    };
    assert_eq!(counts("source"), (1, 1_000, 1_000));
    assert_eq!(counts("even"), (2, 1_000, 500));
    assert_eq!(counts("triple"), (3, 500, 1_500));
    assert_eq!(counts("beside (tee)"), (1, 1_500, 1_500));
    assert_eq!(counts("beside"), (1, 1_500, 0));
    assert_eq!(counts("sink"), (1, 1_500, 0));
}

/// The stage that never waits is the one that holds the others up; those above it are blocked, those below wait.
#[test]
fn the_stage_that_holds_the_others_up_is_named() {
    let named = || {
        let pipeline = Pipeline::source(0..300)
            .buffer(1)
            .stage("above", 1, |_, n| ok(n))
            .buffer(1)
            .stage("slow", 1, |_, n| {
                let begun = std::time::Instant::now();
                while begun.elapsed() < std::time::Duration::from_micros(200) {}
                ok(n)
            })
            .stage("below", 1, |_, n| ok(n));
        let meter = pipeline.meter();
        pipeline.run_for_each(&Context::background(), drop).unwrap();
        let report = meter.report();
        if report.bottleneck().unwrap().name() != "slow" {
            return false;
        }
        let (above, below) = (report.stage("above").unwrap(), report.stage("below").unwrap());
        let text = report.to_string();
        assert!(text.contains("\"slow\" holds the others up: busy for "), "{text}");
        assert_eq!(text.lines().count(), 1 + report.stages().len(), "{text}");
        above.blocked() > above.busy() && below.waiting() > below.busy()
    };
    // Whoever is stopped by the machine is busy meanwhile, so there are several tries.
    within(move || assert!((0..10).any(|_| named()), "who waits for it is busy"));
}

#[test]
fn it_can_be_asked_while_the_pipeline_runs() {
    within(|| {
        let pipeline = Pipeline::source(0..).stage("pass", 1, |_, n: u64| ok(n));
        let meter = pipeline.meter();
        let mut seen = 0;
        pipeline
            .run(&Context::background(), |_| {
                seen += 1;
                let out = meter.report().stage("pass").map_or(0, headcount::StageCounters::items_out);
                if out > 0 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
            })
            .unwrap();
        assert!(seen > 0);
    });
}

/// Each worker says, by failing, who it is.
#[test]
fn workers_are_called_after_their_stage() {
    within(|| {
        let met = Count::default();
        let pipeline = Pipeline::source(0..3).stage("parse", 3, |_, _| {
            met.add();
            met.reaches(3);
            Err::<(), _>("fails")
        });
        let error = pipeline.run_for_each(&Context::background(), drop).unwrap_err();
        let mut all = vec![error.member().unwrap().name().unwrap().to_owned()];
        all.extend(error.others().map(|(member, _)| member.name().unwrap().to_owned()));
        all.sort();
        assert_eq!(all, ["parse 1/3", "parse 2/3", "parse 3/3"]);
    });
}
