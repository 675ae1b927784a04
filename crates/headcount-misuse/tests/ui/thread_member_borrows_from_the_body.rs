//! A member outlives the body that spawned it, so it cannot borrow what the body owns.
use headcount::{Context, thread};

fn main() {
    let lengths = thread::Scope::new(&Context::background()).run(|group| {
        let line = String::from("gone when the body is over");
        group.spawn(|_ctx| headcount::ok(line.len()));
    });
    drop(lengths);
}
