//! The lock in front of a waiter list: std's mutex, a checker's, or a spin lock where there is no operating system.
//!
//! Poisoning is ignored on purpose. No waker, callback or caller's code runs while a lock is held (invariant I4 of
//! ARCHITECTURE.md), so a panic under the lock could only be a bug of ours, and answering it by making every later
//! wait panic as well would turn one bug into a hang of the whole program.

#[cfg(not(any(headcount_spin, not(any(loom, feature = "std")))))]
pub(crate) use mutex::Lock;
#[cfg(any(headcount_spin, not(any(loom, feature = "std"))))]
pub(crate) use spin::Lock;

#[cfg(any(loom, shuttle))]
pub(crate) use mutex::Lock as BriefLock;
/// A lock that is taken for each item of a stream, almost always by the same thread, and held for a few instructions: one
/// atomic exchange, where a mutex needs two. Under a checker it is the mutex that the checker knows.
#[cfg(all(feature = "std", not(any(loom, shuttle))))]
pub(crate) use spin::Lock as BriefLock;

#[cfg(not(any(headcount_spin, not(any(loom, feature = "std")))))]
impl<T: Default> Default for mutex::Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[cfg(not(any(loom, shuttle)))]
impl<T: Default> Default for spin::Lock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

#[cfg(not(any(headcount_spin, not(any(loom, feature = "std")))))]
mod mutex {
    #[cfg(loom)]
    use loom::sync::{Mutex, MutexGuard};
    #[cfg(shuttle)]
    use shuttle::sync::{Mutex, MutexGuard};
    #[cfg(not(any(loom, shuttle)))]
    use std::sync::{Mutex, MutexGuard};

    use crate::sync::const_unless_loom;

    #[derive(Debug)]
    pub(crate) struct Lock<T>(Mutex<T>);

    impl<T> Lock<T> {
        const_unless_loom! {
            pub(crate) fn new(value: T) -> Self {
                Self(Mutex::new(value))
            }
        }

        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }
}

/// Without an operating system there is nobody to sleep with, so the lock spins. Its holders run a few dozen
/// instructions and never call out. Do not share a group with an interrupt handler: like any spin lock, this one
/// would wait for the very code that the handler interrupted.
///
/// Where there is one, it is the [`BriefLock`] as well: a holder that lost its core in the midst of those instructions is given
/// the time to come back to it.
///
/// `cfg(headcount_spin)` chooses it for the thread sanitizer's runs: the sanitizer does not see into std's mutex, which
/// is compiled without it, and would report everything that the mutex protects.
#[cfg(not(any(loom, shuttle)))]
mod spin {
    use core::cell::UnsafeCell;
    use core::ops::{Deref, DerefMut};
    use core::sync::atomic::{
        AtomicBool,
        Ordering::{Acquire, Relaxed, Release},
    };

    /// After so many looks the holder, if it is not running, is given the chance.
    #[cfg(feature = "std")]
    const LOOKS: u32 = 64;

    #[derive(Debug)]
    pub(crate) struct Lock<T> {
        held: AtomicBool,
        value: UnsafeCell<T>,
    }

    // SAFETY: S1, the value is reached only through a `Guard`, and `held` lets one guard exist at a time; handing the
    // value from thread to thread this way needs `T: Send` and nothing more.
    unsafe impl<T: Send> Sync for Lock<T> {}

    // As std's mutex, which this one stands in for.
    impl<T> core::panic::UnwindSafe for Lock<T> {}
    impl<T> core::panic::RefUnwindSafe for Lock<T> {}

    impl<T> Lock<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
        }

        #[inline]
        pub(crate) fn lock(&self) -> Guard<'_, T> {
            // Acquire: what the last holder wrote is seen (pairs with the Release in `Guard::drop`).
            while self.held.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
                self.wait_until_free();
            }
            Guard(self)
        }

        #[cold]
        fn wait_until_free(&self) {
            let mut looks = 0_u32;
            // Relaxed: only a hint when to try again; the exchange in `lock` is what counts.
            while self.held.load(Relaxed) {
                core::hint::spin_loop();
                looks = looks.wrapping_add(1);
                #[cfg(feature = "std")]
                if looks % LOOKS == 0 {
                    std::thread::yield_now();
                }
            }
        }
    }

    pub(crate) struct Guard<'a, T>(&'a Lock<T>);

    impl<T> Deref for Guard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            // SAFETY: S1, this guard is the only one, and it borrows itself for as long as the reference lives.
            unsafe { &*self.0.value.get() }
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            // SAFETY: S1, as above, and `&mut self` makes the reference unique.
            unsafe { &mut *self.0.value.get() }
        }
    }

    impl<T> Drop for Guard<'_, T> {
        fn drop(&mut self) {
            // Release: the next holder sees what this one wrote (pairs with the Acquire in `lock`).
            self.0.held.store(false, Release);
        }
    }
}
