//! What registering costs: printed, since machines differ.

use super::alone;
use headcount::{Context, WaitGroup, task};
use std::hint::black_box;
use std::time::Instant;

/// The least of several rounds, in nanoseconds for one.
fn least(mut f: impl FnMut()) -> f64 {
    const TIMES: u32 = 20_000;
    let round = |_| {
        let begun = Instant::now();
        (0..TIMES).for_each(|_| f());
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    };
    (0..20).map(round).fold(f64::INFINITY, f64::min)
}

#[test]
fn a_group_that_is_dropped_leaves_nothing_behind_and_this_is_what_it_cost() {
    let _alone = alone();
    let wait_group = least(|| drop(black_box(WaitGroup::new())));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let inside = runtime.enter();
    let group = least(|| drop(black_box(task::Group::<()>::new(&Context::background()))));
    drop(inside);
    println!("WaitGroup::new and drop {wait_group:.0} ns, Group::new and drop {group:.0} ns");
    assert!(headcount::roll_call().is_empty());
}
