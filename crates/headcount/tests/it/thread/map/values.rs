//! What comes of the items: all of it, in order, whatever the source.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::{CancelKind, Context, Discard, thread};

use crate::thread::Count;
use crate::within;

const LIMITS: [usize; 4] = [1, 2, 3, 64];

#[test]
fn values_come_in_the_order_of_the_items_from_every_kind_of_source() {
    within(|| {
        for limit in LIMITS {
            for len in [0, 1, 2, 7, 1000, 100_000] {
                let items: Vec<usize> = (0..len).collect();
                let expected: Vec<usize> = (0..len).map(|n| n * 3).collect();
                let f = |_: &Context, n: usize| headcount::ok(n * 3);
                let of_ref = |_: &Context, n: &usize| headcount::ok(n * 3);
                assert_eq!(thread::map(0..len).limit(limit).run(f).unwrap(), expected, "a range");
                assert_eq!(thread::map(&items).limit(limit).run(of_ref).unwrap(), expected, "by reference");
                assert_eq!(thread::map(&items[..]).limit(limit).run(of_ref).unwrap(), expected, "a slice");
                if len < 10_000 {
                    let sieved = items.iter().copied().filter(|_| true);
                    assert_eq!(
                        thread::map(sieved).limit(limit).run(f).unwrap(),
                        expected,
                        "of unknown length"
                    );
                }
                assert_eq!(thread::map(items).limit(limit).run(f).unwrap(), expected, "a vector");
            }
        }
    });
}

#[test]
fn items_and_values_may_borrow_from_the_stack() {
    within(|| {
        let text = String::from("one two three four");
        let lengths = AtomicUsize::new(0);
        let words: Vec<&str> = thread::map(text.split(' '))
            .run(|_, word| {
                lengths.fetch_add(word.len(), SeqCst);
                headcount::ok(word)
            })
            .unwrap();
        assert_eq!(words, ["one", "two", "three", "four"]);
        assert_eq!(lengths.into_inner(), 15);
    });
}

#[test]
fn values_may_own_what_they_like() {
    within(|| {
        let texts = thread::map(0..5000).run(|_, n| headcount::ok(n.to_string())).unwrap();
        assert!(texts.iter().enumerate().all(|(n, text)| *text == n.to_string()));
    });
}

#[test]
fn items_that_cannot_be_shared_are_moved() {
    within(|| {
        let items: Vec<std::cell::Cell<u32>> = (0..100).map(std::cell::Cell::new).collect();
        let values = thread::map(items).limit(4).run(|_, cell| headcount::ok(cell.into_inner())).unwrap();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn at_most_as_many_run_at_once_as_the_limit_says() {
    within(|| {
        for limit in [1, 2, 5] {
            let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let run = thread::map(0..500).limit(limit).run(|_, n| {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                if n % 7 == 0 {
                    std::thread::yield_now();
                }
                now.fetch_sub(1, SeqCst);
                headcount::ok(())
            });
            run.unwrap();
            assert!(most.into_inner() <= limit);
        }
    });
}

#[test]
fn as_many_run_at_once_as_the_limit_says_if_there_are_so_many() {
    within(|| {
        for limit in [2, 16] {
            let come = Count::default();
            let meet = |_: &Context, _| {
                come.add();
                headcount::ok(come.reaches(limit))
            };
            // From a source that says how many it has, and from one that does not.
            assert_eq!(thread::map(0..limit).limit(limit).run(meet).unwrap().len(), limit);
            let come = Count::default();
            let meet = |_: &Context, _| {
                come.add();
                headcount::ok(come.reaches(limit))
            };
            assert_eq!(thread::map((0..limit).filter(|_| true)).limit(limit).run(meet).unwrap().len(), limit);
        }
    });
}

#[test]
fn with_the_limit_one_all_run_on_the_calling_thread_in_order() {
    within(|| {
        let here = std::thread::current().id();
        let last = AtomicUsize::new(0);
        let run = thread::map(1..=300).limit(1).run(|_, n| {
            assert_eq!(std::thread::current().id(), here);
            assert_eq!(last.swap(n, SeqCst), n - 1);
            headcount::ok(())
        });
        assert_eq!(run.unwrap().len(), 300);
    });
}

#[test]
fn a_single_item_runs_on_the_calling_thread() {
    within(|| {
        let here = std::thread::current().id();
        let run = thread::map([7]).limit(8).run(|_, n| headcount::ok((n, std::thread::current().id())));
        assert_eq!(run.unwrap(), [(7, here)]);
    });
}

#[test]
#[should_panic(expected = "a map with the limit 0 could never run an item")]
fn the_limit_zero_is_refused() {
    let _ = thread::map([0]).limit(0);
}

/// Who wants no limit may say so.
#[test]
fn the_largest_limit_there_is_is_one_like_another() {
    within(|| {
        let map = || thread::map(0..300).limit(usize::MAX);
        let expected: Vec<i32> = (0..300).collect();
        assert_eq!(map().run(|_, n| headcount::ok(n)).unwrap(), expected);
        assert_eq!(map().stream(|_, n| headcount::ok(n), |all| all.collect::<Vec<_>>()).unwrap(), expected);
    });
}

#[test]
fn an_endless_source_is_pulled_as_far_as_there_is_work() {
    within(|| {
        let (ctx, canceller) = Context::background().with_cancel();
        let canceller = std::sync::Mutex::new(Some(canceller));
        let pulled = AtomicUsize::new(0);
        let source = (0_usize..).inspect(|_| _ = pulled.fetch_add(1, SeqCst));
        let tally = thread::map(source).limit(2).context(&ctx).policy(Discard).run(|_, n| {
            if n == 20_000 {
                canceller.lock().unwrap().take().unwrap().cancel();
            }
            headcount::ok(())
        });
        assert!(tally.succeeded + tally.cancelled > 20_000, "{tally}");
        assert_eq!(tally.failed + tally.panicked + tally.aborted, 0);
        // Each of those pulled is accounted for, and the one that would have been next.
        assert_eq!(tally.total() as usize, pulled.into_inner() + 1);
    });
}

#[test]
fn for_each_sees_every_item_once() {
    within(|| {
        let seen: Vec<AtomicUsize> = (0..10_000).map(|_| AtomicUsize::new(0)).collect();
        let run = thread::map(&seen).limit(4).for_each(|_, seen| {
            seen.fetch_add(1, SeqCst);
            headcount::ok(())
        });
        run.unwrap();
        assert!(seen.iter().all(|seen| seen.load(SeqCst) == 1));
    });
}

#[test]
fn fold_adds_up_in_order() {
    within(|| {
        for limit in LIMITS {
            let folded = thread::map(0..3000).limit(limit).fold(
                Vec::new(),
                |_, n| headcount::ok(n * 2),
                |mut all, n| {
                    all.push(n);
                    all
                },
            );
            assert_eq!(folded.unwrap(), (0..3000).map(|n| n * 2).collect::<Vec<_>>());
        }
    });
}

#[test]
fn maps_may_run_inside_of_maps() {
    within(|| {
        let sums = thread::map(0..20).limit(3).run(|ctx, n| {
            let inner = thread::map(0..n).limit(2).context(ctx).run(|_, m| headcount::ok(m));
            inner.map(|values: Vec<u32>| values.into_iter().sum::<u32>()).map_err(headcount::BoxError::new)
        });
        let sums = sums.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(sums, (0..20).map(|n| (0..n).sum()).collect::<Vec<u32>>());
    });
}

#[test]
fn what_is_in_a_context_reaches_the_items() {
    within(|| {
        let ctx = Context::background().with_value(42_u32);
        let seen = thread::map(0..3).context(&ctx).run(|ctx, _| headcount::ok(ctx.value::<u32>().copied()));
        assert_eq!(seen.unwrap(), [Some(42); 3]);
    });
}

#[test]
fn the_items_context_is_over_when_the_map_is() {
    within(|| {
        let kept = std::sync::Mutex::new(None);
        thread::map([0])
            .run(|ctx, _| {
                *kept.lock().unwrap() = Some(ctx.clone());
                headcount::ok(())
            })
            .unwrap();
        let kept = kept.into_inner().unwrap().unwrap();
        assert_eq!(kept.cancelled_because().map(|why| why.kind()), Some(CancelKind::Dropped));
    });
}
