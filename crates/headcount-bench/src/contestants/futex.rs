//! The kernel's own wait and wake, with nothing around it: the floor for putting a thread to sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::futex::{self, Flags};

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::wake::{self, Blocking};

pub(super) const CONTESTANTS: &[Contestant] = &[Contestant {
    name: "futex",
    role: Role::Floor,
    timings: &[
        (Row::WakeTwoCores, |effort| wake::there_and_back::<Futex>(effort, wake::ASLEEP)),
        (Row::WakeOneCore, |effort| wake::there_and_back::<Futex>(effort, wake::ONE_CORE)),
        (Row::WakeSoon, |effort| wake::there_and_back::<Futex>(effort, wake::SOON)),
    ],
}];

/// 1 while a member is out.
struct Futex(Arc<AtomicU32>);
struct Wakes(Arc<AtomicU32>);

impl Blocking for Futex {
    type Member = Wakes;
    fn new() -> Self {
        Futex(Arc::default())
    }
    fn add(&mut self) -> Wakes {
        // Relaxed: the member is handed over afterwards, by what orders more.
        self.0.store(1, Ordering::Relaxed);
        Wakes(Arc::clone(&self.0))
    }
    fn wait(&mut self) {
        // Acquire: what was done before the change that is waited for is seen, as from any wait.
        while self.0.load(Ordering::Acquire) == 1 {
            // An error is a wait that did not happen (the word changed, a signal came): the loop looks again.
            let _ = futex::wait(&self.0, Flags::PRIVATE, 1, None);
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        // Release: what the member did is seen by who waits.
        self.0.store(0, Ordering::Release);
        futex::wake(&self.0, Flags::PRIVATE, 1).expect("the word is mapped");
    }
}
