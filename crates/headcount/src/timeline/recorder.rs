//! The recorder of one group, or of several that are parts of one thing: it is told of spawns, begins and ends, and keeps them in bounded memory.
//!
//! * **What is exact.** The census: how many were spawned, began, and ended in which way; how many ran and queued, over time; how
//!   long the limit held somebody back. It is a few numbers, brought up to date at each event.
//! * **What is sampled.** Members. All are kept until there are [`CAPACITY`]; then every second one is forgotten, then every
//!   second of the rest, and so on: what is kept is always every 2ᵏ-th member in the order of spawning, whatever it did. So
//!   the sample says nothing wrong about the shape, and does not depend on who was slow.
//! * **Failures** outside of the sample are kept as well, the first [`FAILURES`].
//!
//! Parts, the rounds of a crew say, each number their members for themselves. Here they have one number each, in the order of
//! spawning, which is kept for as long as they are out.
//!
//! One lock, which nothing else is taken under; the clock is read under it, so events have the order in which they are told.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use super::member::{HowEnded, Nanoseconds, TimelineMember};
use crate::roll::{Name, Title};
use crate::time::Moment;
use crate::wait::lock::Lock;

/// As many members are kept whole, and never more.
pub(super) const CAPACITY: usize = 100_000;
/// As many failures are kept that are not in the sample.
pub(super) const FAILURES: usize = 1_000;
/// As many threads are told apart; members of more are marked as of "other threads".
const THREADS: usize = 1_000;
/// As many bytes of an error's text are kept.
const TEXT: usize = 500;

#[derive(Debug)]
pub(crate) struct Recorder {
    origin: Moment,
    /// Times are told and not read: now is when the last event was.
    told: bool,
    pub(super) capacity: usize,
    /// Which part's members it is told of, if it is told of parts.
    part: Option<usize>,
    pub(super) book: Arc<Lock<Book>>,
}

#[derive(Debug)]
pub(super) struct Book {
    title: Heading,
    /// The member `stride * n` stands in slot `n`.
    pub(super) sample: Vec<Option<TimelineMember>>,
    /// A power of two.
    stride: usize,
    failures: Vec<TimelineMember>,
    pub(super) census: Census,
    threads: HashMap<ThreadId, Arc<str>>,
    others: Arc<str>,
    /// The last text: thousands may be cancelled for one reason.
    text: Option<Arc<str>>,
    parts: usize,
    /// Of those members of parts that are out: part and number there, and the number here.
    numbers: HashMap<(usize, usize), usize>,
}

/// Who a member is, besides its number.
pub(crate) struct Who {
    pub(crate) name: Option<Name>,
    pub(crate) place: &'static Location<'static>,
}

/// What stands above a timeline.
#[derive(Clone, Debug)]
pub(super) enum Heading {
    Group(Title),
    Text(Name),
}

impl fmt::Display for Heading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(title) => title.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// What is exact, however many members there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    pub(super) spawned: u64,
    pub(super) begun: u64,
    /// By [`HowEnded::ALL`].
    pub(super) ended: [u64; 5],
    /// When the first was spawned, and when the last event was.
    pub(super) first: Option<Nanoseconds>,
    pub(super) last: Nanoseconds,
    pub(super) running: u64,
    pub(super) queued: u64,
    /// The most that ran at once.
    pub(super) peak: u64,
    /// Member-nanoseconds of running and of queueing.
    pub(super) ran: u128,
    pub(super) waited: u128,
    /// How long every slot was taken while somebody queued.
    pub(super) held_up: Nanoseconds,
    /// The limit at the latest spawn.
    pub(super) limit: Option<usize>,
}

impl Census {
    /// Brings what is summed over time up to `now`.
    pub(super) fn advance(&mut self, now: Nanoseconds) {
        let span = now.saturating_sub(self.last);
        self.ran += u128::from(span) * u128::from(self.running);
        self.waited += u128::from(span) * u128::from(self.queued);
        if self.queued > 0 && self.limit.is_some_and(|limit| self.running >= limit as u64) {
            self.held_up += span;
        }
        self.last = self.last.max(now);
    }
}

/// A picture of one moment.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) title: Heading,
    /// What members run on: a thread, or a slot.
    pub(super) carrier: &'static str,
    /// In the order of spawning.
    pub(super) members: Vec<TimelineMember>,
    pub(super) stride: usize,
    pub(super) census: Census,
    pub(super) now: Nanoseconds,
}

impl Recorder {
    pub(crate) fn new(title: Title) -> Arc<Self> {
        Self::with_capacity(title, CAPACITY)
    }

    /// One whose times are told.
    pub(super) fn told(title: Name) -> Arc<Self> {
        Self::made(Heading::Text(title), CAPACITY, true)
    }

    /// For tests: with less room.
    pub(super) fn with_capacity(title: Title, capacity: usize) -> Arc<Self> {
        Self::made(Heading::Group(title), capacity, false)
    }

    fn made(title: Heading, capacity: usize, told: bool) -> Arc<Self> {
        let book = Book {
            title,
            sample: Vec::new(),
            stride: 1,
            failures: Vec::new(),
            census: Census::default(),
            threads: HashMap::new(),
            others: Arc::from("other threads"),
            text: None,
            parts: 0,
            numbers: HashMap::new(),
        };
        let book = Arc::new(Lock::new(book));
        Arc::new(Self { origin: Moment::now(), told, capacity, part: None, book })
    }

    /// One that is told of a part. If there are parts, all members are members of one.
    pub(crate) fn part(&self) -> Arc<Self> {
        let Self { origin, told, capacity, .. } = *self;
        let mut book = self.book.lock();
        book.parts += 1;
        let part = Some(book.parts);
        drop(book);
        Arc::new(Self { origin, told, capacity, part, book: Arc::clone(&self.book) })
    }

    /// What the group is called by now. What a part is called is not what the whole is.
    pub(crate) fn call(&self, title: Title) {
        if self.part.is_some() {
            return;
        }
        let old = std::mem::replace(&mut self.book.lock().title, Heading::Group(title));
        drop(old);
    }

    /// A member was counted out, under this limit.
    pub(crate) fn spawned(&self, index: usize, who: Who, limit: Option<usize>) {
        let mut book = self.book.lock();
        let now = self.now();
        let index = book.number(self.part, index);
        book.spawn(self.capacity, index, who.name, Some(who.place), limit, now);
    }

    /// A member has begun, on this thread.
    pub(crate) fn begun(&self, index: usize) {
        let mut book = self.book.lock();
        let now = self.now();
        book.census.begun_at(now);
        let index = book.numbered(self.part, index);
        let Some(slot) = book.kept(index) else { return };
        let thread = book.thread();
        if let Some(member) = &mut book.sample[slot] {
            (member.begun, member.began_on) = (Some(now), Some(thread));
        }
    }

    /// A member has ended, on this thread, `begun` or not. `who` is asked for one that is not in the sample.
    pub(crate) fn ended(
        &self,
        index: usize,
        begun: bool,
        how: HowEnded,
        why: Option<String>,
        who: impl FnOnce() -> (Who, Moment),
    ) {
        let mut book = self.book.lock();
        let now = self.now();
        book.census.ended_at(now, begun, how);
        let thread = book.thread();
        let why = why.map(|why| book.text(&why));
        let here = book.numbered(self.part, index);
        if let Some(part) = self.part {
            book.numbers.remove(&(part, index));
        }
        let index = here;
        let kept = book.kept(index);
        if let Some(member) = kept.and_then(|slot| book.sample[slot].as_mut()) {
            member.ended = Some((now, how));
            member.ended_on = Some(thread);
            member.why = why;
            return;
        }
        let (room, late) = (book.failures.len() < FAILURES, how.is_failure());
        drop(book);
        if !late || !room {
            return;
        }
        let (who, since) = who();
        let after = since.since(self.origin).unwrap_or_default();
        let failure = TimelineMember {
            index,
            name: who.name,
            place: Some(who.place),
            spawned: u64::try_from(after.as_nanos()).unwrap_or(u64::MAX).min(now),
            begun: None,
            ended: Some((now, how)),
            why,
            began_on: None,
            ended_on: Some(thread),
            queued_for_slot: false,
            sampled: false,
        };
        self.book.lock().keep_failure(failure);
    }

    /// Whoever is out is gone, dropped where it stood, and nobody will say so.
    pub(crate) fn close(&self) {
        let mut book = self.book.lock();
        if book.census.running + book.census.queued == 0 {
            return;
        }
        let now = self.now();
        book.census.closed_at(now);
        for member in book.sample.iter_mut().flatten().filter(|member| member.ended.is_none()) {
            member.ended = Some((now, HowEnded::Aborted));
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let book = self.book.lock();
        let now = if self.told { book.census.last } else { self.now() };
        let mut census = book.census.clone();
        let mut members: Vec<_> = book.sample.iter().flatten().chain(&book.failures).cloned().collect();
        let (title, stride) = (book.title.clone(), book.stride);
        drop(book);
        if census.running + census.queued > 0 {
            census.advance(now);
        }
        members.sort_unstable_by_key(|member| member.index);
        let carrier = if self.told { "slot" } else { "thread" };
        Snapshot { title, carrier, members, stride, census, now }
    }

    fn now(&self) -> Nanoseconds {
        let after = Moment::now().since(self.origin).unwrap_or_default();
        u64::try_from(after.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Census {
    /// Whether the member finds every slot taken.
    fn spawned_at(&mut self, now: Nanoseconds, limit: Option<usize>) -> bool {
        self.advance(now);
        self.limit = limit;
        self.first.get_or_insert(now);
        let full = limit.is_some_and(|limit| self.running + self.queued >= limit as u64);
        self.spawned += 1;
        self.queued += 1;
        full
    }

    pub(super) fn begun_at(&mut self, now: Nanoseconds) {
        self.advance(now);
        self.begun += 1;
        self.queued -= 1;
        self.running += 1;
        self.peak = self.peak.max(self.running);
    }

    pub(super) fn ended_at(&mut self, now: Nanoseconds, begun: bool, how: HowEnded) {
        self.advance(now);
        *(if begun { &mut self.running } else { &mut self.queued }) -= 1;
        self.ended[how as usize] += 1;
    }

    /// One that runs goes back to those who queue.
    pub(super) fn requeued_at(&mut self, now: Nanoseconds) {
        self.advance(now);
        self.running -= 1;
        self.queued += 1;
    }

    fn closed_at(&mut self, now: Nanoseconds) {
        self.advance(now);
        self.ended[HowEnded::Aborted as usize] += self.running + self.queued;
        (self.running, self.queued) = (0, 0);
    }
}

impl Book {
    /// A new member's number here.
    fn number(&mut self, part: Option<usize>, index: usize) -> usize {
        let Some(part) = part else { return index };
        let number = usize::try_from(self.census.spawned).unwrap_or(usize::MAX);
        self.numbers.insert((part, index), number);
        number
    }

    /// The number here of a member that is out.
    fn numbered(&self, part: Option<usize>, index: usize) -> usize {
        part.and_then(|part| self.numbers.get(&(part, index)).copied()).unwrap_or(index)
    }

    /// A member was counted out.
    pub(super) fn spawn(
        &mut self,
        capacity: usize,
        index: usize,
        name: Option<Name>,
        place: Option<&'static Location<'static>>,
        limit: Option<usize>,
        now: Nanoseconds,
    ) {
        let queued_for_slot = self.census.spawned_at(now, limit);
        let Some(slot) = self.slot(index, capacity) else { return };
        let spawned = TimelineMember {
            index,
            name,
            place,
            spawned: now,
            begun: None,
            ended: None,
            why: None,
            began_on: None,
            ended_on: None,
            queued_for_slot,
            sampled: true,
        };
        if self.sample.len() <= slot {
            // Who was counted out later may be told of earlier.
            self.sample.resize(slot + 1, None);
        }
        self.sample[slot] = Some(spawned);
    }

    /// The slot of a member that is kept; of those that are not in the sample there is none.
    pub(super) fn kept(&self, index: usize) -> Option<usize> {
        (index % self.stride == 0).then_some(index / self.stride).filter(|slot| *slot < self.sample.len())
    }

    /// The slot for a new member, if it belongs to the sample; which is thinned when there is no room.
    fn slot(&mut self, index: usize, capacity: usize) -> Option<usize> {
        while index / self.stride >= capacity {
            self.thin();
        }
        (index % self.stride == 0).then_some(index / self.stride)
    }

    /// Forgets every second member, unless it has failed.
    fn thin(&mut self) {
        self.stride *= 2;
        let sample = std::mem::take(&mut self.sample);
        self.sample.reserve(sample.len() / 2 + 1);
        for (slot, member) in sample.into_iter().enumerate() {
            match member {
                member if slot % 2 == 0 => self.sample.push(member),
                Some(member) if member.ended.is_some_and(|(_, how)| how.is_failure()) => {
                    self.keep_failure(TimelineMember { sampled: false, ..member });
                }
                _ => {}
            }
        }
    }

    pub(super) fn keep_failure(&mut self, failure: TimelineMember) {
        if self.failures.len() < FAILURES {
            self.failures.push(failure);
        }
    }

    /// The name of the calling thread: its own, and a number, since all of a pool may have the same.
    fn thread(&mut self) -> Arc<str> {
        let current = thread::current();
        if let Some(name) = self.threads.get(&current.id()) {
            return Arc::clone(name);
        }
        if self.threads.len() >= THREADS {
            return Arc::clone(&self.others);
        }
        let number = self.threads.len() + 1;
        let name: Arc<str> = match current.name() {
            Some("main") => Arc::from("main"),
            Some(name) => format!("{name} ({number})").into(),
            None => format!("thread ({number})").into(),
        };
        self.threads.insert(current.id(), Arc::clone(&name));
        name
    }

    /// A text, cut, and shared with the one before if that was the same.
    pub(super) fn text(&mut self, text: &str) -> Arc<str> {
        let cut = (0..=text.len().min(TEXT)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let shortened = if cut < text.len() { format!("{}…", &text[..cut]) } else { text.to_owned() };
        match &self.text {
            Some(last) if **last == *shortened => Arc::clone(last),
            _ => Arc::clone(self.text.insert(shortened.into())),
        }
    }
}
