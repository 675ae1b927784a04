//! What the two kinds of group share: the book of members, and the group's way from its first member to its end.
//!
//! Launching and waiting are the kinds' own. They [`register`](Core::register) a member, launch it with its
//! [`Seat`], and hand the seat back with what came of it ([`Core::end`], in `ending`).
//!
//! # Invariants
//!
//! * **G1.** Every seat ends exactly once, and after everything of its member is gone: its future dropped, its closure
//!   returned. The group's count is not zero while a seat is there.
//! * **G2.** The count is one unit for each page that is not over, and a page is not over while it has a pen. So the count
//!   reaches zero only when the pen is put down. While somebody waits, whoever sees to it that nobody but the pen is left
//!   on a page puts it down: the waiter, when it begins ([`Core::await_zero`]), or the member that leaves
//!   ([`Core::pen_is_left`]). Neither can miss the other: the waiter says that it waits, and then takes the pen that is there
//!   under the books' lock; a pen that comes later was made under that lock, so the members of its page know of the waiter.
//! * **G3.** Nothing is registered once the group is closed. A wait closes it under the books' lock, when there is no pen
//!   and the count is zero, so it cannot miss a member that was registered before. Dropping the group closes it at once.
//! * **G4.** A page is in the book while it is not over, or while its values are kept for the owner. Nothing else holds it
//!   but the seats on it; so a group that keeps nothing has the memory of those who are out.
//!
//! # Deadlock safety
//!
//! A thread holds one of the locks `books`, `court`, `arrivals`, or a line's, at a time, and below `books` only those of contexts,
//! counters, the ledger and the recorder, which are left before they return. Foreign code runs under none of them, but for the policy's judgement,
//! which has `court` to itself.

use std::collections::BTreeMap;
use std::mem;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::court::Court;
use super::ended::Who;
use super::ledger::Ledger;
use super::mark::{Asked, Bell, Off};
use super::page::{Page, Seat};
use super::pen::Pen;
use super::sheet::Entry;
use super::{Ended, Policy, Title};
use crate::context::{Cancelled, Canceller, Context};
use crate::observe;
use crate::raw;
use crate::roll::registry::Listed;
use crate::roll::{Name, RollCall};
use crate::sync::{AtomicU64, number};
use crate::time::Moment;
use crate::timeline::Recorder;
use crate::wait::lock::Lock;
use crate::who::{self, Here, Id, threads};

/// What one kind of group has that the other has not.
pub(crate) trait Kind {
    /// Who waits for a slot; in the books, under their lock.
    type Lane;
    /// How a member is woken that is called off.
    type Bell: Bell;
    /// Whether a member that blocks is an exception, which roll calls mark.
    const MARKS_BLOCKING: bool = false;
    /// Whether a member that runs can be ended without its help.
    const STOPPABLE: bool = true;
    /// Whether members get contexts by value, to clone and drop: then each page has one of its own, so that they do not all
    /// count on one cache line. Members that are lent theirs only read it, and share the group's.
    const CLONES_CONTEXTS: bool = true;
    /// How many members may run at once.
    fn limit(lane: &Self::Lane) -> Option<usize>;
}

/// A page, and a seat, of a group of the kind `K` with values `T`, errors `E` and policy `P`.
pub(crate) type PageOf<T, E, P, K> = Page<T, Core<T, E, P, K>, <K as Kind>::Bell>;
pub(crate) type SeatOf<T, E, P, K> = Seat<T, Core<T, E, P, K>, <K as Kind>::Bell>;
pub(super) type PenOf<T, E, P, K> = Pen<T, Core<T, E, P, K>, <K as Kind>::Bell>;

/// A member's seat, and what its lane made of it.
pub(crate) type Registered<T, E, P, K, R> = (SeatOf<T, E, P, K>, R);

pub(crate) struct Core<T, E, P, K: Kind> {
    /// First, and so gone first: that the group's context is dropped with it is nobody's business.
    pub(super) watched: observe::Group,
    pub(crate) id: Id,
    /// Below which it was made.
    root: u64,
    pub(crate) kind: K,
    /// The group's own context: a child of the one it was made with.
    pub(crate) ctx: Context,
    /// What the roll is called from. Before the canceller, so that it is gone when that is dropped, and the context with it.
    pub(crate) ledger: Arc<Ledger<K::Bell>>,
    pub(super) canceller: Canceller,
    /// G2.
    pub(crate) out: raw::WaitGroup,
    /// How many wait for the count to reach zero (G2).
    pub(super) awaited: AtomicU64,
    pub(crate) books: Lock<Books<T, E, P, K>>,
    pub(crate) court: Lock<Court<E, P>>,
    pub(crate) arrivals: Lock<Arrivals<T, E, P, K>>,
}

pub(crate) struct Books<T, E, P, K: Kind> {
    pub(crate) grace: Duration,
    /// Given to each new page, if the group is recorded.
    pub(crate) recorder: Option<Arc<Recorder>>,
    /// Writes on the last page.
    pub(super) pen: Option<PenOf<T, E, P, K>>,
    /// Those that are not over, by the number of their first line.
    pub(super) pages: BTreeMap<usize, Arc<PageOf<T, E, P, K>>>,
    /// Those that are over and kept for the owner, as they came.
    pub(super) kept: Vec<Arc<PageOf<T, E, P, K>>>,
    /// The number of the next page's first line.
    pub(super) next: usize,
    /// G3.
    pub(super) closed: bool,
    /// Whether pages are kept for the owner when they are over.
    pub(super) keeps: bool,
    /// What is asked of every new member's end.
    asked: Asked,
    /// The kind's own: who waits for a slot.
    pub(crate) lane: K::Lane,
}

/// The group is closed: the wait for it is over.
#[derive(Debug)]
pub(crate) struct Closed;

impl<T, E, P: Policy<T, E>, K: Kind> Core<T, E, P, K> {
    pub(crate) fn new(
        above: &Context,
        policy: P,
        kind: K,
        lane: K::Lane,
        place: &'static Location<'static>,
    ) -> Arc<Self> {
        let (ctx, canceller) = above.with_cancel();
        let id = number();
        let ledger = Ledger::open(id, K::STOPPABLE, ctx.clone(), Title::new(None, place), K::limit(&lane));
        let books = Books {
            grace: Duration::from_secs(5),
            recorder: None,
            pen: None,
            pages: BTreeMap::new(),
            kept: Vec::new(),
            next: 0,
            closed: false,
            keeps: P::KEEPS,
            asked: Asked::NOTHING,
            lane,
        };
        Arc::new(Self {
            watched: observe::Group::new(&ctx, place),
            id,
            root: who::root(),
            kind,
            ctx,
            ledger,
            canceller,
            out: raw::WaitGroup::new(),
            awaited: AtomicU64::new(0),
            books: Lock::new(books),
            court: Lock::new(Court::new(policy)),
            arrivals: Lock::new(Arrivals::default()),
        })
    }

    /// Counts a member out. `admit` sees the lane in the same breath: what it decides, no other member comes between.
    pub(crate) fn register<R>(
        self: &Arc<Self>,
        name: Option<Name>,
        place: &'static Location<'static>,
        admit: impl FnOnce(&mut K::Lane) -> R,
    ) -> Result<Registered<T, E, P, K, R>, Closed> {
        let since = Moment::now();
        self.register_since(name, place, |_| since, admit)
    }

    /// The same where the lane knows what time it is.
    #[inline]
    pub(crate) fn register_since<R>(
        self: &Arc<Self>,
        name: Option<Name>,
        place: &'static Location<'static>,
        since: impl FnOnce(&mut K::Lane) -> Moment,
        admit: impl FnOnce(&mut K::Lane) -> R,
    ) -> Result<Registered<T, E, P, K, R>, Closed> {
        let mut books = self.books.lock();
        if books.closed {
            return Err(Closed);
        }
        let since = since(&mut books.lane);
        let entry = Entry { place, since };
        let full = books.pen.take_if(|pen| pen.is_full());
        let asked = books.asked;
        let seat = match &mut books.pen {
            Some(pen) => pen.write(entry, name, asked),
            None => self.turn_over(&mut books, since).write(entry, name, asked),
        };
        let mut seat = seat.unwrap_or_else(|| unreachable!("the pen is not full"));
        let admitted = admit(&mut books.lane);
        let limit = books.recorder.as_ref().and_then(|_| K::limit(&books.lane));
        drop(books);
        seat.watched = self.watched.counted_out(|| seat.member(), || self.title());
        // Nobody has launched it yet, so this is told before its begin.
        seat.record_spawn(limit);
        if let Some(pen) = full {
            self.put_down(pen);
        }
        Ok((seat, admitted))
    }

    /// Opens a new page.
    #[cold]
    fn turn_over<'b>(
        self: &Arc<Self>,
        books: &'b mut Books<T, E, P, K>,
        now: Moment,
    ) -> &'b mut PenOf<T, E, P, K> {
        // G2, before anybody can be on it.
        self.out.add(1);
        let ctx = if K::CLONES_CONTEXTS {
            let (ctx, canceller) = self.ctx.with_cancel();
            canceller.keep();
            ctx
        } else {
            self.ctx.clone()
        };
        let recorder = books.recorder.clone();
        if let Some(recorder) = &recorder {
            recorder.call(self.title());
        }
        let pen = Page::open(Arc::clone(self), ctx, recorder, books.next, now);
        books.next = pen.last_number() + 1;
        books.pages.insert(pen.page().first(), Arc::clone(pen.page()));
        self.ledger.enter(pen.page().leaf());
        books.pen.insert(pen)
    }

    /// Records the members that are registered from now on: those on new pages.
    pub(crate) fn record(&self, recorder: Arc<Recorder>) {
        self.books.lock().recorder = Some(recorder);
        self.seal(|_| true);
    }

    /// What the policy makes of the closed group.
    pub(crate) fn output(&self) -> P::Output {
        let mut books = self.books.lock();
        let mut pages = mem::take(&mut books.kept);
        let (title, spawned) = (self.ledger.title(), books.spawned());
        drop(books);
        let (policy, mut failures, mut tally) = self.court.lock().adjourn();
        let left = self.court.lock().abandon();
        left.drop_quietly();
        self.untaken(&mut pages, &mut failures);
        pages.sort_unstable_by_key(|page| page.first());
        pages.dedup_by_key(|page| page.first());
        let mut values = Vec::with_capacity(pages.iter().map(|page| page.sheet.filled()).sum());
        let mut who = Vec::with_capacity(pages.len());
        for mut page in pages {
            let mut lines = 0_u64;
            let mut keep = |line: usize, value| {
                values.push(value);
                lines |= 1 << line;
            };
            if let Some(page) = Arc::get_mut(&mut page) {
                page.take_all(&mut keep);
            } else {
                // Whoever was the last on it has not let it go yet.
                for line in 0..page.sheet.filled() {
                    page.take(line).into_iter().for_each(|value| keep(line, value));
                }
            }
            who.push((Arc::clone(&page.sheet), lines));
        }
        let failures = failures.into_iter().map(|(_, failure)| failure).collect();
        tally.succeeded = spawned as u64 - tally.total();
        let cancelled = self.ctx.cancelled_because();
        policy.output(Ended::new(title, values, Who::Lines(who), failures, tally, cancelled))
    }

    /// Ends the group without a wait: what is over is not kept for anybody any more.
    pub(crate) fn abandon(&self) {
        let mut books = self.books.lock();
        books.keeps = false;
        books.closed = true;
        let kept = mem::take(&mut books.kept);
        drop(books);
        let left = self.court.lock().abandon();
        left.drop_quietly();
        // With the values that were kept.
        super::panics::drop_each_quietly(kept);
        self.seal(|_| true);
    }

    /// Lets the ends of all members, of now and later, be told to [`arrivals`](Self::arrivals), and keeps no page beyond its
    /// end. Gives the pages that have been: whoever ended on them before may not be told, though some are.
    pub(super) fn listen(&self) -> Vec<Arc<PageOf<T, E, P, K>>> {
        let mut books = self.books.lock();
        books.keeps = false;
        books.asked = Asked::HEARD;
        let mut pages = mem::take(&mut books.kept);
        pages.extend(books.pages.values().cloned());
        for page in &pages {
            page.ask(Asked::HEARD);
        }
        pages.sort_unstable_by_key(|page| page.first());
        pages
    }

    /// Asks new members nothing any more, and keeps pages again if the policy wants them.
    pub(super) fn keep_again(&self) {
        let mut books = self.books.lock();
        books.keeps = P::KEEPS;
        books.asked = Asked::NOTHING;
    }

    /// Calls all members off who are out: their futures are dropped where they stand.
    pub(crate) fn call_off(&self) {
        self.call_off_because(Off::Unheeding);
    }

    /// The same for those who are out now, and not for who comes later: that one will be on another page.
    pub(crate) fn call_off_those_there(&self) {
        self.seal(|_| true);
        self.call_off_because(Off::Abandoned);
    }

    fn call_off_because(&self, why: Off) {
        let pages: Vec<_> = self.books.lock().pages.values().cloned().collect();
        for page in pages {
            page.call_off(why);
        }
    }

    /// How many members were ever registered.
    pub(crate) fn spawned(&self) -> u64 {
        self.books.lock().spawned() as u64
    }

    /// Cancels the group's context, and with it every member's. The first one says why.
    pub(crate) fn cancel(&self, cause: &Cancelled) {
        self.canceller.cancel_quietly(cause);
    }

    pub(crate) fn title(&self) -> Title {
        self.ledger.title()
    }

    /// Who is out, and how they stand.
    pub(crate) fn roll_call(&self) -> RollCall {
        self.ledger.roll_call(&threads::look())
    }
}

impl<T, E, P, K: Kind> SeatOf<T, E, P, K> {
    /// Says that the member begins.
    pub(crate) fn begin(&self) {
        self.note_begun();
        self.page().core.watched.begun();
    }

    /// Who runs, for those who ask.
    pub(crate) fn here(&self) -> Here {
        self.here_from(self.place())
    }

    /// The same for who has kept the place where it was launched: it need not be looked up on the sheet then, on which others
    /// may be writing.
    pub(crate) fn here_from(&self, place: &'static Location<'static>) -> Here {
        let core = &self.page().core;
        Here { group: core.id, number: self.index() as u64 + 1, place, root: core.root }
    }
}

impl<T, E, P, K: Kind> Books<T, E, P, K> {
    /// How many members were ever registered.
    fn spawned(&self) -> usize {
        // Lines that a sealed page has left are never used; `next` does not count them.
        self.pen.as_ref().map_or(self.next, Pen::next_number)
    }

    /// How many members are out.
    pub(crate) fn out(&self) -> usize {
        let units: usize = self.pages.values().map(|page| page.units()).sum();
        // The page with the pen is counted with lines that are not used.
        self.pen.as_ref().map_or(units, |pen| (units - pen.page().units()) + pen.out())
    }

    /// Counts everyone who is out and was launched without a slot; each gives one back when it ends.
    pub(crate) fn count_riders(&self) -> usize {
        self.pages.values().map(|page| page.ask(Asked::RIDER)).sum()
    }
}
