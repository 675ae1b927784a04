//! A member that spawns siblings takes a spawner with it, not the body's own group.
use headcount::{Context, thread};

fn main() {
    let values = thread::Scope::new(&Context::background()).run(|group| {
        group.spawn(move |_ctx| {
            group.spawn(|_ctx| headcount::ok(2));
            headcount::ok(1)
        });
    });
    drop(values);
}
