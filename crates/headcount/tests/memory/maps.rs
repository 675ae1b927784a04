//! What maps on the caller's own task cost in memory.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use headcount::{Discard, ok, task};

use crate::{ASKED, cost};

/// As many as a release build runs in about a second.
const MANY: usize = if cfg!(debug_assertions) { 100_000 } else { 10_000_000 };

fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// Woken at once, so often.
async fn nap(mut left: usize) {
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        let waker = cx.waker().clone();
        waker.wake();
        Poll::Pending
    })
    .await;
}

/// Counts the allocations between an item early on and the last.
#[test]
fn an_item_costs_no_allocation_once_the_slots_are_there() {
    let mark = Cell::new(None);
    let (last, items) = (MANY - 1, 0..MANY);
    run(task::map(items).limit(100).for_each(|_, n| {
        if n == 1_000 {
            mark.set(Some(ASKED.get()));
        }
        if n == last {
            assert_eq!(mark.get(), Some(ASKED.get()), "allocations, and bytes held");
        }
        async move {
            nap(n % 4).await;
            ok(())
        }
    }))
    .unwrap();
    assert!(mark.get().is_some());
}

#[test]
fn a_fold_in_order_and_a_policy_that_keeps_nothing_cost_none_either() {
    for ordered in [true, false] {
        let mark = Cell::new(None);
        let begin = |n: usize| {
            if n == 1_000 {
                mark.set(Some(ASKED.get()));
            }
            if n == MANY - 1 {
                assert_eq!(mark.get(), Some(ASKED.get()), "allocations, and bytes held");
            }
            async move {
                nap(n % 3).await;
                ok(n)
            }
        };
        let map = task::map(0..MANY).limit(16);
        if ordered {
            let sum = run(map.fold(0, |_, n| begin(n), |sum: usize, n| sum.wrapping_add(n)));
            assert_eq!(sum.unwrap(), MANY * (MANY - 1) / 2);
        } else {
            assert_eq!(run(map.policy(Discard).run(|_, n| begin(n))).succeeded, MANY as u64);
        }
        assert!(mark.get().is_some());
    }
}

/// Results are kept in one vector, which grows by doubling.
#[test]
fn results_are_kept_in_one_vector() {
    // Lists of the whole process make room for the first map of a thread.
    run(task::map(0..2_u32).run(|_, n| async move { ok(n) })).unwrap();
    let (allocations, kept) = cost(|| {
        let values = run(task::map(0..50_000_u32).run(|_, n| async move { ok(n) })).unwrap();
        assert_eq!(values.len(), 50_000);
    });
    assert!(allocations < 60, "{allocations} for 50,000 items");
    assert_eq!(kept, 0);
}

#[test]
fn a_parked_member_takes_its_future_and_little_more() {
    let members = 10_000;
    let bytes = {
        let mut map = pin!(task::map(0..members).limit(members).run(|_, n| async move {
            std::future::pending::<()>().await;
            ok(n)
        }));
        let before = ASKED.get().1;
        for _ in 0..members / 100 {
            assert!(map.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())).is_pending());
        }
        (ASKED.get().1 - before) as usize / members
    };
    assert!(bytes < 80, "{bytes} bytes for a future of a context, a number and a state");
}
