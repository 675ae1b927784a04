//! Release a crowd of parked tasks at one stroke, and wait until all of them are gone.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::wake_async::{Threads, runtime};
use super::{Effort, Sample, median};

/// Something that many tasks can wait on and one call releases.
pub(crate) trait Crowd: Sized + Send + 'static {
    type Handle: Send + 'static;
    fn new() -> Self;
    fn handle(&self) -> Self::Handle;
    fn park(handle: Self::Handle) -> impl Future<Output = ()> + Send;
    fn release(self);
}

/// Nanoseconds a task, from the release until the last has ended.
pub(crate) fn released<C: Crowd>(effort: Effort, threads: Threads) -> Sample {
    let runtime = runtime(threads);
    // A hundred thousand in a full run: the size that the aim speaks of.
    let size = effort.operations.min(100_000);
    let rounds = effort.batches.min(5);
    let samples: Vec<f64> = (0..rounds).map(|_| runtime.block_on(round::<C>(size))).collect();
    Sample::nanos(median(&samples))
}

async fn round<C: Crowd>(size: usize) -> f64 {
    let crowd = C::new();
    let parked = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..size)
        .map(|_| {
            let (handle, parked) = (crowd.handle(), Arc::clone(&parked));
            tokio::spawn(async move {
                let mut waiting = pin!(C::park(handle));
                let mut counted = false;
                poll_fn(|cx| {
                    let polled = waiting.as_mut().poll(cx);
                    if !std::mem::replace(&mut counted, true) {
                        // Counted after its first poll: from here on the release reaches it.
                        parked.fetch_add(1, Ordering::Release);
                    }
                    polled
                })
                .await;
            })
        })
        .collect();
    // Acquire: pairs with the Release above; every counted task is listed where its release looks.
    while parked.load(Ordering::Acquire) < size {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    crowd.release();
    for task in tasks {
        task.await.expect("a parked task does not panic");
    }
    begun.elapsed().as_nanos() as f64 / size as f64
}
