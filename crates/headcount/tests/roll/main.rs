//! The roll of the whole process, and the deadlocks that are told. One test at a time, since they all look at the same process.
#![cfg(all(feature = "tokio", not(any(loom, shuttle))))]

mod deadlocks;
mod deep;
mod kinds;
mod million;
mod pending;
mod what;

use headcount::{Missing, RollNode, RollTree};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Nobody else's groups are there while this is held.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls the roll until it is as it should be: a member says that it waits before it does, and others see it when they do.
#[track_caller]
fn until(what: &str, is: impl Fn(&RollTree) -> bool) -> RollTree {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let roll = headcount::roll_call();
        if is(&roll) {
            return roll;
        }
        assert!(Instant::now() < end, "never came: {what}\n{roll:#}");
        std::thread::yield_now();
    }
}

/// The group or crew of this name, or the kind of something that has none.
fn find<'r>(roll: &'r RollTree, what: &str) -> Option<&'r RollNode> {
    roll.iter().find(|node| node.roll_call().to_string().starts_with(what))
}

fn member<'r>(roll: &'r RollTree, name: &str) -> Option<&'r Missing> {
    roll.iter().flat_map(|node| node.roll_call()).find(|member| member.name() == Some(name))
}
