//! Maps: one module for each kind, and family of promises.

#[cfg(all(feature = "retry", feature = "rate", feature = "tokio"))]
mod attempts;
mod puppets;
mod task_ends;
mod task_local;
mod task_oracle;

#[cfg(feature = "tokio")]
mod spawned_oracle;
#[cfg(feature = "tokio")]
mod task_spawned;
#[cfg(feature = "tokio")]
mod task_streams;
