//! Groups of threads: each file one kind of promise.

mod cancelling;
mod errors;
mod grid;
mod limits;
mod nesting;
mod panics;
mod policies;
mod results;
mod room;
mod streams;
mod waits;

use std::error::Error;
use std::sync::{Condvar, Mutex};

use headcount::{Cancelled, Context, thread};

use crate::LIMIT;

/// A number that can be waited for; a gate is one that is raised once.
#[derive(Default)]
struct Count(Mutex<usize>, Condvar);

impl Count {
    fn add(&self) -> usize {
        let mut count = self.0.lock().unwrap();
        *count += 1;
        self.1.notify_all();
        *count
    }

    fn get(&self) -> usize {
        *self.0.lock().unwrap()
    }

    #[track_caller]
    fn reaches(&self, number: usize) -> usize {
        let (count, late) =
            self.1.wait_timeout_while(self.0.lock().unwrap(), LIMIT, |count| *count < number).unwrap();
        assert!(!late.timed_out(), "{} of {number} came within {LIMIT:?}", *count);
        *count
    }
}

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
