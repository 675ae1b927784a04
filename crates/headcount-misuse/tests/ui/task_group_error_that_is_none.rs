//! What a member fails with must be an error that its group can keep.
use headcount::{Context, task};

struct Code(u8);

fn main() {
    let group = task::Group::<()>::new(&Context::background());
    group.spawn(|_| async { Err(Code(7)) });
}
