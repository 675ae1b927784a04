//! Cancelling: the group, from above, one member by hand, before it begins, while it runs.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use headcount::{CancelKind, CollectAll, Context, MemberError, thread};

use super::{Count, LIMITS, limited, reason, scope};
use crate::within;

#[test]
fn cancelling_the_context_above_cancels_the_members_and_is_the_root() {
    within(|| {
        for limit in LIMITS {
            let (ctx, canceller) = Context::background().with_cancel();
            let come = Count::default();
            let result = limited(thread::Scope::<()>::new(&ctx), limit).run(|group| {
                for _ in 0..10 {
                    group.spawn(|ctx| {
                        come.add();
                        Err(ctx.wait())
                    });
                }
                come.reaches(1);
                canceller.cancel_because("the plug is pulled");
            });
            let error = result.unwrap_err();
            assert!(error.member().is_none());
            assert_eq!(error.cancelled().unwrap().kind(), CancelKind::Cancelled);
            assert_eq!(error.tally().cancelled, 10);
            assert_eq!(reason(error.cancelled().unwrap()), "the plug is pulled");
        }
    });
}

#[test]
fn members_of_a_group_that_is_over_never_begin() {
    within(|| {
        for limit in LIMITS {
            let (ctx, canceller) = Context::background().with_cancel();
            canceller.cancel();
            let ran = AtomicUsize::new(0);
            let result = limited(thread::Scope::new(&ctx), limit).run(|group| {
                (0..10).for_each(|_| group.spawn(|_| headcount::ok(ran.fetch_add(1, SeqCst))));
                assert_eq!(group.roll_call().outstanding(), 0, "refused at once");
            });
            assert_eq!(result.unwrap_err().tally().cancelled, 10);
            assert_eq!(ran.into_inner(), 0);
        }
    });
}

#[test]
fn members_that_queue_when_the_group_is_cancelled_never_begin() {
    within(|| {
        let (come, ran) = (Count::default(), AtomicUsize::new(0));
        let result = scope().limit(1).run(|group| {
            group.spawn(|ctx| {
                come.add();
                ctx.wait();
                headcount::ok(0)
            });
            (0..100).for_each(|_| group.spawn(|_| headcount::ok(ran.fetch_add(1, SeqCst))));
            come.reaches(1);
            group.cancel_because("enough");
        });
        let error = result.unwrap_err();
        assert_eq!((error.tally().succeeded, error.tally().cancelled), (1, 100));
        assert_eq!(ran.into_inner(), 0);
    });
}

#[test]
fn a_deadline_cancels_and_a_members_own_expired_deadline_is_a_failure() {
    within(|| {
        let ctx = Context::background().with_timeout(Duration::from_millis(5));
        let result = thread::Scope::<()>::new(&ctx).run(|group| group.spawn(|ctx| Err(ctx.wait())));
        let error = result.unwrap_err();
        assert_eq!(error.cancelled().unwrap().kind(), CancelKind::DeadlineExceeded);
        assert!(error.member().is_none());

        let result = scope::<()>().run(|group| {
            group.spawn_named("late", |ctx| Err(ctx.with_timeout(Duration::from_millis(1)).wait()));
        });
        assert_eq!(result.unwrap_err().member().unwrap().name(), Some("late"));
    });
}

#[test]
fn a_member_cancelled_by_hand_fails_nobody() {
    within(|| {
        for limit in [Some(2), None] {
            let come = Count::default();
            let values = limited(scope(), limit).run(|group| {
                let canceller = group.spawn_with_cancel(|ctx| {
                    come.add();
                    Err::<i32, _>(ctx.wait())
                });
                group.spawn(|_| {
                    come.reaches(1);
                    canceller.cancel();
                    headcount::ok(2)
                });
            });
            assert_eq!(values.unwrap(), [2]);
        }
    });
}

#[test]
fn a_queued_member_cancelled_by_hand_never_begins() {
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let outcomes = thread::Scope::with_policy(&Context::background(), CollectAll).limit(1).run(|group| {
            group.spawn(|_| {
                come.add();
                headcount::ok(go.reaches(1))
            });
            come.reaches(1);
            let by_hand = group.spawn_with_cancel(|_| -> Result<usize, &str> { panic!("it has begun") });
            let dropped = group.spawn_with_cancel(|_| -> Result<usize, &str> { panic!("it has begun") });
            let kept = group.spawn_with_cancel(|_| headcount::ok(0));
            by_hand.cancel();
            drop(dropped);
            kept.keep();
            go.add();
        });
        assert!(matches!(outcomes[1], Err(MemberError::Cancelled(_))));
        assert!(matches!(outcomes[2], Err(MemberError::Cancelled(_))));
        assert!(outcomes[0].is_ok() && outcomes[3].is_ok());
    });
}

#[test]
fn cancel_during_cancel_from_many_threads_has_one_cause() {
    within(|| {
        let come = Count::default();
        let result = scope::<()>().run(|group| {
            for n in 0..8 {
                let (come, spawner) = (&come, group.spawner());
                group.spawn(move |ctx| {
                    come.add();
                    come.reaches(8);
                    spawner.cancel_because(format!("number {n}"));
                    Err(ctx.wait())
                });
            }
        });
        let error = result.unwrap_err();
        assert_eq!(error.tally().cancelled, 8);
        assert!(reason(error.cancelled().unwrap()).starts_with("number "), "{error}");
    });
}

#[test]
fn an_end_after_the_cancellation_with_a_value_or_an_error_of_its_own_counts_as_it_is() {
    within(|| {
        let come = Count::default();
        let outcomes = thread::Scope::with_policy(&Context::background(), CollectAll).run(|group| {
            group.spawn(|ctx| {
                come.add();
                ctx.wait();
                headcount::ok("finished all the same")
            });
            group.spawn(|ctx| {
                come.add();
                ctx.wait();
                Err("the disk is full")
            });
            come.reaches(2);
            group.cancel();
        });
        assert_eq!(*outcomes[0].as_ref().unwrap(), "finished all the same");
        assert!(
            matches!(&outcomes[1], Err(MemberError::Failed(error)) if error.to_string() == "the disk is full")
        );
    });
}
