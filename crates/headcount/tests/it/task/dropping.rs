//! A group that is dropped: its members are called off at once, and the drop does not block.

use std::future::pending;
use std::time::Duration;

use headcount::task::Group;
use headcount::{CancelKind, Context, ok};

use super::{Census, Gate, Hand, paused, threaded};

#[test]
fn a_dropped_group_aborts_its_members_at_once_whatever_their_grace() {
    for limit in [None, Some(1), Some(5)] {
        paused(move || async move {
            let census = Census::new();
            let mut group = Group::<()>::new(&Context::background()).grace(Duration::MAX);
            if let Some(limit) = limit {
                group = group.limit(limit);
            }
            for _ in 0..10 {
                let held = census.one();
                group.spawn(move |_| async move {
                    pending::<()>().await;
                    ok(drop(held))
                });
            }
            ::tokio::task::yield_now().await;
            let spawner = group.spawner();
            let (ctx, begun) = (group.context().clone(), ::tokio::time::Instant::now());
            drop(group);
            let why = ctx.cancelled_because().unwrap();
            assert_eq!(why.kind(), CancelKind::Dropped);
            spawner.wait_idle().await;
            assert_eq!((census.alive(), spawner.running(), begun.elapsed()), (0, 0, Duration::ZERO));
        });
    }
}

#[test]
fn a_group_in_its_grace_that_is_dropped_waits_no_longer() {
    paused(|| async {
        let census = Census::new();
        let group = Group::<()>::new(&Context::background()).grace(Duration::from_secs(3600));
        let held = census.one();
        group.spawn(move |_| async move {
            pending::<()>().await;
            ok(drop(held))
        });
        ::tokio::task::yield_now().await;
        group.cancel();
        let (spawner, begun) = (group.spawner(), ::tokio::time::Instant::now());
        drop(group);
        spawner.wait_idle().await;
        assert_eq!((census.alive(), begun.elapsed()), (0, Duration::ZERO));
    });
}

#[test]
fn dropping_a_group_does_not_wait_for_members_that_block() {
    threaded(|| async {
        let group = Group::<()>::new(&Context::background());
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = std::sync::mpsc::channel();
        group.spawn_blocking(move |_| {
            begin.send(()).unwrap();
            ok(gone.recv().unwrap_or_default())
        });
        begun.recv().unwrap();
        let spawner = group.spawner();
        drop(group);
        assert_eq!(spawner.running(), 1);
        drop(go);
        spawner.wait_idle().await;
    });
}

#[test]
fn a_dropped_wait_drops_the_group() {
    let hand = Hand::new();
    let (census, group) = (Census::new(), hand.group::<()>());
    let held = census.one();
    group.spawn(move |_| async move {
        pending::<()>().await;
        ok(drop(held))
    });
    let spawner = group.spawner();
    let mut wait = Box::pin(group.wait());
    assert!(super::poll_once(wait.as_mut()).is_pending());
    hand.run();
    drop(wait);
    hand.run();
    assert_eq!((census.alive(), spawner.running(), spawner.context().is_cancelled()), (0, 0, true));
}

#[test]
fn a_group_dropped_by_its_own_member_is_gone() {
    let hand = Hand::new();
    let census = Census::new();
    let (outer, gate) = (hand.group::<()>(), Gate::closed());
    let inner = hand.group::<()>();
    let spawner = inner.spawner();
    let (held, inside) = (census.one(), gate.clone());
    // The inner group's member owns the inner group.
    spawner.spawn(move |_| async move {
        inside.pass().await;
        drop(inner);
        pending::<()>().await;
        ok(drop(held))
    });
    outer.spawn(move |_| async move { ok(gate.open()) });
    hand.finish(outer.wait()).unwrap();
    hand.run();
    assert_eq!((census.alive(), spawner.running()), (0, 0));
}
