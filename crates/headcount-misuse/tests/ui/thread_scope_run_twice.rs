//! Running a scope uses it up.
use headcount::{Context, thread};

fn main() {
    let scope = thread::Scope::<()>::new(&Context::background());
    scope.run(|_| ()).unwrap();
    scope.run(|_| ()).unwrap();
}
