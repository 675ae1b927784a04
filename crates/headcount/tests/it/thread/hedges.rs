//! Bodies that are called a second time when they take too long: which call counts, and what becomes of the other.
//!
//! Time is a driven clock's, so a second call begins when the test says so. What calls do after that is ordered by gates.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use headcount::{CancelKind, Cancelled, CollectAll, Context, DrivenClock, GroupError, Panics, thread};

use super::reason;
use crate::{Count, LIMIT, message, within};

const PAUSE: Duration = Duration::from_secs(60);

type End = Result<u32, String>;

/// One member whose body is called with the number of the call, and hedged: the clock passes the pause when the first
/// call has begun. What came of it, and how many calls there were.
fn hedged(body: impl Fn(usize, &Context) -> End + Sync) -> (Result<Vec<u32>, GroupError>, usize) {
    let (clock, calls) = (DrivenClock::new(), AtomicUsize::new(0));
    let result = thread::Scope::new(&clock.context()).hedge_after(PAUSE).run(|group| {
        group.spawn_repeatable(|ctx| body(calls.fetch_add(1, SeqCst), ctx));
        assert!(clock.wait_pending_timeout(1, LIMIT), "nobody watches");
        clock.advance(PAUSE);
    });
    (result, calls.into_inner())
}

/// Until the other call has made it needless; why that was. Without a limit of its own, which would be the driven clock's.
fn until_cancelled(ctx: &Context) -> Cancelled {
    ctx.wait()
}

#[test]
fn the_first_value_counts_and_the_other_call_is_told_and_waited_for() {
    within(|| {
        for slow in 0..2 {
            let (begun, told, line) = (Count::default(), AtomicBool::new(false), line!());
            let (result, calls) = hedged(|call, ctx| {
                begun.add();
                begun.reaches(2); // both are out
                if call == slow {
                    let why = until_cancelled(ctx);
                    assert_eq!(why.kind(), CancelKind::Cancelled);
                    assert!(reason(&why).contains("called twice"), "{why}");
                    assert!(why.to_string().contains("hedges.rs"), "{why}, but not at a line below {line}");
                    told.store(true, SeqCst);
                    return Ok(slow as u32);
                }
                Ok(call as u32)
            });
            assert_eq!((result.unwrap(), calls), (vec![1 - slow as u32], 2));
            assert!(told.into_inner(), "it was not waited for");
        }
    });
}

#[test]
fn if_one_of_the_two_fails_the_other_counts() {
    within(|| {
        for fails in 0..2 {
            let (begun, failed) = (Count::default(), Count::default());
            let (result, _) = hedged(|call, ctx| {
                begun.add();
                begun.reaches(2);
                if call == fails {
                    failed.add();
                    return Err(format!("call {call}"));
                }
                failed.reaches(1);
                // A failure is no reason to give up the other.
                ctx.check().map(|()| call as u32).map_err(|why| why.to_string())
            });
            assert_eq!(result.unwrap(), [1 - fails as u32]);
        }
    });
}

#[test]
fn if_both_fail_the_error_is_that_of_the_first_to_fail() {
    within(|| {
        // Only the first call's thread knows when the other has ended: it waits for that.
        let begun = Count::default();
        let (result, _) = hedged(|call, _| {
            begun.add();
            begun.reaches(2);
            Err(format!("call {call}"))
        });
        let text = result.unwrap_err().to_string();
        assert!(text.ends_with("call 0") || text.ends_with("call 1"), "{text}");

        let (result, calls) = {
            let (clock, calls) = (DrivenClock::new(), AtomicUsize::new(0));
            let scope = thread::Scope::<u32>::new(&clock.context()).hedge_after(PAUSE);
            let result = scope.run(|group| {
                group.spawn_repeatable(|_| Err::<u32, _>(format!("call {}", calls.fetch_add(1, SeqCst))));
            });
            (result, calls.into_inner())
        };
        // Before its time has come a failure is the member's.
        assert!(result.unwrap_err().to_string().ends_with("call 0"));
        assert_eq!(calls, 1);
    });
}

#[test]
fn a_call_that_ends_in_time_is_not_made_twice_and_nobody_waits_for_the_time() {
    within(|| {
        // An hour on the real clock: the end of the scope ends the watch.
        let calls = AtomicUsize::new(0);
        let scope = thread::Scope::new(&Context::background()).hedge_after(Duration::from_secs(3600));
        let values = scope.run(|group| {
            for n in 0..100 {
                let calls = &calls;
                group.spawn_repeatable(move |_| {
                    calls.fetch_add(1, SeqCst);
                    headcount::ok(n)
                });
            }
        });
        assert_eq!(values.unwrap(), (0..100).collect::<Vec<_>>());
        assert_eq!(calls.into_inner(), 100);
    });
}

#[test]
fn a_time_beyond_the_end_of_time_never_comes() {
    within(|| {
        let scope = thread::Scope::new(&Context::background()).hedge_after(Duration::MAX);
        let values = scope.run(|group| group.spawn_repeatable(|_| headcount::ok(7)));
        assert_eq!(values.unwrap(), [7]);
    });
}

#[test]
fn members_that_can_be_called_only_once_are_not_hedged() {
    within(|| {
        let (clock, go) = (DrivenClock::new(), Count::default());
        let scope = thread::Scope::new(&clock.context()).hedge_after(PAUSE);
        let once = String::from("moved");
        let values = scope.run(|group| {
            group.spawn(|_| {
                go.reaches(1);
                headcount::ok(once)
            });
            clock.advance(PAUSE * 9);
            go.add();
        });
        assert_eq!(values.unwrap(), ["moved"]);
        assert_eq!(clock.pending(), 0);
    });
}

#[test]
fn a_panic_of_either_call_is_the_members_and_the_other_is_told() {
    within(|| {
        for panics in 0..2 {
            let (begun, told) = (Count::default(), AtomicBool::new(false));
            let panic = catch_unwind(AssertUnwindSafe(|| {
                hedged(|call, ctx| {
                    begun.add();
                    begun.reaches(2);
                    assert!(call != panics, "call {call} is out of paper");
                    until_cancelled(ctx);
                    told.store(true, SeqCst);
                    Ok(0)
                })
            }));
            assert_eq!(message(&*panic.unwrap_err()), format!("call {panics} is out of paper"));
            assert!(told.into_inner(), "the other was not waited for");
        }
    });
}

#[test]
fn a_panic_after_the_other_calls_value_is_not_lost() {
    within(|| {
        for panics in 0..2 {
            let begun = Count::default();
            let (clock, calls) = (DrivenClock::new(), AtomicUsize::new(0));
            let scope = thread::Scope::new(&clock.context()).hedge_after(PAUSE).panics(Panics::AsError);
            let result = scope.run(|group| {
                group.spawn_repeatable(|ctx| {
                    let call = calls.fetch_add(1, SeqCst);
                    begun.add();
                    begun.reaches(2);
                    if call == panics {
                        until_cancelled(ctx); // the value is there
                        panic!("while clearing up");
                    }
                    headcount::ok(call)
                });
                assert!(clock.wait_pending_timeout(1, LIMIT));
                clock.advance(PAUSE);
            });
            let error = result.unwrap_err();
            assert_eq!(error.panic().unwrap().message(), Some("while clearing up"));
        }
    });
}

#[test]
fn a_group_that_is_cancelled_makes_no_second_calls() {
    within(|| {
        let (clock, begun, calls) = (DrivenClock::new(), Count::default(), AtomicUsize::new(0));
        let scope = thread::Scope::<(), _, _>::with_policy(&clock.context(), CollectAll).hedge_after(PAUSE);
        let ends = scope.run(|group| {
            let cancelled = &group.spawner();
            group.spawn_repeatable(|ctx| {
                calls.fetch_add(1, SeqCst);
                begun.add();
                begun.reaches(2);
                assert!(ctx.is_cancelled());
                ctx.check()
            });
            begun.reaches(1);
            assert!(clock.wait_pending_timeout(1, LIMIT));
            cancelled.cancel();
            clock.advance(PAUSE);
            begun.add();
        });
        assert!(matches!(ends[..], [Err(_)]), "{ends:?}");
        assert_eq!(calls.into_inner(), 1);
    });
}

#[test]
fn both_calls_share_the_slot_and_the_number_and_the_member_is_out_until_both_are_back() {
    within(|| {
        let (clock, begun, go) = (DrivenClock::new(), Count::default(), Count::default());
        let calls = AtomicUsize::new(0);
        let values = thread::Scope::new(&clock.context()).limit(1).hedge_after(PAUSE).run(|group| {
            group.spawn_repeatable(|_| {
                let call = calls.fetch_add(1, SeqCst);
                begun.add();
                if call == 0 {
                    go.reaches(1);
                }
                headcount::ok(call)
            });
            assert!(clock.wait_pending_timeout(1, LIMIT));
            clock.advance(PAUSE);
            begun.reaches(2);
            assert_eq!((group.running(), group.roll_call().iter().count()), (1, 1));
            assert!(group.try_spawn(|_| headcount::ok(9)).is_err(), "the slot is held");
            go.add();
        });
        assert_eq!(values.unwrap().len(), 1);
    });
}

#[test]
fn a_second_call_is_its_member_also_for_waits_that_would_never_end() {
    within(|| {
        let begun = Count::default();
        let (clock, calls) = (DrivenClock::new(), AtomicUsize::new(0));
        let panic = catch_unwind(AssertUnwindSafe(|| {
            thread::Scope::new(&clock.context()).hedge_after(PAUSE).run(|group| {
                let spawner = group.spawner();
                group.spawn_repeatable(move |ctx| {
                    let call = calls.fetch_add(1, SeqCst);
                    begun.add();
                    begun.reaches(2);
                    match call {
                        0 => drop(until_cancelled(ctx)),
                        _ => spawner.wait_idle(), // for itself
                    }
                    headcount::ok(())
                });
                assert!(clock.wait_pending_timeout(1, LIMIT));
                clock.advance(PAUSE);
            })
        }));
        let panic = panic.unwrap_err();
        assert!(message(&*panic).contains("would wait for itself"), "{}", message(&*panic));
    });
}

#[test]
fn the_contexts_of_calls_are_over_with_them_and_callbacks_that_panic_harm_nobody() {
    within(|| {
        let kept = std::sync::Mutex::new(Vec::new());
        let (begun, rung) = (Count::default(), std::sync::Arc::new(AtomicUsize::new(0)));
        let (result, calls) = hedged(|call, ctx| {
            let rung = std::sync::Arc::clone(&rung);
            ctx.on_cancel(move |_| {
                rung.fetch_add(1, SeqCst);
                panic!("a callback");
            })
            .keep();
            kept.lock().unwrap().push(ctx.clone());
            begun.add();
            begun.reaches(2);
            if call == 0 { Err(String::from("failed")) } else { Ok(7) }
        });
        assert_eq!((result.unwrap(), calls), (vec![7], 2));
        assert!(kept.into_inner().unwrap().iter().all(Context::is_cancelled));
        assert_eq!(rung.load(SeqCst), 2);
    });
}

#[test]
fn late_items_of_a_map_are_called_for_again_and_keep_their_places() {
    within(|| {
        for limit in [1, 2, 7] {
            let (clock, firsts, seconds) = (DrivenClock::new(), Count::default(), AtomicUsize::new(0));
            let names: Vec<String> = (0..7).map(|n| format!("item {n}")).collect();
            // Every third item's first call waits for its second.
            let calls: Vec<AtomicUsize> = (0..7).map(|_| AtomicUsize::new(0)).collect();
            let lengths = std::thread::scope(|scope| {
                let map = thread::map(names.iter().enumerate());
                let map = map.limit(limit).context(&clock.context()).hedge_after(PAUSE);
                let (firsts, seconds, calls) = (&firsts, &seconds, &calls);
                let map = scope.spawn(move || {
                    map.run(|ctx, (n, name)| {
                        if calls[n].fetch_add(1, SeqCst) > 0 {
                            seconds.fetch_add(1, SeqCst);
                        } else if n % 3 == 0 {
                            firsts.add();
                            until_cancelled(ctx);
                            return Err("needless");
                        }
                        Ok((n, name.len()))
                    })
                });
                while !map.is_finished() {
                    if clock.wait_pending_timeout(1, Duration::from_millis(1)) {
                        clock.advance(PAUSE);
                    }
                }
                map.join().unwrap()
            });
            let expected: Vec<_> = names.iter().map(String::len).enumerate().collect();
            assert_eq!(lengths.unwrap(), expected);
            assert_eq!(firsts.get(), 3);
            assert!(seconds.into_inner() >= 3);
        }
    });
}

#[test]
fn a_hedged_map_ends_when_its_body_has_enough_and_when_an_item_panics() {
    within(|| {
        let hour = Duration::from_secs(3600);
        let first = thread::map(0_u32..)
            .hedge_after(hour)
            .stream(|_, n| headcount::ok(n * n), |mut squares| squares.find(|n| *n > 50));
        assert_eq!(first.unwrap(), Some(64));
        let sum = thread::map(1..=100).hedge_after(hour).fold(0, |_, n| headcount::ok(n), |sum, n| sum + n);
        assert_eq!(sum.unwrap(), 5050);
        let panic = catch_unwind(|| {
            thread::map(0..9).hedge_after(hour).for_each(|_, n| {
                assert!(n != 5, "five");
                headcount::ok(())
            })
        });
        assert_eq!(message(&*panic.unwrap_err()), "five");
    });
}

#[test]
fn calls_that_race_with_their_time_are_never_lost() {
    within(|| {
        // As many of the real clock as come: some end before their time, some with it, some after.
        let calls = AtomicUsize::new(0);
        let values =
            thread::map(0..2000_u32).limit(4).hedge_after(Duration::from_micros(20)).run(|ctx, n| {
                calls.fetch_add(1, SeqCst);
                for _ in 0..n % 50 {
                    std::thread::yield_now();
                    if ctx.is_cancelled() {
                        break;
                    }
                }
                headcount::ok(n)
            });
        assert_eq!(values.unwrap(), (0..2000).collect::<Vec<_>>());
        assert!((2000..=4000).contains(&calls.into_inner()));
    });
}
