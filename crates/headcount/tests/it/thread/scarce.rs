//! A system that gives no thread: whoever waits for the members runs them, and nobody hangs.

use std::thread::current;
use std::time::Duration;

use headcount::{Context, thread};

use super::limited;
use crate::within;

/// No system grants a stack as large as that.
const TOO_LARGE: usize = 1 << 60;

fn scope<T>(limit: Option<usize>) -> thread::Scope<T> {
    limited(thread::Scope::new(&Context::background()).stack_size(TOO_LARGE), limit)
}

const LIMITS: [Option<usize>; 3] = [None, Some(1), Some(3)];

#[test]
fn who_waits_until_nobody_is_out_runs_the_members() {
    within(|| {
        for limit in LIMITS {
            for many in [1, 2, 300] {
                let here = current().id();
                let done = scope(limit).run(|group| {
                    for round in 1..=2 {
                        (0..many).for_each(|n| group.spawn(move |_| headcount::ok((n, current().id()))));
                        group.wait_idle();
                        assert_eq!((group.running(), group.queued()), (0, 0), "round {round}");
                    }
                });
                let done = done.unwrap();
                assert!(done.len() == 2 * many && done.iter().all(|(_, thread)| *thread == here));
            }
        }
    });
}

#[test]
fn who_takes_the_results_runs_the_members() {
    within(|| {
        for limit in LIMITS {
            let left = scope(limit).run(|group| {
                (0..50).for_each(|n| group.spawn(move |_| headcount::ok(n)));
                let taken: Vec<usize> = group.stream().map(|(_, result)| result.unwrap()).collect();
                assert!(taken.into_iter().eq(0..50));
            });
            assert!(left.unwrap().is_empty());
        }
    });
}

#[test]
fn who_submits_runs_the_members_that_are_in_the_way() {
    within(|| {
        for limit in LIMITS {
            let done = scope(limit).run(|group| {
                (0..50).for_each(|n| group.submit(move |_| headcount::ok(n)).unwrap());
            });
            assert!(done.unwrap().into_iter().eq(0..50));
        }
    });
}

#[test]
fn members_that_spawn_members_all_run() {
    within(|| {
        for limit in LIMITS {
            let done = scope(limit).run(|group| {
                let spawner = group.spawner();
                group.spawn(move |_| {
                    (0..20).for_each(|n| spawner.spawn(move |_| headcount::ok(n)));
                    headcount::ok(99)
                });
                group.wait_idle();
                assert_eq!((group.running(), group.queued()), (0, 0));
            });
            assert_eq!(done.unwrap().len(), 21);
        }
    });
}

/// The push that is refused a thread is another's, perhaps while the body sleeps already.
#[test]
fn who_waits_learns_that_anothers_push_found_no_thread() {
    within(|| {
        for limit in LIMITS {
            let done = scope(limit).run(|group| {
                std::thread::scope(|others| {
                    for _ in 0..3 {
                        let spawner = group.spawner();
                        others.spawn(move || (0..50).for_each(|n| spawner.spawn(move |_| headcount::ok(n))));
                    }
                    while group.stream().next().is_none() {
                        std::thread::yield_now();
                    }
                    group.wait_idle();
                });
                group.wait_idle();
            });
            assert_eq!(done.unwrap().len(), 149);
        }
    });
}

#[test]
fn a_wait_with_a_timeout_runs_nobody_and_says_who_is_out() {
    within(|| {
        let done = scope(None).run(|group| {
            group.spawn_named("alone", |_| headcount::ok(1));
            let late = group.wait_idle_timeout(Duration::from_millis(1)).unwrap_err();
            assert!(late.to_string().contains("alone"), "{late}");
        });
        assert_eq!(done.unwrap(), [1], "at the end of the body the caller helps");
    });
}
