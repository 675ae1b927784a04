//! One line at the start, and a program that seems to hang can be asked on whom it waits: `headcount ps`, `headcount tree PID`,
//! `headcount why PID`. The feature `inspect` is all it takes.
//!
//! This one asks itself, over the same socket as the command would.

use std::time::Duration;

use headcount::inspect::{Ask, ask};
use headcount::{Context, task};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    headcount::inspect()?;

    let group = task::Group::new(&Context::background()).named("prices");
    group.spawn_named("sku 42", |_| async { headcount::ok(100) });
    // A shop that never answers.
    group.spawn_named("sku 77", |_| std::future::pending::<Result<u32, String>>());
    while group.roll_call().outstanding() > 1 {
        tokio::task::yield_now().await;
    }

    let census = ask(std::process::id(), &Ask::members(10), Duration::from_secs(10))?;
    for group in &census.groups {
        println!("{} {:?}: {} of {:?} out", group.what, group.name, group.out, group.total);
        for member in &group.members {
            println!("  #{} {:?} {} {}", member.number, member.name, member.state, member.place);
        }
    }
    let prices = &census.groups[0];
    assert_eq!((prices.name.as_deref(), prices.out, prices.total), (Some("prices"), 1, Some(2)));
    assert_eq!((prices.members[0].number, prices.members[0].name.as_deref()), (2, Some("sku 77")));
    assert!(prices.members[0].place.contains("examples/inspect.rs:"));
    headcount::inspect::close();
    Ok(())
}
