//! The same computation for many numbers, on all cores: long enough to be worth it, or hardly.

use std::hint::black_box;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::members::tiny;
use super::{Effort, Sample, median};

/// What one item of [`spread`] takes on a thread that has nothing else to do.
const EACH: Duration = Duration::from_micros(20);

/// Some ten nanoseconds that no compiler can do beforehand.
pub(crate) fn ten(number: u64) -> u64 {
    chain(number, 8)
}

/// Twenty microseconds of the same kind.
pub(crate) fn twenty(number: u64) -> u64 {
    chain(number, *LINKS.get().expect("found out before the first run"))
}

fn chain(number: u64, links: u64) -> u64 {
    (0..links).fold(number, |mixed, _| tiny(black_box(mixed)))
}

/// How many links make [`EACH`] on this machine.
static LINKS: OnceLock<u64> = OnceLock::new();

fn find_out(effort: Effort) {
    const MANY: u64 = 100_000;
    let begun = Instant::now();
    while begun.elapsed() < effort.warm_up {
        black_box(chain(1, MANY));
    }
    let took: Vec<f64> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            black_box(chain(1, MANY));
            begun.elapsed().as_nanos() as f64
        })
        .collect();
    LINKS.get_or_init(|| (EACH.as_nanos() as f64 / median(&took) * MANY as f64) as u64);
}

/// How many times as long as ideal `run` takes for ten thousand items of 20 µs: ideal is a loop over them on one thread,
/// divided by the number of cores. The loop is timed before and after each run, because clocks drift.
pub(crate) fn spread(effort: Effort, run: impl Fn(usize)) -> Sample {
    find_out(effort);
    let items = effort.members / 100;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let alone = || {
        let some = (items / 10).max(1);
        let begun = Instant::now();
        (0..some as u64).for_each(|number| _ = black_box(twenty(number)));
        begun.elapsed().as_secs_f64() / some as f64
    };
    run(items);
    let once = |_| {
        let before = alone();
        let begun = Instant::now();
        run(items);
        let took = begun.elapsed().as_secs_f64();
        let ideal = f64::midpoint(before, alone()) * items as f64 / cores as f64;
        took / ideal
    };
    let samples: Vec<f64> = (0..effort.batches.min(5)).map(once).collect();
    Sample::of(median(&samples))
}
