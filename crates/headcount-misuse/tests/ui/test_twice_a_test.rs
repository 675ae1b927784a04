//! One attribute makes it a test.
#[headcount::test]
#[test]
fn twice() {}

fn main() {}
