//! What the example programs share: a local server that is slow on purpose, and the cache that is warmed up.

pub mod cache;
pub mod slow_server;
