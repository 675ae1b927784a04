//! The pages of a group's book: one line for each member, with who it is and what came of it.
//!
//! A page has a few dozen lines and is filled in order. It is also what members share instead of the group: its count is
//! one unit of the group's, its context a child of the group's, so that members on different pages, which mostly run on
//! different processors, do not pass the group's own cache lines to and fro at every start and end.
//!
//! Only the right to do something with a line is handed out, never the line:
//!
//! * a [`Pen`] writes entries, one after the other; there is one for each page;
//! * a [`Seat`] is one member's: it says that the member began, where it is to be woken, and, once, what came of it;
//! * anyone may read what is written, and take a value that is there.
//!
//! # Rules that make the unsafe code sound
//!
//! * **P1.** The entry of a line is written by its page's one `Pen`, before `filled` is raised above the line, and never
//!   again. It is read only below `filled`, or through the line's `Seat`, which the pen made afterwards.
//! * **P2.** The value of a line is written by its one `Seat`, before `ENDED` is set, and never again. After that it is
//!   touched by whoever sets `TAKEN` first, and by nobody else.
//!
//! # Edges
//!
//! * **G1.** entry written → whoever reads it (`filled`).
//! * **G2.** a member's end, and its value → whoever takes the value (`mark`).
//! * **G3.** a member's end → the last end of its page (`out`); from there E1 of `raw` leads to those who wait.
#![expect(unsafe_code, reason = "results are handed over in slots, without a lock for each; rules P1 and P2")]

use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;

use super::member::Member;
use crate::context::Context;
use crate::fault::{self, Fault};
use crate::roll::Name;
use crate::sync::{AcqRel, Acquire, AtomicU8, AtomicU64, Relaxed, Release, UnsafeCell};
use crate::time::Moment;
use crate::wait::lock::Lock;

/// As many lines as the first page of a group has; a group of two or three need not pay for more.
const FEWEST: usize = 4;
/// As many as the later ones have: enough to share the cost of a page, few enough that one straggler holds little back.
const MOST: usize = 64;

/// What is known of a member when it is launched.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) place: &'static Location<'static>,
    pub(crate) since: Moment,
    /// Boxed: most members have none.
    pub(crate) name: Option<Box<Name>>,
}

#[derive(Debug)]
struct Line<T> {
    /// P1.
    entry: UnsafeCell<Option<Entry>>,
    /// P2.
    value: UnsafeCell<Option<T>>,
    /// The bits below.
    mark: AtomicU8,
    /// Whether the member has begun; only for the roll call.
    begun: AtomicU8,
    /// Whom to wake when the page is called off.
    waker: Lock<Option<Waker>>,
}

/// The member is over. Set once, by its seat.
const ENDED: u8 = 1;
/// A value was there when it ended.
const VALUE: u8 = 2;
/// The value has been taken, or is being taken. Set once, by whoever may take it.
const TAKEN: u8 = 4;
/// Somebody wants to hear of the end when it comes.
const HEARD: u8 = 8;
/// The member was launched without a slot of the limit and is counted against it all the same.
const RIDER: u8 = 16;
/// The member is to drop what it has.
const CALLED_OFF: u8 = 32;

/// What was asked of a member's end before it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked(u8);

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

/// A page of the book of `C`.
#[derive(Debug)]
pub(crate) struct Page<T, C> {
    /// Whose page it is.
    pub(crate) core: Arc<C>,
    /// What its members are given: a child of the group's context.
    pub(crate) ctx: Context,
    /// The number of its first line.
    pub(crate) first: usize,
    lines: Box<[Line<T>]>,
    /// How many lines have an entry.
    filled: AtomicU64,
    /// Members out, and one more while the page has a pen.
    out: AtomicU64,
    /// Not zero once its members are to be dropped where they stand.
    called_off: AtomicU8,
}

// SAFETY: P1 and P2: entries are shared, which needs `Entry: Sync` (it is made of shareable parts), values go from the
// thread that wrote them to the one that takes them, which needs `T: Send`.
unsafe impl<T: Send, C: Send + Sync> Sync for Page<T, C> {}

// A panic never leaves a line half written: an entry or value is moved in whole, or not at all.
impl<T, C> std::panic::RefUnwindSafe for Page<T, C> {}

impl<T, C> Page<T, C> {
    /// Opens the page whose first line has the number `first`.
    pub(crate) fn open(core: Arc<C>, ctx: Context, first: usize) -> Pen<T, C> {
        let lines = (first.max(FEWEST / 4) * 4).clamp(FEWEST, MOST);
        let line = |_| Line {
            entry: UnsafeCell::new(None),
            value: UnsafeCell::new(None),
            mark: AtomicU8::new(0),
            begun: AtomicU8::new(0),
            waker: Lock::new(None),
        };
        let page = Arc::new(Self {
            core,
            ctx,
            first,
            lines: (0..lines).map(line).collect(),
            filled: AtomicU64::new(0),
            out: AtomicU64::new(1),
            called_off: AtomicU8::new(0),
        });
        Pen { page, next: 0 }
    }

    fn entry(&self, line: usize) -> &Entry {
        self.lines[line].entry.with_mut(|entry| {
            // SAFETY: P1: the callers look below `filled`, or hold the line's seat.
            let entry: &Option<Entry> = unsafe { &*entry };
            match entry {
                Some(entry) => entry,
                None => unreachable!("P1"),
            }
        })
    }

    /// How many lines have an entry.
    pub(crate) fn filled(&self) -> usize {
        // Acquire, G1: the entries below are seen.
        self.filled.load(Acquire) as usize
    }

    /// The member of a line that has an entry.
    pub(crate) fn member(&self, line: usize) -> Member {
        let entry = self.entry(line);
        Member::new(self.first + line, entry.name.as_deref().cloned(), entry.place)
    }

    /// The members that are out: line, entry, and whether it has begun.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (usize, &Entry, bool)> {
        (0..self.filled()).filter_map(|line| {
            // Relaxed, both: a roll call is a picture of one moment, and orders nothing.
            let over = self.lines[line].mark.load(Relaxed) & ENDED != 0;
            let begun = self.lines[line].begun.load(Relaxed) != 0;
            (!over).then(|| (line, self.entry(line), begun))
        })
    }

    /// Asks something of the ends of all members with an entry; how many of them are still out, and will answer.
    pub(crate) fn ask(&self, what: Asked) -> usize {
        let ask = |line: &usize| {
            // AcqRel, G2: either the end comes later and sees what was asked, or it came before and its value is seen.
            self.lines[*line].mark.fetch_or(what.0, AcqRel) & ENDED == 0
        };
        (0..self.filled()).filter(ask).count()
    }

    /// Takes the value of a line, if its member left one and nobody has taken it.
    pub(crate) fn take(&self, line: usize) -> Option<T> {
        let line = self.lines.get(line)?;
        // Relaxed: only to leave the others alone; the exchange below is what counts.
        if line.mark.load(Relaxed) & (ENDED | VALUE | TAKEN) != ENDED | VALUE {
            return None;
        }
        // Acquire, G2: the value is seen; AcqRel also keeps the release of earlier marks.
        let before = line.mark.fetch_or(TAKEN, AcqRel);
        if before & TAKEN != 0 && !fault::planted(Fault::TakenTwice) {
            return None;
        }
        // SAFETY: P2: ended, and this call has set `TAKEN` first.
        line.value.with_mut(|value| unsafe { (*value).take() })
    }

    /// How many members are out, and one more while it has a pen.
    pub(crate) fn units(&self) -> usize {
        // Relaxed: a picture of one moment, it orders nothing.
        self.out.load(Relaxed) as usize
    }

    /// Calls its members off: each is woken, and drops its future where it stands.
    ///
    /// No wake-up is lost. The mark is set before the locks are taken one by one. A member that leaves its waker after we
    /// came by looks at the mark afterwards (in [`Seat::park`]), and the lock makes it see it.
    pub(crate) fn call_off(&self) {
        // Relaxed: the locks below order it.
        self.called_off.store(1, Relaxed);
        (0..self.lines.len()).for_each(|line| self.wake(line));
    }

    /// Calls one member off, in the same way.
    pub(crate) fn call_off_one(&self, line: usize) {
        // Relaxed: as above.
        self.lines[line].mark.fetch_or(CALLED_OFF, Relaxed);
        self.wake(line);
    }

    fn wake(&self, line: usize) {
        let waker = self.lines[line].waker.lock().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// One unit back: a member's, or the pen's. How many are left.
    fn leave(&self) -> u64 {
        let order = if fault::planted(Fault::RelaxedPage) { Relaxed } else { AcqRel };
        // AcqRel, G3: what this member did is seen by the last end, and the last end has seen what all the others did.
        self.out.fetch_sub(1, order) - 1
    }
}

/// The right to write the next entry of a page. The page is not over while its pen is there.
#[derive(Debug)]
pub(crate) struct Pen<T, C> {
    page: Arc<Page<T, C>>,
    next: usize,
}

impl<T, C> Pen<T, C> {
    pub(crate) fn page(&self) -> &Arc<Page<T, C>> {
        &self.page
    }

    /// The number of the next line, wherever it is going to stand.
    pub(crate) fn next_number(&self) -> usize {
        self.page.first + self.next
    }

    /// The number of its last line.
    pub(crate) fn last_number(&self) -> usize {
        self.page.first + self.page.lines.len() - 1
    }

    pub(crate) fn is_full(&self) -> bool {
        self.next == self.page.lines.len()
    }

    /// Counts a member out and writes its entry. The page must not be [full](Self::is_full).
    pub(crate) fn write(&mut self, entry: Entry, asked: Asked) -> Seat<T, C> {
        let line = &self.page.lines[self.next];
        // SAFETY: P1: this is the one pen, and `filled` is not above the line yet.
        line.entry.with_mut(|place| unsafe { *place = Some(entry) });
        if asked != Asked::NOTHING {
            // Relaxed: nobody but the seat, which is made below, changes the mark of a line that is not filled.
            line.mark.store(asked.0, Relaxed);
        }
        // Relaxed: counted under the pen's own unit, so nobody can find zero; whoever gives this unit back was launched
        // after, and launching orders.
        self.page.out.fetch_add(1, Relaxed);
        let seat = Seat { page: Arc::clone(&self.page), line: self.next, over: Cell::new(false) };
        self.next += 1;
        // Release, G1.
        self.page.filled.store(self.next as u64, Release);
        seat
    }

    /// Closes the page; it, if nobody of it is out any more.
    pub(crate) fn close(self) -> Option<Arc<Page<T, C>>> {
        (self.page.leave() == 0).then_some(self.page)
    }
}

/// Who is left on a page when a member has left it.
pub(crate) enum Left<T, C> {
    Others,
    /// One unit; it may be the pen's.
    One(Arc<Page<T, C>>),
    /// The page is over.
    Nobody(Arc<Page<T, C>>),
}

/// One member's place on a page.
#[derive(Debug)]
pub(crate) struct Seat<T, C> {
    page: Arc<Page<T, C>>,
    line: usize,
    /// Whether the member has ended.
    over: Cell<bool>,
}

impl<T, C> Seat<T, C> {
    pub(crate) fn page(&self) -> &Arc<Page<T, C>> {
        &self.page
    }

    pub(crate) fn line(&self) -> usize {
        self.line
    }

    /// The member's number in its group, from zero.
    pub(crate) fn index(&self) -> usize {
        self.page.first + self.line
    }

    pub(crate) fn member(&self) -> Member {
        self.page.member(self.line)
    }

    /// Where the member was launched.
    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.page.entry(self.line).place
    }

    /// Says that the member begins.
    pub(crate) fn begin(&self) {
        // Relaxed: only for the roll call.
        self.page.lines[self.line].begun.store(1, Relaxed);
    }

    /// Whether somebody takes the member's value as it comes.
    pub(crate) fn is_heard(&self) -> bool {
        // Relaxed: `end` says it for certain.
        self.page.lines[self.line].mark.load(Relaxed) & HEARD != 0
    }

    /// Whether the member is to drop what it has.
    pub(crate) fn is_called_off(&self) -> bool {
        // Relaxed, both: who must not miss it has taken the line's lock before; see `Page::call_off`.
        self.page.called_off.load(Relaxed) != 0
            || self.page.lines[self.line].mark.load(Relaxed) & CALLED_OFF != 0
    }

    /// Leaves a waker for when the member is called off; false if it has been, and then nobody may ever come to wake.
    pub(crate) fn park(&self, waker: &Waker) -> bool {
        let line = &self.page.lines[self.line];
        let known = line.waker.lock().as_ref().is_some_and(|old| old.will_wake(waker));
        if !known {
            // Wakers are foreign code: cloned and dropped without the lock.
            let waker = waker.clone();
            let old = line.waker.lock().replace(waker);
            drop(old);
        }
        // After the lock; see `Page::call_off` for the other side.
        !self.is_called_off() || fault::planted(Fault::CalledOffUnseen)
    }

    /// The member is over, and `value` came of it; what was asked of its end. Once only. It is out until it leaves.
    pub(crate) fn end(&self, value: Option<T>) -> Asked {
        assert!(!self.over.replace(true), "a member ends once");
        let line = &self.page.lines[self.line];
        let mark = if value.is_some() { ENDED | VALUE } else { ENDED };
        // SAFETY: P2: this is the one seat, it has not ended before, and `ENDED` is not set yet.
        line.value.with_mut(|place| unsafe { *place = value });
        let order = if fault::planted(Fault::RelaxedEnd) { Relaxed } else { AcqRel };
        // Release, G2: the value is seen by who takes it. Acquire: and we see who asked.
        let before = line.mark.fetch_or(mark, order);
        Asked(before & (HEARD | RIDER))
    }

    /// Counts the member back in.
    pub(crate) fn leave(self) -> Left<T, C> {
        debug_assert!(self.over.get(), "G1: a member leaves after it has ended");
        match self.page.leave() {
            0 => Left::Nobody(self.page),
            1 => Left::One(self.page),
            _ => Left::Others,
        }
    }
}
