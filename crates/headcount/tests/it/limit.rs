//! Every wait in a test has a limit.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

/// Longer than any promise takes, on a machine with ten times the work it can do; shorter than anyone's patience.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

/// Runs `f` on a thread of its own and gives its result, or fails if there is none within the limit.
#[track_caller]
pub(crate) fn within<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || sender.send(f()));
    match receiver.recv_timeout(LIMIT) {
        Ok(value) => value,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("not over within {LIMIT:?}"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(_) => unreachable!("the thread sends before it ends"),
        },
    }
}

/// A number that can be waited for; a gate is one that is raised once.
///
/// The number is not what the mutex protects, so that the thread sanitizer, which does not see into std's, sees its order.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize, Mutex<()>, Condvar);

impl Count {
    pub(crate) fn add(&self) -> usize {
        let count = self.0.fetch_add(1, SeqCst) + 1;
        drop(self.1.lock().unwrap());
        self.2.notify_all();
        count
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }

    #[track_caller]
    pub(crate) fn reaches(&self, number: usize) -> usize {
        let guard = self.1.lock().unwrap();
        let (_guard, late) = self.2.wait_timeout_while(guard, LIMIT, |()| self.get() < number).unwrap();
        assert!(!late.timed_out(), "{} of {number} came within {LIMIT:?}", self.get());
        self.get()
    }
}

/// The text of a panic.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied()).unwrap_or("")
}
