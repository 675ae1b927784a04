//! A typed group keeps one error type, and members return that.
use headcount::{Context, task};

fn main() {
    let group = task::Group::<(), std::fmt::Error>::typed(&Context::background());
    group.spawn(|_| async { Err(std::io::Error::other("of another type")) });
}
