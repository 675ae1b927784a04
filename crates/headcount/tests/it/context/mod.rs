//! Contexts: the tree, its causes, deadlines, callbacks, values, and waiting for the end.

#[cfg(feature = "tokio-util")]
mod bridge;
mod callbacks;
mod clock;
mod deadlines;
mod grid;
mod oracle;
#[cfg(feature = "tokio")]
mod tokio;
mod tree;
mod values;
mod waiting;
