//! 10,000 items, 100 at a time: as tasks on all of the runtime's workers, each item counted while it is being worked on.
//!
//! In Go this is a semaphore made of a channel; one `return` before the receive, and a slot is gone for good. Ten thousand
//! goroutines are started at once as well, and then stand in line. Here the limit is the map's: an item has a slot exactly as
//! long as it lives, and items are pulled when there is room for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use headcount::{Context, GroupError, task};

#[tokio::main]
async fn main() -> Result<(), GroupError> {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let highest = Arc::clone(&most);
    let sum = task::map(1..=10_000_u64)
        .limit(100)
        .context(&Context::background())
        .named("items")
        .spawned()
        .fold(
            0,
            move |_ctx, n| {
                let (now, most) = (Arc::clone(&now), Arc::clone(&highest));
                async move {
                    // Relaxed, all: they are only counts.
                    most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                    tokio::task::yield_now().await; // so that others get going
                    now.fetch_sub(1, Relaxed);
                    headcount::ok(n)
                }
            },
            |sum, n| sum + n,
        )
        .await?;
    println!("sum of 10000 items: {sum}");
    // Relaxed: all members have been waited for, and that orders their counts before this.
    println!("never more than 100 at once: {}", most.load(Relaxed) <= 100);
    Ok(())
}
