//! One leak of each kind, for tasks, on both flavours of runtime: it is caught, and named.

use std::future::pending;
use std::mem;
use std::sync::mpsc::channel;
use std::time::Duration;

use headcount::testing::Check;
use headcount::{Context, Pipeline, WaitGroup, task};

use crate::{LIMIT, accusation, assert_says, at_once, gate, place};

const AN_HOUR: Duration = Duration::from_secs(3600);
/// Enough for a body to begin, on a machine that does other things too.
const SHORT: Duration = Duration::from_secs(3);

fn flavours() -> [Check; 3] {
    [at_once(), at_once().start_paused(), at_once().worker_threads(2)]
}

#[test]
fn a_counted_task_is_caught_and_named_by_its_place() {
    for check in flavours() {
        let body = || async { drop(WaitGroup::new().spawn_async(pending())) };
        assert_says(&accusation(|| check.run_async(body)), &["left 1 behind", "1 still out", &place!(1)]);
    }
}

#[test]
fn a_member_of_a_group_of_tasks_is_caught_and_named() {
    for check in flavours() {
        let body = || async {
            let group = task::Group::<u32>::new(&Context::background()).named("prices");
            group.spawn_named("sku 42", |_| async { headcount::ok(pending::<u32>().await) });
            // As a group in a static would be.
            mem::forget(group);
        };
        assert_says(
            &accusation(|| check.run_async(body)),
            &["prices: 1 of 1 still out", "\"sku 42\"", file!()],
        );
    }
}

#[test]
fn a_group_in_a_task_of_the_runtimes_own_is_caught() {
    for check in flavours() {
        let body = || async {
            let (launched, is_launched) = channel();
            tokio::spawn(async move {
                let group = WaitGroup::new();
                let _token = group.add_named("deep inside");
                launched.send(()).unwrap();
                pending::<()>().await;
            });
            while is_launched.try_recv().is_err() {
                tokio::task::yield_now().await;
            }
        };
        assert_says(&accusation(|| check.run_async(body)), &["1 still out", "\"deep inside\""]);
    }
}

#[test]
fn a_blocking_closure_is_caught_though_its_group_is_dropped() {
    for check in flavours() {
        let (_open, gate) = gate();
        let body = move || async move {
            let (began, has_begun) = channel();
            let group = task::Group::<()>::new(&Context::background()).named("disk");
            group.spawn_blocking(move |_| {
                began.send(()).unwrap();
                gate();
                headcount::ok(())
            });
            while has_begun.try_recv().is_err() {
                tokio::task::yield_now().await;
            }
        };
        assert_says(&accusation(|| check.run_async(body)), &["disk: 1 of 1 still out", "cannot be stopped"]);
    }
}

#[test]
fn a_deadline_on_the_runtimes_clock_is_caught() {
    for check in flavours() {
        let (keep, _kept) = channel();
        let body = move || async move { keep.send(Context::background().with_timeout(AN_HOUR)).is_ok() };
        let place = place!(1);
        assert_says(&accusation(|| check.run_async(body)), &["a deadline to come: 1 still out", &place]);
    }
}

#[test]
fn a_worker_of_a_pipeline_is_caught_and_named_by_its_stage() {
    for check in flavours() {
        let body = || async {
            let (began, has_begun) = channel();
            tokio::spawn(async move {
                let lines =
                    Pipeline::source(0..10_u32).named("import").stage_async("parse", 1, move |_, _| {
                        began.send(()).unwrap();
                        async { headcount::ok(pending::<u32>().await) }
                    });
                lines.run_collect_async::<Vec<u32>>(&Context::background()).await
            });
            while has_begun.try_recv().is_err() {
                tokio::task::yield_now().await;
            }
        };
        assert_says(&accusation(|| check.run_async(body)), &["import: ", "still out", "parse"]);
    }
}

#[test]
fn a_map_that_nobody_awaits_is_caught() {
    for check in flavours() {
        let body = || async {
            let (began, has_begun) = channel();
            tokio::spawn(async move {
                let map = task::map(0..10).limit(3).spawned();
                map.run(move |_, _| {
                    began.send(()).unwrap();
                    async { headcount::ok(pending::<u32>().await) }
                })
                .await
            });
            while has_begun.try_recv().is_err() {
                tokio::task::yield_now().await;
            }
        };
        assert_says(&accusation(|| check.run_async(body)), &["map (", "still out", file!()]);
    }
}

#[test]
fn a_future_that_takes_too_long_is_told_and_dropped() {
    for check in flavours() {
        let (kept, is_dropped) = channel::<()>();
        let body = || async move {
            let _token = WaitGroup::new().add_named("the writer");
            let _kept = kept;
            pending::<()>().await;
        };
        let said = accusation(|| check.timeout(SHORT).run_async(body));
        assert_says(&said, &["has not ended after 3.00 s", "\"the writer\""]);
        // With the future goes what it owns.
        assert_eq!(is_dropped.recv_timeout(LIMIT), Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
    }
}

#[test]
fn a_future_that_is_stuck_is_told_too() {
    let (_open, gate) = gate();
    let said = accusation(|| at_once().timeout(Duration::from_millis(20)).run_async(|| async { gate() }));
    assert_says(&said, &["has not ended after 20 ms"]);
}

#[test]
fn pausing_needs_the_flavour_with_one_thread() {
    let said = accusation(|| at_once().multi_thread().start_paused().run_async(|| async {}));
    assert_says(&said, &["start_paused"]);
}
