//! Models of the hand-off between two stages: pushing, taking, sleeping, room, closing and leaving, in and out of order.
//!
//! Whoever is not called when it has to be is a deadlock; what goes over the belt is plain data, so that an edge that is not
//! there is a causality violation.

use std::sync::Arc;

use headcount::pipeline::model::{Taker, belt};
use loom::future::block_on;
use loom::thread;

use crate::{Slot, check};

/// All that comes, item by item.
fn drain<T: Send>(taker: &mut Taker<T>) -> Vec<T> {
    let mut all = Vec::new();
    loop {
        let mut some = taker.take(1);
        if some.is_empty() {
            return all;
        }
        all.append(&mut some);
    }
}

models! {
    /// B1, D1 and D2: an item is taken by one who may be asleep, and what was done before it was pushed is seen.
    an_item_reaches_a_taker_that_goes_to_sleep, 3 => {
        let (mut pushers, mut takers) = belt(1, 1, 1, false);
        let (mut pusher, mut taker) = (pushers.remove(0), takers.remove(0));
        let slot = Slot::new();
        let filled = Arc::clone(&slot);
        let thread = thread::spawn(move || {
            filled.fill();
            assert!(pusher.push(filled));
            pusher
        });
        let taken = taker.take(8);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].read(), 1);
        drop(thread.join().unwrap());
    }

    /// D4: the close reaches a taker that sleeps, after the last item.
    the_close_reaches_a_taker_that_goes_to_sleep, 3 => {
        let (mut pushers, mut takers) = belt(1, 1, 2, false);
        let (mut pusher, mut taker) = (pushers.remove(0), takers.remove(0));
        let thread = thread::spawn(move || { assert!(pusher.push(7)); });
        assert_eq!(drain(&mut taker), [7]);
        thread.join().unwrap();
    }

    /// B2: a full outbox holds its pusher up, and room calls it.
    a_pusher_waits_for_room_and_gets_it, 3 => {
        let (mut pushers, mut takers) = belt(1, 1, 1, false);
        let (mut pusher, mut taker) = (pushers.remove(0), takers.remove(0));
        let thread = thread::spawn(move || (0..3).for_each(|n| assert!(pusher.push(n))));
        assert_eq!(drain(&mut taker), [0, 1, 2]);
        thread.join().unwrap();
    }

    /// B3: the last taker leaves while a pusher waits for room, or is about to; it is told, and its items are dropped.
    a_pusher_that_waits_for_room_is_told_that_nobody_is_left, 3 => {
        let (mut pushers, takers) = belt(1, 1, 1, false);
        let mut pusher = pushers.remove(0);
        let item = loom::sync::Arc::new(());
        let mine = loom::sync::Arc::clone(&item);
        let thread = thread::spawn(move || {
            while pusher.push(loom::sync::Arc::clone(&mine)) {}
        });
        drop(takers);
        thread.join().unwrap();
        assert_eq!(loom::sync::Arc::strong_count(&item), 1, "an item was left behind");
    }

    /// D3: two takers sleep, and two items come from two pushers: neither taker needs the other to go on.
    two_items_wake_two_takers, 2 => {
        let (pushers, mut takers) = belt(2, 2, 2, false);
        let mut other = takers.remove(1);
        let mut taker = takers.remove(0);
        let thread = thread::spawn(move || {
            let some = other.take(1);
            assert_eq!(some.len(), 1);
            other
        });
        let pushing = thread::spawn(move || {
            let ends = pushers.into_iter().map(|mut pusher| { assert!(pusher.push(1)); pusher });
            ends.collect::<Vec<_>>()
        });
        assert_eq!(taker.take(1).len(), 1);
        let (other, pushers) = (thread.join().unwrap(), pushing.join().unwrap());
        drop((other, pushers));
    }

    /// D3: one that was called leaves for ever instead; somebody else is called for the item.
    who_leaves_when_it_was_called_passes_the_call_on, 2 => {
        let (mut pushers, mut takers) = belt(1, 2, 2, false);
        let mut pusher = pushers.remove(0);
        let leaving = takers.remove(1);
        let mut taker = takers.remove(0);
        let thread = thread::spawn(move || {
            let mut leaving = leaving;
            // Asleep, then gone without a look: a task that is dropped.
            let asleep = loom::future::block_on(async { poll_once(leaving.take_async(1)).await });
            drop(leaving);
            asleep.map_or(0, |some| some.len())
        });
        assert!(pusher.push(1));
        assert!(pusher.push(1));
        drop(pusher);
        let mine = drain(&mut taker).len();
        assert_eq!(mine + thread.join().unwrap(), 2, "an item was left lying");
    }

    /// The same hand-off between tasks: wakers instead of parked threads.
    tasks_hand_on_wait_for_room_and_close, 3 => {
        let (mut pushers, mut takers) = belt(1, 1, 1, false);
        let (mut pusher, mut taker) = (pushers.remove(0), takers.remove(0));
        let thread = thread::spawn(move || block_on(async move {
            for n in 0..2 {
                assert!(pusher.push_async(n).await);
            }
        }));
        let all = block_on(async move {
            let mut all = Vec::new();
            loop {
                let mut some = taker.take_async(1).await;
                if some.is_empty() {
                    return all;
                }
                all.append(&mut some);
            }
        });
        assert_eq!(all, [0, 1]);
        thread.join().unwrap();
    }

    /// O3: runs end in any order and are taken in theirs, an empty one among them.
    runs_are_taken_in_their_order, 2 => {
        let (mut pushers, mut takers) = belt(2, 1, 4, true);
        let (mut second, mut first) = (pushers.remove(1), pushers.remove(0));
        let mut taker = takers.remove(0);
        let one = thread::spawn(move || {
            first.run(0, []);
            first.run(2, [20]);
        });
        let two = thread::spawn(move || second.run(1, [10]));
        assert_eq!(drain(&mut taker), [10, 20]);
        one.join().unwrap();
        two.join().unwrap();
    }
}

/// Polls a future once.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        std::task::Poll::Ready(match polled {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
