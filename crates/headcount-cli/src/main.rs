//! headcount run: a batch of commands at once, nothing left running, nothing lost, nothing unaccounted for.

fn main() {}
