//! One operation from several threads at once.
//!
//! All threads run through the same window of time, so that none of them finishes alone and uncontended. What is
//! reported is core time: with more threads than cores a contestant that scales perfectly keeps its figure.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::{Effort, Sample};

/// Operations between two looks at the clock: enough to make the look free.
const BLOCK: usize = 256;

/// Nanoseconds of core time for one call of `operation`, which is told its thread's number.
pub(crate) fn threads(effort: Effort, threads: usize, operation: impl Fn(usize) + Sync) -> Sample {
    let arrived = AtomicUsize::new(0);
    let each = |number: usize| {
        arrived.fetch_add(1, Ordering::AcqRel);
        while arrived.load(Ordering::Acquire) < threads {
            // Yields, so that more threads than cores can arrive.
            thread::yield_now();
        }
        let begun = Instant::now();
        let mut done = 0usize;
        while begun.elapsed() < effort.window {
            for _ in 0..BLOCK {
                operation(number);
            }
            done += BLOCK;
        }
        done as f64 / begun.elapsed().as_nanos() as f64
    };
    let per_nano: f64 = thread::scope(|scope| {
        let each = &each;
        let running: Vec<_> = (0..threads).map(|number| scope.spawn(move || each(number))).collect();
        running.into_iter().map(|thread| thread.join().expect("no operation panics")).sum()
    });
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    Sample::nanos(cores.min(threads) as f64 / per_nano)
}
