//! `submit`: back-pressure for those who produce members.

use std::pin::pin;
use std::task::Poll;

use headcount::task::Group;
use headcount::{CancelKind, Context, ok};

use super::{Gate, Hand, poll_once};

/// A group of limit 1 with its slot taken until the gate opens.
fn full(hand: &Hand) -> (Group<u32>, Gate) {
    let (group, gate) = (hand.group().limit(1), Gate::closed());
    let inside = gate.clone();
    group.spawn(move |_| async move {
        inside.pass().await;
        ok(0)
    });
    hand.run();
    (group, gate)
}

#[test]
fn submit_waits_for_a_free_slot_and_does_not_count_before() {
    let hand = Hand::new();
    let (group, gate) = full(&hand);
    let mut submit = pin!(group.submit(|_| async { ok(1) }));
    assert!(poll_once(submit.as_mut()).is_pending());
    assert_eq!((group.running(), group.queued(), group.roll_call().outstanding()), (1, 0, 1));
    gate.open();
    hand.run();
    assert!(matches!(poll_once(submit), Poll::Ready(Ok(()))));
    assert_eq!(hand.finish(group.wait()).unwrap(), [0, 1]);
}

#[test]
fn submit_does_not_wait_where_there_is_room() {
    let hand = Hand::new();
    for group in [hand.group(), hand.group().limit(1)] {
        assert!(matches!(poll_once(pin!(group.submit(|_| async { ok(1) }))), Poll::Ready(Ok(()))));
        assert_eq!(hand.finish(group.wait()).unwrap(), [1]);
    }
}

#[test]
fn submits_and_spawns_queue_in_one_order() {
    let hand = Hand::new();
    let (group, gate) = full(&hand);
    let mut first = pin!(group.submit(|_| async { ok(1) }));
    assert!(poll_once(first.as_mut()).is_pending());
    group.spawn(|_| async { ok(2) });
    let mut third = pin!(group.submit(|_| async { ok(3) }));
    assert!(poll_once(third.as_mut()).is_pending());
    gate.open();
    hand.run();
    assert_eq!(
        (group.running(), group.queued()),
        (0, 1),
        "the slot is the first one's, who has not come for it"
    );
    assert!(poll_once(first).is_ready());
    hand.run();
    assert!(poll_once(third).is_ready());
    assert_eq!(hand.finish(group.wait()).unwrap(), [0, 2, 1, 3], "numbered when they were counted out");
}

#[test]
fn a_producer_is_never_more_than_the_limit_ahead() {
    let hand = Hand::new();
    let group = hand.group().limit(3);
    let spawner = group.spawner();
    hand.finish(async {
        for n in 0..1_000 {
            spawner.submit(move |_| async move { ok(n) }).await.unwrap();
            assert!(spawner.running() <= 3 && spawner.queued() == 0);
        }
    });
    assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..1_000));
}

#[test]
fn submit_ends_with_the_context_and_gives_the_closure_back() {
    let hand = Hand::new();
    let (ctx, canceller) = Context::background().with_cancel();
    let group = Group::new(&ctx).on(hand.clone()).limit(1).named("prices");
    group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
    hand.run();
    let mut submit = pin!(group.submit(|_| async { ok(1) }));
    assert!(poll_once(submit.as_mut()).is_pending());
    canceller.cancel();
    let Poll::Ready(Err(error)) = poll_once(submit) else { panic!("it goes on") };
    assert!(error.is_over());
    assert_eq!(error.cancelled().unwrap().kind(), CancelKind::Cancelled);
    let text = error.to_string();
    assert!(
        text.starts_with("group \"prices\" (") && text.contains("takes no more members: cancelled at"),
        "{text}"
    );
    let _given = error.into_given();
    // From the start.
    assert!(matches!(poll_once(pin!(group.submit(|_| async { ok(1) }))), Poll::Ready(Err(_))));
    assert!(hand.finish(group.wait()).is_err());
}

#[test]
fn a_submit_that_is_given_up_while_it_queues_leaves_its_place() {
    let hand = Hand::new();
    let (group, gate) = full(&hand);
    {
        let mut submit = pin!(group.submit(|_| async { ok(1) }));
        assert!(poll_once(submit.as_mut()).is_pending());
    }
    group.spawn(|_| async { ok(2) });
    gate.open();
    assert_eq!(hand.finish(group.wait()).unwrap(), [0, 2]);
}

#[test]
fn a_submit_that_is_given_up_after_it_was_granted_gives_the_slot_back() {
    let hand = Hand::new();
    let (group, gate) = full(&hand);
    let mut submit = Box::pin(group.submit(|_| async { ok(1) }));
    assert!(poll_once(submit.as_mut()).is_pending());
    group.spawn(|_| async { ok(2) });
    gate.open();
    hand.run();
    assert_eq!(group.queued(), 1, "the slot is granted");
    drop(submit);
    assert_eq!(hand.finish(group.wait()).unwrap(), [0, 2]);
}

#[test]
fn a_submit_that_was_never_polled_takes_no_place() {
    let hand = Hand::new();
    let group = hand.group().limit(1);
    let submit = group.submit(|_| async { ok(1) });
    group.try_spawn(|_| async { ok(2) }).unwrap();
    drop(submit);
    assert_eq!(hand.finish(group.wait()).unwrap(), [2]);
}

#[test]
fn a_heavy_member_at_the_head_does_not_hold_the_queue_once_a_submit_before_it_is_given_up() {
    let hand = Hand::new();
    let group = hand.group().limit(2);
    let gate = Gate::closed();
    let inside = gate.clone();
    group.spawn_weighted(2, move |_| async move {
        inside.pass().await;
        ok(0)
    });
    hand.run();
    let mut submits: Vec<_> =
        (0..3).map(|n| Box::pin(group.submit(move |_| async move { ok(10 + n) }))).collect();
    for submit in &mut submits {
        assert!(poll_once(submit.as_mut()).is_pending());
    }
    group.spawn_weighted(2, |_| async { ok(1) });
    gate.open();
    hand.run();
    // Two are granted, the third queues before the heavy one; all give up, in every order of stages.
    drop(submits.remove(1));
    drop(submits.remove(1));
    drop(submits);
    assert_eq!(hand.finish(group.wait()).unwrap(), [0, 1]);
}

#[test]
fn submit_by_a_member_of_the_same_full_group_is_an_error_that_names_it() {
    let hand = Hand::new();
    let group = hand.group().limit(1).named("prices");
    let spawner = group.spawner();
    group.spawn(move |_| async move {
        let error = spawner.submit(|_| async { ok(String::new()) }).await.unwrap_err();
        assert!(!error.is_over() && error.cancelled().is_none());
        let text = error.to_string();
        spawner.spawn(error.into_given());
        ok(text)
    });
    let texts = hand.finish(group.wait()).unwrap();
    assert!(texts[0].starts_with("group \"prices\" (") && texts[0].contains("is full"), "{}", texts[0]);
    assert!(texts[0].contains("`spawn`"), "it says what to do instead");
    assert_eq!(texts.len(), 2);
}

#[test]
fn submit_by_a_member_where_there_is_room_is_as_from_elsewhere() {
    let hand = Hand::new();
    let group = hand.group().limit(2);
    let spawner = group.spawner();
    group.spawn(move |_| async move {
        spawner.submit(|_| async { ok(1) }).await.map_err(|error| error.to_string())?;
        Ok::<_, String>(0)
    });
    assert_eq!(hand.finish(group.wait()).unwrap(), [0, 1]);
}

#[test]
fn a_submit_that_is_late_for_its_group_is_told_so() {
    let hand = Hand::new();
    let (group, gate) = full(&hand);
    let spawner = group.spawner();
    let mut submit = pin!(spawner.submit(|_| async { ok(1) }));
    assert!(poll_once(submit.as_mut()).is_pending());
    gate.open();
    assert_eq!(hand.finish(group.wait()).unwrap(), [0], "who waits to launch is not out");
    let Poll::Ready(Err(error)) = poll_once(submit) else { panic!("launched, or lost") };
    assert!(error.is_over() && error.to_string().ends_with("it has been waited for"), "{error}");
}

#[test]
fn submits_end_when_their_group_is_dropped() {
    let hand = Hand::new();
    let (group, _gate) = full(&hand);
    let spawner = group.spawner();
    let mut submit = pin!(spawner.submit(|_| async { ok(1) }));
    assert!(poll_once(submit.as_mut()).is_pending());
    drop(group);
    assert!(matches!(poll_once(submit), Poll::Ready(Err(error)) if error.is_over()));
    assert!(matches!(poll_once(pin!(spawner.submit(|_| async { ok(1) }))), Poll::Ready(Err(_))));
}

#[test]
fn ten_thousand_submits_that_wait_all_get_their_turn() {
    let hand = Hand::new();
    let (group, gate) = full(&hand);
    let spawner = group.spawner();
    let helpers = hand.group();
    for n in 1..=10_000 {
        let spawner = spawner.clone();
        helpers.spawn(move |_| async move {
            spawner.submit(move |_| async move { ok(n) }).await.map_err(|error| error.to_string())
        });
    }
    hand.run();
    gate.open();
    hand.finish(helpers.wait()).unwrap();
    assert_eq!(hand.finish(group.wait()).unwrap().len(), 10_001);
}
