//! The future of a wait: polled by hand, dropped at every stage, panicking wakers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use headcount::WaitGroup;

use crate::Poller;

fn listed(group: &WaitGroup, n: usize) -> bool {
    format!("{group:?}").contains(&format!("waiting: {n} "))
}

#[test]
fn it_is_ready_at_once_when_nobody_is_out() {
    let (group, poller) = (WaitGroup::new(), Poller::new());
    assert!(poller.poll(pin!(group.wait_async())));
    assert!(poller.poll(pin!((&group).into_future())));
    assert!(poller.poll(pin!(group.wait_at_most_async(0))));
}

#[test]
fn it_is_woken_once_by_the_last_member_and_stays_ready() {
    let (group, poller) = (WaitGroup::new(), Poller::new());
    let (first, second) = (group.add(), group.add());
    let mut wait = pin!(group.wait_async());
    assert!(!poller.poll(wait.as_mut()));
    drop(first);
    assert!(!poller.poll(wait.as_mut()));
    assert_eq!(poller.wakes(), 0);
    drop(second);
    assert_eq!(poller.wakes(), 1);
    assert!(poller.poll(wait.as_mut()));
    let _next_round = group.add();
    assert!(poller.poll(wait.as_mut()), "ready stays ready");
}

#[test]
fn it_belongs_to_the_round_in_which_it_was_made() {
    let (group, poller) = (WaitGroup::new(), Poller::new());
    let token = group.add();
    let mut never_polled = pin!(group.wait_async());
    let mut polled = pin!(group.wait_async());
    assert!(!poller.poll(polled.as_mut()));
    drop(token);
    let _second_round = group.add();
    assert!(poller.poll(never_polled.as_mut()));
    assert!(poller.poll(polled.as_mut()));
    assert!(!poller.poll(pin!(group.wait_async())));
}

#[test]
fn one_that_is_never_polled_leaves_nothing() {
    let group = WaitGroup::new();
    let token = group.add();
    for _ in 0..1000 {
        drop(group.wait_async());
    }
    assert!(listed(&group, 0));
    drop(token);
    assert_eq!(group.outstanding(), 0);
}

#[test]
fn one_that_is_dropped_leaves_the_list_at_every_place_in_it() {
    for gone in 0..5 {
        let group = WaitGroup::new();
        let token = group.add();
        let pollers: Vec<_> = (0..5).map(|_| Poller::new()).collect();
        let mut waits: Vec<_> = pollers
            .iter()
            .map(|poller| {
                let mut wait = Box::pin(group.wait_async());
                assert!(!poller.poll(wait.as_mut()));
                wait
            })
            .collect();
        assert!(listed(&group, 5));
        drop(waits.remove(gone));
        assert!(listed(&group, 4));
        drop(token);
        for (index, poller) in pollers.iter().enumerate() {
            assert_eq!(poller.wakes(), usize::from(index != gone));
        }
    }
}

#[test]
fn the_newest_waker_is_used_and_the_old_one_is_let_go() {
    let (group, old, new) = (WaitGroup::new(), Poller::new(), Poller::new());
    let token = group.add();
    let mut wait = pin!(group.wait_async());
    assert!(!old.poll(wait.as_mut()));
    assert_eq!(Arc::strong_count(&old), 2);
    assert!(!new.poll(wait.as_mut()));
    assert_eq!(Arc::strong_count(&old), 1, "the old waker is dropped");
    assert!(!new.poll(wait.as_mut()));
    assert_eq!(Arc::strong_count(&new), 2, "the same waker is not cloned again");
    drop(token);
    assert_eq!((old.wakes(), new.wakes()), (0, 1));
    assert_eq!(Arc::strong_count(&new), 1, "nothing of the wait remains");
}

#[test]
fn at_most_is_released_at_its_number_and_by_the_end_of_the_round() {
    for at_most in 1..5 {
        let (group, poller) = (WaitGroup::new(), Poller::new());
        let mut tokens: Vec<_> = group.add_many(5).collect();
        let mut wait = pin!(group.wait_at_most_async(at_most));
        for left in (at_most + 1..5).rev() {
            assert!(!poller.poll(wait.as_mut()));
            tokens.truncate(left);
            assert_eq!(poller.wakes(), 0);
        }
        assert!(!poller.poll(wait.as_mut()));
        tokens.truncate(at_most);
        assert_eq!(poller.wakes(), 1);
        assert!(poller.poll(wait.as_mut()));
    }

    let (group, poller) = (WaitGroup::new(), Poller::new());
    let tokens = group.add_many(5);
    let mut wait = pin!(group.wait_at_most_async(2));
    assert!(!poller.poll(wait.as_mut()));
    drop(tokens);
    let _next_round = group.add_many(9);
    assert!(poller.poll(wait.as_mut()), "the round ended");
}

#[test]
fn a_dropped_at_most_wait_turns_the_slow_way_off_again() {
    let (group, poller) = (WaitGroup::new(), Poller::new());
    let tokens = group.add_many(5);
    {
        let mut wait = pin!(group.wait_at_most_async(2));
        assert!(!poller.poll(wait.as_mut()));
    }
    let mut wait = pin!(group.wait_async());
    assert!(!poller.poll(wait.as_mut()));
    drop(tokens);
    assert_eq!(poller.wakes(), 1);
}

#[test]
fn a_thousand_futures_are_woken_in_the_order_they_came() {
    struct Order(usize, std::sync::mpsc::Sender<usize>);
    impl Wake for Order {
        fn wake(self: Arc<Self>) {
            self.1.send(self.0).unwrap();
        }
    }
    let group = WaitGroup::new();
    let token = group.add();
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut waits: Vec<_> = (0..1000).map(|_| Box::pin(group.wait_async())).collect();
    for (index, wait) in waits.iter_mut().enumerate() {
        let waker = Waker::from(Arc::new(Order(index, sender.clone())));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(token);
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), (0..1000).collect::<Vec<_>>());
}

/// Does what it was given when it wakes.
struct Doing<F>(F);
impl<F: Fn() + Send + Sync + 'static> Wake for Doing<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn a_waker_that_panics_costs_nobody_else_the_wake_up() {
    let group = WaitGroup::new();
    let token = group.add();
    let bad = Waker::from(Arc::new(Doing(|| std::panic::resume_unwind(Box::new("bad waker")))));
    let pollers: Vec<_> = (0..100).map(|_| Poller::new()).collect();
    let mut waits: Vec<_> = (0..101).map(|_| Box::pin(group.wait_async())).collect();
    for (index, wait) in waits.iter_mut().enumerate() {
        let pending = match index {
            40 => wait.as_mut().poll(&mut Context::from_waker(&bad)).is_pending(),
            index => !pollers[index - usize::from(index > 40)].poll(wait.as_mut()),
        };
        assert!(pending);
    }
    let unwound = catch_unwind(AssertUnwindSafe(|| drop(token)));
    assert!(unwound.is_err(), "the panic goes on to whoever dropped the token");
    for (index, poller) in pollers.iter().enumerate() {
        assert_eq!(poller.wakes(), 1, "waiter {index}");
    }
    drop(waits);
    drop(group);
}

#[test]
fn a_waker_may_use_the_group() {
    let group = WaitGroup::new();
    let token = group.add();
    let inner = group.clone();
    let waker = Waker::from(Arc::new(Doing(move || {
        let _next_round = inner.add();
        let _ = inner.roll_call();
        drop(inner.wait_async());
        assert_eq!(inner.outstanding(), 1);
    })));
    let mut wait = pin!(group.wait_async());
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(token);
    assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}
