//! The timer and groups of tasks under a schedule checker. The timer: deadlines set, dropped and passed while its thread goes
//! idle, ends and is started again, on a clock that the models drive. Groups: on shuttle's executor, with more members than
//! loom can go through. For each step of the timer's protocol, and for wake-ups of the groups, a fault is planted that shuttle
//! must object to.
//!
//! Run by `cargo xtask test shuttle`. Unlike loom, shuttle does not try every schedule and takes every operation as
//! sequentially consistent; it samples, at random and by priorities that change a few times (PCT). Seeds are fixed, so that
//! a run says the same each time. The lock that guards the timer is loom's to prove, as a part of everything that uses it.
#![cfg(shuttle)]

/// One test for each model.
macro_rules! models {
    ($($(#[$doc:meta])* $name:ident => $body:block)*) => {
        $($(#[$doc])* #[test] fn $name() { crate::check(|| { $body; crate::the_timer_ends(); }); })*
    };
}

mod controls;
mod groups;
mod maps;
mod timer;

use std::time::Duration;

use headcount::fault::{Fault, plant};
use headcount::time;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner, thread};

/// Names the fault to plant, in a process that `controls` started.
const PLANT: &str = "HEADCOUNT_PLANT";

/// Schedules of each kind that a model is run with.
const SCHEDULES: usize = 5000;

const SEED: u64 = 3;

/// How often the order of priorities changes in one schedule, at most.
const CHANGES: usize = 3;

/// The time after which the timer's thread ends, if nothing is left to do.
const IDLE: Duration = Duration::from_secs(1);

/// Checks `model`.
fn check(model: fn()) {
    if let Ok(name) = std::env::var(PLANT) {
        plant(Fault::named(&name).expect("the name of a fault"));
    }
    let mut config = Config::new();
    // It warns of statics that are dropped at the end of an execution; ours have nothing to drop.
    config.silence_warnings = true;
    Runner::new(RandomScheduler::new_from_seed(SEED, SCHEDULES), config.clone()).run(model);
    Runner::new(PctScheduler::new_from_seed(SEED, CHANGES, SCHEDULES), config).run(model);
}

/// Nothing is left to do: the timer's thread, and those of callbacks, end when a second or two are over.
fn the_timer_ends() {
    let mut seconds = 0;
    while time::threads() > 0 {
        if time::asleep() > 0 {
            assert!(seconds < 10, "the timer's thread does not end");
            seconds += 1;
            time::advance(IDLE);
        }
        // Whoever was woken has its turn before the next second.
        thread::yield_now();
    }
}
