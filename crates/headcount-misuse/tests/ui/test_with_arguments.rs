//! A test is a function that nobody gives anything.
#[headcount::test]
fn given_something(_n: u32) {}

#[headcount::test]
fn of_any_type<T>() {}

#[headcount::test]
unsafe fn unsafely() {}

#[headcount::test]
struct NoFunction;

fn main() {}
