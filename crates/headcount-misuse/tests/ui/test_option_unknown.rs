//! An option that there is not, is told with those that there are.
#[headcount::test(time_out = "10s")]
fn misspelt() {}

#[headcount::test("10s")]
fn nameless() {}

#[headcount::test(timeout = "1s", timeout = "2s")]
fn twice() {}

fn main() {}
