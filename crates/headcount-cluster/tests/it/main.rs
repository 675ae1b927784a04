//! Every engine by the same tests.

mod faults;
mod memory;
#[cfg(unix)]
mod redis;
