//! Waits that could never end are told, with the way round.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use headcount::task::{self, Group, Spawner};
use headcount::{Context, ok};

use super::{Gate, Hand, paused, poll_once, threaded};

type Plain = Spawner<(), headcount::BoxError, headcount::FailFast>;

/// What a member of `of` says when it waits for `to` in each of the ways; the panic's text.
fn text_of_wait(hand: &Hand, of: &Group<()>, to: Plain, way: usize) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    of.spawn(move |_| async move {
        let wait = async move {
            match way {
                0 => to.wait_idle().await,
                _ => drop(to.wait_idle_timeout(Duration::from_secs(3600)).await),
            }
        };
        let wait = std::panic::AssertUnwindSafe(wait);
        let caught = Caught(Box::pin(wait)).await;
        tell.send(caught).unwrap();
        ok(())
    });
    hand.run();
    told.try_recv().unwrap().unwrap_err()
}

/// A future whose panic is its output.
struct Caught<F>(std::pin::Pin<Box<std::panic::AssertUnwindSafe<F>>>);

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, String>;
    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        let poll = std::panic::AssertUnwindSafe(|| self.0.as_mut().poll(cx));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => std::task::Poll::Ready(Err(crate::message(&*payload).to_owned())),
        }
    }
}

#[test]
fn a_member_that_waits_for_its_own_group_is_told_so() {
    for (way, name) in [(0, "wait_idle"), (1, "wait_idle_timeout")] {
        let hand = Hand::new();
        let group = hand.group::<()>().named("outer");
        let text = text_of_wait(&hand, &group, group.spawner(), way);
        assert!(text.starts_with(&format!("{name} would wait for itself: member #1 (")), "{text}");
        assert!(text.contains("of group \"outer\" ("), "{text}");
        hand.finish(group.wait()).unwrap();
    }
}

#[test]
fn a_member_that_owns_its_group_and_waits_for_it_is_told_so() {
    for way in 0..2 {
        let hand = Hand::new();
        let group = hand.group::<()>().named("snake").panics(headcount::Panics::AsError);
        let (spawner, (tell, told)) = (group.spawner(), std::sync::mpsc::channel());
        spawner.spawn(move |_| async move {
            let wait = async move {
                match way {
                    0 => drop(group.wait().await),
                    _ => drop(group.wait_timeout(Duration::from_secs(3600)).await),
                }
            };
            tell.send(Caught(Box::pin(std::panic::AssertUnwindSafe(wait))).await).unwrap();
            ok(())
        });
        hand.run();
        let text = told.try_recv().unwrap().unwrap_err();
        assert!(
            text.starts_with(["wait would", "wait_timeout would"][way]) && text.contains("\"snake\""),
            "{text}"
        );
        assert_eq!(spawner.running(), 0);
    }
}

#[test]
fn cycles_of_two_and_three_groups_are_found_and_named() {
    for many in [2, 3] {
        for way in 0..2 {
            let hand = Hand::new();
            let groups: Vec<_> = (0..many).map(|n| hand.group::<()>().named(format!("group {n}"))).collect();
            for n in 0..many - 1 {
                let next = groups[n + 1].spawner();
                groups[n].spawn(move |_| async move { ok(next.wait_idle().await) });
            }
            // The last must have somebody out, or there is nothing to wait for.
            let gate = Gate::closed();
            let inside = gate.clone();
            groups[many - 1].spawn(move |_| async move { ok(inside.pass().await) });
            hand.run();
            let text = text_of_wait(&hand, &groups[many - 1], groups[0].spawner(), way);
            for n in 0..many {
                assert!(text.contains(&format!("\"group {n}\"")), "{text}");
            }
            assert_eq!(text.matches(", whose member #1 (").count(), many - 1, "{text}");
            gate.open();
            for group in groups {
                hand.finish(group.wait()).unwrap();
            }
        }
    }
}

#[test]
fn a_member_of_a_group_that_a_full_group_waits_for_is_refused_a_slot() {
    let hand = Hand::new();
    let full = hand.group::<()>().limit(1).named("full");
    let (spawner, there, (tell, told)) = (full.spawner(), hand.clone(), std::sync::mpsc::channel());
    full.spawn(move |_| async move {
        let inner = there.group::<()>();
        inner.spawn(move |_| async move {
            let refused = spawner.submit(|_| async { ok(()) }).await.unwrap_err();
            ok(tell.send((refused.is_over(), refused.to_string())).unwrap())
        });
        inner.wait().await.map(drop)
    });
    hand.finish(full.wait()).unwrap();
    let (is_over, text) = told.try_recv().unwrap();
    assert!(!is_over && text.starts_with("group \"full\" (") && text.contains(" is full"), "{text}");
}

#[test]
fn who_waits_for_one_that_waits_for_its_slot_is_told_unless_another_slot_may_come_free() {
    for limit in [1, 2] {
        let hand = Hand::new();
        let full = hand.group::<()>().limit(limit).named("full");
        let other = hand.group::<()>().named("other");
        let (start, gate, (tell, told)) = (Gate::closed(), Gate::closed(), std::sync::mpsc::channel());
        let (inside, to_other) = (start.clone(), other.spawner());
        full.spawn(move |_| async move {
            inside.pass().await;
            let wait = std::panic::AssertUnwindSafe(async move { to_other.wait_idle().await });
            ok(tell.send(Caught(Box::pin(wait)).await).unwrap())
        });
        if limit > 1 {
            let inside = gate.clone();
            full.spawn(move |_| async move { ok(inside.pass().await) });
        }
        let to_full = full.spawner();
        other.spawn(move |_| async move { ok(to_full.submit(|_| async { ok(()) }).await.unwrap()) });
        hand.run();
        start.open();
        hand.run();
        if limit == 1 {
            let text = told.try_recv().unwrap().unwrap_err();
            assert!(
                text.contains("of group \"full\"") && text.contains("waits for group \"other\""),
                "{text}"
            );
            assert!(
                text.contains(", whose member #1 (") && text.contains("waits for a slot of group \"full\"")
            );
        } else {
            assert!(told.try_recv().is_err(), "it waits: the other slot may be given back");
            gate.open();
        }
        hand.finish(other.wait()).unwrap();
        assert_eq!(hand.finish(full.wait()).unwrap().len(), limit + 1);
    }
}

#[test]
fn a_member_of_a_scope_inside_a_member_is_told() {
    let hand = Hand::new();
    let outer = hand.group().limit(1).named("outer");
    let there = outer.spawner();
    outer.spawn(move |ctx| async move {
        let ends = task::scope(&ctx, async |scope| {
            scope.spawn(move |_| async move {
                let refused = there.submit(|_| async { ok(String::new()) }).await.unwrap_err();
                assert!(!refused.is_over());
                let wait = std::panic::AssertUnwindSafe(async move { there.wait_idle().await });
                ok(Caught(Box::pin(wait)).await.unwrap_err())
            });
        });
        ends.await.map(|mut texts| texts.remove(0))
    });
    let text = hand.finish(outer.wait()).unwrap().remove(0);
    assert!(text.starts_with("wait_idle would wait for itself: member #1 ("), "{text}");
    assert!(text.contains("waits for group \"outer\" (") && text.contains(", whose member #1 ("), "{text}");
}

#[test]
fn a_wait_ends_with_its_member_wherever_its_future_is() {
    type Idle = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
    for forgotten in [false, true] {
        let hand = Hand::new();
        let (one, two) = (hand.group::<()>(), hand.group::<()>());
        let (gate, to_two, (give, given)) = (Gate::closed(), two.spawner(), std::sync::mpsc::channel());
        one.spawn(move |_| async move {
            let mut idle: Idle = Box::pin(async move { to_two.wait_idle().await });
            assert!(poll_once(idle.as_mut()).is_pending());
            if forgotten {
                std::mem::forget(idle);
            } else {
                give.send(idle).unwrap();
            }
            ok(())
        });
        let (inside, to_one) = (gate.clone(), one.spawner());
        two.spawn(move |_| async move {
            inside.pass().await;
            ok(to_one.wait_idle().await)
        });
        hand.run();
        gate.open();
        hand.finish(two.wait()).unwrap();
        // It goes on for whoever has it.
        given.into_iter().for_each(|idle| hand.finish(idle));
        hand.finish(one.wait()).unwrap();
    }
}

#[test]
fn the_end_of_a_wait_opens_the_cycle() {
    let hand = Hand::new();
    let (one, two) = (hand.group::<()>(), hand.group::<()>());
    let gate = Gate::closed();
    let (spawner, inside) = (two.spawner(), gate.clone());
    // It waits for the other for a while and gives up.
    one.spawn(move |_| async move {
        let mut idle = Box::pin(spawner.wait_idle());
        std::future::poll_fn(|cx| std::task::Poll::Ready(assert!(idle.as_mut().poll(cx).is_pending()))).await;
        drop(idle);
        ok(inside.pass().await)
    });
    let inside = gate.clone();
    two.spawn(move |_| async move { ok(inside.pass().await) });
    hand.run();
    let spawner = one.spawner();
    two.spawn(move |_| async move { ok(spawner.wait_idle().await) });
    hand.run();
    gate.open();
    hand.finish(one.wait()).unwrap();
    hand.finish(two.wait()).unwrap();
}

#[test]
fn a_wait_with_a_limit_of_time_closes_no_cycle() {
    paused(|| async {
        let (one, two) = (Group::<()>::new(&Context::background()), Group::<()>::new(&Context::background()));
        let (to_two, to_one) = (two.spawner(), one.spawner());
        one.spawn(move |_| async move {
            assert!(to_two.wait_idle_timeout(Duration::from_secs(1)).await.is_err());
            ok(())
        });
        two.spawn(move |_| async move { ok(to_one.wait_idle().await) });
        one.wait().await.unwrap();
        two.wait().await.unwrap();
    });
}

#[test]
fn members_may_wait_for_groups_that_do_not_wait_for_them() {
    let hand = Hand::new();
    let outer = hand.group();
    for n in 0..10 {
        let inner = hand.group();
        outer.spawn(move |_| async move {
            (0..n).for_each(|m| inner.spawn(move |_| async move { ok(m) }));
            inner.wait().await.map(|values| values.len())
        });
    }
    assert_eq!(hand.finish(outer.wait()).unwrap(), Vec::from_iter(0..10));
}

// Once a false alarm: who had been released, and not been polled since, was taken for one who waits.
#[test]
fn a_wait_that_is_over_and_was_not_polled_since_is_no_part_of_a_circle() {
    let (one, other, gate) = (Hand::new(), Hand::new(), Gate::closed());
    let (waits, used_again) = (one.group::<()>(), other.group::<()>());
    let (to_waits, to_used, inside) = (waits.spawner(), used_again.spawner(), gate.clone());
    used_again.spawn(move |_| async move { ok(inside.pass().await) });
    waits.spawn(move |_| async move { ok(to_used.wait_idle().await) });
    one.run();
    gate.open();
    other.run();
    assert_eq!((used_again.running(), one.ready()), (0, 1), "released, and not polled");
    used_again.spawn(move |_| async move { ok(to_waits.wait_idle().await) });
    other.run();
    one.finish(waits.wait()).unwrap();
    other.finish(used_again.wait()).unwrap();
}

#[test]
fn a_wait_for_a_wait_group_that_is_over_and_was_not_polled_since_is_no_part_of_a_circle() {
    paused(|| async {
        let (hand, group) = (Hand::new(), headcount::WaitGroup::new());
        let (tasks, there, last) = (hand.group::<()>(), group.clone(), group.add());
        let to_tasks = tasks.spawner();
        tasks.spawn(move |_| async move { ok(there.wait_async().await) });
        hand.run();
        drop(last);
        assert_eq!(hand.ready(), 1, "released, and not polled");
        let waits = group.spawn_async(async move { to_tasks.wait_idle().await });
        tokio::task::yield_now().await;
        hand.finish(tasks.wait()).unwrap();
        waits.await.unwrap();
    });
}

// Once a false alarm: whoever queues in a group that is being cancelled hears of it a moment later than its members.
#[test]
fn who_queues_in_a_group_that_is_cancelled_is_no_part_of_a_circle() {
    threaded(|| async {
        for _ in 0..50 {
            let group = || Group::<()>::new(&Context::background());
            let (full, queues) = (group().limit(1), group());
            let (to_full, to_queues) = (full.spawner(), queues.spawner());
            full.spawn(move |ctx| async move {
                let _cancelled = ctx.wait_async().await;
                ok(to_queues.wait_idle().await)
            });
            let (says, queued) = tokio::sync::oneshot::channel();
            queues.spawn(move |_| async move {
                let (mut says, mut submit) = (Some(says), pin!(to_full.submit(|_| async { ok(()) })));
                let submitted = poll_fn(|cx| {
                    let submitted = submit.as_mut().poll(cx);
                    says.take().into_iter().for_each(|says| says.send(()).unwrap());
                    submitted
                });
                assert!(submitted.await.is_err(), "nobody makes room");
                ok(())
            });
            queued.await.unwrap();
            full.cancel();
            queues.wait().await.unwrap();
            drop(full.wait().await);
        }
    });
}
