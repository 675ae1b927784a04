//! The promises of the library, one module for each room. A test's name is the promise.
//!
//! No test proves anything by sleeping: order comes from channels, hand-polled futures and barriers, and whatever may
//! block runs [`within`] a limit.
#![cfg(not(loom))]

mod auto_traits;
mod blocking;
mod counting;
mod future;
mod happens_before;
mod names;
mod oracle;
mod raw;
mod roll_call;
mod rounds;
#[cfg(feature = "tokio")]
mod tokio;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

/// Longer than any promise takes, shorter than anyone's patience.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs `f` on a thread of its own and gives its result, or fails if there is none within the limit.
#[track_caller]
fn within<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
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

/// The text of a panic.
fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied()).unwrap_or("")
}

/// A waker that counts how often it was used, and polls by hand.
struct Poller(AtomicUsize);

impl Poller {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(0)))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Polls once; true when ready.
    fn poll<F: Future>(self: &Arc<Self>, future: Pin<&mut F>) -> bool {
        future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(self)))).is_ready()
    }
}

impl Wake for Poller {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
