//! Once it has been waited for a group takes nobody in.
use headcount::{Context, task};

async fn late() {
    let group = task::Group::new(&Context::background());
    group.spawn(|_| async { headcount::ok(1) });
    group.wait().await.unwrap();
    group.spawn(|_| async { headcount::ok(2) });
}

fn main() {
    drop(late());
}
