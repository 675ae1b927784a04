//! The limit: how many run, who is next, and what weights and changes do to that.

use std::sync::{Arc, Mutex};

use headcount::task::Group;
use headcount::{CollectAll, ok};

use super::{Crowd, Gate, Hand};

/// A member that notes that it began, and waits until it is let go.
fn guest(group: &Group<usize>, weight: usize, n: usize, crowd: &Crowd, begun: &Begun, gate: &Gate) {
    let (crowd, begun, gate) = (crowd.clone(), Arc::clone(begun), gate.clone());
    group.spawn_weighted(weight, move |_| async move {
        let inside: Vec<_> = (0..weight).map(|_| crowd.enter()).collect();
        begun.lock().unwrap().push(n);
        gate.pass().await;
        drop(inside);
        ok(n)
    });
}

type Begun = Arc<Mutex<Vec<usize>>>;

fn begun(begun: &Begun) -> Vec<usize> {
    begun.lock().unwrap().clone()
}

#[test]
fn no_more_than_the_limit_run_and_the_queue_goes_on_in_order() {
    for limit in [1, 2, 3, 10] {
        let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
        let group = hand.group().limit(limit);
        (0..10).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
        assert_eq!((group.running(), group.queued()), (limit, 10 - limit));
        for over in 0..=10 - limit {
            hand.run();
            assert_eq!(begun(&order), Vec::from_iter(0..limit + over));
            assert_eq!((crowd.now(), group.running(), group.queued()), (limit, limit, 10 - limit - over));
            gate.open_for_one();
        }
        gate.open();
        assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..10));
        assert_eq!(crowd.most(), limit);
    }
}

#[test]
fn without_a_limit_nobody_queues() {
    let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
    let group = hand.group();
    (0..1_000).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    hand.run();
    assert_eq!((crowd.now(), group.running(), group.queued()), (1_000, 1_000, 0));
    gate.open();
    hand.finish(group.wait()).unwrap();
}

#[test]
fn the_limit_holds_across_threads() {
    crate::within(|| {
        for limit in [1, 2, 5] {
            let crowd = Crowd::default();
            let group = headcount::task::Group::new(&headcount::Context::background())
                .on(|task| smol::spawn(task).detach())
                .limit(limit);
            for n in 0..500 {
                let crowd = crowd.clone();
                group.spawn(move |_| async move {
                    let _inside = crowd.enter();
                    smol::future::yield_now().await;
                    ok(n)
                });
            }
            assert_eq!(smol::block_on(group.wait()).unwrap(), Vec::from_iter(0..500));
            assert!(crowd.most() <= limit, "{} of {limit}", crowd.most());
        }
    });
}

#[test]
fn heavy_members_do_not_starve_behind_light_ones() {
    let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
    let group = hand.group().limit(4);
    (0..3).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    guest(&group, 3, 3, &crowd, &order, &gate);
    // Light ones that would fit, and come later.
    (4..8).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    hand.run();
    assert_eq!(begun(&order), [0, 1, 2], "one slot is free, and nobody overtakes");
    gate.open_for_one();
    hand.run();
    assert_eq!(begun(&order), [0, 1, 2], "two slots");
    gate.open_for_one();
    hand.run();
    assert_eq!(begun(&order), [0, 1, 2, 3], "three slots: the heavy one");
    gate.open();
    assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..8));
    assert_eq!(crowd.most(), 4);
}

#[test]
fn light_members_do_not_starve_behind_heavy_ones() {
    let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
    let group = hand.group().limit(4);
    guest(&group, 4, 0, &crowd, &order, &gate);
    guest(&group, 1, 1, &crowd, &order, &gate);
    (2..6).for_each(|n| guest(&group, 4, n, &crowd, &order, &gate));
    guest(&group, 1, 6, &crowd, &order, &gate);
    for n in 0..7 {
        hand.run();
        assert_eq!(begun(&order), Vec::from_iter(0..=n), "each in its turn");
        gate.open_for_one();
    }
    hand.finish(group.wait()).unwrap();
    assert_eq!(crowd.most(), 4);
}

#[test]
fn a_member_heavier_than_the_limit_runs_alone() {
    let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
    let group = hand.group().limit(2);
    guest(&group, 1, 0, &crowd, &order, &gate);
    guest(&group, 100, 1, &crowd, &order, &gate);
    guest(&group, 1, 2, &crowd, &order, &gate);
    guest(&group, 1, 3, &crowd, &order, &gate);
    hand.run();
    assert_eq!(begun(&order), [0]);
    gate.open_for_one();
    hand.run();
    assert_eq!((begun(&order), crowd.now()), (vec![0, 1], 100));
    gate.open_for_one();
    hand.run();
    assert_eq!((begun(&order), crowd.now()), (vec![0, 1, 2, 3], 2));
    gate.open();
    hand.finish(group.wait()).unwrap();
}

#[test]
fn the_heaviest_weight_there_is_counts_right() {
    let hand = Hand::new();
    let group = hand.group().limit(usize::MAX);
    for n in 0..4 {
        group.spawn_weighted(usize::MAX, move |_| async move { ok(n) });
        group.spawn(move |_| async move { ok(n) });
    }
    assert_eq!(hand.finish(group.wait()).unwrap(), [0, 0, 1, 1, 2, 2, 3, 3]);
}

#[test]
fn the_limit_goes_up_and_down_while_members_run() {
    let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
    let group = hand.group().limit(1);
    (0..30).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    hand.run();
    assert_eq!(crowd.now(), 1);
    group.set_limit(10);
    hand.run();
    assert_eq!((crowd.now(), group.running(), group.queued()), (10, 10, 20));
    group.set_limit(3);
    hand.run();
    assert_eq!(crowd.now(), 10, "lowering it stops nobody");
    for left in (3..10).rev() {
        gate.open_for_one();
        hand.run();
        assert_eq!((crowd.now(), begun(&order).len()), (left, 10), "nobody begins until there is room");
    }
    gate.open_for_one();
    hand.run();
    assert_eq!((crowd.now(), begun(&order).len()), (3, 11));
    group.set_limit(4);
    hand.run();
    assert_eq!(crowd.now(), 4);
    gate.open();
    assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..30));
    assert_eq!(begun(&order), Vec::from_iter(0..30));
}

#[test]
fn the_limit_goes_from_one_to_ten_thousand_and_back() {
    let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
    let group = hand.group().limit(1);
    (0..10_005).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    group.set_limit(10_000);
    hand.run();
    assert_eq!((crowd.now(), group.running(), group.queued()), (10_000, 10_000, 5));
    group.set_limit(1);
    (0..9_999).for_each(|_| gate.open_for_one());
    hand.run();
    assert_eq!((crowd.now(), group.queued()), (1, 5));
    gate.open();
    assert_eq!(hand.finish(group.wait()).unwrap().len(), 10_005);
}

#[test]
fn a_late_limit_counts_those_who_run_already() {
    let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
    let group = hand.group();
    (0..5).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    hand.run();
    let group = group.limit(3);
    (5..9).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    hand.run();
    assert_eq!((crowd.now(), group.running(), group.queued()), (5, 5, 4));
    for _ in 0..2 {
        gate.open_for_one();
        hand.run();
    }
    assert_eq!((crowd.now(), begun(&order).len()), (3, 5));
    for more in 6..=9 {
        gate.open_for_one();
        hand.run();
        assert_eq!((crowd.now(), begun(&order).len()), (3, more));
    }
    gate.open();
    hand.finish(group.wait()).unwrap();
    assert_eq!(crowd.most(), 5);
}

#[test]
fn a_late_limit_counts_those_who_have_not_begun_and_not_those_who_are_over() {
    let (hand, crowd, order, gate) = (Hand::new(), Crowd::default(), Begun::default(), Gate::closed());
    let group = hand.group();
    (0..4).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    gate.open_for_one();
    gate.open_for_one();
    hand.run();
    guest(&group, 1, 4, &crowd, &order, &gate);
    assert_eq!(group.running(), 3);
    group.set_limit(4);
    (5..8).for_each(|n| guest(&group, 1, n, &crowd, &order, &gate));
    hand.run();
    assert_eq!((crowd.now(), group.queued()), (4, 2), "three and one");
    gate.open();
    assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..8));
}

#[test]
fn members_that_fail_panic_or_are_dropped_give_their_slots_back() {
    let hand = Hand::new();
    let group = hand.policed(CollectAll).limit(2).panics(headcount::Panics::AsError);
    for n in 0..100 {
        group.spawn(move |_| async move {
            match n % 4 {
                0 => Ok(n),
                1 => Err("failed"),
                2 => panic!("panicked"),
                _ => panic!("and again"),
            }
        });
        drop(group.spawn_with_cancel(move |_| async move { Ok::<_, &str>(n) }));
    }
    let outcomes = hand.finish(group.wait());
    assert_eq!((outcomes.len(), outcomes.iter().filter(|outcome| outcome.is_ok()).count()), (200, 25));
}

#[test]
fn try_spawn_gives_the_closure_back_when_the_group_is_full() {
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.group().limit(1);
    let (first, second) = (gate.clone(), gate.clone());
    group.try_spawn(move |_| async move { ok(first.pass().await) }).unwrap();
    let error = group
        .try_spawn(move |_| async move {
            second.pass().await;
            ok(())
        })
        .unwrap_err();
    assert!(error.is_full() && !error.is_over());
    assert!(error.to_string().ends_with("is full"), "{error}");
    assert!(error.to_string().starts_with("group"), "{error}");
    let given = error.into_given();
    gate.open();
    hand.run();
    group.try_spawn(given).unwrap();
    assert_eq!(hand.finish(group.wait()).unwrap(), [(), ()]);
}

#[test]
fn try_spawn_gives_the_closure_back_when_the_group_is_over() {
    let hand = Hand::new();
    let (group, free) = (hand.group().limit(1), hand.group());
    group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
    hand.run();
    for group in [&group, &free] {
        group.cancel_because("closing time");
        let error = group.try_spawn(|_| async { ok(7) }).unwrap_err();
        assert!(error.is_over() && !error.is_full(), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(" takes no more members: cancelled at ") && text.ends_with(": closing time"),
            "{text}"
        );
        let _given = error.into_given();
    }
    let spawner = free.spawner();
    assert!(hand.finish(free.wait()).unwrap().is_empty(), "nobody was refused who had not been counted out");
    assert!(spawner.try_spawn(|_| async { ok(7) }).unwrap_err().is_over());

    let group = hand.group::<u8>();
    let spawner = group.spawner();
    hand.finish(group.wait()).unwrap();
    let error = spawner.try_spawn(|_| async { ok(7) }).unwrap_err();
    assert!(error.to_string().ends_with(" takes no more members: it has been waited for"), "{error}");
}

#[test]
fn a_limit_or_weight_of_zero_is_a_panic_that_blames_the_caller() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let hand = Hand::new();
    let group = hand.group::<()>();
    for wrong in 0..2 {
        let panic = catch_unwind(AssertUnwindSafe(|| match wrong {
            0 => group.set_limit(0),
            _ => group.spawn_weighted(0, |_| async { ok(()) }),
        }));
        assert!(crate::message(&*panic.unwrap_err()).contains('0'));
    }
    assert!(hand.finish(group.wait()).unwrap().is_empty());
}
