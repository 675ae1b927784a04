//! Tokens: out, back, cloned, split, lost to panics.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use headcount::WaitGroup;

use crate::within;

#[test]
fn a_new_group_has_nobody_out_and_does_not_block() {
    let group = WaitGroup::new();
    assert_eq!(group.outstanding(), 0);
    within(move || group.wait());
}

#[test]
fn every_token_counts_one_until_it_is_dropped() {
    let group = WaitGroup::new();
    let tokens: Vec<_> = (1..=50).map(|n| (n, group.add())).collect();
    assert_eq!(group.outstanding(), 50);
    for (left, (_, token)) in (0..50).rev().zip(tokens) {
        token.done();
        assert_eq!(group.outstanding(), left);
    }
}

#[test]
fn handles_are_not_members() {
    let group = WaitGroup::new();
    let others: Vec<_> = (0..100).map(|_| group.clone()).collect();
    assert_eq!(group.outstanding(), 0);
    within(move || group.wait());
    assert_eq!(others.len(), 100);
}

#[test]
fn a_clone_is_a_handle_to_the_same_group() {
    let group = WaitGroup::new();
    let other = group.clone();
    let token = group.add();
    assert_eq!(other.outstanding(), 1);
    drop(group);
    drop(token);
    within(move || other.wait());
}

#[test]
fn a_cloned_token_registers_one_more() {
    let group = WaitGroup::new();
    let token = group.add();
    let child = token.clone();
    drop(token);
    assert_eq!(group.outstanding(), 1);
    drop(child);
    assert_eq!(group.outstanding(), 0);
}

#[test]
fn tokens_outlive_every_handle() {
    let group = WaitGroup::new();
    let (token, tokens) = (group.add(), group.add_many(3));
    drop(group);
    let child = token.clone();
    drop(token);
    drop(tokens);
    drop(child);
}

#[test]
fn a_panic_in_a_member_brings_it_back() {
    let group = WaitGroup::new();
    let token = group.add();
    let unwound = catch_unwind(AssertUnwindSafe(move || {
        let _token = token;
        std::panic::resume_unwind(Box::new("the member fails"));
    }));
    assert!(unwound.is_err());
    assert_eq!(group.outstanding(), 0);
}

#[test]
fn a_forgotten_token_stays_out_and_nothing_else_breaks() {
    let group = WaitGroup::new();
    std::mem::forget(group.add());
    drop(group.add());
    assert_eq!(group.outstanding(), 1);
}

#[test]
fn add_many_counts_at_once_and_gives_back_what_is_left() {
    let group = WaitGroup::new();
    let mut tokens = group.add_many(5);
    assert_eq!((group.outstanding(), tokens.len()), (5, 5));
    let taken: Vec<_> = tokens.by_ref().take(2).collect();
    drop(tokens);
    assert_eq!(group.outstanding(), 2);
    drop(taken);
    assert_eq!(group.outstanding(), 0);
}

#[test]
fn add_many_of_none_is_nothing() {
    let group = WaitGroup::new();
    let mut tokens = group.add_many(0);
    assert_eq!(tokens.len(), 0);
    assert!(tokens.next().is_none());
    drop(group);
    assert!(tokens.next().is_none());
    assert_eq!(tokens.split_off(3).len(), 0);
}

#[test]
fn tokens_split_at_every_place() {
    for n in 0..6 {
        for at in 0..8 {
            let group = WaitGroup::new();
            let mut left = group.add_many(n);
            let right = left.split_off(at);
            assert_eq!((left.len(), right.len()), (n - at.min(n), at.min(n)));
            assert_eq!(group.outstanding(), n);
            drop(left);
            assert_eq!(group.outstanding(), at.min(n));
            right.done();
            assert_eq!(group.outstanding(), 0);
        }
    }
}

#[test]
fn two_to_the_31_members_fit_and_one_more_is_a_panic_not_a_wrap() {
    const LIMIT: usize = 1 << 31;
    let group = WaitGroup::new();
    let mut tokens = group.add_many(LIMIT);
    assert_eq!(group.outstanding(), LIMIT);
    for add in [
        |g: &WaitGroup| drop(g.add()),
        |g: &WaitGroup| drop(g.add_many(1)),
        |g: &WaitGroup| drop(g.add_named("x")),
    ] {
        let panic = catch_unwind(AssertUnwindSafe(|| add(&group))).unwrap_err();
        assert!(crate::message(&*panic).contains("overflow"), "{}", crate::message(&*panic));
        assert_eq!(group.outstanding(), LIMIT, "a refused member is not counted");
    }
    let one = tokens.next().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| one.clone())).is_err());
    drop(one);
    drop(group.add());
    drop(tokens);
    within(move || group.wait());
}

#[test]
fn an_overflow_blames_the_caller() {
    static PLACE: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
    let group = WaitGroup::new();
    let _full = group.add_many(1 << 31);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        let file = info.location().map(|place| place.file().to_string());
        *PLACE.lock().unwrap() = file.unwrap_or_default();
    }));
    let unwound = catch_unwind(AssertUnwindSafe(|| group.add().done()));
    std::panic::set_hook(before);
    assert!(unwound.is_err());
    assert!(PLACE.lock().unwrap().ends_with("counting.rs"), "{:?}", PLACE.lock());
}

#[test]
fn spawn_counts_a_thread_until_it_has_returned() {
    let group = WaitGroup::new();
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let thread = group.spawn(move || receiver.recv().unwrap());
    assert_eq!(group.outstanding(), 1);
    sender.send(()).unwrap();
    within(move || group.wait());
    thread.join().unwrap();
}

#[test]
fn spawn_counts_a_thread_back_in_when_it_panics() {
    let group = WaitGroup::new();
    let thread = group.spawn(|| std::panic::resume_unwind(Box::new(7_u8)));
    within(move || group.wait());
    assert_eq!(*thread.join().unwrap_err().downcast::<u8>().unwrap(), 7);
}

#[test]
fn members_launch_members_and_all_are_waited_for() {
    fn tree(depth: u32, token: headcount::Token) {
        if depth > 0 {
            for _ in 0..2 {
                let child = token.clone();
                thread::spawn(move || tree(depth - 1, child));
            }
        }
    }
    let group = WaitGroup::new();
    tree(6, group.add());
    within({
        let group = group.clone();
        move || group.wait()
    });
    assert_eq!(group.outstanding(), 0);
}
