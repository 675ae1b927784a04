//! Go: `Done` without `Add`. Here there is nothing to call it on.
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    group.done();
}
