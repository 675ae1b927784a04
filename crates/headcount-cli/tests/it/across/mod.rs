//! The command across machines: batches on an engine, their workers, and those who ask for them. Each test has a Redis server of
//! its own.

mod batch;
mod elsewhere;
mod refused;
mod secured;
mod server;
mod workers;
