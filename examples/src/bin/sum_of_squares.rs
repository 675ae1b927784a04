//! The sum of the squares from 0 to 9, each computed by a member of its own: always 285.
//!
//! In Go the members add to one variable, and without a mutex the sum is sometimes less. Here results come back in slots of
//! their own, in order, and whoever wants to add up does so afterwards; a shared sum that is not locked does not compile.

use headcount::{Context, GroupError, thread};

fn main() -> Result<(), GroupError> {
    let squares: Vec<u64> = thread::Scope::new(&Context::background()).named("squares").run(|group| {
        for n in 0..10_u64 {
            group.spawn(move |_ctx| headcount::ok(n * n));
        }
    })?;
    println!("{squares:?}");
    println!("sum of squares: {}", squares.iter().sum::<u64>());
    Ok(())
}
