//! A group's spawner cannot leave the scope: nobody would wait for what it launches later.
use headcount::{Context, thread};

fn main() {
    let mut escaped = None;
    let values = thread::Scope::<()>::new(&Context::background()).run(|group| {
        escaped = Some(group.spawner());
    });
    drop((values, escaped));
}
