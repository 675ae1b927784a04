//! Who may stay is to be named.
#[headcount::test(allow_leaks = "*")]
fn everybody() {}

#[headcount::test(allow_leaks = ["cache", 7])]
fn a_number() {}

fn main() {}
