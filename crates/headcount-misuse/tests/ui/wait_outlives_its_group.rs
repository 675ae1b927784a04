//! A wait borrows its group: it cannot be left behind when the group goes.
use headcount::WaitGroup;

fn main() {
    let wait = {
        let group = WaitGroup::new();
        group.wait_async()
    };
    drop(wait);
}
