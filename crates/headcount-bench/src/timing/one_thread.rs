//! One operation after another on one thread, alone or while another thread waits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Effort, Sample, median};

/// Nanoseconds for one call of `operation`.
pub(crate) fn alone(effort: Effort, mut operation: impl FnMut()) -> Sample {
    let begun = Instant::now();
    while begun.elapsed() < effort.warm_up {
        operation();
    }
    let samples: Vec<f64> = (0..effort.batches).map(|_| batch(effort.operations, &mut operation)).collect();
    Sample::nanos(median(&samples))
}

/// Kept out of line so that every contestant is timed by a loop of the same shape, not one merged with its surroundings.
#[inline(never)]
fn batch(operations: usize, operation: &mut impl FnMut()) -> f64 {
    let begun = Instant::now();
    for _ in 0..operations {
        operation();
    }
    begun.elapsed().as_nanos() as f64 / operations as f64
}

/// The same while `wait` blocks another thread. `kept` is the member that keeps it waiting; it is dropped at the end.
pub(crate) fn while_waited<K>(
    effort: Effort,
    kept: K,
    wait: impl FnOnce() + Send,
    operation: impl Fn(&K),
) -> Sample {
    let about_to_wait = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Release and Acquire out of habit: nothing but the flag is handed over.
            about_to_wait.store(true, Ordering::Release);
            wait();
        });
        // Acquire: see above.
        while !about_to_wait.load(Ordering::Acquire) {
            thread::yield_now();
        }
        // Long enough for any spin before the sleep to end. A waiter that were still spinning would only make its own
        // contestant look slower.
        thread::sleep(Duration::from_millis(5));
        let sample = alone(effort, || operation(&kept));
        drop(kept);
        sample
    })
}
