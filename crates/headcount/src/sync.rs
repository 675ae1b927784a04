//! The one door through which atomics enter: std's, loom's, or a target's stand-ins.
//!
//! No other room names `std::sync::atomic` or loom, so a protocol that runs under the model checker is the protocol
//! that ships. Locks live in [`wait::lock`](crate::wait), which has the same three faces.

pub(crate) use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU64};

#[cfg(all(not(loom), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::{AtomicU8, AtomicU64};

#[cfg(all(not(loom), not(target_has_atomic = "64")))]
pub(crate) use {core::sync::atomic::AtomicU8, portable_atomic::AtomicU64};

#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;

/// `core`'s cell behind loom's interface, so that the model checker can watch every access in its builds.
#[cfg(not(loom))]
#[derive(Debug)]
pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(core::cell::UnsafeCell::new(value))
    }

    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Declares a function that is `const` wherever it ships; loom's types register themselves at run time and cannot be.
macro_rules! const_unless_loom {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$meta])*
        $vis const fn $name($($arg: $ty),*) -> $ret $body

        #[cfg(loom)]
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}
pub(crate) use const_unless_loom;

/// Declares a variable of the thread; under the model checker of the thread that is modelled, since all of those are run
/// by one of the system's.
#[cfg(feature = "std")]
macro_rules! of_thread {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $value:expr) => {
        #[cfg(not(loom))]
        std::thread_local! { $(#[$meta])* static $name: $ty = const { $value }; }

        #[cfg(loom)]
        loom::thread_local! { $(#[$meta])* static $name: $ty = $value; }
    };
}
#[cfg(feature = "std")]
pub(crate) use of_thread;
