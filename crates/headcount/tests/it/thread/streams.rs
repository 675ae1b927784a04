//! Results taken as they come.

use std::panic::{AssertUnwindSafe, catch_unwind};

use headcount::{CollectAll, Context, Discard, MemberError, Panics, thread};

use super::{Count, LIMITS, limited, scope};
use crate::{message, within};

#[test]
fn each_result_is_taken_once_with_its_member_and_nothing_is_left() {
    within(|| {
        for limit in LIMITS {
            let mut seen = vec![0; 1000];
            let left = limited(scope(), limit).run(|group| {
                (0..1000).for_each(|n| group.spawn(move |_| headcount::ok(n)));
                for (member, result) in group.stream() {
                    assert_eq!(member.index(), result.unwrap());
                    seen[member.index()] += 1;
                }
                assert_eq!((group.running(), group.queued()), (0, 0));
            });
            assert!(left.unwrap().is_empty(), "limit {limit:?}");
            assert!(seen.iter().all(|times| *times == 1));
        }
    });
}

#[test]
fn results_come_while_others_are_still_out() {
    within(|| {
        let gates: Vec<Count> = (0..20).map(|_| Count::default()).collect();
        let left = scope().run(|group| {
            for (n, gate) in gates.iter().enumerate() {
                group.spawn(move |_| {
                    gate.reaches(1);
                    headcount::ok(n)
                });
            }
            let mut results = group.stream();
            // Each goes only when the one before has been taken.
            for (n, gate) in gates.iter().enumerate().rev() {
                gate.add();
                assert_eq!(results.next().unwrap().1.unwrap(), n);
            }
            assert!(results.next().is_none());
        });
        assert!(left.unwrap().is_empty());
    });
}

#[test]
fn what_is_not_taken_is_in_the_output_in_its_order() {
    within(|| {
        for taken in [0, 1, 5, 99, 100] {
            let mut seen = Vec::new();
            let left = scope().limit(2).run(|group| {
                (0..50).for_each(|n| group.spawn(move |_| headcount::ok(n)));
                group.wait_idle();
                let mut results = group.stream();
                (50..100).for_each(|n| group.spawn(move |_| headcount::ok(n)));
                seen.extend(results.by_ref().take(taken).map(|(_, result)| result.unwrap()));
                drop(results);
                (100..150).for_each(|n| group.spawn(move |_| headcount::ok(n)));
            });
            let left = left.unwrap();
            assert_eq!((seen.len(), left.len()), (taken, 150 - taken));
            assert!(left.is_sorted());
            seen.extend(left);
            seen.sort_unstable();
            assert!(seen.into_iter().eq(0..150), "{taken} taken");
        }
    });
}

#[test]
fn failures_are_taken_too_or_left_in_the_order_in_which_they_happened() {
    within(|| {
        let left = thread::Scope::with_policy(&Context::background(), CollectAll).limit(1).run(|group| {
            let mut taken = group.stream().take(2); // from the first one on
            (0..6).for_each(|n| group.spawn(move |_| if n % 2 == 0 { Err(format!("{n}")) } else { Ok(n) }));
            let is_failure = |result: Result<i32, MemberError>| matches!(result, Err(MemberError::Failed(_)));
            assert!(is_failure(taken.next().unwrap().1));
            assert_eq!(taken.next().unwrap().1.unwrap(), 1);
        });
        let texts: Vec<_> = left
            .into_iter()
            .map(|left| left.map_or_else(|error| error.to_string(), |n| n.to_string()))
            .collect();
        assert_eq!(texts, ["2", "3", "4", "5"]);
    });
}

#[test]
fn a_stream_goes_on_when_more_is_spawned_and_may_be_opened_again() {
    within(|| {
        let left = scope().run(|group| {
            let mut results = group.stream();
            for n in 0..100 {
                assert!(results.next().is_none());
                group.spawn(move |_| headcount::ok(n));
                assert_eq!(results.next().unwrap().1.unwrap(), n);
            }
            drop(results);
            group.spawn(|_| headcount::ok(100));
            assert_eq!(group.stream().map(|(_, result)| result.unwrap()).collect::<Vec<_>>(), [100]);
            group.spawn(|_| headcount::ok(101));
        });
        assert_eq!(left.unwrap(), [101]);
    });
}

#[test]
fn members_spawned_by_members_are_in_the_stream() {
    within(|| {
        for limit in LIMITS {
            let done = limited(scope(), limit).run(|group| {
                let spawner = group.spawner();
                group.spawn(move |_| {
                    for _ in 0..10 {
                        let again = spawner.clone();
                        spawner.spawn(move |_| {
                            again.spawn(|_| headcount::ok(2));
                            headcount::ok(1)
                        });
                    }
                    headcount::ok(0)
                });
                assert_eq!(group.stream().map(|(_, result)| result.unwrap()).sum::<i32>(), 30);
            });
            assert!(done.unwrap().is_empty());
        }
    });
}

#[test]
fn a_policy_that_keeps_nothing_streams_and_drops_what_is_not_taken() {
    within(|| {
        let mut sum = 0;
        let tally = thread::Scope::with_policy(&Context::background(), Discard).run(|group| {
            for round in 0..100_u64 {
                let results = group.stream(); // first: who ends before it has nobody to keep the value for
                (0..100).for_each(|n| group.spawn(move |_| headcount::ok(round + n)));
                let taken = results.take(if round == 50 { 10 } else { 100 });
                sum += taken.filter(|(_, result)| result.is_ok()).count();
            }
        });
        assert_eq!((sum, tally.succeeded), (99 * 100 + 10, 10_000));
    });
}

#[test]
fn forks_are_not_in_the_stream_unless_they_fail() {
    within(|| {
        let outcomes =
            thread::Scope::<(), _, _>::with_policy(&Context::background(), CollectAll).run(|group| {
                let good = group.fork(|_| headcount::ok(1));
                let bad = group.fork::<u8, _, _>(|_| Err("bad"));
                let results: Vec<_> = group.stream().collect();
                assert_eq!(results.len(), 1);
                assert_eq!(results[0].0.index(), 1);
                assert_eq!((good.take(), bad.take()), (Some(1), None));
            });
        assert!(outcomes.is_empty());
    });
}

#[test]
fn a_panic_ends_in_the_stream_or_at_the_end_of_the_scope() {
    within(|| {
        let outcomes = thread::Scope::<(), _, _>::with_policy(&Context::background(), CollectAll)
            .panics(Panics::AsError)
            .run(|group| {
                group.spawn(|_| -> Result<(), &str> { panic!("told") });
                let (_, result) = group.stream().next().unwrap();
                assert!(matches!(result, Err(MemberError::Panicked(_))));
            });
        assert!(outcomes.is_empty());

        let mut after = false;
        let payload = catch_unwind(AssertUnwindSafe(|| {
            scope::<()>().run(|group| {
                group.spawn(|_| -> Result<(), &str> { panic!("resumed") });
                assert_eq!(group.stream().count(), 0);
                after = true;
            })
        }));
        assert_eq!(message(&*payload.unwrap_err()), "resumed");
        assert!(after);
    });
}

#[test]
fn a_second_stream_at_the_same_time_is_refused() {
    within(|| {
        let refused = scope::<()>().named("one at a time").run(|group| {
            let _first = group.stream();
            let second = catch_unwind(AssertUnwindSafe(|| drop(group.stream()))).unwrap_err();
            assert!(message(&*second).contains("\"one at a time\""), "{}", message(&*second));
        });
        refused.unwrap();
    });
}
