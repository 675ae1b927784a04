//! Results that are taken one by one.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::{Context, thread};

use crate::thread::Count;
use crate::{message, within};

#[test]
fn results_come_in_order_for_every_limit() {
    within(|| {
        for limit in [1, 2, 3, 64] {
            for len in [0, 1, 5, 30_000] {
                let f = |_: &Context, n: usize| headcount::ok(n);
                let taken = thread::map(0..len).limit(limit).stream(f, |results| results.collect::<Vec<_>>());
                assert_eq!(taken.unwrap(), (0..len).collect::<Vec<_>>(), "limit {limit}");
            }
        }
    });
}

#[test]
fn as_finished_nobody_waits_for_a_long_one() {
    within(|| {
        let taken = Count::default();
        let results = thread::map(0..100).limit(2).as_finished().stream(
            |_, n| {
                if n == 0 {
                    taken.reaches(50);
                }
                headcount::ok(n)
            },
            |results| results.inspect(|_| _ = taken.add()).collect::<Vec<_>>(),
        );
        let mut results = results.unwrap();
        let first = results.iter().position(|&n| n == 0).unwrap();
        assert!(first >= 50, "{first}");
        results.sort_unstable();
        assert_eq!(results, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn a_result_is_there_while_the_item_after_it_runs() {
    within(|| {
        // Long ones that come when all before were tiny: what is done must not wait in anybody's hand.
        let taken = AtomicUsize::new(0);
        let gate = Count::default();
        thread::map(0..5001)
            .limit(1)
            .stream(
                |_, n| {
                    if n == 5000 {
                        gate.reaches(1);
                    }
                    headcount::ok(n)
                },
                |results| {
                    for n in results {
                        taken.store(n, SeqCst);
                        // But for a handful, which is handed on together.
                        if n == 4992 {
                            gate.add();
                        }
                    }
                },
            )
            .unwrap();
        assert_eq!(taken.into_inner(), 5000);
    });
}

#[test]
fn an_endless_source_waits_for_whoever_takes() {
    within(|| {
        for limit in [1, 2, 5] {
            let pulled = AtomicUsize::new(0);
            let source = (0_usize..).inspect(|_| _ = pulled.fetch_add(1, SeqCst));
            let most = thread::map(source).limit(limit).stream(
                |_, n| {
                    // Of a microsecond: so that they are taken together, and not too many of them.
                    let begun = std::time::Instant::now();
                    while begun.elapsed().as_nanos() < 1000 {}
                    headcount::ok(n)
                },
                |results| {
                    let ahead = |n| pulled.load(SeqCst) - n;
                    results.take(3000).map(ahead).max()
                },
            );
            // As many as the largest batches, twice for each, and two.
            let ahead = most.unwrap().unwrap();
            assert!(ahead <= limit * (2 * 1024 + 2), "{ahead} ahead, limit {limit}");
        }
    });
}

#[test]
fn the_source_stands_still_while_nothing_is_taken() {
    within(|| {
        let begun = Count::default();
        let ahead = thread::map(0_usize..).limit(2).stream(
            |_, n| {
                begun.add();
                // The first is given when a few more have begun; then all wait.
                if n == 0 {
                    begun.reaches(4);
                }
                headcount::ok(n)
            },
            |mut results| {
                assert_eq!(results.next(), Some(0));
                // Whoever rests, rests until something is taken; so this is all there ever will be.
                let roll = results.roll_call();
                drop(results);
                (begun.get(), roll.outstanding())
            },
        );
        let (begun, running) = ahead.unwrap();
        assert!(begun <= 2 * (2 * 1024 + 2), "{begun}");
        assert!(running <= 2 * 8, "{running}");
    });
}

#[test]
fn dropping_the_iterator_ends_the_map_and_is_no_failure() {
    within(|| {
        for ordered in [true, false] {
            let stopped = AtomicUsize::new(0);
            let map = thread::map(0_usize..).limit(3);
            let map = if ordered { map } else { map.as_finished() };
            let found = map.stream(
                |ctx, n| {
                    if n > 10 {
                        let why = ctx.wait(); // until the body has had enough
                        stopped.fetch_add(1, SeqCst);
                        return Err(why);
                    }
                    Ok(n)
                },
                |results| results.take(5).count(),
            );
            assert_eq!(found.unwrap(), 5);
        }
    });
}

#[test]
fn a_failure_ends_the_iterator_and_is_returned() {
    within(|| {
        for limit in [1, 4] {
            let mut taken = Vec::new();
            let error = thread::map(0..10_000).limit(limit).stream(
                |_, n| if n == 700 { Err("seven hundred") } else { Ok(n) },
                |results| taken.extend(results),
            );
            let error = error.unwrap_err();
            assert_eq!(error.member().unwrap().index(), 700);
            assert!(
                taken.len() <= 700 && taken.iter().copied().eq(0..taken.len()),
                "in order, up to the failure"
            );
        }
    });
}

#[test]
fn a_cancel_ends_the_iterator_and_is_an_error() {
    within(|| {
        let (ctx, canceller) = Context::background().with_cancel();
        let mut canceller = Some(canceller);
        let error = thread::map(0_usize..).limit(2).context(&ctx).stream(
            |_, n| headcount::ok(n),
            |results| {
                for n in results {
                    if n == 100 {
                        canceller.take().unwrap().cancel();
                    }
                }
            },
        );
        assert!(error.unwrap_err().cancelled().is_some());
    });
}

#[test]
fn a_panic_of_the_body_goes_on_when_all_are_over() {
    within(|| {
        let running = AtomicUsize::new(0);
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            thread::map(0_usize..).limit(4).stream(
                |_, n| {
                    running.fetch_add(1, SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, SeqCst);
                    headcount::ok(n)
                },
                |mut results| {
                    assert_eq!(results.next(), Some(0));
                    panic!("the body broke");
                },
            )
        }));
        let payload = payload.map(|_: Result<(), _>| ()).unwrap_err();
        assert_eq!(message(&*payload), "the body broke");
        assert_eq!(running.into_inner(), 0);
    });
}

#[test]
fn an_items_panic_goes_on_though_the_body_is_content() {
    within(|| {
        let payload = std::panic::catch_unwind(|| {
            thread::map(0..100).limit(2).stream(
                |_, n| {
                    assert!(n != 3, "the third broke");
                    headcount::ok(n)
                },
                |results| results.count(),
            )
        });
        assert_eq!(message(&*payload.unwrap_err()), "the third broke");
    });
}

#[test]
fn the_roll_call_lists_the_items_that_run_by_number() {
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let roll = thread::map(0..3).named("slow").limit(3).stream(
            |_, n| {
                come.add();
                go.reaches(1);
                headcount::ok(n)
            },
            |results| {
                come.reaches(3);
                let roll = results.roll_call();
                go.add();
                assert_eq!(results.count(), 3);
                roll
            },
        );
        let roll = roll.unwrap();
        let mut numbers: Vec<u64> = roll.iter().map(headcount::Missing::number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(roll.to_string().starts_with("slow: 3 still out (limit 3)"), "{roll}");
    });
}
