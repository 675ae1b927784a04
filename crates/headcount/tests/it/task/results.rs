//! What a group gives back.

use headcount::task::{Fork, Group};
use headcount::{CollectAll, Context, GroupError, ok};

use super::{Gate, Hand};

#[test]
fn results_are_in_spawn_order_whatever_the_order_of_ending() {
    let orders: [fn(usize, usize) -> usize; 3] = [|n, _| n, |n, all| all - 1 - n, |n, all| (n * 7 + 3) % all];
    for order in orders {
        for all in [1, 2, 5, 13, 100] {
            let hand = Hand::new();
            let group = hand.group();
            let gates: Vec<_> = (0..all).map(|_| Gate::closed()).collect();
            for (n, gate) in gates.iter().cloned().enumerate() {
                group.spawn(move |_| async move {
                    gate.pass().await;
                    ok(n)
                });
            }
            hand.run();
            for n in 0..all {
                gates[order(n, all)].open();
                hand.run();
            }
            gates.iter().for_each(Gate::open);
            assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..all));
        }
    }
}

#[test]
fn results_are_in_spawn_order_whoever_spawns() {
    let hand = Hand::new();
    let group = hand.group();
    for n in 0..10 {
        group.spawn(move |_| async move { ok(n) });
    }
    // A pause in between, after which everybody of before is gone.
    hand.finish(group.wait_idle());
    let spawner = group.spawner();
    group.spawn(move |_| async move {
        for n in 11..100 {
            spawner.spawn(move |_| async move { ok(n) });
        }
        ok(10)
    });
    assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..100));
}

#[test]
fn a_group_without_members_gives_nothing_at_once() {
    let hand = Hand::new();
    assert!(hand.finish(hand.group::<u8>().wait()).unwrap().is_empty());
    assert!(hand.finish(hand.policed::<u8, _>(CollectAll).wait()).is_empty());
}

#[test]
fn a_fork_has_a_type_of_its_own_and_is_counted_with_the_group() {
    let hand = Hand::new();
    let group = hand.group();
    group.spawn(|_| async { ok(1_u8) });
    let text: Fork<String> = group.fork(|_| async { ok("two".to_owned()) });
    group.spawn(|_| async { ok(3) });
    assert_eq!(group.running(), 3);
    assert_eq!(hand.finish(group.wait()).unwrap(), [1, 3], "a fork is not among the values");
    assert_eq!(text.take().as_deref(), Some("two"));
}

#[test]
fn a_fork_that_fails_fails_the_group_and_has_no_value() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    let fork: Fork<u8> = group.fork(|_| async { Err("no route") });
    let error = hand.finish(group.wait()).unwrap_err();
    assert_eq!(error.member().unwrap().index(), 0);
    assert_eq!(fork.take(), None);
}

/// The example of the contract: two services at once, one failing cancels the other.
#[test]
fn of_two_services_the_one_that_fails_cancels_the_other() {
    async fn price(_: &Context) -> Result<u32, std::io::Error> {
        Err(std::io::Error::other("closed"))
    }
    async fn stock(ctx: &Context) -> Result<String, headcount::Cancelled> {
        Err(ctx.wait_async().await)
    }
    fn offer(hand: &Hand) -> Result<Option<(u32, String)>, GroupError> {
        let group = Group::<()>::new(&Context::background()).on(hand.clone());
        let stock = group.fork(|ctx| async move { stock(&ctx).await });
        let price = group.fork(|ctx| async move { price(&ctx).await });
        hand.finish(group.wait())?;
        Ok(price.take().zip(stock.take()))
    }
    let error = offer(&Hand::new()).unwrap_err();
    assert!(error.to_string().ends_with("failed: closed"), "{error}");
    assert_eq!((error.tally().failed, error.tally().cancelled, error.others().len()), (1, 1, 0));
}

#[test]
fn a_blocking_member_is_a_member_like_others() {
    crate::within(|| {
        let group = Group::new(&Context::background()).on(|task| smol::spawn(task).detach()).limit(2);
        for n in 0..20 {
            if n % 2 == 0 {
                group.spawn_blocking(move |ctx| ctx.check().map(|()| n));
            } else {
                group.spawn(move |_| async move { ok(n) });
            }
        }
        assert_eq!(smol::block_on(group.wait()).unwrap(), Vec::from_iter(0..20));
    });
}

#[test]
fn a_blocking_member_fails_and_is_cancelled_like_others() {
    crate::within(|| {
        let group = Group::<()>::new(&Context::background()).on(|task| smol::spawn(task).detach());
        group.spawn_blocking(|ctx| Err(ctx.wait()));
        group.spawn_blocking(|_| Err("jammed"));
        let error = smol::block_on(group.wait()).unwrap_err();
        assert!(error.to_string().ends_with("failed: jammed"), "{error}");
        assert_eq!((error.member().unwrap().index(), error.tally().cancelled), (1, 1));
    });
}

#[test]
fn what_members_did_is_seen_after_the_wait() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    crate::within(|| {
        for _ in 0..200 {
            let seen = Arc::new(AtomicU64::new(0));
            let group = Group::new(&Context::background()).on(|task| smol::spawn(task).detach());
            for _ in 0..8 {
                let seen = Arc::clone(&seen);
                group.spawn(move |_| async move {
                    // Relaxed, on purpose: the wait is what orders.
                    seen.fetch_add(1, Relaxed);
                    ok(())
                });
            }
            smol::block_on(group.wait()).unwrap();
            assert_eq!(seen.load(Relaxed), 8);
        }
    });
}
