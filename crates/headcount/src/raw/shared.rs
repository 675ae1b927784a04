//! The allocation that a group's handles and tokens share, freed by the last of them.
//!
//! An `Arc` would count its references in a word of its own, and every token would pay twice. Here the members *are*
//! the references: the counter's one word is zero exactly when no handle, no member and no waking end is left, and the
//! operation that makes it zero is told so ([`Left::Nobody`]).
//!
//! # Rules that make the unsafe code sound
//!
//! * **H1.** Every [`Handle`] owns one holder's unit of the count, every [`Member`] one member's unit, [`Members`] as many
//!   as it says. A unit is given back exactly once, in `Drop`, or passed on whole.
//! * **H2.** While a unit is out the word is not zero, so the allocation is alive: what a `Handle` or `Member` points to
//!   may be used for as long as it exists.
//! * **H3.** The word becomes zero once. Who is told `Nobody` frees; by C4 (see `counter`) nobody else is under way, and
//!   by H1 and H2 nobody can come.
//!
//! The allocation is made as an `Arc` of which all of the above together have one reference, given up by who frees. So there
//! may be [`Weak`] ones as well, for those who only look: they cost the members nothing, and can use what is there without
//! being counted. Who looks must be content with a word that has become zero meanwhile.

use alloc::sync::{Arc, Weak};
use core::ptr::NonNull;

use super::counter::{Counter, Left, OutOfRange};

#[derive(Debug)]
pub(crate) struct Shared<T> {
    pub(crate) counter: Counter,
    pub(crate) extra: T,
}

impl<T> Shared<T> {
    /// Frees the allocation.
    ///
    /// # Safety
    /// * The caller was told [`Left::Nobody`] by this allocation's counter (H3).
    #[cold]
    unsafe fn free(shared: NonNull<Self>) {
        #[cfg(loom)]
        {
            // SAFETY: H3. The memory stays, as a grave; see there.
            let shared = unsafe { shared.as_ref() };
            shared.counter.bury();
        }
        #[cfg(not(loom))]
        // SAFETY: H3: it came from `Arc::into_raw` in `Handle::new_cyclic`, whose reference is given up here, once.
        drop(unsafe { Arc::from_raw(shared.as_ptr().cast_const()) });
    }
}

/// An owner's reference: waits, adds, asks. Not counted as a member.
#[derive(Debug)]
pub(crate) struct Handle<T>(NonNull<Shared<T>>);

/// One member's reference.
#[derive(Debug)]
pub(crate) struct Member<T>(NonNull<Shared<T>>);

/// The references of `n` members in one.
#[derive(Debug)]
pub(crate) struct Members<T> {
    shared: NonNull<Shared<T>>,
    n: u64,
}

// SAFETY: H2, each is a shared reference to a `Shared<T>` that lives long enough; freeing may happen on any thread, hence
// `T: Send` as well. The same for the other five below.
unsafe impl<T: Send + Sync> Send for Handle<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Handle<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for Member<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Member<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for Members<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Members<T> {}

impl<T> Handle<T> {
    /// `extra` may keep, or tell others, where it is going to be.
    pub(crate) fn new_cyclic(extra: impl FnOnce(&Weak<Shared<T>>) -> T) -> Self {
        let shared = Arc::new_cyclic(|shared| Shared { counter: Counter::new(1), extra: extra(shared) });
        // H1: the one holder that the counter was made with.
        let shared = Arc::into_raw(shared);
        match NonNull::new(shared.cast_mut()) {
            Some(shared) => Self(shared),
            None => unreachable!("an `Arc` is somewhere"),
        }
    }

    #[inline(always)]
    pub(crate) fn shared(&self) -> &Shared<T> {
        // SAFETY: H2.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn another(&self) -> Result<Self, OutOfRange> {
        self.shared().counter.hold()?;
        Ok(Self(self.0))
    }

    #[inline]
    pub(crate) fn member(&self) -> Result<Member<T>, OutOfRange> {
        self.shared().counter.add_one()?;
        Ok(Member(self.0))
    }

    pub(crate) fn members(&self, n: u64) -> Result<Members<T>, OutOfRange> {
        self.shared().counter.add(n)?;
        Ok(Members { shared: self.0, n })
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        if self.shared().counter.release() == Left::Nobody {
            // SAFETY: told so.
            unsafe { Shared::free(self.0) };
        }
    }
}

impl<T> Member<T> {
    #[inline(always)]
    pub(crate) fn shared(&self) -> &Shared<T> {
        // SAFETY: H2.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(crate) fn another(&self) -> Result<Self, OutOfRange> {
        self.shared().counter.add_one()?;
        Ok(Self(self.0))
    }
}

impl<T> Drop for Member<T> {
    #[inline]
    fn drop(&mut self) {
        if self.shared().counter.done_one() == Left::Nobody {
            // SAFETY: told so.
            unsafe { Shared::free(self.0) };
        }
    }
}

impl<T> Members<T> {
    /// What the units are units of; nothing once they are all passed on.
    pub(crate) fn shared(&self) -> Option<&Shared<T>> {
        if self.n == 0 {
            return None;
        }
        // SAFETY: H2, there is a unit.
        Some(unsafe { self.shared.as_ref() })
    }

    pub(crate) fn len(&self) -> u64 {
        self.n
    }

    /// Passes one unit on.
    pub(crate) fn take_one(&mut self) -> Option<Member<T>> {
        self.n = self.n.checked_sub(1)?;
        Some(Member(self.shared))
    }

    /// Passes `n` units on, or all if there are fewer.
    pub(crate) fn take(&mut self, n: u64) -> Self {
        let n = n.min(self.n);
        self.n -= n;
        Self { shared: self.shared, n }
    }
}

impl<T> Drop for Members<T> {
    fn drop(&mut self) {
        let left = self.shared().map(|shared| shared.counter.done(self.n));
        if left == Some(Left::Nobody) {
            // SAFETY: told so.
            unsafe { Shared::free(self.shared) };
        }
    }
}
