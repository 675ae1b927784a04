//! A token that is not kept counts its member back in before it has begun.
#![deny(unused_must_use)]
use headcount::WaitGroup;

fn main() {
    let group = WaitGroup::new();
    group.add();
    group.add_named("backup");
    group.add_many(3);
}
