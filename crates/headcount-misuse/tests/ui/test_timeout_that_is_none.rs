//! A time limit needs a number and a unit, and leaves some time.
#[headcount::test(timeout = 10)]
fn without_a_unit() {}

#[headcount::test(timeout = "ten seconds")]
fn in_words() {}

#[headcount::test(timeout = "0ms")]
fn of_nothing() {}

#[headcount::test(timeout)]
fn without_a_value() {}

fn main() {}
