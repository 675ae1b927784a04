//! Programs for the sanitizers' negative controls: each runs into the fault that it is named after.
//!
//! Built only with `cfg(headcount_fault)` and run only by `cargo xtask test sanitize`, which plants the fault, and fails
//! unless the sanitizer objects.

use std::pin::pin;

use headcount::WaitGroup;
use headcount::fault::{Fault, plant};

use crate::Poller;

#[test]
fn relaxed_done() {
    plant(Fault::RelaxedDone);
    crate::happens_before::members_write_and_a_blocked_waiter_reads();
}

#[test]
fn relaxed_page() {
    plant(Fault::RelaxedPage);
    crate::handover::members_write_and_a_waiter_reads();
}

#[test]
fn relaxed_end() {
    plant(Fault::RelaxedEnd);
    crate::handover::members_end_while_results_are_taken();
}

#[test]
fn drop_stays_listed() {
    plant(Fault::DropStaysListed);
    let (group, poller) = (WaitGroup::new(), Poller::new());
    let token = group.add();
    let mut wait = Box::pin(group.wait_async());
    assert!(!poller.poll(wait.as_mut()));
    drop(wait);
    drop(token); // Releases a node that is not there any more.
    let mut wait = pin!(group.wait_async());
    assert!(poller.poll(wait.as_mut()));
}
