//! The list of members that a group keeps while they are out: who, since when, launched where.
//!
//! The roster is told what happens and never steers. A member that is not to be listed never comes here, so it costs
//! nothing; one that is takes the lock twice, out and back.

use alloc::vec::Vec;
use core::num::NonZeroU32;
use core::panic::Location;

use super::{Missing, Name, RollCall, State};
use crate::time::Moment;
use crate::wait::lock::Lock;

/// A listed member's place in the roster; one more than its index, so that "not listed" costs no space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key(NonZeroU32);

/// Which members of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    First,
    Last,
}

#[derive(Clone, Debug)]
struct Entry {
    number: u64,
    name: Option<Name>,
    place: &'static Location<'static>,
    since: Moment,
    /// More than one for a block of tokens that has not been split up.
    count: u64,
}

#[derive(Debug, Default)]
struct Book {
    entries: Vec<Option<Entry>>,
    free: Vec<Key>,
    /// How many members were ever listed.
    numbered: u64,
}

#[derive(Debug)]
pub(crate) struct Roster {
    /// Where the group was made.
    place: &'static Location<'static>,
    /// Whether members without a name are listed too.
    tracked: bool,
    book: Lock<Book>,
    #[cfg(feature = "std")]
    _registered: super::registry::Registered,
}

impl Roster {
    pub(crate) fn new(
        place: &'static Location<'static>,
        tracked: bool,
        #[cfg(feature = "std")] registered: super::registry::Registered,
    ) -> Self {
        Self {
            place,
            tracked,
            book: Lock::new(Book::default()),
            #[cfg(feature = "std")]
            _registered: registered,
        }
    }

    /// Where the group was made.
    #[cfg(feature = "std")]
    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.place
    }

    #[inline]
    pub(crate) fn is_tracked(&self) -> bool {
        self.tracked
    }

    /// Lists `count` members under one entry.
    pub(crate) fn enter(&self, name: Option<Name>, place: &'static Location<'static>, count: u64) -> Key {
        let since = Moment::now();
        let mut book = self.book.lock();
        let number = book.numbered + 1;
        book.numbered += count;
        book.place_entry(Entry { number, name, place, since, count })
    }

    /// Lists one more like `key`, launched at `place`.
    pub(crate) fn enter_like(&self, key: Key, place: &'static Location<'static>) -> Key {
        let name = self.book.lock().entry(key).and_then(|entry| entry.name.clone());
        self.enter(name, place, 1)
    }

    /// Gives `count` members of the block `key`, its first or its last, an entry of their own. If they are all of it,
    /// that is the entry they have.
    pub(crate) fn split(&self, key: Key, count: u64, end: End) -> Key {
        let mut book = self.book.lock();
        let Some(block) = book.entry(key) else { return key };
        if block.count <= count {
            return key;
        }
        let mut part = Entry { count, ..block.clone() };
        block.count -= count;
        match end {
            End::First => block.number += count,
            End::Last => part.number += block.count,
        }
        book.place_entry(part)
    }

    /// Strikes an entry off.
    pub(crate) fn leave(&self, key: Key) {
        let struck = self.book.lock().strike(key);
        // The name's memory is given back outside the lock.
        drop(struck);
    }

    /// Who is listed now, under the heading of `outstanding` members that are out.
    pub(crate) fn call(&self, what: &'static str, outstanding: usize) -> RollCall {
        let book = self.book.lock();
        let listed: Vec<Entry> = book.entries.iter().flatten().cloned().collect();
        drop(book);
        // The clock is read once: who went out together is equally old.
        let now = Moment::now();
        let missing = listed.into_iter().map(|entry| Missing {
            number: entry.number,
            name: entry.name,
            place: entry.place,
            age: now.since(entry.since),
            count: usize::try_from(entry.count).unwrap_or(usize::MAX),
            state: State::Out,
            blocks: false,
            #[cfg(feature = "std")]
            doing: super::doing::Doing::default(),
        });
        RollCall::new(what, Some(self.place), outstanding, missing.collect())
    }
}

impl Book {
    fn place_entry(&mut self, entry: Entry) -> Key {
        if let Some(key) = self.free.pop() {
            self.entries[key.index()] = Some(entry);
            return key;
        }
        self.entries.push(Some(entry));
        let index = u32::try_from(self.entries.len()).ok().and_then(NonZeroU32::new);
        Key(index.expect("a count is limited to 2^31 members, and so is its roster"))
    }

    fn entry(&mut self, key: Key) -> Option<&mut Entry> {
        self.entries[key.index()].as_mut()
    }

    fn strike(&mut self, key: Key) -> Option<Entry> {
        let struck = self.entries[key.index()].take();
        if self.free.len() + 1 == self.entries.len() {
            // Nobody is listed any more: give the memory of a large crowd back.
            (self.entries, self.free) = (Vec::new(), Vec::new());
        } else {
            self.free.push(key);
        }
        struck
    }
}

impl Key {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}
