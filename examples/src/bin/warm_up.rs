//! Fills a cache on a few threads before the first question is asked.
//!
//! In Go a test of this sleeps "long enough" for the goroutines to be done, and fails on a busy machine. Here the warm-up
//! returns when it is over, so there is nothing to sleep for; `tests/warm_up.rs` is that test.

use std::time::Duration;

use headcount::{Context, GroupError};
use headcount_examples::cache::Cache;

fn main() -> Result<(), GroupError> {
    let ctx = Context::background().with_timeout(Duration::from_secs(10));
    let keys: Vec<u64> = (0..1000).collect();
    let cache = Cache::default();
    println!("{} entries", cache.warm_up(&ctx, &keys)?);
    println!("the square of 999 is {:?}", cache.get(999));
    Ok(())
}
