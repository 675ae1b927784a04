//! Groups of threads.
//!
//! Nothing here is unsafe: threads are started on a `std::thread::Scope`, which joins them before anything that they
//! borrow is gone.
//!
//! | file | idea |
//! |---|---|
//! | `workers` | the threads of one scope: what is given to them, and their way through a job |
//! | `idle` | a worker with nothing to do: it searches, watches, sleeps, and is gone at the end |
//! | `desk` | who may start what, and who is to be woken for it: every decision, under one lock |
//! | `queue` | what waits, in the order in which it came, in pages |
//! | `tray` | tiny jobs that one worker took at once, within reach of the others |
//! | `turn` | waiting in the queue for a slot instead of leaving a job there |
//! | `launch` | how a thread is started |
//! | `model` | the workers as the model checker's suite sees them |
#![cfg_attr(any(not(test), loom), expect(dead_code, reason = "only the tests stand on it so far"))]

mod desk;
mod idle;
pub(crate) mod launch;
#[cfg(loom)]
pub mod model;
mod queue;
#[cfg(all(test, not(loom)))]
mod tests;
mod tray;
mod turn;
pub(crate) mod workers;
