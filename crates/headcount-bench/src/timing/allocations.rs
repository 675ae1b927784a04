//! Allocations a member, counted by an allocator.
//!
//! What one group costs is left out by counting two sizes and taking the difference. A group that allocates for many
//! members at once shows as a fraction. There is one thread, so the figure is the same in every run.

use std::hint::black_box;

use stats_alloc::INSTRUMENTED_SYSTEM;

use super::wake_async::{Threads, runtime};
use super::{Effort, Sample};

/// Allocations of this process so far; growing one counts as one more. Nothing unless the allocator is the counting one.
fn so_far() -> usize {
    let stats = INSTRUMENTED_SYSTEM.stats();
    stats.allocations + stats.reallocations
}

/// Whether this program is the one that counts.
pub(crate) fn are_counted() -> bool {
    let before = so_far();
    drop(black_box(Box::new(1_u8)));
    so_far() > before
}

/// Allocations a member. `run` launches as many as it is told and returns when all of them are over.
pub(crate) fn each<F: Future<Output = ()>>(effort: Effort, run: impl Fn(usize) -> F) -> Sample {
    let members = effort.members.min(10_000);
    let runtime = runtime(Threads::One);
    let cost = |members| {
        let before = so_far();
        runtime.block_on(run(members));
        so_far() - before
    };
    // The runtime's own queues grow to the size that they need, once.
    cost(2 * members);
    let (small, large) = (cost(members), cost(2 * members));
    Sample::of((large as f64 - small as f64) / members as f64)
}
