//! The one door through which atomics, threads and globals enter: std's, loom's, shuttle's, or a target's stand-ins.
//!
//! No other room names `std::sync::atomic` or a checker, so a protocol that runs under a checker is the protocol that
//! ships. Locks and sleeping threads have doors of their own with the same faces: [`wait::lock`](crate::wait) and
//! [`wait::parker`](crate::wait).

pub(crate) use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, AtomicU64};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::{AtomicU8, AtomicU64};

#[cfg(all(not(any(loom, shuttle)), target_has_atomic = "64"))]
pub(crate) use core::sync::atomic::{AtomicU8, AtomicU64};

#[cfg(all(not(any(loom, shuttle)), not(target_has_atomic = "64")))]
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

/// What `flag` was last set to, for the holder of an `Arc` who has just read in its count that he is the last: all that others
/// did before they gave up theirs has happened before.
#[cfg(feature = "std")]
#[inline]
pub(crate) fn newest(flag: &AtomicU8) -> u8 {
    // Loom does not see the counts of std's `Arc`; what it does know is that an exchange reads the newest value.
    #[cfg(loom)]
    return flag.fetch_or(0, Relaxed);
    #[cfg(not(loom))]
    {
        // Acquire: the count was read Relaxed, and others lowered it by a Release. The flag itself orders nothing.
        core::sync::atomic::fence(Acquire);
        flag.load(Relaxed)
    }
}

/// A number that no other call has got, for telling things apart. It takes part in no protocol, so it is no checker's.
#[cfg(feature = "std")]
pub(crate) fn number() -> usize {
    static NEXT: core::sync::atomic::AtomicUsize = core::sync::atomic::AtomicUsize::new(0);
    // Relaxed: it orders nothing.
    NEXT.fetch_add(1, Relaxed)
}

/// Starts a thread of this name, and lets go of it.
#[cfg(any(loom, feature = "std"))]
pub(crate) fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    #[cfg(loom)]
    use loom::thread::Builder;
    #[cfg(shuttle)]
    use shuttle::thread::Builder;
    #[cfg(not(any(loom, shuttle)))]
    use std::thread::Builder;

    // A model wants to know when they have ended.
    #[cfg(shuttle)]
    let body = crate::time::counted(body);
    Builder::new().name(name.into()).spawn(body).map(drop)
}

/// Declares a `static`; under a checker it is a new one in each execution, since its locks belong to that execution.
#[cfg(any(loom, feature = "std"))]
macro_rules! global {
    ($(#[$meta:meta])* $name:ident: $ty:ty = $value:expr) => {
        #[cfg(not(any(loom, shuttle)))]
        $(#[$meta])*
        static $name: $ty = $value;

        #[cfg(loom)]
        loom::lazy_static! { $(#[$meta])* static ref $name: $ty = $value; }

        #[cfg(shuttle)]
        shuttle::lazy_static! { $(#[$meta])* static ref $name: $ty = $value; }
    };
}
#[cfg(any(loom, feature = "std"))]
pub(crate) use global;

/// Declares a variable of the thread; under a checker of the thread that is modelled, since all of those are run
/// by one of the system's.
#[cfg(feature = "std")]
macro_rules! of_thread {
    ($(#[$meta:meta])* static $name:ident: $ty:ty = $value:expr) => {
        #[cfg(not(any(loom, shuttle)))]
        std::thread_local! { $(#[$meta])* static $name: $ty = const { $value }; }

        #[cfg(loom)]
        loom::thread_local! { $(#[$meta])* static $name: $ty = $value; }

        #[cfg(shuttle)]
        shuttle::thread_local! { $(#[$meta])* static $name: $ty = $value; }
    };
}
#[cfg(feature = "std")]
pub(crate) use of_thread;
