//! What somebody has taken stays within reach of the others.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;

use headcount::thread;

use crate::thread::Count;
use crate::{LIMIT, within};

#[test]
fn items_behind_a_long_one_are_run_by_others() {
    within(|| {
        const ALL: usize = 50_000;
        // All others must be over before the long one is: but for a handful, it may have had none of them in hand.
        const IN_HAND: usize = 7;
        for long in [0, 10, 20_000, 40_000] {
            let over = Count::default();
            let run = thread::map(0..ALL).limit(2).run(|_, n| {
                if n == long {
                    over.reaches(ALL - 1 - IN_HAND);
                } else {
                    over.add();
                }
                headcount::ok(n)
            });
            assert_eq!(run.unwrap(), (0..ALL).collect::<Vec<_>>());
        }
    });
}

#[test]
fn neighbours_that_are_no_longer_tiny_run_side_by_side() {
    within(|| {
        // Before them, items of a microsecond: they are taken many at a time, and yet one by one in hand.
        for limit in [2, 16] {
            let met = Count::default();
            let run = thread::map(0..2000 + limit).limit(limit).run(|_, n| {
                if n < 2000 {
                    let begun = std::time::Instant::now();
                    while begun.elapsed().as_nanos() < 1000 {}
                } else {
                    met.add();
                    met.reaches(limit);
                }
                headcount::ok(n)
            });
            assert_eq!(run.unwrap().len(), 2000 + limit);
        }
    });
}

#[test]
fn no_item_waits_for_the_next_one_to_come() {
    within(|| {
        let (ask, asked) = mpsc::channel();
        let (answer, answers) = mpsc::channel();
        let answer = Mutex::new(answer);
        let map = std::thread::spawn(move || {
            thread::map(asked).limit(2).for_each(|_, n: u32| answer.lock().unwrap().send(n))
        });
        // Each is asked for when the one before has been answered: who waited for a second one would wait for ever.
        for n in 0..2000 {
            ask.send(n).unwrap();
            assert_eq!(answers.recv_timeout(LIMIT).unwrap(), n);
        }
        drop(ask);
        map.join().unwrap().unwrap();
    });
}

#[test]
fn a_slow_source_keeps_nobody_from_its_items() {
    within(|| {
        // Its second item comes when the first has been run, which only somebody else can do.
        let ran = AtomicUsize::new(0);
        let first = Count::default();
        let source = (0..100).filter(|&n| {
            if n > 0 {
                first.reaches(1);
            }
            true
        });
        let run = thread::map(source).limit(2).run(|_, n| {
            first.add();
            ran.fetch_add(1, SeqCst);
            headcount::ok(n)
        });
        assert_eq!((run.unwrap().len(), ran.into_inner()), (100, 100));
    });
}
