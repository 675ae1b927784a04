//! Waiting: for the end, for a quiet moment, with a limit, again.

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use headcount::task::Group;
use headcount::{CollectAll, Context, Discard, ok};

use super::{Gate, Hand, panic_with, poll_once};

#[test]
fn a_wait_is_pending_while_anybody_is_out() {
    let hand = Hand::new();
    let group = hand.group();
    let gates: Vec<_> = (0..100).map(|_| Gate::closed()).collect();
    for gate in &gates {
        let gate = gate.clone();
        group.spawn(move |_| async move { ok(gate.pass().await) });
    }
    let mut wait = pin!(group.wait());
    for gate in gates.iter().rev() {
        hand.run();
        assert!(poll_once(wait.as_mut()).is_pending());
        gate.open();
    }
    assert_eq!(hand.finish(wait).unwrap().len(), 100);
}

#[test]
fn a_wait_does_not_return_while_a_member_runs_not_even_after_a_failure() {
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.group::<()>();
    let inside = gate.clone();
    group.spawn(move |_| async move { ok(inside.pass().await) });
    group.spawn(|_| async { Err("early") });
    let mut wait = pin!(group.wait());
    hand.run();
    assert!(poll_once(wait.as_mut()).is_pending());
    gate.open();
    assert!(hand.finish(wait).is_err());
}

#[test]
fn wait_idle_is_over_when_nobody_is_out_and_the_group_stays_open() {
    let hand = Hand::new();
    for many in [0, 1, 4, 5, 100] {
        let group = hand.policed(CollectAll);
        for round in 0..5 {
            for _ in 0..many {
                group.spawn(move |_| async move { ok(round) });
            }
            let mut idle = pin!(group.wait_idle());
            assert_eq!(poll_once(idle.as_mut()).is_pending(), many > 0);
            if many > 0 {
                hand.finish(idle);
            }
            assert_eq!(group.running(), 0);
        }
        assert_eq!(hand.finish(group.wait()).len(), 5 * many);
    }
}

#[test]
fn waits_may_be_many_and_may_be_given_up() {
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.group();
    let inside = gate.clone();
    group.spawn(move |_| async move { ok(inside.pass().await) });
    hand.run();
    let mut idles: Vec<_> = (0..10).map(|_| Box::pin(group.wait_idle())).collect();
    for idle in &mut idles {
        assert!(poll_once(idle.as_mut()).is_pending());
    }
    idles.truncate(5);
    gate.open();
    for idle in idles {
        hand.finish(idle);
    }
    hand.finish(group.wait()).unwrap();
}

#[test]
fn an_idle_wait_sees_the_end_of_members_that_came_after_it_had_begun() {
    let hand = Hand::new();
    let group = hand.group();
    let gates: Vec<_> = (0..10).map(|_| Gate::closed()).collect();
    let spawn = |n: usize| {
        let gate = gates[n].clone();
        group.spawn(move |_| async move { ok(gate.pass().await) });
    };
    spawn(0);
    let mut idle = pin!(group.wait_idle());
    assert!(poll_once(idle.as_mut()).is_pending());
    for n in 1..10 {
        spawn(n);
        hand.run();
        gates[n - 1].open();
        hand.run();
        assert!(poll_once(idle.as_mut()).is_pending());
    }
    gates[9].open();
    hand.finish(idle);
}

#[test]
fn who_is_back_in_time_is_not_late_even_with_no_time_at_all() {
    for many in [0, 1, 3, 4, 5, 100] {
        let hand = Hand::new();
        let group = hand.group();
        for _ in 0..many {
            group.spawn(|_| async { ok(()) });
        }
        hand.run();
        hand.finish(group.wait_idle_timeout(Duration::ZERO)).unwrap();
        let values = hand.finish(group.wait_timeout(Duration::ZERO)).unwrap().unwrap();
        assert_eq!(values.len(), many);

        let group = hand.group();
        for _ in 0..many {
            group.spawn(|_| async { ok(()) });
        }
        hand.run();
        let values = hand.finish(group.wait_deadline(Instant::now())).unwrap().unwrap();
        assert_eq!(values.len(), many);
    }
}

#[test]
fn a_wait_that_runs_out_of_time_has_the_roll_call_and_the_group() {
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.group().named("prices");
    let inside = gate.clone();
    group.spawn_named("sku 42", move |_| async move { ok(inside.pass().await) });
    group.spawn(|_| async { ok(()) });
    hand.run();
    let idle = hand.finish(group.wait_idle_timeout(Duration::ZERO)).unwrap_err();
    assert_eq!(idle.roll_call().outstanding(), 1);
    let line = line!() + 1;
    let late = hand.finish(group.wait_timeout(Duration::ZERO)).unwrap_err();
    assert_eq!((late.place().line(), late.waited()), (line, Duration::ZERO));
    assert_eq!(late.roll_call().iter().next().unwrap().name(), Some("sku 42"));
    assert!(late.to_string().starts_with("prices: 1 of 2 still out after 0 ms"), "{late}");
    let late = hand.finish(late.into_group().wait_deadline(Instant::now())).unwrap_err();
    gate.open();
    assert_eq!(hand.finish(late.into_group().wait()).unwrap(), [(), ()]);
}

#[test]
fn a_wait_that_was_given_up_by_its_timeout_keeps_what_had_come_and_what_had_failed() {
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.policed(CollectAll);
    let inside = gate.clone();
    group.spawn(|_| async { Err("early") });
    group.spawn(|_| async { ok(1) });
    group.spawn(move |_| async move {
        inside.pass().await;
        ok(2)
    });
    let mut group = group;
    for _ in 0..3 {
        hand.run();
        group = hand.finish(group.wait_timeout(Duration::ZERO)).unwrap_err().into_group();
    }
    gate.open();
    let outcomes = hand.finish(group.wait());
    assert!(matches!(outcomes[..], [Err(_), Ok(1), Ok(2)]));
}

#[test]
fn a_timed_out_wait_gives_a_panic_to_the_next() {
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.group();
    let inside = gate.clone();
    group.spawn(move |_| async move { ok(inside.pass().await) });
    group.spawn(|_| async { panic_with(7_u8) });
    hand.run();
    let group = hand.finish(group.wait_timeout(Duration::ZERO)).unwrap_err().into_group();
    gate.open();
    let wait = std::panic::AssertUnwindSafe(|| hand.finish(group.wait()));
    let payload = std::panic::catch_unwind(wait).unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&7_u8));
}

#[test]
fn a_member_spawned_by_the_last_one_is_waited_for() {
    let hand = Hand::new();
    for depth in [1, 5, 100] {
        let group = hand.policed(Discard);
        fn next(spawner: headcount::task::Spawner<(), headcount::BoxError, Discard>, left: u64) {
            let again = spawner.clone();
            spawner.spawn(move |_| async move {
                smol::future::yield_now().await;
                if left > 1 {
                    next(again, left - 1);
                }
                ok(())
            });
        }
        next(group.spawner(), depth);
        let mut wait = Box::pin(group.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        assert_eq!(hand.finish(wait).succeeded, depth);
    }
}

/// A thread spawns while another waits: whoever was counted out before the group was closed is in its tally, whoever came
/// later never ran.
#[test]
fn a_spawn_that_races_with_the_wait_is_waited_for_or_refused() {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    crate::within(|| {
        for round in 0..500 {
            let group =
                Group::with_policy(&Context::background(), Discard).on(|task| smol::spawn(task).detach());
            let spawner = group.spawner();
            let ran = std::sync::Arc::new(AtomicU64::new(0));
            let counted = std::sync::Arc::clone(&ran);
            let feeder = std::thread::spawn(move || {
                for _ in 0..round % 50 + 1 {
                    let ran = std::sync::Arc::clone(&counted);
                    spawner.spawn(move |_| async move {
                        ran.fetch_add(1, SeqCst);
                        ok(())
                    });
                }
            });
            let tally = smol::block_on(group.wait());
            assert_eq!((tally.total(), tally.succeeded), (ran.load(SeqCst), ran.load(SeqCst)));
            feeder.join().unwrap();
            assert_eq!(tally.succeeded, ran.load(SeqCst), "nobody ran after the wait");
        }
    });
}

#[test]
fn wait_idle_races_with_members_that_come_and_go() {
    crate::within(|| {
        for _ in 0..300 {
            let group =
                Group::with_policy(&Context::background(), Discard).on(|task| smol::spawn(task).detach());
            let spawner = group.spawner();
            let feeder = std::thread::spawn(move || {
                for _ in 0..30 {
                    spawner.spawn(|_| async { ok(()) });
                }
            });
            for _ in 0..5 {
                smol::block_on(group.wait_idle());
            }
            feeder.join().unwrap();
            smol::block_on(group.wait_idle());
            assert_eq!(group.running(), 0);
            assert_eq!(smol::block_on(group.wait()).succeeded, 30);
        }
    });
}

#[test]
fn a_wait_polled_again_with_another_waker_wakes_that_one() {
    use crate::Poller;
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.group();
    let inside = gate.clone();
    group.spawn(move |_| async move { ok(inside.pass().await) });
    let mut wait = pin!(group.wait());
    let (first, second) = (Poller::new(), Poller::new());
    assert!(!first.poll(wait.as_mut()) && !second.poll(wait.as_mut()));
    gate.open();
    hand.run();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert!(matches!(poll_once(wait), Poll::Ready(Ok(_))));
}
