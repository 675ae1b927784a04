//! Groups of threads: each file one kind of promise.

mod cancelling;
mod errors;
mod grid;
mod limits;
mod map;
mod nesting;
mod panics;
mod policies;
mod results;
mod room;
mod streams;
mod waits;

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex};

use headcount::{Cancelled, Context, thread};

use crate::LIMIT;

/// A number that can be waited for; a gate is one that is raised once.
///
/// The number is not what the mutex protects, so that the thread sanitizer, which does not see into std's, sees its order.
#[derive(Default)]
struct Count(AtomicUsize, Mutex<()>, Condvar);

impl Count {
    fn add(&self) -> usize {
        let count = self.0.fetch_add(1, SeqCst) + 1;
        drop(self.1.lock().unwrap());
        self.2.notify_all();
        count
    }

    fn get(&self) -> usize {
        self.0.load(SeqCst)
    }

    #[track_caller]
    fn reaches(&self, number: usize) -> usize {
        let guard = self.1.lock().unwrap();
        let (_guard, late) = self.2.wait_timeout_while(guard, LIMIT, |()| self.get() < number).unwrap();
        assert!(!late.timed_out(), "{} of {number} came within {LIMIT:?}", self.get());
        self.get()
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
