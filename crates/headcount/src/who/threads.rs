//! Which member each thread is running, as others see it, and what that one waits for.
//!
//! Each thread that runs members has a slot, in which it says so by one plain store; nobody who runs reads it. Slots are kept
//! when their thread is gone, for the next one, so there are as many as there were threads at once.
//!
//! A slot has half of a group's number and half of a member's, so that both are in one word and belong together. What is told
//! from it is a hint for people; of four thousand million groups one might be taken for another.

#[cfg(not(any(loom, shuttle)))]
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Here, Id};
use crate::roll::Title;
#[cfg(not(any(loom, shuttle)))]
use crate::sync::Relaxed;

/// What a thread waits for, other than groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Pause {
    #[default]
    None,
    /// For a context to be cancelled.
    Context,
    /// For time to pass, or a context to be cancelled.
    Sleep,
    /// For something to come out of a hand-off, or for room in one.
    HandOff,
    /// For a slot of a group with a limit.
    Slot,
    /// For a future that runs under a context, and does not say more; or for that context to be cancelled.
    Under,
}

impl Pause {
    /// The one that was kept as this number.
    pub(crate) fn kept_as(number: u8) -> Self {
        match number {
            1 => Self::Context,
            2 => Self::Sleep,
            3 => Self::HandOff,
            4 => Self::Slot,
            5 => Self::Under,
            _ => Self::None,
        }
    }
}

/// What is known of the members that run, at one moment.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    on: BTreeMap<u64, (Arc<str>, Pause)>,
    waiting: BTreeMap<(Id, u64), Title>,
}

impl Seen {
    /// The thread that runs the member, if one does, and what it waits for.
    pub(crate) fn thread(&self, group: Id, number: u64) -> Option<(&Arc<str>, Pause)> {
        self.thread_of(word(group, number))
    }

    /// The same of a member that has said [`who`](word) it is.
    pub(crate) fn thread_of(&self, who: u64) -> Option<(&Arc<str>, Pause)> {
        self.on.get(&who).map(|(thread, pause)| (thread, *pause))
    }

    /// The group that the member waits for.
    pub(crate) fn waits_for(&self, group: Id, number: u64) -> Option<&Title> {
        self.waiting.get(&(group, number))
    }
}

/// Looks at all threads, and at all waits for groups.
pub(crate) fn look() -> Seen {
    let waiting = super::waits::all();
    #[cfg(not(any(loom, shuttle)))]
    let on = slots::all();
    #[cfg(any(loom, shuttle))]
    let on = BTreeMap::new();
    Seen { on, waiting }
}

/// Who a member is, in one word. Never zero, which is nobody.
pub(crate) fn word(group: Id, number: u64) -> u64 {
    ((group as u64 + 1) << 32) | (number & u64::from(u32::MAX))
}

/// Says who runs on this thread.
#[inline]
pub(super) fn says(here: Option<Here>) {
    #[cfg(not(any(loom, shuttle)))]
    MINE.with(|mine| match (mine.get(), here) {
        // Relaxed: a picture of one moment, it orders nothing.
        (Some(slot), here) => slot.who.store(here.map_or(0, |here| word(here.group, here.number)), Relaxed),
        (None, Some(here)) => slots::begin(word(here.group, here.number)),
        (None, None) => {}
    });
    #[cfg(any(loom, shuttle))]
    let _ = here;
}

/// Says what this thread waits for, until the guard is dropped.
pub(crate) fn pause(pause: Pause) -> Pausing {
    #[cfg(not(any(loom, shuttle)))]
    return Pausing(MINE.with(Cell::get).map(|slot| {
        // Relaxed, and in `drop`: as above.
        let before = slot.pause.load(Relaxed);
        slot.pause.store(pause as u8, Relaxed);
        (slot, before)
    }));
    #[cfg(any(loom, shuttle))]
    {
        let _ = pause;
        Pausing
    }
}

/// A thread, for those who say for themselves what it runs.
#[cfg(not(any(loom, shuttle)))]
#[derive(Debug)]
pub(crate) struct Thread(Option<&'static Slot>);

#[cfg(any(loom, shuttle))]
#[derive(Debug)]
pub(crate) struct Thread;

impl Thread {
    /// The one that calls this.
    pub(crate) fn current() -> Self {
        #[cfg(not(any(loom, shuttle)))]
        {
            if MINE.with(Cell::get).is_none() {
                slots::begin(0);
            }
            Self(MINE.with(Cell::get))
        }
        #[cfg(any(loom, shuttle))]
        Self
    }

    /// What it is called, and what it waits for.
    pub(crate) fn look(&self) -> Option<(Arc<str>, Pause)> {
        #[cfg(not(any(loom, shuttle)))]
        return self.0.and_then(slots::look);
        #[cfg(any(loom, shuttle))]
        None
    }
}

/// This thread waits.
#[cfg(not(any(loom, shuttle)))]
#[derive(Debug)]
pub(crate) struct Pausing(Option<(&'static Slot, u8)>);

#[cfg(any(loom, shuttle))]
#[derive(Debug)]
pub(crate) struct Pausing;

impl Drop for Pausing {
    fn drop(&mut self) {
        #[cfg(not(any(loom, shuttle)))]
        if let Some((slot, before)) = self.0 {
            // Relaxed: only for the roll call, which orders nothing.
            slot.pause.store(before, Relaxed);
        }
    }
}

/// What one thread says. On cache lines of its own.
#[cfg(not(any(loom, shuttle)))]
#[derive(Debug)]
#[repr(align(128))]
struct Slot {
    who: crate::sync::AtomicU64,
    pause: crate::sync::AtomicU8,
    thread: crate::wait::lock::Lock<Option<Arc<str>>>,
}

#[cfg(not(any(loom, shuttle)))]
std::thread_local! { static MINE: Cell<Option<&'static Slot>> = const { Cell::new(None) } }

#[cfg(not(any(loom, shuttle)))]
mod slots {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::{MINE, Pause, Slot};
    use crate::sync::{AtomicU8, AtomicU64, Relaxed};
    use crate::wait::lock::Lock;

    struct Slots {
        all: Vec<&'static Slot>,
        free: Vec<&'static Slot>,
    }

    static SLOTS: Lock<Slots> = Lock::new(Slots { all: Vec::new(), free: Vec::new() });

    /// Gives the slot back when the thread ends.
    struct Return;

    impl Drop for Return {
        fn drop(&mut self) {
            let Some(slot) = MINE.with(|mine| mine.replace(None)) else { return };
            // Relaxed, both: pictures.
            slot.who.store(0, Relaxed);
            slot.pause.store(Pause::None as u8, Relaxed);
            let name = slot.thread.lock().take();
            SLOTS.lock().free.push(slot);
            drop(name);
        }
    }

    std::thread_local! { static RETURN: Return = const { Return } }

    /// Gives this thread a slot, which says `word`.
    #[cold]
    pub(super) fn begin(word: u64) {
        // A thread that is ending says nothing any more.
        if RETURN.try_with(|_| ()).is_err() {
            return;
        }
        let thread = std::thread::current();
        let name: Arc<str> = match thread.name() {
            Some(name) => name.into(),
            None => format!("{:?}", thread.id()).into(),
        };
        let mut slots = SLOTS.lock();
        let slot = slots.free.pop().unwrap_or_else(|| {
            let (who, pause) = (AtomicU64::new(0), AtomicU8::new(0));
            let slot: &'static Slot = Box::leak(Box::new(Slot { who, pause, thread: Lock::new(None) }));
            slots.all.push(slot);
            slot
        });
        drop(slots);
        *slot.thread.lock() = Some(name);
        // Relaxed: only for the roll call, which orders nothing.
        slot.who.store(word, Relaxed);
        MINE.with(|mine| mine.set(Some(slot)));
    }

    pub(super) fn all() -> BTreeMap<u64, (Arc<str>, Pause)> {
        let slots = SLOTS.lock().all.clone();
        let busy = slots.into_iter().filter_map(|slot| {
            // Relaxed: a picture; nothing is read on the strength of it.
            let who = slot.who.load(Relaxed);
            (who != 0).then_some((who, look(slot)?))
        });
        busy.collect()
    }

    pub(super) fn look(slot: &'static Slot) -> Option<(Arc<str>, Pause)> {
        // Relaxed: a picture, as who runs there.
        let pause = Pause::kept_as(slot.pause.load(Relaxed));
        Some((slot.thread.lock().clone()?, pause))
    }
}

#[cfg(test)]
impl Seen {
    pub(crate) fn put(&mut self, group: Id, number: u64, thread: &str, pause: Pause) {
        self.on.insert(word(group, number), (thread.into(), pause));
    }

    pub(crate) fn put_wait(&mut self, group: Id, number: u64, title: Title) {
        self.waiting.insert((group, number), title);
    }
}
