//! What is left when a group is over: nothing, whether somebody can still spawn or not.

use headcount::task::Group;
use headcount::{CollectAll, Context, Discard, FailFast, Panics, ok};

use super::{Census, Counted, Gate, Hand, panic_with};

/// A group with everything that it could hold on to, all of it counted.
fn furnished<P: headcount::Policy<Counted> + 'static>(
    hand: &Hand,
    census: &Census,
    policy: P,
    gate: &Gate,
) -> Group<Counted, headcount::BoxError, P> {
    let (recognized, ran) = (census.one(), census.one());
    let hand = hand.clone();
    let group = Group::with_policy(&Context::background(), policy)
        .cancelled_when(move |_| {
            let _held = &recognized;
            false
        })
        .on(move |task| {
            let _held = &ran;
            headcount::task::Spawn::spawn(&hand, task);
        })
        .panics(Panics::AsError)
        .limit(50);
    for n in 0..100 {
        let (value, gate) = (census.one(), gate.clone());
        let member = move |_| async move {
            if n % 5 == 0 {
                gate.pass().await;
            }
            match n % 4 {
                0 => Err(Box::new(value) as Box<dyn std::error::Error + Send + Sync>),
                1 => panic_with(value).map_err(Into::into),
                _ => Ok(value),
            }
        };
        if n % 7 == 0 {
            group.spawn_with_cancel(member).keep();
        } else {
            group.spawn(member);
        }
    }
    group
}

#[test]
fn nothing_is_left_of_a_group_that_was_waited_for() {
    for spawner_alive in [false, true] {
        let (hand, census, gate) = (Hand::new(), Census::new(), Gate::closed());
        let group = furnished(&hand, &census, CollectAll, &gate);
        let spawner = spawner_alive.then(|| group.spawner());
        gate.open();
        drop(hand.finish(group.wait()));
        // A spawner knows where its group ran.
        assert_eq!(census.alive(), usize::from(spawner_alive));
        drop(spawner);
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn nothing_is_left_of_a_group_that_was_dropped() {
    for stage in 0..3 {
        for spawner_alive in [false, true] {
            let (hand, census, gate) = (Hand::new(), Census::new(), Gate::closed());
            let group = furnished(&hand, &census, CollectAll, &gate);
            let spawner = spawner_alive.then(|| group.spawner());
            if stage > 0 {
                hand.run();
            }
            if stage > 1 {
                gate.open();
                hand.run();
            }
            drop(group);
            hand.run();
            assert_eq!(census.alive(), usize::from(spawner_alive), "stage {stage}");
            drop(spawner);
            assert_eq!(census.alive(), 0);
        }
    }
}

#[test]
fn nothing_is_left_of_a_stream_at_its_end_or_dropped_early() {
    for taken in [0, 1, 50, 1_000] {
        let (hand, census, gate) = (Hand::new(), Census::new(), Gate::closed());
        let group = furnished(&hand, &census, CollectAll, &gate);
        let spawner = group.spawner();
        gate.open();
        let mut results = group.stream();
        for _ in 0..taken {
            drop(hand.finish(results.next()));
        }
        drop(results);
        hand.run();
        assert_eq!(census.alive(), 1, "{taken} taken");
        drop(spawner);
        assert_eq!(census.alive(), 0);
    }
}

#[test]
fn nothing_is_left_of_a_group_that_keeps_nothing_even_while_it_runs() {
    let (hand, census, gate) = (Hand::new(), Census::new(), Gate::closed());
    gate.open();
    let group = furnished(&hand, &census, Discard, &gate);
    hand.run();
    assert_eq!(census.alive(), 2);
    hand.finish(group.wait());
    assert_eq!(census.alive(), 0);
}

#[test]
fn nothing_is_left_when_the_panic_goes_on() {
    for spawner_alive in [false, true] {
        let (hand, census) = (Hand::new(), Census::new());
        let group = hand.policed::<Counted, _>(CollectAll);
        for n in 0..20 {
            let value = census.one();
            group.spawn(move |_| async move {
                match n {
                    0..10 => Ok(value),
                    10..15 => Err(value),
                    _ => {
                        drop(value);
                        std::panic::panic_any("panicked")
                    }
                }
            });
        }
        let spawner = spawner_alive.then(|| group.spawner());
        let wait = std::panic::AssertUnwindSafe(|| hand.finish(group.wait()));
        assert!(std::panic::catch_unwind(wait).is_err());
        assert_eq!(census.alive(), 0, "spawner alive: {spawner_alive}");
        drop(spawner);
    }
}

#[test]
fn a_wait_that_is_dropped_leaves_nothing() {
    let (hand, census, gate) = (Hand::new(), Census::new(), Gate::closed());
    let group = furnished(&hand, &census, CollectAll, &gate);
    let mut wait = Box::pin(group.wait());
    assert!(super::poll_once(wait.as_mut()).is_pending());
    hand.run();
    assert!(super::poll_once(wait.as_mut()).is_pending());
    drop(wait);
    hand.run();
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_forgotten_group_runs_on() {
    let (hand, census) = (Hand::new(), Census::new());
    let group: Group<_, _, FailFast> = hand.group();
    let spawner = group.spawner();
    for _ in 0..10 {
        let inside = census.one();
        group.spawn(move |_| async move { ok(drop(inside)) });
    }
    std::mem::forget(group);
    hand.run();
    assert_eq!((census.alive(), spawner.running()), (0, 0));
    // Nobody waits for it, but it is as it was.
    spawner.spawn(|_| async { ok(()) });
    hand.finish(spawner.wait_idle());
}

#[test]
fn a_forgotten_wait_is_forgotten() {
    let (hand, gate) = (Hand::new(), Gate::closed());
    let group = hand.group();
    let spawner = group.spawner();
    let inside = gate.clone();
    group.spawn(move |_| async move { ok(inside.pass().await) });
    let mut wait = Box::pin(group.wait());
    assert!(super::poll_once(wait.as_mut()).is_pending());
    std::mem::forget(wait);
    let mut idle = Box::pin(spawner.wait_idle());
    assert!(super::poll_once(idle.as_mut()).is_pending());
    std::mem::forget(idle);
    gate.open();
    hand.run();
    assert_eq!(spawner.running(), 0);
}

/// What wakes a member belongs to its task; if the group held on to it, so would it to the task, done as that is.
#[test]
fn the_wakers_of_members_that_are_over_are_gone() {
    let hand = Hand::new();
    let group = hand.policed(CollectAll);
    for limit in 0..2 {
        for _ in 0..100 {
            group.spawn(|_| async {
                smol::future::yield_now().await;
                ok(())
            });
        }
        hand.run();
        let held = hand.0.all.lock().unwrap().iter().filter(|task| task.strong_count() > 0).count();
        assert_eq!(held, 0, "with a limit: {}", limit == 1);
        group.set_limit(5);
    }
    assert_eq!(hand.finish(group.wait()).len(), 200);
}
