//! Parallel tasks own what they use: a member cannot borrow from the stack of the one who spawns it.
use headcount::{Context, task};

async fn sum(prices: &[u32]) -> Result<Vec<u32>, headcount::GroupError> {
    let group = task::Group::new(&Context::background());
    for price in prices {
        group.spawn(move |_| async move { headcount::ok(*price * 2) });
    }
    group.wait().await
}

fn main() {
    drop(sum(&[1]));
}
