//! Who is on a page: the entries of its members, written once and then shared.
//!
//! Entries stand apart from what members do with their lines, so that whoever writes the next one does not disturb those
//! who run, and so that they can outlive the page: who ended how is told from them.
//!
//! # Rules that make the unsafe code sound
//!
//! * **P1.** An entry is written by its sheet's one [`Quill`], before `filled` is raised above it, and never again. It is
//!   read only below `filled`, or by whoever was given its number after it was written.
//!
//! # Edges
//!
//! * **G1.** entry written → whoever reads it (`filled`).
#![expect(unsafe_code, reason = "entries are written once and read without a lock; rule P1")]

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::member::Member;
use crate::roll::Name;
use crate::sync::{Acquire, AtomicU64, Release, UnsafeCell};
use crate::time::Moment;
use crate::wait::lock::Lock;

/// What is known of a member when it is launched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) place: &'static Location<'static>,
    pub(crate) since: Moment,
}

/// The same as it is written: in two words, because there is one for every member.
struct Written {
    place: &'static Location<'static>,
    /// How many nanoseconds after the sheet was opened.
    after: u64,
}

/// The entries of one page.
pub(crate) struct Sheet {
    /// The number of its first line.
    first: usize,
    opened: Moment,
    /// P1.
    lines: Box<[UnsafeCell<Option<Written>>]>,
    /// The names of those who have one, by line. Most members have none.
    names: Lock<Vec<(usize, Name)>>,
    /// How many lines have an entry.
    filled: AtomicU64,
}

// SAFETY: P1: entries are only shared once they are written, and `Written` is made of shareable parts.
unsafe impl Sync for Sheet {}

// A panic never leaves an entry half written: it is moved in whole.
impl std::panic::RefUnwindSafe for Sheet {}

impl Sheet {
    /// A sheet whose first line has the number `first`, and the right to write on it.
    pub(crate) fn open(first: usize, lines: usize, opened: Moment) -> Quill {
        let lines = (0..lines).map(|_| UnsafeCell::new(None)).collect();
        let names = Lock::new(Vec::new());
        let sheet = Self { first, opened, lines, names, filled: AtomicU64::new(0) };
        Quill { sheet: Arc::new(sheet), next: 0 }
    }

    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// One more than the number of the last line that has an entry.
    pub(crate) fn end(&self) -> usize {
        self.first + self.filled()
    }

    /// How many lines have an entry.
    pub(crate) fn filled(&self) -> usize {
        // Acquire, G1: the entries below are seen.
        self.filled.load(Acquire) as usize
    }

    /// The entry of a line below [`filled`](Self::filled), or whose number the caller was given after it was written.
    pub(crate) fn entry(&self, line: usize) -> Entry {
        let entry = self.lines[line].with_mut(|written| {
            // SAFETY: P1.
            let written: &Option<Written> = unsafe { &*written };
            let whole =
                |written: &Written| Entry { place: written.place, since: self.opened.plus(written.after) };
            written.as_ref().map(whole)
        });
        entry.unwrap_or_else(|| unreachable!("P1"))
    }

    /// The member of such a line.
    pub(crate) fn member(&self, line: usize) -> Member {
        Member::new(self.first + line, self.name(line), self.entry(line).place)
    }

    /// The name of such a line's member.
    pub(crate) fn name(&self, line: usize) -> Option<Name> {
        let names = self.names.lock();
        let at = names.binary_search_by_key(&line, |(line, _)| *line).ok()?;
        Some(names[at].1.clone())
    }
}

impl fmt::Debug for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sheet").field("first", &self.first).field("filled", &self.filled()).finish()
    }
}

/// The right to write the next entry of a sheet.
#[derive(Debug)]
pub(crate) struct Quill {
    sheet: Arc<Sheet>,
    next: usize,
}

impl Quill {
    pub(crate) fn sheet(&self) -> &Arc<Sheet> {
        &self.sheet
    }

    /// How many lines it has written.
    pub(crate) fn written(&self) -> usize {
        self.next
    }

    /// How many lines are left.
    pub(crate) fn left(&self) -> usize {
        self.sheet.lines.len() - self.next
    }

    /// Writes an entry; its line. There must be one left.
    pub(crate) fn write(&mut self, entry: Entry, name: Option<Name>) -> usize {
        let line = self.next;
        if let Some(name) = name {
            self.sheet.names.lock().push((line, name));
        }
        let after = entry.since.since(self.sheet.opened).unwrap_or_default();
        // No overflow within five hundred years.
        let after = after.as_secs() * 1_000_000_000 + u64::from(after.subsec_nanos());
        let written = Written { place: entry.place, after };
        // SAFETY: P1: this is the one quill, and `filled` is not above the line yet.
        self.sheet.lines[line].with_mut(|place| unsafe { *place = Some(written) });
        self.next += 1;
        // Release, G1.
        self.sheet.filled.store(self.next as u64, Release);
        line
    }
}
