//! Maps: one module for each kind, and family of promises.

mod puppets;
mod task_ends;
mod task_local;
mod task_oracle;

#[cfg(feature = "tokio")]
mod task_spawned;
