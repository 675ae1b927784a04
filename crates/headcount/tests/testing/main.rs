//! Tests that leave nobody behind: leaks of every kind are planted, and must be found and named; who is clean must pass.

#![cfg(not(any(loom, shuttle)))]

mod attribute;
mod clean;
mod planted;
#[cfg(feature = "tokio")]
mod planted_tasks;
mod roots;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use headcount::testing::Check;

/// No wait in these tests takes longer; those that pass do not take this long.
const LIMIT: Duration = Duration::from_secs(90);

/// Whoever leaks on purpose is not waited for.
fn at_once() -> Check {
    Check::new().timeout(LIMIT).patience(Duration::from_millis(5))
}

/// What the check says against whatever `run` does.
#[track_caller]
fn accusation<R>(run: impl FnOnce() -> R) -> String {
    let Err(panic) = catch_unwind(AssertUnwindSafe(run)) else { panic!("nobody was accused") };
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(said), _) => String::from(*said),
        (_, Some(said)) => said.clone(),
        _ => panic!("a panic without a message"),
    }
}

/// That a text has all of these parts.
#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

/// A line of this file as roll calls write it.
macro_rules! place {
    ($back:expr) => {
        format!("{}:{}", file!(), line!() - $back)
    };
}
pub(crate) use place;

/// What planted members wait for: opened when the other end is dropped, so that a leak ends with its test.
fn gate() -> (Sender<()>, impl FnOnce() + Send + 'static) {
    let (open, opened): (_, Receiver<()>) = channel();
    (open, move || {
        // Nobody sends anything.
        let _ = opened.recv_timeout(LIMIT);
    })
}
