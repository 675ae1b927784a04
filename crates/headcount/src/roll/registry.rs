//! All that can be waited for in this process, and lists who is missing.
//!
//! A group, of whatever kind, [registers](register) when it is made and is struck off when it is dropped. That is a short lock
//! each; members do not come here. What is kept is a weak reference and where the group was made: inside of which member, and
//! below which [root](super::roots). So the registry keeps nothing alive, and is read only by those who ask.
//!
//! It is divided, and each thread writes to its own part, so that threads that make groups do not meet. A part is read in
//! pieces, with nobody stopped for longer than it takes to copy a few hundred references.
//!
//! Under a model checker nothing is registered: the registry is no part of any protocol, and its locks would only multiply
//! the ways that a model can go.

use std::sync::{Arc, Weak};

use super::RollCall;
use crate::who::threads::Seen;
use crate::who::{Here, Id};

/// Something that can be waited for, and knows who is missing.
pub(crate) trait Listed: Send + Sync {
    /// Who is missing, under a heading that says of what; and what they do, as far as `seen`.
    fn roll_call(&self, seen: &Seen) -> RollCall;
}

/// A group that was there when the registry was read.
pub(crate) struct Found {
    pub(crate) id: Id,
    /// The member that made it, if one did.
    pub(crate) parent: Option<Here>,
    pub(crate) group: Arc<dyn Listed>,
}

/// A group's entry; strikes it off when dropped.
#[derive(Debug)]
pub(crate) struct Registered {
    #[cfg(not(any(loom, shuttle)))]
    at: parts::At,
}

/// Registers a group that is being made, on the thread that makes it.
pub(crate) fn register<G: Listed + 'static>(id: Id, group: &Weak<G>) -> Registered {
    #[cfg(any(loom, shuttle))]
    {
        let _ = (id, group);
        Registered {}
    }
    #[cfg(not(any(loom, shuttle)))]
    {
        let group: Weak<dyn Listed> = Weak::<G>::clone(group);
        Registered {
            at: parts::enter(parts::Entry {
                id,
                parent: crate::who::here(),
                root: crate::who::root(),
                group,
            }),
        }
    }
}

/// All groups that are there, as `which` says of their roots, in the order of their numbers.
pub(crate) fn all(which: impl Fn(u64) -> bool) -> Vec<Found> {
    #[cfg(any(loom, shuttle))]
    let mut all: Vec<Found> = {
        let _ = which;
        Vec::new()
    };
    #[cfg(not(any(loom, shuttle)))]
    let mut all = parts::all(which);
    all.sort_by_key(|found| found.id);
    all
}

impl Drop for Registered {
    fn drop(&mut self) {
        #[cfg(not(any(loom, shuttle)))]
        parts::leave(self.at);
    }
}

#[cfg(not(any(loom, shuttle)))]
mod parts {
    use std::cell::Cell;
    use std::mem;
    use std::sync::Weak;

    use super::{Found, Listed};
    use crate::sync::number;
    use crate::wait::lock::Lock;
    use crate::who::{Here, Id};

    const PARTS: usize = 32;

    /// How many entries are read in one go.
    const IN_ONE_GO: usize = 256;

    #[derive(Clone)]
    pub(super) struct Entry {
        pub(super) id: Id,
        pub(super) parent: Option<Here>,
        pub(super) root: u64,
        pub(super) group: Weak<dyn Listed>,
    }

    #[derive(Clone, Copy, Debug)]
    pub(super) struct At {
        part: u32,
        slot: u32,
    }

    /// On cache lines of its own.
    #[repr(align(128))]
    struct Part(Lock<Slots>);

    struct Slots {
        entries: Vec<Option<Entry>>,
        free: Vec<u32>,
    }

    static ALL: [Part; PARTS] =
        [const { Part(Lock::new(Slots { entries: Vec::new(), free: Vec::new() })) }; PARTS];

    std::thread_local! { static MINE: Cell<u32> = const { Cell::new(u32::MAX) } }

    /// The part that this thread writes to.
    fn mine() -> u32 {
        MINE.with(|mine| {
            if mine.get() == u32::MAX {
                mine.set((number() % PARTS) as u32);
            }
            mine.get()
        })
    }

    pub(super) fn enter(entry: Entry) -> At {
        let part = mine();
        let mut slots = ALL[part as usize].0.lock();
        let slot = if let Some(slot) = slots.free.pop() {
            slots.entries[slot as usize] = Some(entry);
            slot
        } else {
            let slot = u32::try_from(slots.entries.len()).expect("fewer than 2^32 groups of one thread");
            slots.entries.push(Some(entry));
            slot
        };
        At { part, slot }
    }

    pub(super) fn leave(at: At) {
        let mut slots = ALL[at.part as usize].0.lock();
        let struck = slots.entries[at.slot as usize].take();
        slots.free.push(at.slot);
        // Nobody is left of a large crowd: its memory is given back.
        let is_large = slots.entries.len() > IN_ONE_GO && slots.free.len() == slots.entries.len();
        let memory = is_large.then(|| (mem::take(&mut slots.entries), mem::take(&mut slots.free)));
        drop(slots);
        // The last weak reference frees the group's memory: without the lock.
        drop((struck, memory));
    }

    pub(super) fn all(which: impl Fn(u64) -> bool) -> Vec<Found> {
        let mut all = Vec::new();
        for part in &ALL {
            let mut from = 0;
            loop {
                let slots = part.0.lock();
                let piece = slots.entries.get(from..).unwrap_or_default();
                let piece = &piece[..piece.len().min(IN_ONE_GO)];
                let (over, read) = (piece.len() < IN_ONE_GO, piece.len());
                let piece: Vec<Entry> =
                    piece.iter().flatten().filter(|entry| which(entry.root)).cloned().collect();
                drop(slots);
                // A group that goes meanwhile may end here, which is foreign code's: without the lock.
                all.extend(piece.into_iter().filter_map(|Entry { id, parent, group, .. }| {
                    Some(Found { id, parent, group: group.upgrade()? })
                }));
                from += read;
                if over {
                    break;
                }
            }
        }
        all
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{Listed, Registered, all, register};
    use crate::roll::RollCall;
    use crate::sync::number;
    use crate::who::threads::Seen;
    use std::sync::{Arc, Weak};

    struct Group(#[expect(dead_code, reason = "it is there to be dropped")] Registered);

    impl Listed for Group {
        fn roll_call(&self, _: &Seen) -> RollCall {
            RollCall::unlisted("group", None, 0)
        }
    }

    fn group() -> Arc<Group> {
        Arc::new_cyclic(|group: &Weak<Group>| Group(register(number(), group)))
    }

    #[test]
    fn a_group_is_found_until_it_is_dropped_however_many_there_are() {
        let root = number() as u64 + 1;
        let inside = crate::who::enter_root(root);
        let groups: Vec<_> = (0..1000).map(|_| group()).collect();
        drop(inside);
        let other = group();
        assert_eq!(all(|of| of == root).len(), 1000);
        let kept: Vec<_> = groups.into_iter().step_by(10).collect();
        assert_eq!(all(|of| of == root).len(), 100);
        drop(kept);
        assert!(all(|of| of == root).is_empty());
        drop(other);
    }
}
