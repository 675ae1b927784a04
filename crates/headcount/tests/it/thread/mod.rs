//! Groups of threads: each file one kind of promise.

mod cancelling;
mod errors;
mod grid;
mod hedges;
mod limits;
mod map;
mod nesting;
mod panics;
mod policies;
mod results;
mod room;
mod scarce;
mod streams;
mod waits;

use std::error::Error;

use headcount::{Cancelled, Context, thread};

use crate::Count;

/// A scope below no context.
#[track_caller]
fn scope<T>() -> thread::Scope<T> {
    thread::Scope::new(&Context::background())
}

/// Why it was cancelled, in the words of whoever did it.
fn reason(why: &Cancelled) -> String {
    why.source().map(ToString::to_string).unwrap_or_default()
}

/// With the limit, if there is one.
fn limited<T, E, P>(scope: thread::Scope<T, E, P>, limit: Option<usize>) -> thread::Scope<T, E, P>
where
    E: headcount::Root + Send,
    P: headcount::Policy<T, E>,
{
    match limit {
        Some(limit) => scope.limit(limit),
        None => scope,
    }
}

const LIMITS: [Option<usize>; 4] = [Some(1), Some(2), Some(64), None];
