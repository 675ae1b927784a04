//! What is noted on a member's line besides its value: bits, and whom to wake.

use std::task::Waker;

use super::panics;
use crate::wait::lock::Lock;
use crate::who::threads::Pause;

/// The member is over. Set once, by its seat.
pub(super) const ENDED: u8 = 1;
/// A value was there when it ended.
pub(super) const VALUE: u8 = 2;
/// The value has been taken, or is being taken. Set once, by whoever may take it.
pub(super) const TAKEN: u8 = 4;
/// Somebody wants to hear of the end when it comes.
pub(super) const HEARD: u8 = 8;
/// The member was launched without a slot of the limit and is counted against it all the same.
pub(super) const RIDER: u8 = 16;
/// The member is to drop what it has.
pub(super) const CALLED_OFF: u8 = 32;

/// Of `begun`: its closure is being called, or has been.
pub(super) const BEGUN: u8 = 1;
/// Of `begun`: it was cancelled by its own canceller.
pub(super) const TOLD: u8 = 2;
/// Of `begun`: it is a closure that blocks, among tasks: nothing can stop it.
pub(super) const BLOCKS: u8 = 4;
/// Of `begun`: what it waits for, a [`Pause`], in the bits from this one on.
pub(super) const PAUSE: u32 = 3;

/// Why members are called off: a bit of `Page::called_off`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Off {
    /// They were cancelled and have not ended in time.
    Unheeding = 1,
    /// Their executor will not run them any more.
    Abandoned = 2,
}

/// How a member stands that is out; for the roll call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stands(pub(super) u8);

impl Stands {
    pub(crate) fn has_begun(self) -> bool {
        self.0 & BEGUN != 0
    }

    /// Whether it was told to end, alone.
    pub(crate) fn is_told(self) -> bool {
        self.0 & TOLD != 0
    }

    pub(crate) fn blocks(self) -> bool {
        self.0 & BLOCKS != 0
    }

    /// What it waits for, if it has said so.
    pub(crate) fn pause(self) -> Pause {
        Pause::kept_as(self.0 >> PAUSE)
    }
}

/// What was asked of a member's end before it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked(pub(super) u8);

impl Asked {
    /// Nothing.
    pub(crate) const NOTHING: Self = Self(0);
    /// That it be told to those who take results as they come.
    pub(crate) const HEARD: Self = Self(HEARD);
    /// That it give back a slot which it never took.
    pub(crate) const RIDER: Self = Self(RIDER);

    pub(crate) fn is_heard(self) -> bool {
        self.0 & HEARD != 0
    }

    pub(crate) fn is_rider(self) -> bool {
        self.0 & RIDER != 0
    }
}

/// How the member of a line is woken when it is called off.
pub(crate) trait Bell: Default + Send + Sync + 'static {
    /// Leaves a waker; true if it was not there yet.
    fn hang(&self, waker: &Waker) -> bool;
    /// Wakes, if there is a waker.
    fn ring(&self);
    /// Takes the waker away.
    fn remove(&self);
}

/// A member that is polled.
#[derive(Debug, Default)]
pub(crate) struct Polled(Lock<Option<Waker>>);

impl Bell for Polled {
    fn hang(&self, waker: &Waker) -> bool {
        if self.0.lock().as_ref().is_some_and(|old| old.will_wake(waker)) {
            return false;
        }
        // Wakers are foreign code: cloned and dropped without the lock.
        let waker = waker.clone();
        let old = self.0.lock().replace(waker);
        drop(old);
        true
    }

    fn ring(&self) {
        let waker = self.0.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn remove(&self) {
        let waker = self.0.lock().take();
        panics::drop_quietly(waker);
    }
}

/// A member on a thread: nothing stops it from outside. It takes no place, so that pages of such members are small.
impl Bell for () {
    fn hang(&self, _: &Waker) -> bool {
        unreachable!("a thread's member is not polled")
    }

    fn ring(&self) {}

    fn remove(&self) {}
}
