//! Every engine by the same tests.

mod example;
mod faults;
mod group;
#[cfg(unix)]
mod journal;
mod memory;
#[cfg(unix)]
mod network;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod redis;
