//! every check of the project, in CI's order

fn main() {}
