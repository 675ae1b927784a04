//! headcount and its peers, timed in one interleaved run

fn main() {}
