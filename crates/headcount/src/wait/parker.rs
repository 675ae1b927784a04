//! Putting a thread to sleep and waking it: `std::thread::park`, or a mutex and a condition under loom.
//!
//! The seam exists because loom's own `park` reports a fault in correct code when a late `unpark` meets a thread
//! that is being joined (tokio-rs/loom#249).
//!
//! A wake-up given before the sleep begins is remembered, so `park` then returns at once. `park` may also return for
//! no reason; callers look at their own state in a loop.

#[cfg(not(loom))]
mod imp {
    use std::thread::{self, Thread};
    use std::time::Instant;

    /// The right to wake one thread.
    #[derive(Debug)]
    pub(crate) struct Unparker(Thread);

    pub(crate) fn unparker() -> Unparker {
        Unparker(thread::current())
    }

    impl Unparker {
        pub(crate) fn unpark(self) {
            self.0.unpark();
        }
    }

    /// Sleeps until woken or until `deadline`; false when the deadline has passed.
    pub(crate) fn park(deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else {
            thread::park();
            return true;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        thread::park_timeout(left);
        true
    }
}

#[cfg(loom)]
mod imp {
    use loom::sync::{Arc, Condvar, Mutex};
    use std::time::Instant;

    #[derive(Clone, Debug)]
    pub(crate) struct Unparker(Arc<(Mutex<bool>, Condvar)>);

    loom::thread_local! {
        static OWN: Unparker = Unparker(Arc::new((Mutex::new(false), Condvar::new())));
    }

    pub(crate) fn unparker() -> Unparker {
        OWN.with(Clone::clone)
    }

    impl Unparker {
        pub(crate) fn unpark(self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_one();
        }
    }

    /// Loom has no clock: a deadline passes the first time it is looked at. What the models explore is everything
    /// that the last member can do before, between and after the steps of a wait that gives up.
    pub(crate) fn park(deadline: Option<Instant>) -> bool {
        if deadline.is_some() {
            return false;
        }
        let own = unparker();
        let mut woken = own.0.0.lock().unwrap();
        while !*woken {
            woken = own.0.1.wait(woken).unwrap();
        }
        *woken = false;
        true
    }
}

pub(crate) use imp::{Unparker, park, unparker};
