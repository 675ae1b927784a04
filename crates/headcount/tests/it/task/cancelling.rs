//! What a cancellation does to those who run, queue, or come too late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::task::Group;
use headcount::{CancelKind, CollectAll, Context, Discard, MemberError, ok};

use super::{Census, Gate, Hand};

#[test]
fn the_first_failure_cancels_the_rest() {
    for after in 0..10 {
        let hand = Hand::new();
        let group = hand.group::<usize>();
        let sleeper = |group: &Group<usize>| group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
        (0..after).for_each(|_| sleeper(&group));
        group.spawn(|_| async { Err("now") });
        (after..10).for_each(|_| sleeper(&group));
        let error = hand.finish(group.wait()).unwrap_err();
        assert_eq!((error.member().unwrap().index(), error.tally().cancelled), (after, 10));
    }
}

#[test]
fn siblings_are_cancelled_before_the_failed_member_is_counted_back_in() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    group.spawn(|_| async { Err("now") });
    hand.step(0);
    assert!(group.context().is_cancelled());
    assert_eq!(group.running(), 0);
}

#[test]
fn a_member_spawned_when_the_group_is_over_never_runs_and_counts_as_cancelled() {
    let hand = Hand::new();
    let ran = Arc::new(AtomicUsize::new(0));
    let census = Census::new();
    let group = hand.policed(CollectAll);
    group.spawn(|_| async { ok(()) });
    hand.run();
    group.cancel_because("enough");
    for _ in 0..3 {
        let (ran, dropped) = (Arc::clone(&ran), census.one());
        group.spawn(move |_| {
            ran.fetch_add(1, SeqCst);
            drop(dropped);
            async { ok(()) }
        });
    }
    assert_eq!((group.running(), group.queued(), census.alive(), hand.ready()), (0, 0, 0, 0));
    let outcomes = hand.finish(group.wait());
    assert!(outcomes[0].is_ok());
    for refused in &outcomes[1..] {
        let Err(MemberError::Cancelled(why)) = refused else { panic!("{refused:?}") };
        assert_eq!(why.cause().unwrap().to_string(), "enough");
    }
    assert_eq!((outcomes.len(), ran.load(SeqCst)), (4, 0));
}

#[test]
fn every_way_of_spawning_is_refused_when_the_group_is_over() {
    let hand = Hand::new();
    let group = hand.policed::<(), _>(Discard);
    group.cancel();
    group.spawn(|_| async { ok(()) });
    group.spawn_named("late", |_| async { ok(()) });
    group.spawn_weighted(3, |_| async { ok(()) });
    group.spawn_with_cancel(|_| async { ok(()) }).keep();
    group.spawn_blocking(|_| ok(()));
    let fork = group.fork(|_| async { ok(1) });
    assert_eq!(hand.ready(), 0);
    assert_eq!(hand.finish(group.wait()).cancelled, 6);
    assert_eq!(fork.take(), None);
}

#[test]
fn a_member_spawned_after_the_wait_never_runs() {
    let hand = Hand::new();
    let census = Census::new();
    let group = hand.group();
    let spawner = group.spawner();
    group.spawn(|_| async { ok(()) });
    hand.finish(group.wait()).unwrap();
    let (one, two) = (census.one(), census.one());
    spawner.spawn(move |_| async move {
        drop(one);
        ok(())
    });
    spawner.spawn_blocking(move |_| {
        drop(two);
        ok(())
    });
    assert_eq!((hand.ready(), spawner.running(), census.alive()), (0, 0, 0));
}

#[test]
fn who_is_cancelled_before_the_first_poll_never_begins() {
    for limit in [None, Some(1), Some(2)] {
        let (hand, census) = (Hand::new(), Census::new());
        let mut group = hand.policed(CollectAll);
        if let Some(limit) = limit {
            group = group.limit(limit);
        }
        for _ in 0..4 {
            let inside = census.one();
            group.spawn(move |_| async move {
                drop(inside);
                panic!("it began");
                #[expect(unreachable_code, reason = "it names the type")]
                ok(())
            });
        }
        group.cancel();
        let outcomes = hand.finish(group.wait());
        assert_eq!((outcomes.len(), census.alive()), (4, 0));
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(MemberError::Cancelled(_)))));
    }
}

#[test]
fn who_queues_goes_home_at_once_when_the_group_is_cancelled() {
    let hand = Hand::new();
    let (census, gate) = (Census::new(), Gate::closed());
    let group = hand.policed(CollectAll).limit(1);
    let inside = gate.clone();
    group.spawn(move |_| async move { ok(inside.pass().await) });
    for _ in 0..1_000 {
        let inside = census.one();
        group.spawn(move |_| async move { ok(drop(inside)) });
    }
    hand.run();
    group.cancel();
    assert_eq!((group.running(), group.queued(), census.alive()), (1, 0, 0));
    gate.open();
    let outcomes = hand.finish(group.wait());
    assert!(outcomes[0].is_ok() && outcomes[1..].iter().all(Result::is_err));
}

#[test]
fn a_cancellation_during_a_cancellation_changes_nothing() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    let spawner = group.spawner();
    let bell = group.context().on_cancel(move |_| {
        spawner.cancel_because("second");
        spawner.spawn(|_| async { ok(()) });
    });
    group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
    hand.run();
    group.cancel_because("first");
    drop(bell);
    group.cancel_because("third");
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!(error.cancelled().unwrap().cause().unwrap().to_string(), "first");
    assert_eq!(error.tally().cancelled, 2);
}

#[test]
fn a_member_may_cancel_its_own_group_and_go_on() {
    let hand = Hand::new();
    let group = hand.policed(CollectAll);
    let spawner = group.spawner();
    group.spawn(move |_| async move {
        spawner.cancel();
        smol::future::yield_now().await;
        ok(7)
    });
    group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
    let outcomes = hand.finish(group.wait());
    assert!(matches!(outcomes[..], [Ok(7), Err(MemberError::Cancelled(_))]));
}

#[test]
fn the_context_outside_reaches_every_member_with_cause_deadline_and_values() {
    #[derive(PartialEq, Debug)]
    struct Request(u32);
    let hand = Hand::new();
    let (ctx, canceller) =
        Context::background().with_timeout(crate::LIMIT * 100).with_value(Request(7)).with_cancel();
    let group = Group::new(&ctx).on(hand.clone());
    let deadline = ctx.deadline();
    for _ in 0..3 {
        group.spawn(move |ctx| async move {
            assert_eq!((ctx.value::<Request>(), ctx.deadline()), (Some(&Request(7)), deadline));
            let why = ctx.wait_async().await;
            assert_eq!(why.cause().unwrap().to_string(), "the user has gone");
            Err::<(), _>(why)
        });
    }
    hand.run();
    canceller.cancel_because("the user has gone");
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!((error.cancelled().unwrap().kind(), error.tally().cancelled), (CancelKind::Cancelled, 3));
}

#[test]
fn a_group_under_a_cancelled_context_takes_nobody_in() {
    let hand = Hand::new();
    let ctx = Context::background().with_timeout(std::time::Duration::ZERO);
    let group = Group::<()>::new(&ctx).on(hand.clone());
    group.spawn(|_| async { ok(()) });
    let error = hand.finish(group.wait()).unwrap_err();
    assert!(error.cancelled().unwrap().is_deadline());
    assert_eq!((error.tally().cancelled, hand.ready()), (1, 0));
}

#[test]
fn cancelling_a_group_leaves_its_parent_and_its_neighbours_alone() {
    let hand = Hand::new();
    let (ctx, _canceller) = Context::background().with_cancel();
    let (one, two) = (Group::<()>::new(&ctx).on(hand.clone()), Group::<()>::new(&ctx).on(hand.clone()));
    one.spawn(|_| async { Err("mine") });
    two.spawn(|_| async { ok(()) });
    assert!(hand.finish(one.wait()).is_err());
    assert!(!ctx.is_cancelled());
    assert_eq!(hand.finish(two.wait()).unwrap(), [()]);
}

#[test]
fn a_member_that_ends_well_after_the_cancellation_has_ended_well() {
    let hand = Hand::new();
    let group = hand.policed(CollectAll);
    group.spawn(|ctx| async move {
        ctx.wait_async().await;
        ok(7)
    });
    hand.run();
    group.cancel();
    assert!(matches!(hand.finish(group.wait())[..], [Ok(7)]));
}

/// Members are spawned by one thread while another cancels: whoever was counted out comes back, whoever was refused is
/// recorded, nobody begins after the cancellation has returned.
#[test]
fn a_cancellation_that_races_with_spawns_loses_nobody() {
    crate::within(|| {
        for round in 0..300 {
            let group =
                Group::with_policy(&Context::background(), Discard).on(|task| smol::spawn(task).detach());
            let group = if round % 3 == 0 { group } else { group.limit(round % 3) };
            let (spawner, canceller) = (group.spawner(), group.spawner());
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..100 {
                        spawner.spawn(|ctx| async move {
                            smol::future::yield_now().await;
                            ctx.check()
                        });
                    }
                });
                scope.spawn(|| canceller.cancel());
            });
            let tally = smol::block_on(group.wait());
            assert_eq!((tally.total(), tally.succeeded + tally.cancelled), (100, 100), "{tally}");
        }
    });
}
