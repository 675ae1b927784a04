//! Counting by hand: Go's rules, in a static, without memory.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use headcount::raw::WaitGroup;

use crate::{Poller, message, within};

#[test]
fn it_stands_in_a_static() {
    static GROUP: WaitGroup = WaitGroup::new();
    for _ in 0..8 {
        GROUP.add(1);
        thread::spawn(|| GROUP.done());
    }
    within(|| GROUP.wait());
    assert_eq!(GROUP.outstanding(), 0);
}

#[test]
fn add_takes_any_delta_and_done_is_minus_one() {
    let group = WaitGroup::default();
    group.add(5);
    group.add(0);
    group.add(-3);
    group.done();
    assert_eq!(group.outstanding(), 1);
    group.add(-1);
    group.wait();
}

/// Go's own test: `TestWaitGroupMisuse`. The counter goes negative only by a panic, and stays as it was.
#[test]
fn below_zero_is_a_panic_and_changes_nothing() {
    type Misuse = fn(&WaitGroup);
    let misuses: [(isize, Misuse); 5] = [
        (0, |group| group.done()),
        (0, |group| group.add(-1)),
        (2, |group| group.add(-3)),
        (0, |group| group.add(isize::MIN)),
        (1, |group| (0..2).for_each(|_| group.done())),
    ];
    for (before, misuse) in misuses {
        let group = WaitGroup::new();
        group.add(before);
        let panic = catch_unwind(AssertUnwindSafe(|| misuse(&group))).unwrap_err();
        assert!(message(&*panic).contains("negative WaitGroup counter"), "{}", message(&*panic));
        assert!(group.outstanding() <= before as usize);
        group.add(-(group.outstanding() as isize));
        group.wait();
    }
}

#[test]
fn beyond_two_to_the_31_is_a_panic_not_a_wrap() {
    let group = WaitGroup::new();
    group.add(1 << 31);
    assert_eq!(group.outstanding(), 1 << 31);
    for delta in [1, 2, 1 << 31, isize::MAX] {
        let panic = catch_unwind(AssertUnwindSafe(|| group.add(delta))).unwrap_err();
        assert!(message(&*panic).contains("overflow"), "{}", message(&*panic));
        assert_eq!(group.outstanding(), 1 << 31);
    }
    group.add(-(1 << 31));
    group.wait();
}

#[test]
fn a_timed_wait_says_how_many_are_out() {
    let group = WaitGroup::new();
    group.wait_timeout(Duration::ZERO).unwrap();
    group.add(3);
    let error = group.wait_timeout(Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.outstanding(), 3);
    let text = error.to_string();
    assert!(text.starts_with("raw wait group: 3 still out after"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    group.add(-3);
}

#[test]
fn it_is_awaited_and_blocked_on_at_once() {
    let group = Arc::new(WaitGroup::new());
    group.add(1);
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let group = Arc::clone(&group);
            thread::spawn(move || group.wait())
        })
        .collect();
    let poller = Poller::new();
    let mut wait = pin!(group.wait_async());
    assert!(!poller.poll(wait.as_mut()));
    group.done();
    assert_eq!(poller.wakes(), 1);
    assert!(poller.poll(wait.as_mut()));
    within(move || threads.into_iter().for_each(|thread| thread.join().unwrap()));
}

/// Where Go may panic ("reused before previous Wait has returned") a new round begins instead.
#[test]
fn it_may_be_used_again_before_the_last_waiter_has_returned() {
    let group = WaitGroup::new();
    let poller = Poller::new();
    group.add(1);
    let mut wait = pin!(group.wait_async());
    assert!(!poller.poll(wait.as_mut()));
    group.done();
    group.add(1);
    assert!(poller.poll(wait.as_mut()));
    group.done();
}
