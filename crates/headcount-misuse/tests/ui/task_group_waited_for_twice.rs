//! A wait takes the group: there is nothing left to wait for a second time.
use headcount::{Context, task};

async fn twice() {
    let group = task::Group::<()>::new(&Context::background());
    group.wait().await.unwrap();
    group.wait().await.unwrap();
}

fn main() {
    drop(twice());
}
