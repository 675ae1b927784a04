//! Failures, panics and cancellation: whose fault it was, and that all others are accounted for.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use headcount::{CancelKind, Cancelled, CollectAll, Context, DrivenClock, MemberError, Panics, thread};

use crate::thread::{Count, reason};
use crate::{message, within};

fn caught<R>(f: impl FnOnce() -> R) -> Box<dyn Any + Send> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it should have panicked"),
        Err(payload) => payload,
    }
}

#[test]
fn the_error_names_the_map_the_item_and_the_place() {
    within(|| {
        let line = line!() + 1;
        let error = thread::map(0..100)
            .named("hashes")
            .limit(1)
            .run(|_, n| if n == 16 { Err("the disk is on fire") } else { Ok(n) });
        let error = error.unwrap_err();
        let file = file!();
        assert_eq!(
            error.to_string(),
            format!("map \"hashes\" ({file}:{line}): member #17 ({file}:{line}) failed: the disk is on fire")
        );
        assert_eq!(error.member().map(headcount::Member::index), Some(16));
        assert_eq!(error.tally().succeeded, 16, "with the limit 1 none is begun after it");
        assert_eq!(error.tally().failed, 1);
    });
}

#[test]
fn a_failure_cancels_those_who_run_and_says_whose_it_was() {
    within(|| {
        let come = Count::default();
        let why = std::sync::Mutex::new(String::new());
        let error = thread::map(0..3).limit(3).run(|ctx, n| {
            come.add();
            if n == 1 {
                come.reaches(3);
                return Err::<(), Box<dyn Error + Send + Sync>>("enough".into());
            }
            let cancelled = ctx.wait();
            *why.lock().unwrap() = reason(&cancelled);
            Err(cancelled.into())
        });
        let error = error.unwrap_err();
        assert_eq!(error.member().unwrap().index(), 1);
        assert_eq!((error.tally().failed, error.tally().cancelled), (1, 2));
        assert_eq!(error.others().len(), 0, "consequences are not listed");
        assert!(why.into_inner().unwrap().ends_with("failed: enough"));
    });
}

#[test]
fn a_typed_map_keeps_the_error_as_it_is() {
    within(|| {
        let failed = thread::map(["1", "x"]).typed::<std::num::ParseIntError>().run(|_, n| n.parse::<u8>());
        let error = failed.unwrap_err();
        assert_eq!(error.root(), Some(&"x".parse::<u8>().unwrap_err()));
        assert_eq!(error.into_root().unwrap(), "x".parse::<u8>().unwrap_err());
    });
}

#[test]
fn an_error_that_means_cancelled_is_a_consequence_if_the_map_is_told_so() {
    within(|| {
        let come = Count::default();
        let map = thread::map(0..2).limit(2).cancelled_when(|error| error.to_string() == "interrupted");
        let error = map.run(|ctx, n| {
            come.add();
            come.reaches(2);
            if n == 0 {
                return Err::<(), _>("broken");
            }
            ctx.wait();
            Err("interrupted")
        });
        let tally = error.unwrap_err().tally();
        assert_eq!((tally.failed, tally.cancelled), (1, 1));
    });
}

#[derive(Debug, PartialEq)]
struct Payload(u32);

#[test]
fn an_items_panic_goes_on_unchanged_when_all_have_been_cancelled_and_joined() {
    within(|| {
        for limit in [3, 64] {
            let (come, left) = (Count::default(), AtomicUsize::new(0));
            let payload = caught(|| {
                thread::map(0..3).limit(limit).for_each(|ctx, n| {
                    come.add();
                    if n == 2 {
                        come.reaches(3);
                        panic_any(Payload(42));
                    }
                    let why = ctx.wait(); // cut short by the panic
                    left.fetch_add(1, SeqCst);
                    Err(why)
                })
            });
            assert_eq!(payload.downcast_ref::<Payload>(), Some(&Payload(42)));
            assert_eq!(left.into_inner(), 2, "everyone was joined first");
        }
    });
}

#[test]
fn a_panic_as_an_error_is_the_items_own_and_the_others_in_hand_go_on() {
    within(|| {
        const ALL: usize = 20_000;
        let map = thread::map(0..ALL).panics(Panics::AsError).policy(CollectAll);
        let outcomes = map.run(|_, n| {
            assert!(n % 1000 != 999, "unlucky {n}");
            headcount::ok(n)
        });
        assert_eq!(outcomes.len(), ALL);
        for (n, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(value) => assert!(value == n && n % 1000 != 999),
                Err(MemberError::Panicked(report)) => {
                    assert_eq!(report.message(), Some(&*format!("unlucky {n}")));
                }
                Err(error) => panic!("{error}"),
            }
        }
    });
}

#[test]
fn a_panic_of_the_source_goes_on_in_the_caller() {
    within(|| {
        for limit in [1, 4] {
            // In the middle of what is pulled at once, and alone.
            let many = (0..10_000).map(|n| if n == 7777 { panic!("the source broke") } else { n });
            let payload = caught(|| thread::map(many).limit(limit).run(|_, n| headcount::ok(n)));
            assert_eq!(message(&*payload), "the source broke");
            let single = (0..100).filter(|&n| if n == 50 { panic!("the sieve broke") } else { true });
            let payload = caught(|| thread::map(single).limit(limit).for_each(|_, _| headcount::ok(())));
            assert_eq!(message(&*payload), "the sieve broke");
        }
    });
}

#[test]
fn a_map_below_a_cancelled_context_begins_nothing() {
    within(|| {
        let (ctx, canceller) = Context::background().with_cancel();
        canceller.cancel_because("closing time");
        let begun = AtomicUsize::new(0);
        let result = thread::map(0..100).context(&ctx).run(|_, n| {
            begun.fetch_add(1, SeqCst);
            headcount::ok(n)
        });
        let error = result.unwrap_err();
        assert_eq!(begun.into_inner(), 0);
        assert_eq!(reason(error.cancelled().unwrap()), "closing time");
        let nothing = thread::map(0..0).context(&ctx).run(|_, n: u32| headcount::ok(n));
        assert!(nothing.unwrap().is_empty(), "there was nothing to cut short");
    });
}

#[test]
fn a_cancel_in_the_middle_stops_between_items_and_leaves_no_gap() {
    within(|| {
        for limit in [1, 2, 3] {
            let (ctx, canceller) = Context::background().with_cancel();
            let canceller = std::sync::Mutex::new(Some(canceller));
            let outcomes =
                thread::map(0..100_000).limit(limit).context(&ctx).policy(CollectAll).run(|_, n| {
                    if n == 5000 {
                        canceller.lock().unwrap().take().unwrap().cancel();
                    }
                    headcount::ok(n)
                });
            assert!((5001..100_000).contains(&outcomes.len()), "{}", outcomes.len());
            for (n, outcome) in outcomes.iter().enumerate() {
                match outcome {
                    Ok(value) => assert_eq!(*value, n),
                    Err(error) => assert!(matches!(error, MemberError::Cancelled(_)), "{error}"),
                }
            }
            assert!(outcomes.last().unwrap().is_err(), "the first that was not pulled");
        }
    });
}

#[test]
fn a_deadline_cuts_a_map_short() {
    within(|| {
        let clock = DrivenClock::new();
        let ctx = clock.context().with_timeout(Duration::from_secs(60));
        let come = Count::default();
        let error = thread::map(0..).limit(2).context(&ctx).for_each(|ctx, _: u32| {
            if come.add() == 2 {
                clock.advance(Duration::from_secs(61));
            }
            Err::<(), Cancelled>(ctx.wait())
        });
        let error = error.unwrap_err();
        assert_eq!(error.cancelled().map(Cancelled::kind), Some(CancelKind::DeadlineExceeded));
        assert_eq!(error.tally().failed, 0);
    });
}

#[test]
fn an_item_that_waits_for_the_group_whose_member_runs_the_map_is_told() {
    within(|| {
        let payload = caught(|| {
            thread::Scope::<()>::new(&Context::background()).named("outer").run(|group| {
                let spawner = group.spawner();
                group.spawn(move |_| {
                    thread::map([0]).named("inner").for_each(|_, _| {
                        spawner.wait_idle();
                        headcount::ok(())
                    })
                });
            })
        });
        let said = message(&*payload);
        assert!(said.contains("would wait for itself") && said.contains("map \"inner\""), "{said}");
    });
}

#[test]
fn items_that_were_pulled_and_not_begun_are_dropped_and_their_panics_disturb_nobody() {
    struct Sharp<'a>(usize, &'a AtomicUsize);
    impl Drop for Sharp<'_> {
        fn drop(&mut self) {
            self.1.fetch_add(1, SeqCst);
            assert!(self.0 <= 5000 || std::thread::panicking(), "dropped unbegun");
        }
    }
    within(|| {
        let dropped = AtomicUsize::new(0);
        let items = (0..5010).map(|n| Sharp(n, &dropped));
        let error =
            thread::map(items).limit(1).run(|_, item| if item.0 == 5000 { Err("stop here") } else { Ok(()) });
        let error = error.unwrap_err();
        assert_eq!(error.member().unwrap().index(), 5000);
        assert_eq!(
            dropped.into_inner() as u64 + 1,
            error.tally().total(),
            "all that were pulled, and the next"
        );
    });
}
