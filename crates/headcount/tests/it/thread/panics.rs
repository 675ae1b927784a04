//! Panics: of members, of the body, of destructors.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::{CollectAll, Context, Discard, MemberError, Panics, thread};

use super::{Count, LIMITS, limited, reason, scope};
use crate::{message, within};

fn caught<R>(f: impl FnOnce() -> R) -> Box<dyn Any + Send> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it should have panicked"),
        Err(payload) => payload,
    }
}

/// Panics; what comes after it need not be reached.
fn fail(text: &'static str) {
    panic!("{text}")
}

#[derive(Debug, PartialEq)]
struct Payload(u32);

#[test]
fn a_members_panic_goes_on_unchanged_when_all_have_been_cancelled_and_joined() {
    within(|| {
        for limit in [Some(3), None] {
            let (come, left) = (Count::default(), AtomicUsize::new(0));
            let payload = caught(|| {
                limited(scope::<()>(), limit).run(|group| {
                    for _ in 0..2 {
                        group.spawn(|ctx| {
                            come.add();
                            let why = ctx.wait(); // cut short by the panic
                            left.fetch_add(1, SeqCst);
                            Err(why)
                        });
                    }
                    group.spawn(|_| -> Result<(), &str> {
                        come.reaches(2);
                        panic_any(Payload(42))
                    });
                })
            });
            assert_eq!(payload.downcast_ref::<Payload>(), Some(&Payload(42)));
            assert_eq!(left.into_inner(), 2, "everyone was joined first");
        }
    });
}

/// A fork's value whose destructor panics, and whose `Fork` is dropped before the member ends, after it, or when the scope is
/// over.
#[test]
fn a_forks_value_that_panics_when_dropped_loses_nobody() {
    struct Mine<'a>(&'a Count);
    impl Drop for Mine<'_> {
        fn drop(&mut self) {
            self.0.add();
            panic!("a destructor panics");
        }
    }
    within(|| {
        for when in ["before", "after", "at the end"] {
            for limit in [Some(1), None] {
                let (gone, go) = (Count::default(), Count::default());
                let mut kept = None;
                let result = limited(scope::<u8>().panics(Panics::AsError), limit).run(|group| {
                    let mut fork = Some(group.fork(|_| {
                        go.reaches(1);
                        headcount::ok(Mine(&gone))
                    }));
                    group.spawn(|_| headcount::ok(7));
                    if when == "before" {
                        drop(fork.take());
                    }
                    go.add();
                    group.wait_idle();
                    assert_eq!(gone.get(), usize::from(when == "before"), "{when}");
                    if when == "after" {
                        assert!(catch_unwind(AssertUnwindSafe(|| drop(fork.take()))).is_err());
                    }
                    kept = fork;
                });
                assert_eq!(result.unwrap(), [7], "a destructor is nobody's failure");
                let _ = catch_unwind(AssertUnwindSafe(|| drop(kept)));
                assert_eq!(gone.get(), 1, "{when}");
            }
        }
    });
}

#[test]
fn of_several_panics_the_first_goes_on() {
    within(|| {
        let panicked = Count::default();
        let payload = caught(|| {
            scope::<()>().run(|group| {
                group.spawn(|ctx| -> Result<(), &str> {
                    panicked.add();
                    ctx.wait(); // the other's panic
                    panic!("the second")
                });
                panicked.reaches(1);
                group.spawn(|_| -> Result<(), &str> { panic!("the first") });
            })
        });
        assert_eq!(message(&*payload), "the first");
    });
}

#[test]
fn panics_are_errors_if_asked_and_all_are_kept() {
    within(|| {
        for limit in LIMITS {
            let outcomes = limited(
                thread::Scope::with_policy(&Context::background(), CollectAll).panics(Panics::AsError),
                limit,
            )
            .run(|group| {
                for n in 0..20_u32 {
                    group.spawn(move |_| {
                        if n % 2 == 1 {
                            panic_any(Payload(n));
                        }
                        headcount::ok(n)
                    });
                }
            });
            for (n, outcome) in (0..20).zip(outcomes) {
                match outcome {
                    Ok(value) => assert_eq!((value, n % 2), (n, 0)),
                    Err(MemberError::Panicked(report)) => {
                        assert_eq!(report.into_payload().downcast_ref(), Some(&Payload(n)));
                    }
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
}

#[test]
fn with_fail_fast_a_panic_as_error_is_the_root() {
    within(|| {
        let result = scope::<()>().panics(Panics::AsError).run(|group| {
            group.spawn(|_| -> Result<(), &str> { panic!("index out of bounds") });
        });
        let error = result.unwrap_err();
        assert_eq!(error.panic().unwrap().message(), Some("index out of bounds"));
        assert!(error.to_string().ends_with("panicked: index out of bounds"), "{error}");
    });
}

#[test]
fn the_bodys_panic_cancels_and_joins_the_members_and_then_goes_on() {
    within(|| {
        for panics in [Panics::Resume, Panics::AsError] {
            let (come, left) = (Count::default(), AtomicUsize::new(0));
            let payload = caught(|| {
                scope::<()>().panics(panics).run(|group| {
                    group.spawn(|ctx| {
                        come.add();
                        let why = ctx.wait();
                        assert_eq!(reason(&why), "the scope's body panicked: in the body");
                        left.fetch_add(1, SeqCst);
                        Err(why)
                    });
                    come.reaches(1);
                    fail("in the body");
                })
            });
            assert_eq!(message(&*payload), "in the body");
            assert_eq!(left.into_inner(), 1);
        }
    });
}

#[test]
fn a_members_panic_before_the_bodys_goes_on_instead_of_it() {
    within(|| {
        let payload = caught(|| {
            scope::<()>().run(|group| {
                group.spawn(|_| -> Result<(), &str> { panic!("the member's") });
                group.context().wait();
                fail("the body's");
            })
        });
        assert_eq!(message(&*payload), "the member's");
    });
}

#[test]
fn members_that_have_not_begun_never_do_after_a_panic() {
    within(|| {
        let ran = AtomicUsize::new(0);
        let payload = caught(|| {
            scope().limit(1).run(|group| {
                group.spawn(|_| -> Result<usize, &str> { panic!("at once") });
                group.context().wait();
                (0..100).for_each(|_| group.spawn(|_| headcount::ok(ran.fetch_add(1, SeqCst))));
            })
        });
        assert_eq!(message(&*payload), "at once");
        assert_eq!(ran.into_inner(), 0);
    });
}

/// A value whose destructor panics.
struct Thorny<'a>(&'a AtomicUsize);

impl Drop for Thorny<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        panic!("a thorn");
    }
}

/// Makes a closure capture it.
fn touch(_: &Thorny<'_>) -> usize {
    1
}

#[test]
fn values_whose_destructors_panic_lose_nobody() {
    within(|| {
        for limit in LIMITS {
            let dropped = AtomicUsize::new(0);
            let tally =
                limited(thread::Scope::with_policy(&Context::background(), Discard), limit).run(|group| {
                    for _ in 0..50 {
                        group.spawn(|_| headcount::ok(Thorny(&dropped)));
                    }
                });
            assert_eq!((tally.succeeded, dropped.into_inner()), (50, 50), "limit {limit:?}");
        }
    });
}

#[test]
fn what_a_member_captured_may_panic_when_it_is_dropped() {
    within(|| {
        let dropped = AtomicUsize::new(0);
        let tally = thread::Scope::with_policy(&Context::background(), Discard).panics(Panics::AsError).run(
            |group| {
                for _ in 0..10 {
                    let thorn = Thorny(&dropped);
                    group.spawn(move |_| headcount::ok(touch(&thorn)));
                }
                group.wait_idle();
                group.cancel();
                // Refused: dropped unrun, on this thread.
                let thorn = Thorny(&dropped);
                group.spawn(move |_| headcount::ok(touch(&thorn)));
            },
        );
        assert_eq!((tally.panicked, tally.total()), (11, 11));
        assert_eq!(dropped.into_inner(), 11);
    });
}

#[test]
fn a_payload_that_panics_when_dropped_is_a_payload_like_any_other() {
    struct Hydra;
    impl Drop for Hydra {
        fn drop(&mut self) {
            panic_any(Hydra);
        }
    }
    within(|| {
        let payload = caught(|| {
            scope::<()>().run(|group| {
                for _ in 0..5 {
                    group.spawn(|_| -> Result<(), &str> { panic_any(Hydra) });
                }
            })
        });
        assert!(payload.is::<Hydra>());
        std::mem::forget(payload);
    });
}

#[test]
fn a_policy_that_panics_ends_the_group_and_its_panic_goes_on() {
    struct Moody;
    impl<T, E> headcount::Policy<T, E> for Moody {
        const KEEPS: bool = true;
        type Output = ();

        fn judge(&mut self, _: &headcount::Outcome<'_, T, E>) -> headcount::Verdict {
            panic!("not in the mood")
        }

        fn output(self, _: headcount::Ended<T, E>) {}
    }
    within(|| {
        let payload = caught(|| {
            thread::Scope::with_policy(&Context::background(), Moody).run(|group| {
                (0..5).for_each(|n| group.spawn(move |_| headcount::ok(n)));
            });
        });
        assert_eq!(message(&*payload), "not in the mood");
    });
}
