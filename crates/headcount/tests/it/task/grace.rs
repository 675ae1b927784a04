//! Cancellation is cooperative first; who does not heed it is called off after the grace.

use std::future::pending;
use std::time::Duration;

use ::tokio::time::{Instant, sleep};
use headcount::task::Group;
use headcount::{CollectAll, Context, MemberError, ok};

use super::{Census, paused};

#[test]
fn who_heeds_the_cancellation_within_the_grace_is_not_aborted() {
    paused(|| async {
        let group = Group::with_policy(&Context::background(), CollectAll).grace(Duration::from_secs(10));
        group.spawn(|ctx| async move {
            let why = ctx.wait_async().await;
            sleep(Duration::from_secs(9)).await; // tidying up
            Err::<(), _>(why)
        });
        group.spawn(|ctx| async move {
            ctx.wait_async().await;
            sleep(Duration::from_secs(9)).await;
            ok(())
        });
        ::tokio::task::yield_now().await;
        group.cancel();
        let outcomes = group.wait().await;
        assert!(matches!(outcomes[..], [Err(MemberError::Cancelled(_)), Ok(())]));
    });
}

#[test]
fn who_does_not_heed_it_is_aborted_after_the_grace_and_not_before() {
    for grace in [None, Some(1), Some(60), Some(86_400)] {
        paused(move || async move {
            let census = Census::new();
            let mut group = Group::<()>::new(&Context::background());
            if let Some(seconds) = grace {
                group = group.grace(Duration::from_secs(seconds));
            }
            let grace = Duration::from_secs(grace.unwrap_or(5));
            for _ in 0..10 {
                let held = census.one();
                group.spawn(move |_| async move {
                    pending::<()>().await;
                    drop(held);
                    ok(())
                });
            }
            group.spawn(|_| async { Err("failed") });
            let begun = Instant::now();
            let group = group.wait_timeout(grace - Duration::from_millis(2)).await.unwrap_err().into_group();
            assert_eq!((census.alive(), group.running()), (10, 10));
            let error = group.wait().await.unwrap_err();
            assert!(begun.elapsed() >= grace && begun.elapsed() < grace + Duration::from_millis(10));
            assert_eq!((error.tally().aborted, error.tally().failed, census.alive()), (10, 1, 0));
            assert!(error.to_string().ends_with("failed: failed"), "the aborted are no roots: {error}");
        });
    }
}

#[test]
fn no_grace_at_all_aborts_at_once_who_has_begun() {
    paused(|| async {
        let group = Group::<()>::new(&Context::background()).grace(Duration::ZERO);
        group.spawn(|_| pending::<Result<_, String>>());
        ::tokio::task::yield_now().await;
        let begun = Instant::now();
        group.cancel();
        let error = group.wait().await.unwrap_err();
        assert_eq!((begun.elapsed(), error.tally().aborted), (Duration::ZERO, 1));
        assert!(error.cancelled().is_some());
    });
}

#[test]
fn a_grace_without_end_aborts_nobody() {
    paused(|| async {
        let group = Group::with_policy(&Context::background(), CollectAll).grace(Duration::MAX);
        group.spawn(|_| async {
            sleep(Duration::from_secs(100_000_000)).await;
            ok(())
        });
        ::tokio::task::yield_now().await;
        group.cancel();
        assert!(matches!(group.wait().await[..], [Ok(())]));
    });
}

#[test]
fn the_grace_begins_with_the_first_cancellation_whoever_made_it() {
    for by in 0..4 {
        paused(move || async move {
            let ctx = Context::background().with_timeout(Duration::from_secs(30));
            let (ctx, canceller) = ctx.with_cancel();
            let group = Group::<()>::new(&ctx).grace(Duration::from_secs(7));
            group.spawn(|_| pending::<Result<_, String>>());
            if by == 0 {
                group.spawn(|_| async {
                    sleep(Duration::from_secs(30)).await;
                    Err("failed")
                });
            }
            let begun = Instant::now();
            let canceller = match by {
                1 => {
                    sleep(Duration::from_secs(30)).await;
                    canceller.cancel();
                    None
                }
                2 => {
                    sleep(Duration::from_secs(30)).await;
                    group.cancel();
                    Some(canceller)
                }
                _ => Some(canceller),
            };
            sleep(Duration::from_secs(33)).await;
            group.cancel();
            let error = group.wait().await.unwrap_err();
            let took = begun.elapsed();
            assert_eq!(
                (took.as_secs(), error.tally().aborted),
                (if by == 1 || by == 2 { 63 } else { 37 }, 1)
            );
            drop(canceller);
        });
    }
}

#[test]
fn members_that_come_and_go_in_the_grace_are_counted() {
    paused(|| async {
        let group = Group::with_policy(&Context::background(), headcount::Discard)
            .limit(2)
            .grace(Duration::from_secs(1));
        for _ in 0..5 {
            group.spawn(|_| pending::<Result<(), String>>());
        }
        ::tokio::task::yield_now().await;
        group.cancel();
        for _ in 0..5 {
            group.spawn(|_| async { ok(()) });
        }
        let tally = group.wait().await;
        assert_eq!((tally.aborted, tally.cancelled), (2, 8));
    });
}

#[test]
fn a_blocking_member_cannot_be_aborted_and_is_waited_for() {
    crate::within(|| {
        let runtime =
            ::tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        runtime.block_on(async {
            let group = Group::with_policy(&Context::background(), CollectAll).grace(Duration::ZERO);
            let (go, gone) = std::sync::mpsc::channel();
            let (begin, begun) = std::sync::mpsc::channel();
            group.spawn_blocking(move |_| {
                begin.send(()).unwrap();
                gone.recv().unwrap();
                ok(7)
            });
            begun.recv().unwrap();
            group.cancel();
            let group = group.wait_timeout(Duration::from_millis(5)).await.unwrap_err().into_group();
            assert_eq!(group.running(), 1);
            go.send(()).unwrap();
            assert!(matches!(group.wait().await[..], [Ok(7)]));
        });
    });
}
