//! The floors: what counting and waking cost when nothing else is promised.

use std::hint::{self, black_box};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, Thread};

use crossbeam_utils::CachePadded;
use tokio::sync::Notify;

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::wake::{self, Blocking};
use crate::timing::wake_async::{self, Awaited, Threads};
use crate::timing::{contended, one_thread};

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "raw atomic pair",
        role: Role::Floor,
        timings: &[
            (Row::FromZero, |effort| {
                let count = AtomicU64::new(0);
                one_thread::alone(effort, || pair(&count))
            }),
            (Row::Beside, |effort| {
                let count = AtomicU64::new(1);
                one_thread::alone(effort, || pair(&count))
            }),
            // Nothing waits on a bare atomic: this is what the pair costs beside a sleeping thread.
            (Row::Waited, |effort| {
                let (kept, waiting) = mpsc::channel::<()>();
                let count = AtomicU64::new(1);
                one_thread::while_waited(
                    effort,
                    kept,
                    move || waiting.recv().unwrap_or_default(),
                    |_| pair(&count),
                )
            }),
            (Row::TwoThreads, |effort| {
                let count = AtomicU64::new(1);
                contended::threads(effort, 2, |_| pair(&count))
            }),
            (Row::FourThreads, |effort| {
                let count = AtomicU64::new(1);
                contended::threads(effort, 4, |_| pair(&count))
            }),
        ],
    },
    // One counter a thread, each on its own cache line: what counting costs when nobody ever needs the sum.
    Contestant {
        name: "sharded atomic pair",
        role: Role::Floor,
        timings: &[
            (Row::TwoThreads, |effort| {
                let counts: [CachePadded<AtomicU64>; 2] = Default::default();
                contended::threads(effort, 2, |thread| pair(&counts[thread]))
            }),
            (Row::FourThreads, |effort| {
                let counts: [CachePadded<AtomicU64>; 4] = Default::default();
                contended::threads(effort, 4, |thread| pair(&counts[thread]))
            }),
        ],
    },
    // A reference count is the other thing that every shared group pays for.
    Contestant {
        name: "Arc clone + drop",
        role: Role::Floor,
        timings: &[(Row::Beside, |effort| {
            let shared = Arc::new(0u64);
            one_thread::alone(effort, || drop(black_box(Arc::clone(&shared))))
        })],
    },
    Contestant {
        name: "acquire load",
        role: Role::Floor,
        timings: &[(Row::AtZero, |effort| {
            let count = AtomicU64::new(black_box(0));
            one_thread::alone(effort, || {
                // Acquire: what was done before the change that is waited for is seen, as from any wait.
                if count.load(Ordering::Acquire) != 0 {
                    never_zero();
                }
            })
        })],
    },
    // What std offers to put one thread to sleep.
    Contestant {
        name: "park + unpark",
        role: Role::Floor,
        timings: &[
            (Row::WakeTwoCores, |effort| wake::there_and_back::<Parked>(effort, wake::ASLEEP)),
            (Row::WakeOneCore, |effort| wake::there_and_back::<Parked>(effort, wake::ONE_CORE)),
            (Row::WakeSoon, |effort| wake::there_and_back::<Parked>(effort, wake::SOON)),
        ],
    },
    // The textbook gate.
    Contestant {
        name: "Mutex + Condvar",
        role: Role::Floor,
        timings: &[
            (Row::WakeTwoCores, |effort| wake::there_and_back::<Condition>(effort, wake::ASLEEP)),
            (Row::WakeOneCore, |effort| wake::there_and_back::<Condition>(effort, wake::ONE_CORE)),
            (Row::WakeSoon, |effort| wake::there_and_back::<Condition>(effort, wake::SOON)),
        ],
    },
    // Never sleeps: the lower bound of any wake-up, at the price of a core.
    Contestant {
        name: "spinning",
        role: Role::Floor,
        timings: &[(Row::WakeSoon, |effort| wake::there_and_back::<Spinning>(effort, wake::SOON))],
    },
    // The smallest thing on tokio that one task can await and another can ring.
    Contestant {
        name: "tokio Notify",
        role: Role::Floor,
        timings: &[
            (Row::AsyncOne, |effort| wake_async::there_and_back::<Rung>(effort, Threads::One)),
            (Row::AsyncMany, |effort| wake_async::there_and_back::<Rung>(effort, Threads::Many)),
        ],
    },
];

/// Relaxed out and Release back, as every counter here does it: the least that lets a waiter see what a member did.
/// The optimizer loses sight of the pointer in between, as it does of everybody's token.
#[inline]
fn pair(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
    black_box(count).fetch_sub(1, Ordering::Release);
}

#[cold]
fn never_zero() {
    unreachable!("nobody counts out here");
}

struct Parked(Arc<AtomicBool>);
struct Unpark(Arc<AtomicBool>, Thread);

impl Blocking for Parked {
    type Member = Unpark;
    fn new() -> Self {
        Parked(Arc::default())
    }
    fn add(&mut self) -> Unpark {
        // Relaxed: the member is handed over afterwards, by what orders more.
        self.0.store(true, Ordering::Relaxed);
        Unpark(Arc::clone(&self.0), thread::current())
    }
    fn wait(&mut self) {
        // Acquire: what was done before the change that is waited for is seen, as from any wait.
        while self.0.load(Ordering::Acquire) {
            thread::park();
        }
    }
}

impl Drop for Unpark {
    fn drop(&mut self) {
        // Release: what the member did is seen by who waits.
        self.0.store(false, Ordering::Release);
        self.1.unpark();
    }
}

#[derive(Default)]
struct Gate {
    out: Mutex<bool>,
    back: Condvar,
}
struct Condition(Arc<Gate>);
struct Notifies(Arc<Gate>);

impl Blocking for Condition {
    type Member = Notifies;
    fn new() -> Self {
        Condition(Arc::default())
    }
    fn add(&mut self) -> Notifies {
        *self.0.out.lock().expect("no holder panics") = true;
        Notifies(Arc::clone(&self.0))
    }
    fn wait(&mut self) {
        let out = self.0.out.lock().expect("no holder panics");
        drop(self.0.back.wait_while(out, |out| *out).expect("no holder panics"));
    }
}

impl Drop for Notifies {
    fn drop(&mut self) {
        *self.0.out.lock().expect("no holder panics") = false;
        self.0.back.notify_one();
    }
}

struct Spinning(Arc<AtomicBool>);
struct Lowers(Arc<AtomicBool>);

impl Blocking for Spinning {
    type Member = Lowers;
    fn new() -> Self {
        Spinning(Arc::default())
    }
    fn add(&mut self) -> Lowers {
        // Relaxed: the member is handed over afterwards, by what orders more.
        self.0.store(true, Ordering::Relaxed);
        Lowers(Arc::clone(&self.0))
    }
    fn wait(&mut self) {
        // Acquire: what was done before the change that is waited for is seen, as from any wait.
        while self.0.load(Ordering::Acquire) {
            hint::spin_loop();
        }
    }
}

impl Drop for Lowers {
    fn drop(&mut self) {
        // Release: what the member did is seen by who waits.
        self.0.store(false, Ordering::Release);
    }
}

struct Rung(Arc<Notify>);
struct Rings(Arc<Notify>);

impl Awaited for Rung {
    type Member = Rings;
    fn new() -> Self {
        Rung(Arc::default())
    }
    fn add(&mut self) -> Rings {
        Rings(Arc::clone(&self.0))
    }
    fn wait(&mut self) -> impl Future<Output = ()> + Send {
        self.0.notified()
    }
}

impl Drop for Rings {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
