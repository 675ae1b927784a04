//! Launch many members and wait for all of them.
//!
//! The first run is not timed: it starts threads and brings the allocator to the size that it needs. Everything a
//! contestant makes for a run, its group too, is made and freed inside the run.

use std::sync::OnceLock;
use std::time::Instant;

use super::wake_async::{Threads, runtime};
use super::{Effort, Sample, median};

/// As many members as a contestant lets run at once, in the rows that have a limit.
pub(crate) const LIMIT: usize = 64;

/// Runs that are timed.
fn runs(effort: Effort) -> usize {
    effort.batches.min(3)
}

/// Nanoseconds a member. `run` launches as many as it is told and returns when all of them are over.
///
/// The run is itself a task, so that members are launched from one of the runtime's threads, as most are.
pub(crate) fn tasks<F: Future<Output = ()> + Send + 'static>(
    effort: Effort,
    run: impl Fn(usize) -> F,
) -> Sample {
    let runtime = runtime(Threads::Many);
    closures(effort, effort.members, |members| {
        runtime.block_on(async { runtime.spawn(run(members)).await.expect("no run panics") });
    })
}

/// The same for closures on threads, for a contestant for whom `members` are enough.
pub(crate) fn closures(effort: Effort, members: usize, run: impl Fn(usize)) -> Sample {
    run(members);
    let once = |_| {
        let begun = Instant::now();
        run(members);
        begun.elapsed().as_nanos() as f64 / members as f64
    };
    let samples: Vec<f64> = (0..runs(effort)).map(once).collect();
    Sample::nanos(median(&samples))
}

/// Takes what members returned, each its own number, and panics unless they come in order and all of them do.
pub(crate) fn in_order(members: usize, values: impl IntoIterator<Item = u64>) {
    let mut next = 0;
    for value in values {
        assert_eq!(value, next, "values are out of order");
        next += 1;
    }
    assert_eq!(next, members as u64, "values are missing");
}

/// What a tiny member does: a few nanoseconds that no compiler can do beforehand. The same in the Go program.
pub(crate) fn tiny(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Takes what tiny members returned, in whatever order, and panics unless all of it is there.
pub(crate) fn all_there(members: usize, sum: u64) {
    // Once for a process, in the run that is not timed: every run has as many members.
    static EXPECTED: OnceLock<u64> = OnceLock::new();
    let expected = EXPECTED.get_or_init(|| self::sum((0..members as u64).map(tiny)));
    assert_eq!(sum, *expected, "values are missing");
}

/// The sum, as [`all_there`] expects it.
pub(crate) fn sum(values: impl IntoIterator<Item = u64>) -> u64 {
    values.into_iter().fold(0, u64::wrapping_add)
}
