//! One leak of each kind, for threads: it is caught, and named.

use std::mem;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use headcount::{Context, Crew, Pipeline, WaitGroup, testing, thread};

use crate::{LIMIT, accusation, assert_says, at_once, gate, place};

const AN_HOUR: Duration = Duration::from_secs(3600);
/// Enough for a body to begin, on a machine that does other things too.
const SHORT: Duration = Duration::from_secs(3);

#[test]
fn a_thread_is_caught_and_named_by_its_place_though_it_has_no_name() {
    let (_open, gate) = gate();
    let said = accusation(|| at_once().run(|| drop(WaitGroup::new().spawn(gate))));
    let place = place!(1);
    assert_says(&said, &["left 1 behind", "wait group", "1 still out", "#1", &place, "hint: "]);
}

#[test]
fn a_token_is_caught_and_named() {
    let said = accusation(|| at_once().run(|| mem::forget(WaitGroup::new().add_named("the reader"))));
    assert_says(&said, &["1 still out", "\"the reader\"", &place!(1)]);
}

#[test]
fn a_member_of_a_scope_is_caught_whoever_runs_the_scope() {
    let (_open, gate) = gate();
    let body = || {
        let (began, has_begun) = channel();
        WaitGroup::new().spawn(move || {
            let scope = thread::Scope::<()>::new(&Context::background()).named("shelves");
            let member = move |_: &Context| {
                began.send(()).unwrap();
                gate();
                headcount::ok(())
            };
            scope.run(|group| group.spawn_named("cellar", member)).unwrap();
        });
        has_begun.recv_timeout(LIMIT).unwrap();
    };
    let said = accusation(|| at_once().run(body));
    assert_says(
        &said,
        &["left 2 behind", "wait group", "shelves: 1 of 1 still out", "\"cellar\"", "running"],
    );
}

#[test]
fn a_deadline_to_come_is_caught_and_named_by_its_place() {
    let (keep, kept) = channel();
    let said = accusation(|| {
        at_once().run(move || {
            let ctx = Context::background().with_timeout(AN_HOUR);
            keep.send(ctx).unwrap();
        })
    });
    assert_says(&said, &["left 1 behind", "contexts with a deadline to come: 1 still out", &place!(4)]);
    assert!(!kept.recv().unwrap().is_cancelled());
}

#[test]
fn a_callback_is_caught_and_named_by_its_place() {
    // The context is nobody's; the callback is the test's.
    let (ctx, _canceller) = Context::background().with_cancel();
    let said = accusation(|| at_once().run(move || ctx.on_cancel(|_| ()).keep()));
    assert_says(&said, &["left 1 behind", "callbacks of on_cancel: 1 still out", &place!(1)]);
}

#[test]
fn a_crew_that_is_not_stopped_is_caught_and_named_by_its_place() {
    let (keep, kept) = channel();
    let said = accusation(|| {
        at_once().run(move || {
            let crew = Crew::new(&Context::background(), 2, |_, n: u32| headcount::ok(n));
            keep.send(crew).map_err(drop).unwrap();
        })
    });
    assert_says(&said, &["left 1 behind", "crews that were not stopped: 1 still out", &place!(4)]);
    kept.recv().unwrap().stop(LIMIT).unwrap();
}

#[test]
fn a_job_of_a_crew_is_caught() {
    let (keep, _kept) = channel();
    // Opened before the crew is dropped, which waits for its job.
    let (_open, gate) = gate();
    let body = move || {
        type Job = Box<dyn FnOnce() + Send>;
        let crew = Crew::new(&Context::background(), 2, |_, job: Job| {
            job();
            headcount::ok(())
        });
        let crew = crew.named("movers");
        crew.post(Box::new(gate)).unwrap();
        keep.send(crew).map_err(drop).unwrap();
    };
    assert_says(
        &accusation(|| at_once().run(body)),
        &["left 2 behind", "movers: 1 of 1 still out", "crews that"],
    );
}

#[test]
fn a_worker_of_a_pipeline_is_caught_and_named_by_its_stage() {
    let (_open, gate) = gate();
    let body = || {
        let ((began, has_begun), gate) = (channel(), Mutex::new(Some(gate)));
        WaitGroup::new().spawn(move || {
            let lines = Pipeline::source([1]).named("import").stage("parse", 1, move |_, n| {
                began.send(()).unwrap();
                if let Some(gate) = gate.lock().unwrap().take() {
                    gate();
                }
                headcount::ok(n)
            });
            lines.run_for_each(&Context::background(), drop).unwrap();
        });
        has_begun.recv_timeout(LIMIT).unwrap();
    };
    assert_says(&accusation(|| at_once().run(body)), &["import: ", "still out", "\"parse\"  running"]);
}

#[test]
fn a_body_that_takes_too_long_is_told_with_all_that_is_out() {
    let (_open, gate) = gate();
    let body = move || {
        let _token = WaitGroup::new().add_named("the writer");
        gate();
    };
    let said = accusation(|| at_once().timeout(SHORT).run(body));
    assert_says(&said, &["the test has not ended after 3.00 s", "\"the writer\"", "1 still out"]);
}

#[test]
fn a_body_that_holds_itself_up_is_told() {
    let (_open, gate) = gate();
    let said = accusation(|| at_once().timeout(Duration::from_millis(20)).run(gate));
    assert_says(&said, &["has not ended after 20 ms", "it is the body itself that is held up"]);
}

#[test]
fn the_bodys_own_panic_goes_first_and_keeps_its_payload() {
    let said = accusation(|| {
        testing::check(|| {
            mem::forget(WaitGroup::new().add());
            panic!("{} of its own", 1);
        })
    });
    assert_eq!(said, "1 of its own");
}

#[test]
fn where_a_panic_is_expected_a_leak_is_told_all_the_same() {
    let body = || {
        mem::forget(WaitGroup::new().add_named("left"));
        panic!("as expected");
    };
    assert_says(&accusation(|| at_once().should_panic("expected", body)), &["left 1 behind", "\"left\""]);
    at_once().should_panic("expected", || panic!("as expected"));
    at_once().should_panic("", || std::panic::panic_any(7));
    let said = accusation(|| at_once().should_panic("expected", || panic!("otherwise")));
    assert_says(&said, &["\"expected\"", "\"otherwise\""]);
    assert_says(&accusation(|| at_once().should_panic("expected", || ())), &["did not"]);
}
