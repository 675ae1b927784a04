//! The list of waiters: left from every place, while waiting and while due, and longer than one batch.

use headcount::WaitGroup;
use loom::thread;

use crate::{CountedWaker, check, listed};

models! {
    /// Nodes leave from the front, the middle and the end, and the others are still found.
    leaving_keeps_the_others_in_the_list, 1 => {
        for gone in 0..4 {
            let group = WaitGroup::new();
            let token = group.add();
            let wakers = [0, 1, 2, 3].map(|_| CountedWaker::new());
            let mut waits: Vec<_> = wakers.iter().map(|_| Some(Box::pin(group.wait_async()))).collect();
            for (waker, wait) in wakers.iter().zip(&mut waits) {
                assert!(!waker.poll(wait.as_mut().unwrap()));
            }
            let leaves = |at: usize| at == gone || at == (gone + 1) % 4;
            waits.iter_mut().enumerate().filter(|(at, _)| leaves(*at)).for_each(|(_, wait)| *wait = None);
            assert_eq!(listed(&group), 2);
            drop(token);
            assert_eq!(listed(&group), 0);
            for (at, waker) in wakers.iter().enumerate() {
                assert_eq!(waker.wakes(), usize::from(!leaves(at)));
            }
        }
    }

    /// More waiters than one batch of wake-ups holds.
    all_are_woken_when_they_are_more_than_a_batch, 1 => {
        let group = WaitGroup::new();
        let (token, waker) = (group.add(), CountedWaker::new());
        let mut waits: Vec<_> = (0..35).map(|_| Box::pin(group.wait_async())).collect();
        assert!(waits.iter_mut().all(|wait| !waker.poll(wait)));
        drop(token);
        assert_eq!(waker.wakes(), 35);
    }

    /// Polled between its release and its wake-up, a wait is over and in no chain; it may be dropped at once.
    a_wait_polled_while_due_is_in_no_chain, 3 => {
        let group = WaitGroup::new();
        let (token, other) = (group.add(), CountedWaker::new());
        let mut before = Box::pin(group.wait_async());
        let mut wait = Box::pin(group.wait_async());
        let (first, second) = (CountedWaker::new(), CountedWaker::new());
        assert!(!other.poll(&mut before) && !first.poll(&mut wait));
        let member = thread::spawn(move || drop(token));
        if second.poll(&mut wait) {
            assert!(listed(&group) <= 1);
        }
        drop(wait);
        drop(before);
        assert_eq!(listed(&group), 0);
        member.join().unwrap();
    }

    /// A wait for "at most one" is dropped while it is released in the midst of a round.
    an_at_most_wait_dropped_while_due_is_in_no_chain, 3 => {
        let group = WaitGroup::new();
        let (kept, token, waker) = (group.add(), group.add(), CountedWaker::new());
        let mut before = Box::pin(group.wait_at_most_async(1));
        let mut wait = Box::pin(group.wait_at_most_async(1));
        assert!(!waker.poll(&mut before) && !waker.poll(&mut wait));
        let member = thread::spawn(move || drop(token));
        drop(wait);
        drop(before);
        assert_eq!(listed(&group), 0);
        member.join().unwrap();
        drop(kept);
    }

    /// The waits of two rounds may be due at once; one of the second leaves, those of the first are still woken.
    two_rounds_may_be_due_at_once, 2 => {
        let group = WaitGroup::new();
        let (first, one, two) = (group.add(), CountedWaker::new(), CountedWaker::new());
        let mut old = Box::pin(group.wait_async());
        assert!(!one.poll(&mut old));
        let ending = thread::spawn(move || drop(first));
        let second = group.add();
        let mut new = Box::pin(group.wait_async());
        assert!(!two.poll(&mut new));
        let next = thread::spawn(move || drop(second));
        drop(new);
        ending.join().unwrap();
        next.join().unwrap();
        assert_eq!((one.wakes(), listed(&group)), (1, 0));
    }
}
