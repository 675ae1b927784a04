//! A group that is made and dropped calls its members off: it must be kept, and waited for.
#![deny(unused_must_use)]
use headcount::{Context, task};

fn main() {
    task::Group::<()>::new(&Context::background());
}
