//! The promises of the library, one module for each room. A test's name is the promise.
//!
//! No test proves anything by sleeping: order comes from channels, hand-polled futures and barriers, and whatever may
//! block runs [`within`] a limit.
#![cfg(not(loom))]

// Without `std` there are only async waits; what is left then is tested too, on the spin lock.
mod future;
mod names;
mod oracle;

#[cfg(all(feature = "retry", feature = "rate", feature = "tokio"))]
mod attempts;
#[cfg(feature = "std")]
mod auto_traits;
#[cfg(feature = "std")]
mod blocking;
#[cfg(feature = "std")]
mod context;
#[cfg(feature = "std")]
mod counting;
#[cfg(feature = "std")]
mod crew;
#[cfg(feature = "std")]
mod group;
#[cfg(feature = "std")]
mod handover;
#[cfg(feature = "std")]
mod happens_before;
#[cfg(feature = "std")]
mod map;
#[cfg(feature = "std")]
mod pipeline;
#[cfg(all(feature = "std", headcount_fault))]
mod planted;
#[cfg(feature = "std")]
mod raw;
#[cfg(feature = "std")]
mod roll_call;
#[cfg(feature = "std")]
mod rounds;
#[cfg(feature = "stream")]
mod stream;
#[cfg(feature = "std")]
mod task;
#[cfg(feature = "std")]
mod thread;
#[cfg(feature = "std")]
mod timeline;
#[cfg(feature = "std")]
mod timeline_replay;
#[cfg(feature = "std")]
mod timeline_shapes;
#[cfg(feature = "tokio")]
mod tokio;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

#[cfg(feature = "std")]
use limit::{Count, LIMIT, message, within};

#[cfg(feature = "std")]
mod limit;

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
