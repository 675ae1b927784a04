//! What a member did before its end is seen after the wait: on plain data, without a lock or an atomic of its own.
//!
//! On this machine a wrong ordering may well pass here. The sanitizer run (`cargo xtask sanitize`) executes these very
//! tests and reports every pair of accesses that is not ordered; with a fault planted it must.
#![expect(unsafe_code, reason = "plain shared data is what is under test")]

use std::cell::UnsafeCell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use headcount::{WaitGroup, raw};

use crate::{Poller, within};

struct Plain(UnsafeCell<u64>);

// SAFETY: each is written by one member before its end and read after the wait, which the group promises to order.
unsafe impl Sync for Plain {}

impl Plain {
    fn many(n: usize) -> Arc<[Self]> {
        (0..n).map(|_| Self(UnsafeCell::new(0))).collect()
    }

    fn write(&self, value: u64) {
        // SAFETY: one writer, see above.
        unsafe { *self.0.get() = value };
    }

    fn read(&self) -> u64 {
        // SAFETY: after the wait, see above.
        unsafe { *self.0.get() }
    }
}

const MEMBERS: usize = 4;

fn launch(group: &WaitGroup, slots: &Arc<[Plain]>) {
    for index in 0..MEMBERS {
        let (token, slots) = (group.add(), Arc::clone(slots));
        thread::spawn(move || {
            slots[index].write(index as u64 + 1);
            drop(token);
        });
    }
}

fn sum(slots: &[Plain]) -> u64 {
    slots.iter().map(Plain::read).sum()
}

#[test]
fn a_blocked_wait_sees_plain_data() {
    members_write_and_a_blocked_waiter_reads();
}

/// Also the program of a negative control, see `planted`.
pub(crate) fn members_write_and_a_blocked_waiter_reads() {
    within(|| {
        for _ in 0..200 {
            let (group, slots) = (WaitGroup::new(), Plain::many(MEMBERS));
            launch(&group, &slots);
            group.wait();
            assert_eq!(sum(&slots), 10);
        }
    });
}

#[test]
fn a_wait_that_finds_nobody_out_sees_plain_data() {
    within(|| {
        for _ in 0..200 {
            let (group, slots) = (WaitGroup::new(), Plain::many(MEMBERS));
            launch(&group, &slots);
            while group.outstanding() > 0 {
                std::hint::spin_loop();
            }
            group.wait();
            assert_eq!(sum(&slots), 10);
        }
    });
}

#[test]
fn a_polled_wait_sees_plain_data() {
    within(|| {
        for _ in 0..200 {
            let (group, slots, poller) = (WaitGroup::new(), Plain::many(MEMBERS), Poller::new());
            launch(&group, &slots);
            let mut wait = pin!(group.wait_async());
            while !poller.poll(wait.as_mut()) {
                thread::yield_now();
            }
            assert_eq!(sum(&slots), 10);
        }
    });
}

#[test]
fn at_most_sees_plain_data_of_those_who_are_back() {
    within(|| {
        for _ in 0..200 {
            let (group, slots) = (WaitGroup::new(), Plain::many(MEMBERS));
            let _stays = group.add();
            launch(&group, &slots);
            group.wait_at_most(1);
            assert_eq!(sum(&slots), 10);
        }
    });
}

#[test]
fn raw_waits_see_plain_data() {
    within(|| {
        for _ in 0..200 {
            let (group, slots) = (Arc::new(raw::WaitGroup::new()), Plain::many(MEMBERS));
            group.add(MEMBERS as isize);
            for index in 0..MEMBERS {
                let (group, slots) = (Arc::clone(&group), Arc::clone(&slots));
                thread::spawn(move || {
                    slots[index].write(index as u64 + 1);
                    group.done();
                });
            }
            group.wait();
            assert_eq!(sum(&slots), 10);
        }
    });
}

#[test]
fn what_was_done_in_one_round_is_seen_in_the_next() {
    within(|| {
        let (group, slots) = (WaitGroup::new(), Plain::many(1));
        let (sender, jobs) = mpsc::channel::<headcount::Token>();
        let worker = thread::spawn({
            let slots = Arc::clone(&slots);
            move || {
                jobs.iter().for_each(|token| {
                    slots[0].write(slots[0].read() + 1);
                    drop(token);
                })
            }
        });
        for round in 1..=500 {
            sender.send(group.add()).unwrap();
            group.wait();
            assert_eq!(slots[0].read(), round);
            slots[0].write(slots[0].read());
        }
        drop(sender);
        worker.join().unwrap();
    });
}
