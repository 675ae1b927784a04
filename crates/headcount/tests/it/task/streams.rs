//! Results as they come.

use std::pin::pin;
use std::task::Poll;

use headcount::task::{Group, Results};
use headcount::{BoxError, CollectAll, Context, Discard, FirstOk, MemberError, Policy, ok};

use super::{Census, Gate, Hand, poll_once};

/// What is left of a stream: each member's index, and its value or the text of its failure.
fn rest<T, P>(hand: &Hand, results: &mut Results<T, BoxError, P>) -> Vec<(usize, Result<T, String>)>
where
    T: Send + 'static,
    P: Policy<T, BoxError> + 'static,
{
    let mut come = Vec::new();
    while let Some((member, result)) = hand.finish(results.next()) {
        come.push((member.index(), result.map_err(|error| error.to_string())));
    }
    come
}

#[test]
fn results_come_as_members_finish() {
    let hand = Hand::new();
    let group = hand.group();
    let gates: Vec<_> = (0..5).map(|_| Gate::closed()).collect();
    for (n, gate) in gates.iter().cloned().enumerate() {
        group.spawn(move |_| async move {
            gate.pass().await;
            ok(n)
        });
    }
    let mut results = group.stream();
    for n in [3, 0, 4, 1, 2] {
        let mut next = pin!(results.next());
        hand.run();
        assert!(poll_once(next.as_mut()).is_pending());
        gates[n].open();
        let (member, value) = hand.finish(next).unwrap();
        assert_eq!((member.index(), value.unwrap()), (n, n));
    }
    assert!(hand.finish(results.next()).is_none());
    assert!(hand.finish(results.next()).is_none(), "and for ever");
}

#[test]
fn every_result_comes_once_whether_before_the_stream_or_after() {
    for before in [0, 1, 3, 4, 5, 20, 64, 100, 200] {
        for after in [0, 1, 5, 70] {
            let hand = Hand::new();
            let group = hand.policed(CollectAll);
            let gate = Gate::closed();
            let member = |n: usize, gate: Option<Gate>| {
                move |_| async move {
                    if let Some(gate) = gate {
                        gate.pass().await;
                    }
                    if n % 3 == 0 { Err(format!("{n} failed")) } else { Ok(n) }
                }
            };
            (0..before).for_each(|n| group.spawn(member(n, (n % 2 == 0).then(|| gate.clone()))));
            hand.run();
            let mut results = group.stream();
            (before..before + after).for_each(|n| results.group().spawn(member(n, None)));
            gate.open();
            let mut come = rest(&hand, &mut results);
            come.sort_by_key(|(index, _)| *index);
            let all =
                (0..before + after).map(|n| (n, if n % 3 == 0 { Err(format!("{n} failed")) } else { Ok(n) }));
            assert!(come.into_iter().eq(all), "{before} before, {after} after");
        }
    }
}

#[test]
fn every_result_comes_once_across_threads() {
    crate::within(|| {
        for round in 0..200 {
            let group =
                Group::with_policy(&Context::background(), CollectAll).on(|task| smol::spawn(task).detach());
            for n in 0..50 {
                group.spawn(move |_| async move { if n % 10 == 0 { Err("failed") } else { Ok(n) } });
            }
            (0..round % 7).for_each(|_| std::thread::yield_now());
            let mut results = group.stream();
            for n in 50..100 {
                results
                    .group()
                    .spawn(move |_| async move { if n % 10 == 0 { Err("failed") } else { Ok(n) } });
            }
            let mut come = smol::block_on(async {
                let mut come = Vec::new();
                while let Some((member, result)) = results.next().await {
                    assert_eq!(result.ok(), (member.index() % 10 != 0).then_some(member.index()));
                    come.push(member.index());
                }
                come
            });
            come.sort_unstable();
            assert_eq!(come, Vec::from_iter(0..100));
        }
    });
}

#[test]
fn the_policy_still_decides_when_a_streamed_group_is_over() {
    let hand = Hand::new();
    let group = hand.policed(FirstOk);
    group.spawn(|_| async { Err("not I") });
    group.spawn(|_| async { ok(1) });
    group.spawn(|ctx| async move { Err(ctx.wait_async().await) });
    let mut results = group.stream();
    let come = rest(&hand, &mut results);
    assert_eq!(come[..2], [(0, Err("not I".into())), (1, Ok(1))]);
    assert!(matches!(&come[2], (2, Err(text)) if text.starts_with("cancelled because its group had")));
}

#[test]
fn a_group_that_keeps_nothing_streams_what_comes_after() {
    let hand = Hand::new();
    let group = hand.policed(Discard);
    let mut results = group.stream();
    (0..100).for_each(|n| results.group().spawn(move |_| async move { ok(n) }));
    assert_eq!(rest(&hand, &mut results).len(), 100);
}

#[test]
fn forks_do_not_appear_in_a_stream_unless_they_fail() {
    let hand = Hand::new();
    let group = hand.policed::<u8, _>(CollectAll);
    let (one, two) = (group.fork(|_| async { ok("one") }), group.fork(|_| async { Err::<u8, _>("two") }));
    let mut results = group.stream();
    assert_eq!(rest(&hand, &mut results), [(1, Err("two".into()))]);
    assert_eq!((one.take(), two.take()), (Some("one"), None));
}

#[test]
fn a_stream_may_be_fed_by_its_members_for_long() {
    let hand = Hand::new();
    let group = hand.policed(CollectAll).limit(3);
    let spawner = group.spawner();
    fn feed(spawner: headcount::task::Spawner<u32, BoxError, CollectAll>, n: u32) {
        let next = spawner.clone();
        spawner.spawn(move |_| async move {
            if n < 5_000 {
                feed(next, n + 1);
            }
            ok(n)
        });
    }
    feed(spawner, 0);
    let mut results = group.stream();
    assert_eq!(rest(&hand, &mut results).len(), 5_001);
}

#[test]
fn a_next_that_is_dropped_loses_no_result() {
    let hand = Hand::new();
    let group = hand.group();
    let spawner = group.spawner();
    let mut results = group.stream();
    let mut come = 0;
    for n in 0..10 {
        spawner.spawn(move |_| async move { ok(n) });
        // One that waits and is dropped, and one that is dropped with what it found.
        assert!(poll_once(pin!(results.next())).is_pending());
        hand.run();
        come += usize::from(matches!(poll_once(pin!(results.next())), Poll::Ready(Some(_))));
    }
    assert!(hand.finish(results.next()).is_none());
    assert_eq!(come, 10);
}

#[test]
fn a_dropped_stream_drops_its_group_and_what_nobody_took() {
    let hand = Hand::new();
    let census = Census::new();
    let group = hand.policed(CollectAll);
    for n in 0..100 {
        let value = census.one();
        group.spawn(move |ctx| async move {
            if n % 2 == 0 {
                ctx.wait_async().await;
            }
            ok(value)
        });
    }
    let mut results = group.stream();
    drop(hand.finish(results.next()));
    let spawner = results.group().spawner();
    drop(results);
    assert!(spawner.context().is_cancelled());
    hand.run();
    assert_eq!((census.alive(), spawner.running()), (0, 0));
}

#[test]
fn a_panic_comes_when_everybody_is_back_and_after_the_results() {
    let hand = Hand::new();
    let group = hand.group();
    group.spawn(|_| async { ok(0) });
    group.spawn(|_| async {
        std::panic::panic_any(42_u8);
        #[expect(unreachable_code, reason = "it names the type")]
        ok(1)
    });
    group.spawn(|ctx| async move {
        ctx.wait_async().await;
        ok(2)
    });
    let mut results = group.stream();
    let mut come = Vec::new();
    let payload = loop {
        let next = std::panic::AssertUnwindSafe(|| hand.finish(results.next()));
        match std::panic::catch_unwind(next) {
            Ok(Some((member, _))) => come.push(member.index()),
            Ok(None) => panic!("the panic is lost"),
            Err(payload) => break payload,
        }
    };
    assert_eq!((come, payload.downcast_ref()), (vec![0, 2], Some(&42_u8)));
    assert!(hand.finish(results.next()).is_none());
}

#[test]
fn members_of_a_stream_that_are_dropped_are_told() {
    let hand = Hand::new();
    let group = hand.policed::<(), _>(CollectAll);
    group.spawn(|_| async { ok(std::future::pending::<()>().await) });
    let mut results = group.stream();
    hand.run();
    hand.drop_tasks();
    let (_, result) = hand.finish(results.next()).unwrap();
    assert!(matches!(result, Err(MemberError::Dropped)));
    assert!(hand.finish(results.next()).is_none());
}
