//! Maps on threads: each file one kind of promise.

mod failures;
mod oracle;
mod sharing;
mod streams;
mod values;
