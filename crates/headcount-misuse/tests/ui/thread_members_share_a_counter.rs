//! Members run at the same time, so they cannot both change one variable.
use headcount::{Context, thread};

fn main() {
    let mut sum = 0;
    let done = thread::Scope::new(&Context::background()).run(|group| {
        for _ in 0..2 {
            group.spawn(|_ctx| {
                sum += 1;
                headcount::ok(())
            });
        }
    });
    drop(done);
}
