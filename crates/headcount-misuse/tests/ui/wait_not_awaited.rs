//! A future that is not awaited waits for nothing.
#![deny(unused_must_use)]
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    group.wait_async();
}
