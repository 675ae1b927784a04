//! The body on a thread of its own, and what becomes of it.
//!
//! The calling thread waits for it no longer than it may take, and then looks who is out. So a test cannot hang, whatever its
//! body does; a body that is left behind keeps its thread until the process ends.
//!
//! Std's channel and threads are used as they are: nothing here is part of a protocol that a model checker looks at.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use super::{Check, verdict};
use crate::roll::roots;

/// A body that has ended: what came of it, and who is accused.
#[must_use]
pub(super) struct Conducted<R> {
    result: thread::Result<R>,
    accusation: Option<String>,
}

impl Check {
    #[track_caller]
    pub(super) fn conduct<R: Send + 'static>(
        self,
        body: impl FnOnce() -> R + Send + 'static,
    ) -> Conducted<R> {
        let root = roots::new();
        let (ended, end) = channel();
        start(move || {
            let _inside = roots::enter(root);
            say(&ended, catch_unwind(AssertUnwindSafe(body)));
        });
        self.judge(root, &end)
    }

    /// Waits for the end of the body, and looks who of `root` is out then.
    #[track_caller]
    pub(super) fn judge<R>(&self, root: u64, end: &Receiver<thread::Result<R>>) -> Conducted<R> {
        match end.recv_timeout(self.timeout) {
            Ok(result) => {
                Conducted { result, accusation: verdict::when_ended(root, self.patience, &self.allowed) }
            }
            Err(RecvTimeoutError::Timeout) => panic!("{}", verdict::overrun(root, self.timeout)),
            Err(RecvTimeoutError::Disconnected) => {
                panic!("the thread of the test's body has gone without a word")
            }
        }
    }
}

/// Starts the body's thread. It has the name of this one: the harness prints a panic's thread, and that names the test.
#[track_caller]
pub(super) fn start(body: impl FnOnce() + Send + 'static) {
    let name = thread::current().name().unwrap_or("headcount test").to_string();
    if let Err(error) = thread::Builder::new().name(name).spawn(body) {
        panic!("the operating system cannot start a thread for the test's body: {error}");
    }
}

/// Tells the calling thread what came of the body; it is gone if the body took too long, and then nobody asks.
pub(super) fn say<R>(ended: &Sender<thread::Result<R>>, result: thread::Result<R>) {
    let _ = ended.send(result);
}

impl<R> Conducted<R> {
    /// What came of it. The body's own panic goes first, since others may be out because of it.
    #[track_caller]
    pub(super) fn settle(self) -> thread::Result<R> {
        match (self.result, self.accusation) {
            (Ok(_), Some(accusation)) => panic!("{accusation}"),
            (Err(panic), Some(accusation)) => {
                eprintln!("{accusation}");
                Err(panic)
            }
            (result, None) => result,
        }
    }

    /// What came of it where a panic is what is wanted: an accusation goes first.
    #[track_caller]
    pub(super) fn settle_quietly(self) -> thread::Result<R> {
        match self.accusation {
            Some(accusation) => panic!("{accusation}"),
            None => self.result,
        }
    }
}

/// That the body panicked, and said so.
#[track_caller]
pub(super) fn assert_panicked(panic: Option<Box<dyn Any + Send>>, expected: &str) {
    let Some(panic) = panic else {
        panic!("the test was to panic, with {expected:?} in the message, and did not")
    };
    let said = match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(said), _) => said,
        (None, Some(said)) => said.as_str(),
        (None, None) => "",
    };
    assert!(
        said.contains(expected),
        "the test was to panic with {expected:?} in the message, which was {said:?}"
    );
}
