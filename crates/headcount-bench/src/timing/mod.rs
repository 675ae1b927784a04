//! How each kind of row is timed. Contestants bring their operation, these modules bring the clock, or what else is read.
//!
//! Every timing is a median of samples taken inside one process, so that an interrupt or a lost time slice falls out;
//! the tables then take the median of several processes.

pub(crate) mod allocations;
pub(crate) mod contended;
pub(crate) mod crowd;
pub(crate) mod members;
pub(crate) mod one_thread;
pub(crate) mod resident;
pub(crate) mod stages;
pub(crate) mod wake;
pub(crate) mod wake_async;
pub(crate) mod work;

use std::time::Duration;

/// How much work one sample is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) name: &'static str,
    /// Samples taken inside one process.
    pub(crate) batches: usize,
    /// Operations in one sample.
    pub(crate) operations: usize,
    /// Members that are launched and waited for.
    pub(crate) members: usize,
    /// How long several threads run beside each other.
    pub(crate) window: Duration,
    /// How long the processor is kept busy before the first sample, so that its clock is up.
    pub(crate) warm_up: Duration,
    /// Wake-ups there and back, when threads sleep.
    pub(crate) trips: usize,
    /// Commands in a batch.
    pub(crate) commands: usize,
    /// Times a single command is started.
    pub(crate) starts: usize,
}

impl Effort {
    pub(crate) const FULL: Effort = Effort {
        name: "full",
        batches: 41,
        operations: 50_000,
        members: 1_000_000,
        window: Duration::from_millis(200),
        warm_up: Duration::from_millis(30),
        trips: 4_000,
        commands: 2_000,
        starts: 101,
    };

    /// For a look while working: a tenth of the time, and noisier.
    pub(crate) const QUICK: Effort = Effort {
        name: "quick",
        batches: 11,
        operations: 20_000,
        members: 100_000,
        window: Duration::from_millis(40),
        warm_up: Duration::from_millis(10),
        trips: 500,
        commands: 400,
        starts: 21,
    };

    /// For the tests: shows that every contestant runs, says nothing about its speed.
    pub(crate) const TINY: Effort = Effort {
        name: "tiny",
        batches: 3,
        operations: 20,
        members: 200,
        window: Duration::from_millis(2),
        warm_up: Duration::ZERO,
        trips: 10,
        commands: 4,
        starts: 3,
    };

    /// Files that are downloaded.
    pub(crate) fn files(&self) -> usize {
        5 * self.commands
    }

    pub(crate) fn named(name: &str) -> Option<Effort> {
        [Effort::FULL, Effort::QUICK, Effort::TINY].into_iter().find(|effort| effort.name == name)
    }
}

/// What one process found out about one contestant in one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// In the row's base unit: nanoseconds, unless something else is measured than time.
    pub(crate) figure: f64,
    /// The share of waits in which the kernel really put the thread to sleep, where the row asks for it.
    pub(crate) asleep: Option<f64>,
}

impl Sample {
    pub(crate) fn of(figure: f64) -> Sample {
        Sample { figure, asleep: None }
    }

    pub(crate) fn nanos(nanos: f64) -> Sample {
        Sample::of(nanos)
    }
}

/// The middle value, or the mean of the two in the middle. Not a number when there is none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(sorted[half - 1], sorted[half]),
        _ => sorted[half],
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }
}
