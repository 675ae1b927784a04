//! The model checker's suite: every protocol of the counter under every interleaving that loom can tell apart, and
//! for each protocol a planted fault that loom must object to.
//!
//! Run by `cargo xtask test loom`. Threads are few, and preemptions bounded: by three where that takes seconds, by two
//! where it would take minutes. A bound hides faults: one that two preemptions did not show and three did is `quiet`'s
//! reason to be. Every fault of `controls` is caught within the bound that its model runs with.
#![cfg(loom)]

/// One test for each model, with the bound on preemptions that it runs with.
macro_rules! models {
    ($($(#[$doc:meta])* $name:ident, $preemptions:literal => $body:block)*) => {
        $($(#[$doc])* #[test] fn $name() { check($preemptions, || $body); })*
    };
}

mod carriers;
mod context;
mod controls;
mod groups;
mod hedges;
mod lanes;
mod lists;
mod maps;
mod models;
mod pipelines;
mod quiet;
mod task_maps;
mod tasks;
mod threads;
mod workers;

use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use headcount::fault::{Fault, plant};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Condvar, Mutex};

/// Names the fault to plant, in a process that `controls` started.
const PLANT: &str = "HEADCOUNT_PLANT";

/// Checks `model`.
fn check(preemptions: usize, model: fn()) {
    if let Ok(name) = std::env::var(PLANT) {
        plant(Fault::named(&name).expect("the name of a fault"));
    }
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(model);
}

/// Plain data that a member writes and a waiter reads: loom objects unless one happens before the other.
struct Slot(UnsafeCell<u32>);

// SAFETY: loom reports any two accesses that are not ordered; that is the very thing under test.
#[expect(unsafe_code, reason = "the models must share plain data to see whether it is ordered")]
unsafe impl Sync for Slot {}

impl Slot {
    fn new() -> Arc<Self> {
        Arc::new(Self(UnsafeCell::new(0)))
    }

    fn fill(&self) {
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "plain data under loom's eyes")]
        self.0.with_mut(|value| unsafe { *value += 1 });
    }

    fn read(&self) -> u32 {
        // SAFETY: as above.
        #[expect(unsafe_code, reason = "plain data under loom's eyes")]
        self.0.with(|value| unsafe { *value })
    }
}

/// What is opened once and waited for.
#[derive(Clone)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn new() -> Self {
        Self(Arc::new((Mutex::new(false), Condvar::new())))
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }
}

/// How many waits are listed in a group, as its debug print says.
fn listed(group: &headcount::WaitGroup) -> usize {
    let text = format!("{group:?}");
    let number = text.split("waiting: ").nth(1).expect("it says how many wait");
    number.trim_end_matches(" }").parse().expect("a number")
}

/// A waker that counts how often it was used.
struct CountedWaker(AtomicUsize);

impl CountedWaker {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }

    fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Polls a wait once with this waker.
    fn poll(self: &Arc<Self>, future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
        self.poll_ready(future)
    }

    /// Polls `future` once with this waker.
    fn poll_ready<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> bool {
        let waker = self.waker();
        std::pin::Pin::new(future).poll(&mut Context::from_waker(&waker)).is_ready()
    }
}

impl Wake for CountedWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
