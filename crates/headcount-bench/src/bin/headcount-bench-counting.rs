//! The same program with an allocator that counts.
//!
//! A program of its own, because counting makes every allocation dearer, and of two threads that allocate at once it
//! makes them wait for each other: nothing else could be timed beside it.

use std::alloc::System;
use std::process::ExitCode;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> ExitCode {
    headcount_bench::main()
}
