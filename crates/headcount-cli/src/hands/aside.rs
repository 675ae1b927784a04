//! The two ways between tasks and threads that block: a task has something done aside, and a thread waits for a task's work.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{STACK, held_up};
use crate::locked;

/// Does what may take for ever on a thread of its own; where the system gives none, on this one. Nothing comes of it if it
/// breaks down.
pub(crate) async fn aside<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (tell, told) = oneshot::channel();
    let work = Arc::new(Mutex::new(Some(work)));
    let shared = Arc::clone(&work);
    let started = thread::Builder::new().name(name.into()).stack_size(STACK).spawn(move || {
        let work = locked(&shared).take();
        if let Some(work) = work {
            // Who has asked may be gone.
            let _ = tell.send(work());
        }
    });
    if started.is_ok() {
        return told.await.ok();
    }
    let work = locked(&work).take()?;
    Some(held_up(work))
}

/// Wakes a thread that is parked.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Blocks this thread, which is no hand or has said that it is held up, until something has come of the future.
pub(crate) fn wait_here<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Some(value) = wait_here_until(future.as_mut(), None) {
            return value;
        }
    }
}

/// The same, for so long at most.
pub(crate) fn wait_here_for<F: Future>(future: F, limit: Duration) -> Option<F::Output> {
    wait_here_until(pin!(future), Instant::now().checked_add(limit))
}

fn wait_here_until<F: Future>(mut future: Pin<&mut F>, until: Option<Instant>) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return Some(value);
        }
        // Parking returns at once if the waker was used since the poll.
        match until.map(|until| until.saturating_duration_since(Instant::now())) {
            None => thread::park(),
            Some(Duration::ZERO) => return None,
            Some(left) => thread::park_timeout(left),
        }
    }
}
