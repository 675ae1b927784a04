//! Wake a task that awaits its group, there and back, on tokio.
//!
//! Two tasks, each with a group of its own. Each sends a member out, hands it to the other task and awaits its group;
//! the other one, woken, ends that member. Tasks cannot be kept asleep by spinning, and need not be: on a runtime with
//! one thread a task runs only while the other one is pending.
//!
//! The hand-over goes through one and the same slot for every contestant, also for those that have nothing to hand over.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use super::{Effort, Sample, median};

/// A group that a task can await. The awaiting task owns it.
pub(crate) trait Awaited: Send + 'static {
    /// Dropped by the other task to end the wait.
    type Member: Send + 'static;
    fn new() -> Self;
    /// Called by the task that is going to wait.
    fn add(&mut self) -> Self::Member;
    fn wait(&mut self) -> impl Future<Output = ()> + Send;
}

/// How many threads the runtime has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Threads {
    One,
    Many,
}

type Slot<M> = Arc<Mutex<Option<M>>>;

/// Nanoseconds to wake there and back.
pub(crate) fn there_and_back<G: Awaited>(effort: Effort, threads: Threads) -> Sample {
    let runtime = runtime(threads);
    // A tenth of what an uncontended count takes part in: a wake-up costs about ten times as much.
    let trips = (effort.operations / 10).max(1);
    let [first, second]: [Slot<G::Member>; 2] = Default::default();
    let (mut left, mut right) = (G::new(), G::new());
    // Both first members are out before either task runs, so that no task ends its partner's round before it began.
    put(&first, left.add());
    put(&second, right.add());
    let batches = effort.batches;
    let total = batches * trips;
    let (to_left, to_right) = (Arc::clone(&second), Arc::clone(&first));
    let samples = runtime.block_on(async move {
        let leads = tokio::spawn(async move {
            let mut samples = Vec::with_capacity(batches);
            for _ in 0..batches {
                let begun = Instant::now();
                for _ in 0..trips {
                    drop(take(&to_left));
                    left.wait().await;
                    put(&first, left.add());
                }
                samples.push(begun.elapsed().as_nanos() as f64 / trips as f64);
            }
            samples
        });
        let follows = tokio::spawn(async move {
            for _ in 0..total {
                right.wait().await;
                put(&second, right.add());
                drop(take(&to_right));
            }
        });
        follows.await.expect("the following task does not panic");
        leads.await.expect("the leading task does not panic")
    });
    Sample::nanos(median(&samples))
}

fn put<M>(slot: &Mutex<Option<M>>, member: M) {
    *slot.lock().expect("no holder panics") = Some(member);
}

fn take<M>(slot: &Mutex<Option<M>>) -> M {
    slot.lock()
        .expect("no holder panics")
        .take()
        .expect("a member is handed over before its group is waited for")
}

pub(crate) fn runtime(threads: Threads) -> Runtime {
    match threads {
        Threads::One => Builder::new_current_thread().build(),
        Threads::Many => Builder::new_multi_thread().worker_threads(2).build(),
    }
    .expect("a runtime without drivers needs nothing but threads")
}
