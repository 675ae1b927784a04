//! Release a crowd of parked tasks at one stroke, and wait until all of them are gone.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::task::JoinHandle;

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
        .map(|number| match number % 8 {
            0 => parked_task::<C, 0>(&crowd, &parked),
            1 => parked_task::<C, 2>(&crowd, &parked),
            2 => parked_task::<C, 4>(&crowd, &parked),
            3 => parked_task::<C, 6>(&crowd, &parked),
            4 => parked_task::<C, 8>(&crowd, &parked),
            5 => parked_task::<C, 10>(&crowd, &parked),
            6 => parked_task::<C, 12>(&crowd, &parked),
            _ => parked_task::<C, 14>(&crowd, &parked),
        })
        .collect();
    // Acquire: pairs with the Release below; every counted task is listed where its release looks.
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

/// A task that owns so many words besides. Tasks come in all sizes, and size decides in which cache lines the wait and the
/// runtime's own fields lie. With one size alone a row is a lottery: the same contestant gains or loses a third by eight bytes.
fn parked_task<C: Crowd, const WORDS: usize>(crowd: &C, parked: &Arc<AtomicUsize>) -> JoinHandle<()> {
    let (handle, parked, own) = (crowd.handle(), Arc::clone(parked), [0_usize; WORDS]);
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
        black_box(&own);
    })
}
