//! Each test is told of its own: others that run at the same time, in the same process, are not accused with it.

use std::mem;
use std::pin::pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::task;
use std::thread;
use std::time::Duration;

use headcount::{Context, WaitGroup, testing};

use crate::{LIMIT, accusation, assert_says, at_once, gate};

#[test]
fn two_tests_at_once_are_each_told_of_their_own() {
    let (first, both) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let leaker = |name: &'static str| {
        let (first, both) = (Arc::clone(&first), Arc::clone(&both));
        move || {
            first.wait();
            mem::forget(WaitGroup::new().add_named(name));
            // Both are out when either is judged.
            both.wait();
        }
    };
    let [left, right] = thread::scope(|scope| {
        let tests =
            ["left", "right"].map(leaker).map(|body| scope.spawn(|| accusation(|| at_once().run(body))));
        tests.map(|test| test.join().unwrap())
    });
    assert_says(&left, &["left 1 behind", "\"left\""]);
    assert_says(&right, &["left 1 behind", "\"right\""]);
    assert!(!left.contains("\"right\"") && !right.contains("\"left\""), "{left}\n{right}");
}

#[test]
fn a_clean_test_passes_while_others_are_out() {
    let (_open, gate) = gate();
    let elsewhere = WaitGroup::new();
    elsewhere.spawn(gate);
    let _ctx = Context::background().with_timeout(LIMIT);
    let (leak, is_out) = channel();
    let leaker = thread::spawn(|| {
        accusation(|| {
            at_once().patience(Duration::from_millis(200)).run(move || {
                mem::forget(WaitGroup::new().add());
                leak.send(()).unwrap();
            })
        })
    });
    is_out.recv_timeout(LIMIT).unwrap();
    testing::check(|| WaitGroup::new().wait());
    assert_says(&leaker.join().unwrap(), &["left 1 behind"]);
}

#[test]
fn who_waits_for_a_shared_context_elsewhere_is_not_accused() {
    let (ctx, _canceller) = Context::background().with_cancel();
    let (waits, is_waiting) = channel();
    let (_over, is_over) = channel::<()>();
    let elsewhere = {
        let ctx = ctx.clone();
        move || {
            let mut wait = pin!(ctx.wait_async());
            assert!(wait.as_mut().poll(&mut task::Context::from_waker(task::Waker::noop())).is_pending());
            waits.send(()).unwrap();
            // And is not over, when the test is judged.
            is_over.recv_timeout(LIMIT)
        }
    };
    at_once().run(move || {
        // The first who waits for it is this test.
        assert!(ctx.wait_timeout(Duration::from_millis(1)).is_none());
        thread::spawn(elsewhere);
        is_waiting.recv_timeout(LIMIT).unwrap();
    });
}

#[test]
fn a_check_inside_a_test_is_judged_by_itself() {
    testing::check(|| {
        let said = accusation(|| at_once().run(|| mem::forget(WaitGroup::new().add_named("inner"))));
        assert_says(&said, &["\"inner\""]);
    });
}

#[test]
fn what_a_member_makes_belongs_to_the_test_on_whatever_thread() {
    let said = accusation(|| {
        at_once().run(|| {
            let maps = headcount::thread::map(0..4).run(|_, n| {
                mem::forget(WaitGroup::new().add_named(format!("of {n}")));
                headcount::ok(())
            });
            drop(maps);
        })
    });
    assert_says(&said, &["left 4 behind", "of 0", "of 1", "of 2", "of 3"]);
}
