//! Groups as a `tracing` subscriber and a `metrics` recorder see them. Each test has its own, on its own thread.
#![cfg(not(any(loom, shuttle)))]

mod meters;
mod spans;
