//! Putting a thread to sleep and waking it: `std::thread::park`, or a mutex and a condition under a checker.
//!
//! The seam exists because loom's own `park` reports a fault in correct code when a late `unpark` meets a thread
//! that is being joined (tokio-rs/loom#249), and shuttle's returns for no reason so often that a wake-up that was never
//! given is hardly missed.
//!
//! A wake-up given before the sleep begins is remembered, so `park` then returns at once. `park` may also return for
//! no reason; callers look at their own state in a loop.

#[cfg(not(any(loom, shuttle)))]
mod imp {
    use std::thread::{self, Thread};
    use std::time::Instant;

    use crate::time;

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
        let left = deadline.saturating_duration_since(time::now());
        if left.is_zero() {
            return false;
        }
        thread::park_timeout(left);
        true
    }
}

#[cfg(any(loom, shuttle))]
mod imp {
    #[cfg(loom)]
    use loom::{
        sync::{Arc, Condvar, Mutex},
        thread_local,
    };
    #[cfg(shuttle)]
    use shuttle::{
        sync::{Arc, Condvar, Mutex},
        thread_local,
    };
    use std::time::Instant;

    #[derive(Clone, Debug)]
    pub(crate) struct Unparker(Arc<(Mutex<bool>, Condvar)>);

    thread_local! {
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
    #[cfg(loom)]
    pub(crate) fn park(deadline: Option<Instant>) -> bool {
        if deadline.is_some() {
            return false;
        }
        sleep();
        true
    }

    /// Shuttle's clock is driven by its models: they wake who sleeps by it when they move it.
    #[cfg(shuttle)]
    pub(crate) fn park(deadline: Option<Instant>) -> bool {
        let Some(deadline) = deadline else {
            sleep();
            return true;
        };
        let own = unparker();
        let Some(_listed) = crate::time::wake_at(deadline, move || own.unpark()) else { return false };
        sleep();
        true
    }

    fn sleep() {
        let own = unparker();
        let mut woken = own.0.0.lock().unwrap();
        while !*woken {
            woken = own.0.1.wait(woken).unwrap();
        }
        *woken = false;
    }
}

pub(crate) use imp::{Unparker, park, unparker};
