//! Waiting until nobody is out; waits that could never end; the roll call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use headcount::{State, thread};

use super::{Count, LIMITS, limited, scope};
use crate::{LIMIT, message, within};

#[test]
fn wait_idle_returns_when_nobody_is_out_and_what_they_did_is_seen() {
    within(|| {
        for limit in LIMITS {
            let count = AtomicUsize::new(0);
            let values = limited(scope(), limit).run(|group| {
                for round in 1..=50 {
                    (0..20).for_each(|_| group.spawn(|_| headcount::ok(count.fetch_add(1, SeqCst))));
                    group.wait_idle();
                    assert_eq!(count.load(SeqCst), round * 20, "limit {limit:?}");
                    assert_eq!((group.running(), group.queued()), (0, 0));
                    assert_eq!(group.roll_call().outstanding(), 0);
                }
            });
            assert_eq!(values.unwrap().len(), 1000);
        }
    });
}

#[test]
fn a_wait_that_runs_out_of_time_says_who_is_out() {
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let values = scope().named("prices").limit(1).run(|group| {
            group.spawn_named("sku 42", |_| {
                come.add();
                headcount::ok(go.reaches(1))
            });
            group.spawn_named("sku 43", |_| headcount::ok(0));
            come.reaches(1);
            for late in [
                group.wait_idle_timeout(Duration::from_millis(1)).unwrap_err(),
                group.wait_timeout(Duration::ZERO).unwrap_err(),
            ] {
                let text = late.to_string();
                assert!(text.starts_with("prices: 2 of 2 still out after "), "{text}");
                assert!(text.contains("limit 1") && text.contains("#1  \"sku 42\"  running"), "{text}");
                assert!(text.contains("#2  \"sku 43\"  queued"), "{text}");
                assert!(late.place().file().ends_with("waits.rs"));
            }
            go.add();
            group.wait_idle_timeout(LIMIT).unwrap();
            group.wait_timeout(Duration::MAX).unwrap();
        });
        assert_eq!(values.unwrap().len(), 2);
    });
}

#[test]
fn the_roll_call_tells_running_queued_and_cancelled() {
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let result = scope().limit(2).run(|group| {
            for _ in 0..3 {
                group.spawn(|_| {
                    come.add();
                    headcount::ok(go.reaches(1))
                });
            }
            come.reaches(2);
            let states = || group.roll_call().iter().map(|missing| missing.state()).collect::<Vec<_>>();
            assert_eq!(states(), [State::Running, State::Running, State::Queued]);
            group.cancel();
            assert_eq!(states(), [State::Cancelled, State::Cancelled, State::Queued]);
            go.add();
        });
        assert_eq!(result.unwrap_err().tally().cancelled, 1);
    });
}

/// The clock is not read for each member of a crowd; who comes after a pause is told apart all the same, whether threads are
/// idle, blocked, or all slots are taken.
#[test]
fn ages_are_right_after_a_pause() {
    const PAUSE: Duration = Duration::from_millis(60);
    within(|| {
        let cases = [(Some(1), 1), (Some(4), 8), (None, 0), (None, 1), (None, 8)];
        // Not all of them leave the crowd's last page full.
        for (crowd, (limit, blocked)) in
            [10_000, 10_017].into_iter().flat_map(|n| cases.map(|case| (n, case)))
        {
            let (come, go) = (Count::default(), Count::default());
            let values = limited(scope(), limit).run(|group| {
                for _ in 0..blocked {
                    group.spawn(|_| {
                        come.add();
                        headcount::ok(go.reaches(1))
                    });
                }
                come.reaches(blocked.min(limit.unwrap_or(blocked)));
                (0..crowd).for_each(|_| group.spawn(|_| headcount::ok(0)));
                std::thread::sleep(PAUSE);
                let before = std::time::Instant::now();
                group.spawn_named("late", |_| headcount::ok(go.reaches(1)));
                let roll_call = group.roll_call();
                let late = roll_call.iter().find(|missing| missing.name() == Some("late")).unwrap();
                // A clock that was looked at before the pause would make it older than that; a machine that dawdles does not.
                assert!(
                    late.age().unwrap() < before.elapsed() + PAUSE / 2,
                    "limit {limit:?}, {blocked} blocked"
                );
                go.add();
            });
            assert_eq!(values.unwrap().len(), blocked + crowd + 1);
        }
    });
}

#[test]
fn a_member_that_waits_for_its_own_group_is_told() {
    within(|| {
        let payload = catch_unwind(AssertUnwindSafe(|| {
            scope::<()>().named("mine").run(|group| {
                let spawner = group.spawner();
                group.spawn(move |_| {
                    spawner.wait_idle();
                    headcount::ok(())
                });
            })
        }));
        let payload = payload.unwrap_err();
        let text = message(&*payload);
        assert!(
            text.contains("wait_idle would wait for itself") && text.contains("group \"mine\""),
            "{text}"
        );
    });
}

#[test]
fn a_member_that_waits_with_a_limit_for_its_own_group_is_told_at_once() {
    within(|| {
        let payload = catch_unwind(AssertUnwindSafe(|| {
            scope().run(|group| {
                let spawner = group.spawner();
                group.spawn(move |_| headcount::ok(spawner.wait_idle_timeout(Duration::MAX).is_ok()));
            })
        }));
        assert!(message(&*payload.unwrap_err()).contains("would wait for itself"));
    });
}

#[test]
fn a_cycle_through_a_scope_inside_a_member_is_named() {
    within(|| {
        let payload = catch_unwind(AssertUnwindSafe(|| {
            scope::<Vec<()>>().named("outer").run(|group| {
                let outer = group.spawner();
                group.spawn(move |ctx| {
                    thread::Scope::new(ctx).named("inner").run(|inner| {
                        inner.spawn(move |_| {
                            outer.wait_idle();
                            headcount::ok(())
                        });
                    })
                });
            })
        }));
        let payload = payload.unwrap_err();
        let text = message(&*payload);
        assert!(text.contains("group \"outer\"") && text.contains("group \"inner\""), "{text}");
        assert!(text.contains("waits for"), "{text}");
    });
}

#[test]
fn a_wait_for_one_that_waits_for_the_waiters_slot_is_told() {
    within(|| {
        let outer = scope::<String>().named("outer").run(|outer| {
            let there = outer.spawner();
            outer.spawn(move |ctx| {
                let inner = thread::Scope::new(ctx).limit(1).named("inner");
                let texts = inner.run(|inner| {
                    inner.spawn(move |_| {
                        // Not told before the body waits for the slot, which nobody sees from here.
                        let text = loop {
                            let wait = || there.wait_idle_timeout(Duration::from_millis(1));
                            match catch_unwind(AssertUnwindSafe(wait)) {
                                Ok(waited) => assert!(waited.is_err()),
                                Err(payload) => break message(&*payload).to_owned(),
                            }
                        };
                        headcount::ok(text)
                    });
                    inner.submit(|_| headcount::ok(String::new())).unwrap_or_else(|error| panic!("{error}"));
                });
                texts.map(|mut texts| texts.remove(0))
            });
        });
        let text = outer.unwrap().remove(0);
        assert!(text.contains("of group \"inner\"") && text.contains("waits for group \"outer\""), "{text}");
        assert!(text.contains(", whose member #1 (") && text.contains("waits for group \"inner\""), "{text}");
    });
}

#[test]
fn a_wait_for_a_group_that_does_not_wait_back_is_no_cycle() {
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let done = scope().run(|other| {
            other.spawn(|_| headcount::ok(go.reaches(1)));
            let inner = scope().run(|group| {
                group.spawn(|_| {
                    come.add();
                    // Not the member's own, and not one that waits for it; borrowed from the body around.
                    headcount::ok(())
                });
                come.reaches(1);
                go.add();
                other.wait_idle();
            });
            assert_eq!(inner.unwrap().len(), 1);
        });
        assert_eq!(done.unwrap().len(), 1);
    });
}

#[test]
#[cfg(feature = "tokio")]
fn a_scope_in_an_async_task_is_refused_with_what_to_do_instead() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().build().unwrap();
    let refused = runtime.block_on(async { catch_unwind(|| scope::<()>().run(|_| ())) }).unwrap_err();
    let text = message(&*refused);
    assert!(text.contains("thread::Scope::run") && text.contains("task::Group"), "{text}");
}
