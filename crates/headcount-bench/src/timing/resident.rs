//! What stays resident for a member that waits.
//!
//! All contestants' members hold a handle to the same bell and wait for it. They wait on a runtime with one thread, so
//! that one that has been counted has also begun to wait. What is read is the process's resident memory before the
//! first was launched and after the last waits; one member of a group of its own has waited before, so that what only
//! the first one needs is there already.

use std::convert::Infallible;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::wake_async::{Threads, runtime};
use super::{Effort, Sample};

/// Members that wait. A static, so that counting takes no room in any of them.
static PARKED: AtomicUsize = AtomicUsize::new(0);

/// What a member does, for ever. It returns what members of groups return, so that everybody's is the same future.
pub(crate) async fn park(bell: Arc<Notify>) -> Result<(), Infallible> {
    here();
    bell.notified_owned().await;
    Ok(())
}

/// Counts a member that is about to wait.
pub(crate) fn here() {
    // Relaxed: everything happens on one thread.
    PARKED.fetch_add(1, Ordering::Relaxed);
}

/// How many wait.
pub(crate) fn parked() -> usize {
    // Relaxed: see above.
    PARKED.load(Ordering::Relaxed)
}

/// Bytes a member. `launch` launches as many as it is told and returns what holds them.
pub(crate) fn bytes<K, F: Future<Output = K>>(
    effort: Effort,
    launch: impl Fn(usize, Arc<Notify>) -> F,
) -> Sample {
    // A hundred thousand in a full run: the size that the aim speaks of.
    let members = effort.members.min(100_000);
    let bell = Arc::new(Notify::new());
    runtime(Threads::One).block_on(async {
        let first = settled(1, &launch, &bell).await;
        let before = resident();
        let kept = settled(members, &launch, &bell).await;
        let after = resident();
        drop((first, kept));
        Sample::of(after.saturating_sub(before) as f64 / members as f64)
    })
}

/// Launches, and returns when all of them wait.
async fn settled<K, F: Future<Output = K>>(
    members: usize,
    launch: &impl Fn(usize, Arc<Notify>) -> F,
    bell: &Arc<Notify>,
) -> K {
    let target = parked() + members;
    let kept = launch(members, Arc::clone(bell)).await;
    while parked() < target {
        tokio::task::yield_now().await;
    }
    kept
}

/// Resident bytes of this process, summed up by the kernel from its pages; the quicker figure in `status` lags behind.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/smaps_rollup").expect("the kernel tells what is resident");
    let line = pages.lines().find_map(|line| line.strip_prefix("Rss:")).expect("and sums it up");
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().expect("in kilobytes");
    kilobytes * 1024
}
