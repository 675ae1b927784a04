//! The pages of a group's book: one line for each member, with who it is and what came of it.
//!
//! A page has a few dozen lines and is filled in order. It is also what members share instead of the group: its count is
//! one unit of the group's, its context a child of the group's where members have theirs by value, so that members on
//! different pages, which mostly run on different processors, do not pass the group's own cache lines to and fro at every
//! start and end.
//!
//! Only the right to do something with a line is handed out, never the line:
//!
//! * a [`Pen`] counts members out and writes their entries, one after the other; there is one for each page;
//! * a [`Seat`] is one member's: it says that the member began, where it is to be woken, and, once, what came of it;
//! * anyone may read the entries (on the [`Sheet`]), and take a value that is there.
//!
//! Launching a member touches nothing that members touch when they end: the page is counted full when it is opened, its pen
//! has as many references to it in stock, and what was not used is given back when the pen is put down. Two processors
//! that pass a cache line to and fro for each member would cost more than all the rest.
//!
//! # Rules that make the unsafe code sound
//!
//! * **P2.** The value of a line is written by its one `Seat`, before `ENDED` is set, and never again. After that it is
//!   touched by whoever sets `TAKEN` first, and by nobody else.
//!
//! # Edges
//!
//! * **G2.** a member's end, and its value → whoever takes the value (`mark`).
//! * **G3.** a member's end → the last end of its page (`out`); from there E1 of `raw` leads to those who wait.
#![expect(unsafe_code, reason = "results are handed over in slots, without a lock for each; rule P2")]

use std::cell::Cell;
use std::mem;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;

use super::mark::{
    Asked, BEGUN, BLOCKS, Bell, CALLED_OFF, ENDED, HEARD, Off, PAUSE, RIDER, Stands, TAKEN, TOLD, VALUE,
};
use super::member::Member;
use super::panics;
use super::pen::Pen;
use super::sheet::{Entry, Sheet};
use crate::context::Context;
use crate::fault::{self, Fault};
use crate::observe;
use crate::sync::{AcqRel, AtomicU8, AtomicU64, Relaxed, UnsafeCell};
use crate::time::Moment;
use crate::timeline::Recorder;
use crate::who::threads::Pause;

/// As many lines as the first page of a group has; a group of two or three need not pay for more.
const FEWEST: usize = 4;
/// As many as the later ones have: enough to share the cost of a page, few enough that one straggler holds little back.
///
/// And few enough that none of a page's parts is large to an allocator: glibc's tidies up before it gives 1024 bytes or
/// more, which costs as much as launching a dozen members.
const MOST: usize = 60;
const _: () = assert!(MOST <= 1 << u8::BITS, "a line's number fits into a seat");

#[derive(Debug)]
pub(crate) struct Line<B> {
    /// `ENDED` and the others.
    mark: AtomicU8,
    /// `BEGUN` and the others; only for the roll call.
    begun: AtomicU8,
    /// Whom to wake when the page is called off.
    bell: B,
}

/// A page of the book of `C`.
#[derive(Debug)]
pub(crate) struct Page<T, C, B> {
    /// Whose page it is.
    pub(crate) core: Arc<C>,
    /// What its members are given: a child of the group's context.
    pub(crate) ctx: Context,
    /// Told of what its members do, if the group is recorded.
    pub(crate) recorder: Option<Arc<Recorder>>,
    pub(crate) sheet: Arc<Sheet>,
    /// The sheet's, close at hand.
    first: usize,
    lines: Arc<[Line<B>]>,
    /// P2. Apart from the lines, so that neither is large.
    values: Box<[UnsafeCell<Option<T>>]>,
    /// Members out and, while the page has a pen, one for each line that is not used yet, and one for the pen.
    out: AtomicU64,
    /// Bits of [`Off`]: not zero once its members are to be dropped where they stand.
    called_off: AtomicU8,
}

/// A page as it is seen by those who call the roll: who is on it, and how each stands.
#[derive(Debug)]
pub(crate) struct Leaf<B> {
    pub(crate) sheet: Arc<Sheet>,
    lines: Arc<[Line<B>]>,
}

impl<B> Clone for Leaf<B> {
    fn clone(&self) -> Self {
        Self { sheet: Arc::clone(&self.sheet), lines: Arc::clone(&self.lines) }
    }
}

impl<B> Leaf<B> {
    /// The members that are out: line, entry, and how each stands.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (usize, Entry, Stands)> {
        (0..self.sheet.filled()).filter_map(|line| {
            // Relaxed, both: a roll call is a picture of one moment, and orders nothing.
            let over = self.lines[line].mark.load(Relaxed) & ENDED != 0;
            let begun = self.lines[line].begun.load(Relaxed);
            (!over).then(|| (line, self.sheet.entry(line), Stands(begun)))
        })
    }
}

impl<B> Line<B> {
    /// Loom does not see the reference counts of std's `Arc`, by which whoever drops a page comes after all who used it. This
    /// stands for them: the last thing that a taker does, and the first that the page's end does. Nothing elsewhere.
    fn told_to_loom(&self) {
        #[cfg(loom)]
        // AcqRel, as an `Arc` does when a reference is given up.
        self.mark.fetch_or(0, AcqRel);
    }
}

// SAFETY: P2: values go from the thread that wrote them to the one that takes them, which needs `T: Send`.
unsafe impl<T: Send, C: Send + Sync, B: Sync> Sync for Page<T, C, B> {}

// A panic never leaves a value half written: it is moved in whole, or not at all.
impl<T, C, B> std::panic::RefUnwindSafe for Page<T, C, B> {}

impl<T, C, B: Bell> Page<T, C, B> {
    /// Opens the page whose first line has the number `first`.
    pub(crate) fn open(
        core: Arc<C>,
        ctx: Context,
        recorder: Option<Arc<Recorder>>,
        first: usize,
        opened: Moment,
    ) -> Pen<T, C, B> {
        let lines = (first.max(FEWEST / 4) * 4).clamp(FEWEST, MOST);
        let line = |_| Line { mark: AtomicU8::new(0), begun: AtomicU8::new(0), bell: B::default() };
        let quill = Sheet::open(first, lines, opened);
        let page = Arc::new(Self {
            core,
            ctx,
            recorder,
            sheet: Arc::clone(quill.sheet()),
            first,
            lines: (0..lines).map(line).collect(),
            values: (0..lines).map(|_| UnsafeCell::new(None)).collect(),
            out: AtomicU64::new(lines as u64 + 1),
            called_off: AtomicU8::new(0),
        });
        Pen::new(page, quill)
    }

    /// The seat of a line that has just been written, and what is asked of its end from the beginning. The line's one seat:
    /// only the pen calls this, once a line.
    pub(super) fn seat(self: Arc<Self>, line: usize, asked: Asked) -> Seat<T, C, B> {
        if asked != Asked::NOTHING {
            // Relaxed: nobody but the seat changes the mark before it is asked for; and who asks holds the books' lock, as
            // the pen's holder does.
            self.lines[line].mark.store(asked.0, Relaxed);
        }
        Seat {
            page: self,
            line: line as u8,
            over: Cell::new(false),
            parked: Cell::new(false),
            waits: Cell::new(0),
            pause: Cell::new(Pause::None),
            watched: observe::Member::unwatched(),
        }
    }

    /// The number of its first line.
    pub(crate) fn first(&self) -> usize {
        self.first
    }

    /// What is needed to say who of it is out.
    pub(crate) fn leaf(&self) -> Leaf<B> {
        Leaf { sheet: Arc::clone(&self.sheet), lines: Arc::clone(&self.lines) }
    }

    /// Asks something of the ends of all members with an entry; how many of them are still out, and will answer.
    pub(crate) fn ask(&self, what: Asked) -> usize {
        let ask = |line: &usize| {
            // AcqRel, G2: either the end comes later and sees what was asked, or it came before and its value is seen.
            self.lines[*line].mark.fetch_or(what.0, AcqRel) & ENDED == 0
        };
        (0..self.sheet.filled()).filter(ask).count()
    }

    /// Takes the value of a line, if its member left one and nobody has taken it.
    pub(crate) fn take(&self, line: usize) -> Option<T> {
        let (value, line) = (self.values.get(line)?, &self.lines[line]);
        if !fault::planted(Fault::TakenUnlooked) {
            // Relaxed: only to leave the others alone; the exchange below is what counts.
            if line.mark.load(Relaxed) & (ENDED | VALUE | TAKEN) != ENDED | VALUE {
                return None;
            }
        }
        // Acquire, G2: the value is seen; AcqRel also keeps the release of earlier marks.
        if line.mark.fetch_or(TAKEN, AcqRel) & TAKEN != 0 {
            return None;
        }
        // SAFETY: P2: ended, and this call has set `TAKEN` first.
        let value = value.with_mut(|value| unsafe { (*value).take() });
        line.told_to_loom();
        value
    }

    /// How many members are out, if the page has no pen.
    pub(crate) fn units(&self) -> usize {
        // Relaxed: a picture of one moment, it orders nothing.
        self.out.load(Relaxed) as usize
    }

    /// Calls its members off: each is woken, and drops its future where it stands.
    ///
    /// No wake-up is lost. The mark is set before the locks are taken one by one. A member that leaves its waker after we
    /// came by looks at the mark afterwards (in [`Seat::park`]), and the lock makes it see it.
    pub(crate) fn call_off(&self, why: Off) {
        // Relaxed: the locks below order it.
        self.called_off.fetch_or(why as u8, Relaxed);
        (0..self.lines.len()).for_each(|line| self.wake(line));
    }

    /// Notes that a member was told to end, alone; false if it has ended already.
    pub(crate) fn tell(&self, line: usize) -> bool {
        // Relaxed, both: only for the roll call; and whoever is called off too late is called off in vain.
        self.lines[line].begun.fetch_or(TOLD, Relaxed);
        self.lines[line].mark.load(Relaxed) & ENDED == 0
    }

    /// Calls one member off, in the same way.
    pub(crate) fn call_off_one(&self, line: usize) {
        // Relaxed: as above.
        self.lines[line].mark.fetch_or(CALLED_OFF, Relaxed);
        self.wake(line);
    }

    fn wake(&self, line: usize) {
        self.lines[line].bell.ring();
    }

    /// Units back: a member's, or the pen's and those of lines that were not used. How many are left.
    pub(super) fn leave(&self, units: u64) -> u64 {
        let order = if fault::planted(Fault::RelaxedPage) { Relaxed } else { AcqRel };
        // AcqRel, G3: what this member did is seen by the last end, and the last end has seen what all the others did.
        self.out.fetch_sub(units, order) - units
    }
}

impl<T, C, B> Page<T, C, B> {
    /// Takes all values that are left, with their lines.
    pub(crate) fn take_all(&mut self, mut each: impl FnMut(usize, T)) {
        for (line, value) in self.values.iter().enumerate() {
            self.lines[line].told_to_loom();
            // SAFETY: P2: nobody else has the page, so nobody else could touch it.
            if let Some(value) = value.with_mut(|value| unsafe { (*value).take() }) {
                each(line, value);
            }
        }
    }
}

/// Values that nobody has taken may panic when they are dropped, each by itself.
impl<T, C, B> Drop for Page<T, C, B> {
    fn drop(&mut self) {
        if mem::needs_drop::<T>() {
            self.take_all(|_, value| panics::drop_quietly(value));
        }
    }
}

/// Who is left on a page when a member has left it.
pub(crate) enum Left<T, C, B> {
    Others,
    /// Nobody but the pen, perhaps.
    Pen(Arc<Page<T, C, B>>),
    /// The page is over.
    Nobody(Arc<Page<T, C, B>>),
}

/// One member's place on a page.
#[derive(Debug)]
pub(crate) struct Seat<T, C, B> {
    page: Arc<Page<T, C, B>>,
    /// Small, because it is part of every member.
    line: u8,
    /// Whether the member has ended.
    over: Cell<bool>,
    /// Whether it has left a waker.
    parked: Cell<bool>,
    /// How many more waits inside the member have begun than ended.
    waits: Cell<i32>,
    /// What it has said to wait for.
    pause: Cell<Pause>,
    /// For those who watch from outside; nothing, mostly.
    pub(crate) watched: observe::Member,
}

impl<T, C, B: Bell> Seat<T, C, B> {
    pub(crate) fn page(&self) -> &Arc<Page<T, C, B>> {
        &self.page
    }

    pub(crate) fn line(&self) -> usize {
        usize::from(self.line)
    }

    /// The member's number in its group, from zero.
    pub(crate) fn index(&self) -> usize {
        self.page.first() + self.line()
    }

    pub(crate) fn member(&self) -> Member {
        self.page.sheet.member(self.line())
    }

    /// Where the member was launched.
    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.page.sheet.entry(self.line()).place
    }

    /// Notes that the member begins.
    pub(super) fn note_begun(&self) {
        // Relaxed: only for the roll call.
        self.page.lines[self.line()].begun.fetch_or(BEGUN, Relaxed);
        if let Some(recorder) = &self.page.recorder {
            recorder.begun(self.index());
        }
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        // Relaxed: the seat itself said so.
        Stands(self.page.lines[self.line()].begun.load(Relaxed)).has_begun()
    }

    /// When the member was counted out.
    pub(crate) fn since(&self) -> Moment {
        self.page.sheet.entry(self.line()).since
    }

    /// Says that it cannot be stopped.
    pub(crate) fn block(&self) {
        // Relaxed: only for the roll call.
        self.page.lines[self.line()].begun.fetch_or(BLOCKS, Relaxed);
    }

    /// The member is pending, and this is what it waits for; or it goes on.
    #[inline]
    pub(crate) fn pauses(&self, pause: Pause) {
        let before = self.pause.replace(pause);
        if before != pause {
            // Relaxed: only for the roll call. Whoever polls the member is alone in writing these bits.
            let change = (before as u8 ^ pause as u8) << PAUSE;
            self.page.lines[self.line()].begun.fetch_xor(change, Relaxed);
        }
    }

    /// Whether somebody takes the member's value as it comes.
    pub(crate) fn is_heard(&self) -> bool {
        // Relaxed: `end` says it for certain.
        self.page.lines[self.line()].mark.load(Relaxed) & HEARD != 0
    }

    /// Whether the member is to drop what it has.
    pub(crate) fn is_called_off(&self) -> bool {
        // Relaxed, both: who must not miss it has taken the line's lock before; see `Page::call_off`.
        self.page.called_off.load(Relaxed) != 0
            || self.page.lines[self.line()].mark.load(Relaxed) & CALLED_OFF != 0
    }

    /// Notes how many more waits have begun than ended inside the member while it had its turn.
    pub(crate) fn note_waits(&self, more: i32) {
        self.waits.set(self.waits.get() + more);
    }

    /// Whether waits inside the member may not have ended with it.
    pub(super) fn leaves_waits(&self) -> bool {
        self.waits.get() != 0
    }

    /// Whether it was called off because it did not heed its cancellation. Otherwise its executor dropped it.
    pub(crate) fn has_not_heeded(&self) -> bool {
        // Relaxed, both: as above.
        self.page.called_off.load(Relaxed) & Off::Unheeding as u8 != 0
            || self.page.lines[self.line()].mark.load(Relaxed) & CALLED_OFF != 0
    }

    /// Leaves a waker for when the member is called off; false if it has been, and then nobody may ever come to wake.
    pub(crate) fn park(&self, waker: &Waker) -> bool {
        if self.page.lines[self.line()].bell.hang(waker) {
            self.parked.set(true);
        }
        // After the lock; see `Page::call_off` for the other side.
        !self.is_called_off() || fault::planted(Fault::CalledOffUnseen)
    }

    /// The member is over, and `value` came of it; what was asked of its end. Once only. It is out until it leaves.
    pub(crate) fn end(&self, value: Option<T>) -> Asked {
        assert!(!self.over.replace(true), "a member ends once");
        let line = &self.page.lines[self.line()];
        if self.parked.get() {
            // Its waker would keep its task's memory for as long as the page is kept. The lock is the line's own.
            line.bell.remove();
        }
        let mark = if value.is_some() { ENDED | VALUE } else { ENDED };
        // SAFETY: P2: this is the one seat, it has not ended before, and `ENDED` is not set yet.
        self.page.values[self.line()].with_mut(|place| unsafe { *place = value });
        let order = if fault::planted(Fault::RelaxedEnd) { Relaxed } else { AcqRel };
        // Release, G2: the value is seen by who takes it. Acquire: and we see who asked.
        let before = line.mark.fetch_or(mark, order);
        if fault::planted(Fault::RelaxedEnd) {
            // So that somebody meets the member before it has left, which would publish its value too.
            std::thread::yield_now();
        }
        Asked(before & (HEARD | RIDER))
    }

    /// Counts the member back in.
    pub(crate) fn leave(self) -> Left<T, C, B> {
        debug_assert!(self.over.get(), "G1: a member leaves after it has ended");
        let Self { page, watched, .. } = self;
        // Before anybody can find the member gone.
        watched.gone();
        match page.leave(1) {
            0 => Left::Nobody(page),
            // As many as a pen has for itself and the lines that are not used. Every member that has been here has seen its
            // own entry written, so who is the last to leave does not see too few. If it is wrong because the page has no
            // pen, or because another member is being counted out, nothing comes of it: see `Core::pen_is_left`.
            left if left == (page.lines.len() - page.sheet.filled()) as u64 + 1 => Left::Pen(page),
            _ => Left::Others,
        }
    }
}
