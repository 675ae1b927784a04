//! Members that can be cancelled one by one.

use std::time::Duration;

use ::tokio::time::Instant;
use headcount::task::Group;
use headcount::{CollectAll, Context, MemberError, ok};

use super::{Gate, Hand, paused};

#[test]
fn a_member_cancelled_by_hand_fails_nobody_and_leaves_no_value() {
    let hand = Hand::new();
    let group = hand.group();
    group.spawn(|_| async { ok(0) });
    let canceller = group.spawn_with_cancel(|ctx| async move { Err(ctx.wait_async().await) });
    group.spawn(|_| async { ok(2) });
    hand.run();
    canceller.cancel_because("not needed");
    assert!(!group.context().is_cancelled());
    assert_eq!(hand.finish(group.wait()).unwrap(), [0, 2]);

    let group = hand.policed::<u8, _>(CollectAll);
    drop(group.spawn_with_cancel(|ctx| async move { Err(ctx.wait_async().await) }));
    let outcomes = hand.finish(group.wait());
    assert!(matches!(&outcomes[..], [Err(MemberError::Cancelled(_))]));
}

#[test]
fn a_member_cancelled_by_hand_before_it_begins_never_begins() {
    for limit in [1, 10] {
        let (hand, gate) = (Hand::new(), Gate::closed());
        let group = hand.group().limit(limit);
        let inside = gate.clone();
        group.spawn(move |_| async move { ok(inside.pass().await) });
        drop(group.spawn_with_cancel(|_| -> std::future::Ready<Result<(), String>> { panic!("it began") }));
        group.spawn(|_| async { ok(()) });
        gate.open();
        assert_eq!(hand.finish(group.wait()).unwrap(), [(), ()]);
    }
}

#[test]
fn a_kept_canceller_cancels_nobody() {
    let hand = Hand::new();
    let group = hand.group();
    group.spawn_with_cancel(|ctx| async move { ctx.check().map(|()| 7) }).keep();
    assert_eq!(hand.finish(group.wait()).unwrap(), [7]);
}

#[test]
fn a_member_cancelled_by_hand_that_fails_by_itself_has_failed() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    let canceller = group.spawn_with_cancel(|ctx| async move {
        ctx.wait_async().await;
        Err("and the file is broken")
    });
    hand.run();
    canceller.cancel();
    let error = hand.finish(group.wait()).unwrap_err();
    assert!(error.to_string().ends_with("failed: and the file is broken"), "{error}");
}

#[test]
fn a_member_that_does_not_heed_its_hand_is_called_off_after_the_grace_and_fails_nobody() {
    for grace in [Duration::ZERO, Duration::from_secs(3), Duration::from_secs(3600)] {
        paused(move || async move {
            let group = Group::new(&Context::background()).grace(grace);
            let canceller = group.spawn_with_cancel(|_| std::future::pending::<Result<u8, String>>());
            group.spawn(|_| async { ok(7) });
            ::tokio::task::yield_now().await;
            let begun = Instant::now();
            canceller.cancel();
            group.wait_idle().await;
            assert!(begun.elapsed() >= grace && begun.elapsed() < grace + Duration::from_millis(10));
            assert!(!group.context().is_cancelled());
            assert_eq!(group.wait().await.unwrap(), [7]);
        });
    }
}

#[test]
fn a_group_that_is_cancelled_cancels_those_with_hands_of_their_own() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    let canceller = group.spawn_with_cancel(|ctx| async move { Err(ctx.wait_async().await) });
    group.spawn(|_| async { Err("first") });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.tally().failed, error.tally().cancelled), (1, 1));
    canceller.cancel();
}

#[test]
fn cancellers_that_are_used_after_the_end_do_nothing() {
    let hand = Hand::new();
    let group = hand.group();
    let cancellers: Vec<_> =
        (0..100).map(|n| group.spawn_with_cancel(move |_| async move { ok(n) })).collect();
    hand.run();
    let mut cancellers = cancellers.into_iter();
    cancellers.by_ref().take(50).for_each(headcount::Canceller::cancel);
    assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..100));
    drop(cancellers);
}
