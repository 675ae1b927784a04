//! What members of a task group did, and what they left, is seen by whoever waits, takes results, or comes after them: on plain
//! data, on threads that hand nothing else to each other.
//!
//! As in `happens_before`, a wrong ordering may well pass here. The sanitizer run executes these very tests and reports every
//! pair of accesses that is not ordered; with a fault planted it must.
#![expect(unsafe_code, reason = "plain shared data is what is under test")]

use std::cell::UnsafeCell;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll, Waker};
use std::thread;
use std::time::Duration;

use headcount::task::{BoxTask, Group};
use headcount::{BoxError, Context, MemberError, ok};

use crate::within;

struct Plain(UnsafeCell<u64>);

// SAFETY: whoever touches it comes after all who did before, which the group promises.
unsafe impl Sync for Plain {}

impl Plain {
    fn many(n: usize) -> Arc<[Self]> {
        (0..n).map(|_| Self(UnsafeCell::new(0))).collect()
    }

    fn add(&self, more: u64) {
        // SAFETY: see above.
        unsafe { *self.0.get() += more };
    }

    fn read(&self) -> u64 {
        // SAFETY: see above.
        unsafe { *self.0.get() }
    }
}

/// Polls until it is ready. Nobody wakes anybody, so that no edge comes from here.
fn spin<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::yield_now(),
        }
    }
}

/// A group each of whose tasks has a thread.
fn group<T: Send + 'static>() -> Group<T> {
    let start = |task: BoxTask| drop(thread::spawn(move || spin(task)));
    Group::new(&Context::background()).on(start)
}

const MEMBERS: usize = 4;

#[test]
fn a_wait_sees_what_members_did_and_left() {
    members_write_and_a_waiter_reads();
}

/// Also the program of a negative control, see `planted`.
pub(crate) fn members_write_and_a_waiter_reads() {
    within(|| {
        for _ in 0..200 {
            let (group, slots) = (group(), Plain::many(MEMBERS));
            for index in 0..MEMBERS {
                let slots = Arc::clone(&slots);
                group.spawn(move |_| async move {
                    slots[index].add(1);
                    ok(index)
                });
            }
            // Before a value is taken, which is ordered by itself.
            spin(group.wait_idle());
            assert_eq!(slots.iter().map(Plain::read).sum::<u64>(), MEMBERS as u64);
            assert_eq!(spin(group.wait()).unwrap(), [0, 1, 2, 3]);
        }
    });
}

#[test]
fn whoever_takes_results_sees_them_whole() {
    members_end_while_results_are_taken();
}

/// Also the program of a negative control, see `planted`: the taker catches up with one member after the other in the midst of
/// its end, often enough to meet one whose end nothing else has made known.
pub(crate) fn members_end_while_results_are_taken() {
    const MANY: usize = 64;
    within(|| {
        for round in 0..500 {
            let tasks = Arc::new(Mutex::new(Vec::new()));
            let start = Arc::clone(&tasks);
            let group = Group::new(&Context::background()).on(move |task| start.lock().unwrap().push(task));
            let ending = Arc::new(AtomicUsize::new(0));
            for index in 0..MANY {
                let ended = Arc::clone(&ending);
                group.spawn(move |_| async move {
                    // Relaxed: it is to order nothing.
                    ended.store(index, Relaxed);
                    ok(index)
                });
            }
            let first: Vec<BoxTask> = std::mem::take(&mut tasks.lock().unwrap());
            let thread = thread::spawn(move || first.into_iter().for_each(spin));
            while ending.load(Relaxed) < round % (MANY / 2) {
                thread::yield_now();
            }
            let mut results = group.stream();
            let mut sum = 0;
            while let Some((_, value)) = spin(results.next()) {
                sum += value.unwrap();
            }
            assert_eq!(sum, MANY * (MANY - 1) / 2);
            thread.join().unwrap();
            // Carriers that were started later and never polled: they hold the group, which holds this list.
            let late = std::mem::take(&mut *tasks.lock().unwrap());
            drop(late);
        }
    });
}

#[test]
fn a_member_sees_what_was_done_in_its_slot_before() {
    within(|| {
        for _ in 0..100 {
            let (group, slot) = (group().limit(1), Plain::many(1));
            let spawner = group.spawner();
            let other = Arc::clone(&slot);
            let producer = thread::spawn(move || {
                for _ in 0..MEMBERS {
                    let slot = Arc::clone(&other);
                    spawner.spawn(move |_| async move {
                        slot[0].add(1);
                        ok(())
                    });
                }
            });
            for _ in 0..MEMBERS {
                let slot = Arc::clone(&slot);
                spin(group.submit(move |_| async move {
                    slot[0].add(1);
                    ok(())
                }))
                .unwrap();
            }
            producer.join().unwrap();
            assert_eq!(spin(group.wait()).unwrap().len(), 2 * MEMBERS);
            assert_eq!(slot[0].read(), 2 * MEMBERS as u64);
        }
    });
}

/// Adds one when it is dropped.
struct Gone(Arc<[Plain]>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0[0].add(1);
    }
}

#[test]
fn a_wait_sees_the_end_of_members_that_were_called_off() {
    within(|| {
        for _ in 0..200 {
            let (group, slot) = (group::<()>().grace(Duration::ZERO), Plain::many(1));
            let gone = Gone(Arc::clone(&slot));
            group.spawn(move |_| -> Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>> {
                Box::pin(async move {
                    let _gone = gone;
                    pending().await
                })
            });
            group.cancel();
            let error = spin(group.wait()).expect_err("it was cancelled");
            assert_eq!((slot[0].read(), error.tally().total()), (1, 1));
        }
    });
}

#[test]
fn a_wait_sees_what_failed() {
    within(|| {
        for _ in 0..200 {
            let (group, slots) = (group::<()>(), Plain::many(2));
            for index in 0..2 {
                let slots = Arc::clone(&slots);
                group.spawn(move |_| async move {
                    slots[index].add(1);
                    Err(format!("number {index}"))
                });
            }
            let error = spin(group.wait()).expect_err("both failed, or one kept the other from beginning");
            let others = error.others().filter(|(_, error)| matches!(error, MemberError::Failed(_))).count();
            assert_eq!(slots.iter().map(Plain::read).sum::<u64>(), 1 + others as u64);
        }
    });
}
