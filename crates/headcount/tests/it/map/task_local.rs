//! Maps on the caller's own task, polled by hand: who is polled, when items are pulled, what is dropped.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use headcount::{CollectAll, Context, Discard, ok, task};

use super::puppets::Puppets;
use crate::{Poller, within};

/// Polls once, with a waker that does nothing.
fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

fn now<F: Future>(future: F) -> F::Output {
    match poll_once(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it is not ready at its first poll"),
    }
}

/// Ready at the second poll.
async fn yield_once() {
    let mut before = false;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut before, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[test]
fn only_who_was_woken_is_polled() {
    let (puppets, poller) = (Puppets::default(), Poller::new());
    let mut map = pin!(task::map(0..200).limit(200).run(|_, n| {
        let member = puppets.member(n);
        async move { ok(member.await) }
    }));
    // One poll of the map is not one of all members: it lets others run, and is woken for the rest.
    while puppets.begun() < 200 {
        let before = poller.wakes();
        assert!(!poller.poll(map.as_mut()));
        assert!(puppets.begun() == 200 || poller.wakes() > before, "it sleeps while items wait");
    }
    assert!((0..200).all(|n| puppets.polls(n) == 1));
    let before = poller.wakes();
    for n in [3, 64, 199, 3] {
        puppets.wake(n);
    }
    assert_eq!(poller.wakes() - before, 1, "one wake-up of the map is enough for all");
    assert!(!poller.poll(map.as_mut()));
    for n in 0..200 {
        assert_eq!(puppets.polls(n), if [3, 64, 199].contains(&n) { 2 } else { 1 }, "member {n}");
    }
    for n in (0..200).rev() {
        puppets.end(n);
    }
    let output = loop {
        match poll_once(map.as_mut()) {
            Poll::Ready(output) => break output,
            Poll::Pending => {}
        }
    };
    assert!(output.unwrap().into_iter().eq(0..200), "in the order of the items");
    assert_eq!(puppets.polls(100), 2);
}

#[test]
fn a_waker_that_outlives_its_member_and_its_map_does_no_harm() {
    let (puppets, poller) = (Puppets::default(), Poller::new());
    {
        let mut map = pin!(task::map(0..3).limit(1).run(|_, n| {
            let member = puppets.member(n);
            async move { ok(member.await) }
        }));
        assert!(!poller.poll(map.as_mut()));
        puppets.end(0);
        assert!(!poller.poll(map.as_mut()));
        // The waker of member 0 is that of the slot in which member 1 is now: one poll too many, and no more.
        puppets.wake(0);
        assert!(!poller.poll(map.as_mut()));
        assert_eq!(puppets.polls(1), 2);
        assert_eq!(puppets.alive(), [1]);
    }
    assert_eq!(puppets.alive(), [], "dropped half way");
    let before = poller.wakes();
    puppets.wake(0);
    puppets.wake(1);
    assert_eq!(poller.wakes(), before, "nobody sleeps there any more");
}

#[test]
fn items_are_pulled_when_there_is_room() {
    let pulled = Cell::new(0);
    let puppets = Puppets::default();
    let items = (0..).inspect(|_| pulled.set(pulled.get() + 1));
    let mut map = pin!(task::map(items).limit(3).for_each(|_, n| {
        let member = puppets.member(n);
        async move {
            member.await;
            ok(())
        }
    }));
    assert_eq!(pulled.get(), 0);
    for ended in 0..50 {
        assert!(poll_once(map.as_mut()).is_pending());
        assert_eq!(pulled.get(), ended + 3);
        puppets.end(ended);
    }
}

#[test]
fn members_borrow_and_need_not_be_sendable() {
    let words = vec![String::from("one"), String::from("three")];
    let longest = RefCell::new("");
    let shared = Rc::new(Cell::new(0));
    let lengths = now(task::map(&words).run(|_, word| {
        let (longest, shared) = (&longest, Rc::clone(&shared));
        async move {
            if word.len() > longest.borrow().len() {
                longest.replace(word);
            }
            shared.set(shared.get() + 1);
            ok(word.len())
        }
    }));
    assert_eq!(lengths.unwrap(), [3, 5]);
    assert_eq!((*longest.borrow(), shared.get()), ("three", 2));
}

#[test]
fn a_source_without_items_gives_no_values() {
    assert_eq!(now(task::map([0; 0]).run(|_, n| async move { ok(n) })).unwrap(), []);
    assert_eq!(now(task::map(0..0).policy(Discard).run(|_, n| async move { ok(n) })).total(), 0);
}

#[test]
fn a_member_that_always_wants_to_go_on_starves_nobody() {
    let (puppets, poller) = (Puppets::default(), Poller::new());
    let mut map = pin!(task::map(0..2).run(|_, n| {
        let member = puppets.member(n);
        async move {
            if n == 0 {
                loop {
                    yield_once().await;
                }
            }
            ok(member.await)
        }
    }));
    // A poll comes to its end though one is always ready, so whoever shares the task or the thread has its turn.
    assert!(!poller.poll(map.as_mut()));
    puppets.end(1);
    assert!(!poller.poll(map.as_mut()));
    assert_eq!(puppets.polls(1), 2);
    assert_eq!(puppets.alive(), [0]);
}

#[test]
fn a_map_lets_others_run_after_some_items() {
    let begun = Cell::new(0);
    let poller = Poller::new();
    let mut map = pin!(task::map(0..).for_each(|_, _| {
        begun.set(begun.get() + 1);
        async { ok(()) }
    }));
    for _ in 0..10 {
        let (before, wakes) = (begun.get(), poller.wakes());
        assert!(!poller.poll(map.as_mut()));
        assert!((1..=256).contains(&(begun.get() - before)), "{} in one go", begun.get() - before);
        assert_eq!(poller.wakes(), wakes + 1, "it is to be polled again");
    }
}

#[test]
fn a_slot_that_is_used_again_holds_one_member_at_a_time() {
    let inside = Cell::new(0);
    let ended = Cell::new(0);
    let mut map = pin!(task::map(0..1000).limit(7).policy(Discard).run(|_, _| async {
        inside.set(inside.get() + 1);
        assert!(inside.get() <= 7);
        yield_once().await;
        yield_once().await;
        inside.set(inside.get() - 1);
        ended.set(ended.get() + 1);
        ok(())
    }));
    let mut polls = 0;
    let tally = loop {
        polls += 1;
        assert!(polls < 1000, "it goes on");
        if let Poll::Ready(tally) = poll_once(map.as_mut()) {
            break tally;
        }
    };
    assert_eq!((tally.succeeded, ended.get(), inside.get()), (1000, 1000, 0));
}

#[test]
fn values_are_folded_in_order_or_as_they_come() {
    for as_finished in [false, true] {
        let puppets = Puppets::default();
        let map = task::map(0..5).limit(5);
        let map = if as_finished { map.as_finished() } else { map };
        let mut map = pin!(map.fold(
            Vec::new(),
            |_, n| {
                let member = puppets.member(n);
                async move { ok(member.await) }
            },
            |mut all, n| {
                all.push(n);
                all
            },
        ));
        assert!(poll_once(map.as_mut()).is_pending());
        for n in [2, 0, 4, 3] {
            puppets.end(n);
            assert!(poll_once(map.as_mut()).is_pending());
        }
        puppets.end(1);
        let Poll::Ready(all) = poll_once(map.as_mut()) else { panic!("all have ended") };
        assert_eq!(all.unwrap(), if as_finished { [2, 0, 4, 3, 1] } else { [0, 1, 2, 3, 4] });
    }
}

#[test]
fn a_fold_in_order_pulls_so_far_ahead_and_no_further() {
    let pulled = Cell::new(0);
    let items = (0..).inspect(|_| pulled.set(pulled.get() + 1));
    let mut map = pin!(task::map(items).limit(4).fold(
        0,
        |_, n| async move {
            if n == 0 {
                pending::<()>().await;
            }
            ok(n)
        },
        |sum, n| sum + n,
    ));
    for _ in 0..100 {
        assert!(poll_once(map.as_mut()).is_pending());
    }
    assert_eq!(pulled.get(), 16, "four times the limit");
}

#[test]
fn a_map_may_be_a_member_of_a_map() {
    let tables = now(task::map(1..=3).run(|ctx, n| async move {
        task::map(1..=3).context(&ctx).run(|_, m| async move { ok(n * m) }).await
    }));
    assert_eq!(tables.unwrap(), [[1, 2, 3], [2, 4, 6], [3, 6, 9]]);
}

#[test]
fn a_map_of_sendable_parts_is_sendable() {
    fn sendable<F: Future + Send>(future: F) -> F {
        future
    }
    let words = vec![String::from("one")];
    let map = sendable(task::map(&words).run(|_, word| async move { ok(word.len()) }));
    assert_eq!(now(map).unwrap(), [3]);
    drop(sendable(task::map(&words).for_each(|_, _| async { ok(()) })));
}

#[test]
fn members_are_woken_from_other_threads_on_any_executor() {
    let sum = within(|| {
        smol::block_on(task::map(0..2_000_u64).limit(50).fold(
            0,
            |_, n| async move {
                let (sender, receiver) = std::sync::mpsc::channel();
                let mut asked = false;
                smol::spawn(async move { sender.send(n) }).detach();
                let arrived = std::future::poll_fn(move |cx| match receiver.try_recv() {
                    Ok(n) => Poll::Ready(n),
                    Err(_) => {
                        if !std::mem::replace(&mut asked, true) || n % 2 == 0 {
                            let waker = cx.waker().clone();
                            smol::spawn(async move { waker.wake() }).detach();
                        } else {
                            cx.waker().wake_by_ref();
                        }
                        Poll::Pending
                    }
                });
                ok(arrived.await)
            },
            |sum, n| sum + n,
        ))
    });
    assert_eq!(sum.unwrap(), 1_999_000);
}

#[test]
fn the_context_that_members_are_given_is_below_the_maps() {
    let ctx = Context::background().with_value(7_u32);
    let values = now(task::map(0..2).context(&ctx).run(|ctx, n| async move {
        assert!(!ctx.is_cancelled());
        ok(n + ctx.value::<u32>().copied().unwrap())
    }));
    assert_eq!(values.unwrap(), [7, 8]);
}

#[test]
fn every_kind_of_end_is_collected_in_order() {
    let outcomes = now(task::map(0..4)
        .policy(CollectAll)
        .run(|_, n| async move { if n % 2 == 0 { Ok(n) } else { Err(format!("{n} is odd")) } }));
    let texts = outcomes.iter().map(|outcome| match outcome {
        Ok(n) => n.to_string(),
        Err(error) => error.to_string(),
    });
    assert!(texts.eq(["0", "1 is odd", "2", "3 is odd"]));
}

#[test]
fn a_member_that_is_over_is_gone_at_once() {
    let alive = Arc::new(());
    let (puppets, seen) = (Puppets::default(), Arc::clone(&alive));
    let mut map = pin!(task::map(0..2).run(|_, n| {
        let (member, seen) = (puppets.member(n), Arc::clone(&seen));
        async move {
            let _seen = seen;
            ok(member.await)
        }
    }));
    assert!(poll_once(map.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&alive), 4);
    puppets.end(0);
    assert!(poll_once(map.as_mut()).is_pending());
    assert_eq!(Arc::strong_count(&alive), 3);
}
