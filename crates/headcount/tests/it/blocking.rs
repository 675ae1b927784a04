//! Blocking waits: with and without limits, for none and for "at most n"; what they leave behind.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use headcount::WaitGroup;

use crate::{LIMIT, message, within};

/// Long enough to be seen on the clock, short enough to be repeated.
const SHORT: Duration = Duration::from_millis(20);

/// As many waits as a debug print says are listed.
fn listed(group: &WaitGroup) -> String {
    format!("{group:?}").split("waiting: ").nth(1).unwrap().trim_end_matches([' ', '}']).to_string()
}

/// Blocks until so many waits are listed.
fn until_listed(group: &WaitGroup, n: usize) {
    let begun = Instant::now();
    while listed(group) != n.to_string() {
        assert!(begun.elapsed() < LIMIT, "{group:?}, not {n} waits");
        thread::yield_now();
    }
}

#[test]
fn wait_returns_after_the_last_done_and_not_before() {
    let group = WaitGroup::new();
    let (first, second) = (group.add(), group.add());
    let (sender, receiver) = mpsc::channel();
    let waiter = group.clone();
    let thread = thread::spawn(move || {
        waiter.wait();
        sender.send(()).unwrap();
    });
    until_listed(&group, 1);
    drop(first);
    assert_eq!(receiver.try_recv(), Err(mpsc::TryRecvError::Empty));
    drop(second);
    receiver.recv_timeout(LIMIT).unwrap();
    thread.join().unwrap();
}

#[test]
fn a_hundred_blocked_threads_are_all_woken() {
    let group = WaitGroup::new();
    let token = group.add();
    let threads: Vec<_> = (0..100)
        .map(|_| {
            let group = group.clone();
            thread::spawn(move || group.wait())
        })
        .collect();
    until_listed(&group, 100);
    drop(token);
    within(move || threads.into_iter().for_each(|thread| thread.join().unwrap()));
    assert_eq!(listed(&group), "0");
}

#[test]
fn a_timeout_takes_its_time_says_who_and_leaves_nothing() {
    let group = WaitGroup::new();
    let token = group.add_named("late");
    let begun = Instant::now();
    let error = group.wait_timeout(SHORT).unwrap_err();
    assert!(begun.elapsed() >= SHORT && error.waited() >= SHORT);
    assert_eq!(error.outstanding(), 1);
    assert_eq!(error.roll_call().iter().next().unwrap().name(), Some("late"));
    assert!(error.place().file().ends_with("blocking.rs"));
    assert_eq!(listed(&group), "0");
    drop(token);
    group.wait_timeout(Duration::ZERO).unwrap();
}

#[test]
fn ten_thousand_timeouts_leave_nothing() {
    let group = WaitGroup::new();
    let token = group.add();
    for _ in 0..10_000 {
        assert!(group.wait_timeout(Duration::ZERO).is_err());
    }
    assert_eq!(listed(&group), "0");
    drop(token);
    within(move || group.wait());
}

#[test]
fn a_deadline_in_the_past_fails_at_once_unless_nobody_is_out() {
    let group = WaitGroup::new();
    let past = Instant::now();
    group.wait_deadline(past).unwrap();
    let _token = group.add();
    assert!(group.wait_deadline(past).is_err());
    assert!(group.wait_deadline(Instant::now() + SHORT).is_err());
}

#[test]
fn an_endless_timeout_is_no_timeout() {
    let group = WaitGroup::new();
    let token = group.add();
    let waiter = group.clone();
    let thread = thread::spawn(move || waiter.wait_timeout(Duration::MAX));
    until_listed(&group, 1);
    drop(token);
    within(move || thread.join().unwrap().unwrap());
}

#[test]
fn wait_at_most_returns_at_its_number_for_every_number() {
    for out in 0..6_usize {
        for at_most in 0..7_usize {
            let group = WaitGroup::new();
            let mut tokens: Vec<_> = group.add_many(out).collect();
            let (sender, receiver) = mpsc::channel();
            let waiter = group.clone();
            let thread = thread::spawn(move || {
                waiter.wait_at_most(at_most);
                sender.send(()).unwrap();
            });
            for left in (at_most..out).rev() {
                until_listed(&group, 1);
                assert_eq!(
                    receiver.try_recv(),
                    Err(mpsc::TryRecvError::Empty),
                    "{out} out, {at_most} wanted"
                );
                tokens.truncate(left);
            }
            receiver.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{out} out, {at_most} wanted, {group:?}"));
            thread.join().unwrap();
            assert_eq!(group.outstanding(), out.min(at_most));
        }
    }
}

#[test]
fn waits_for_different_numbers_are_released_one_after_the_other() {
    let group = WaitGroup::new();
    let mut tokens: Vec<_> = group.add_many(10).collect();
    let (sender, receiver) = mpsc::channel();
    for at_most in 0..10 {
        let (group, sender) = (group.clone(), sender.clone());
        thread::spawn(move || {
            group.wait_at_most(at_most);
            sender.send(at_most).unwrap();
        });
    }
    until_listed(&group, 10);
    for expected in (0..10).rev() {
        tokens.pop();
        assert_eq!(receiver.recv_timeout(LIMIT), Ok(expected));
    }
}

#[test]
fn wait_at_most_bounds_how_many_are_out() {
    let group = WaitGroup::new();
    let (most, peak) = (3, std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let watched = peak.clone();
    within(move || {
        for _ in 0..200 {
            group.wait_at_most(most - 1);
            let (inner, peak) = (group.clone(), watched.clone());
            group.spawn(move || _ = peak.fetch_max(inner.outstanding(), std::sync::atomic::Ordering::SeqCst));
        }
        group.wait();
    });
    assert!((1..=most).contains(&peak.load(std::sync::atomic::Ordering::SeqCst)));
}

#[test]
fn no_thread_is_started_by_any_wait() {
    let threads = || std::fs::read_dir("/proc/self/task").map(Iterator::count).ok();
    let group = WaitGroup::new();
    let _token = group.add();
    let before = threads();
    for _ in 0..100 {
        assert!(group.wait_timeout(Duration::from_micros(50)).is_err());
        drop(Box::pin(group.wait_async()));
    }
    // Other tests of this binary may start and end threads meanwhile when they share its process; a leak of ours would
    // be a hundred.
    if let (Some(before), Some(after)) = (before, threads()) {
        assert!(after < before + 100, "{before} threads before, {after} after");
    }
}

#[test]
fn a_thread_that_waits_for_the_group_it_is_a_member_of_is_told_so() {
    within(|| {
        let group = WaitGroup::new();
        let own = group.clone();
        let member = group.spawn(move || own.wait());
        let panic = member.join().unwrap_err();
        let text = message(&*panic);
        assert!(text.starts_with("WaitGroup::wait would wait for itself: member ("), "{text}");
        assert!(text.contains("of wait group ("), "{text}");
        group.wait();
    });
}
