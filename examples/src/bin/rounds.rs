//! Heat that spreads along a rod, one step of time a round: the workers stay, and each round ends when its own cells are done.
//!
//! In Go a `WaitGroup` that is used again too early panics ("reused before previous Wait has returned"), or a worker that is
//! late writes into the next round. Here a round owns its jobs and hands back their results, so the next begins with them.

use std::sync::Arc;
use std::time::Duration;

use headcount::{Context, Crew};

const CELLS: usize = 64;
const ROUNDS: usize = 200;

/// A few cells of a rod, to be moved on by one step.
struct Part {
    rod: Arc<Vec<f64>>,
    from: usize,
    to: usize,
}

fn step(part: Part) -> Vec<f64> {
    let Part { rod, from, to } = part;
    let at = |cell: usize| rod[cell.min(CELLS - 1)];
    (from..to).map(|cell| 0.5 * at(cell) + 0.25 * (at(cell.saturating_sub(1)) + at(cell + 1))).collect()
}

fn main() -> anyhow::Result<()> {
    let crew = Crew::new(&Context::background(), 4, |_ctx, part| headcount::ok(step(part))).named("rod");
    let mut rod = vec![0.0; CELLS];
    rod[0] = 100.0;
    for _ in 0..ROUNDS {
        let now = Arc::new(rod);
        let parts = (0..CELLS).step_by(16).map(|from| Part { rod: Arc::clone(&now), from, to: from + 16 });
        rod = crew.round(parts)?.concat();
    }
    crew.stop(Duration::from_secs(5))?;
    println!("after {ROUNDS} rounds: {:.3} at one end, {:.3} at the other", rod[0], rod[CELLS - 1]);
    println!("no heat is lost: {:.3}", rod.iter().sum::<f64>());
    Ok(())
}
