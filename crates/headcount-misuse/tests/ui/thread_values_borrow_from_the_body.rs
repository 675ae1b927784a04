//! What members give back outlives the body, so it cannot borrow from it.
use headcount::{Context, thread};

fn main() {
    let firsts = thread::Scope::new(&Context::background()).run(|group| {
        let line = String::from("one two");
        let line = line.as_str();
        group.spawn(move |_ctx| headcount::ok(line.split(' ').next()));
    });
    drop(firsts);
}
