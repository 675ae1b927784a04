//! Without the feature `tokio` there is nothing to run an async test on (this crate is built without it).
#[headcount::test]
async fn on_nothing() {}

fn main() {}
