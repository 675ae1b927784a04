//! The policies, at work on threads.

use headcount::{
    CollectAll, Context, Discard, Ended, ErrorBudget, FirstOk, MemberError, Outcome, Policy, Quorum, Verdict,
    thread,
};

use super::{Count, scope};
use crate::within;

#[test]
fn fail_fast_stops_at_the_first_failure() {
    within(|| {
        let ran = Count::default();
        let error = scope()
            .limit(1)
            .run(|group| {
                for n in 0..1000 {
                    let ran = &ran;
                    group.spawn(move |_| {
                        ran.add();
                        if n == 7 { Err("seven") } else { Ok(n) }
                    });
                }
            })
            .unwrap_err();
        assert_eq!((ran.get(), error.member().unwrap().index()), (8, 7));
        assert_eq!((error.tally().succeeded, error.tally().cancelled), (7, 992));
    });
}

#[test]
fn collect_all_hears_everybody_in_spawn_order() {
    within(|| {
        let outcomes = thread::Scope::with_policy(&Context::background(), CollectAll).run(|group| {
            (0..300).for_each(|n| group.spawn(move |_| if n % 3 == 0 { Err(format!("{n}")) } else { Ok(n) }));
        });
        for (n, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(value) => assert_eq!((value, n % 3 > 0), (n, true)),
                Err(MemberError::Failed(error)) => assert_eq!(error.to_string(), n.to_string()),
                Err(other) => panic!("{other}"),
            }
        }
    });
}

#[test]
fn first_ok_takes_the_one_who_was_first_in_time_and_cancels_the_rest() {
    within(|| {
        let come = Count::default();
        let first = thread::Scope::with_policy(&Context::background(), FirstOk).run(|group| {
            for name in ["slow", "slower"] {
                let come = &come;
                group.spawn(move |ctx| {
                    come.add();
                    ctx.wait(); // until there is a first one
                    headcount::ok(name)
                });
            }
            group.spawn(|_| Err("no route"));
            group.spawn(|_| {
                come.reaches(2);
                headcount::ok("fast")
            });
        });
        assert_eq!(first.unwrap(), "fast");
    });
}

#[test]
fn a_quorum_is_reached_or_missed() {
    within(|| {
        let quorum = |needed| {
            thread::Scope::with_policy(&Context::background(), Quorum(needed)).limit(1).run(|group| {
                (0..5).for_each(|n| group.spawn(move |_| if n == 1 { Err("one") } else { Ok(n) }));
            })
        };
        assert_eq!(quorum(3).unwrap(), [0, 2, 3]);
        let missed = quorum(5).unwrap_err().to_string();
        assert!(missed.contains("4 of 5 needed"), "{missed}");
    });
}

#[test]
fn an_error_budget_forgives_so_many() {
    within(|| {
        let budget = |allowed| {
            thread::Scope::with_policy(&Context::background(), ErrorBudget(allowed)).limit(1).run(|group| {
                (0..10).for_each(|n| group.spawn(move |_| if n % 4 == 1 { Err("one") } else { Ok(n) }));
            })
        };
        let (values, failures) = budget(3).unwrap();
        assert_eq!((values.len(), failures.len()), (7, 3));
        assert_eq!(budget(2).unwrap_err().tally().failed, 3);
    });
}

#[test]
fn discard_counts_and_keeps_nothing() {
    within(|| {
        let tally = thread::Scope::with_policy(&Context::background(), Discard).run(|group| {
            (0..100).for_each(|n| group.spawn(move |_| if n % 4 == 1 { Err("one") } else { Ok(n) }));
        });
        assert_eq!((tally.succeeded, tally.failed, tally.total()), (75, 25, 100));
    });
}

/// Enough when the values add up, seen by a policy that borrows.
struct AddUp<'a> {
    target: &'a u64,
    sum: u64,
}

impl<E> Policy<u64, E> for AddUp<'_> {
    const KEEPS: bool = false;
    type Output = u64;

    fn judge(&mut self, outcome: &Outcome<'_, u64, E>) -> Verdict {
        if let Outcome::Value(_, value) = outcome {
            self.sum += **value;
        }
        if self.sum >= *self.target { Verdict::Finish } else { Verdict::Continue }
    }

    fn output(self, _: Ended<u64, E>) -> u64 {
        self.sum
    }
}

#[test]
fn a_policy_of_ones_own_may_borrow_and_is_not_asked_after_it_finished() {
    within(|| {
        let target = 10;
        let policy = AddUp { target: &target, sum: 0 };
        let sum = thread::Scope::with_policy(&Context::background(), policy).limit(1).run(|group| {
            (0..100).for_each(|n| group.spawn(move |_| headcount::ok(n)));
        });
        assert_eq!(sum, 10, "0 + 1 + 2 + 3 + 4");
    });
}
