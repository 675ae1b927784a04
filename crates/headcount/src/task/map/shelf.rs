//! The items of a spawned map on their way to its lanes.
//!
//! A lane is a task that runs one member after the other. It takes items from the source into a tray of its own, several at once
//! where they are tiny, and begins them one by one.
//!
//! Invariants:
//!
//! * **T1.** The source is foreign code, and so is not asked under the lock: the lane that asks has taken it out. Meanwhile
//!   another that finds nothing else to do ends; whoever puts the source back sees to it that there are lanes enough
//!   ([`Shelf::wants_lane`]).
//! * **T2.** What is on a tray can be taken by others: a lane whose member is pending puts it back at once; one whose member
//!   computes is found out by the next lane that comes for more, because it has begun nothing since that came last.
//! * **T3.** A lane ends only when it finds nothing to do, and says so in the same breath ([`Shelf::leave`]). Whoever afterwards has
//!   more items than it begins at once, or puts some back, sees that there is room for one more lane, and starts it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use super::source::Source;
use crate::wait::lock::Lock;

/// An item, and its number.
pub(super) type Numbered<I> = (usize, I);

/// What a lane has taken and not begun.
pub(super) struct Tray<I>(Lock<Taken<I>>);

struct Taken<I> {
    items: VecDeque<Numbered<I>>,
    /// How many were begun.
    begun: u64,
    /// The same when another lane last looked.
    seen: u64,
}

impl<I> Tray<I> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(Lock::new(Taken { items: VecDeque::new(), begun: 0, seen: 0 })))
    }

    /// The next item, which its lane now begins.
    pub(super) fn next(&self) -> Option<Numbered<I>> {
        let mut taken = self.0.lock();
        taken.begun += 1;
        taken.items.pop_front()
    }

    pub(super) fn push(&self, item: Numbered<I>) {
        self.0.lock().items.push_back(item);
    }

    fn put(&self, items: &mut VecDeque<Numbered<I>>) {
        self.0.lock().items.append(items);
    }

    /// All that is on it. Mostly nothing: then it keeps its memory.
    fn clear(&self) -> VecDeque<Numbered<I>> {
        let items = &mut self.0.lock().items;
        if items.is_empty() { VecDeque::new() } else { std::mem::take(items) }
    }

    /// What is on it, if its lane has begun nothing since somebody last looked, or `at_once`.
    fn steal(&self, at_once: bool) -> Option<VecDeque<Numbered<I>>> {
        let mut taken = self.0.lock();
        let seen = taken.seen;
        taken.seen = taken.begun;
        let stands = at_once || seen == taken.begun;
        (stands && !taken.items.is_empty()).then(|| std::mem::take(&mut taken.items))
    }
}

/// Where the source is.
enum Place<S> {
    Here(Pin<Box<S>>),
    /// With the lane that asks it (T1).
    Out,
    /// At its end.
    Over,
}

/// What lanes share; under one lock.
pub(super) struct Shelf<S: Source> {
    source: Place<S>,
    /// The number of the next item.
    next: usize,
    /// Items that were taken and put back.
    returned: VecDeque<Numbered<S::Item>>,
    trays: Vec<Arc<Tray<S::Item>>>,
    /// How many lanes there are, and those of them that wait for nothing: neither for their member, nor for the source.
    lanes: usize,
    running: usize,
}

/// What the lanes have left.
pub(super) struct Left<S: Source> {
    /// Taken and not begun.
    pub(super) items: VecDeque<Numbered<S::Item>>,
    pub(super) source: Option<Pin<Box<S>>>,
    /// The number of its next item.
    pub(super) next: usize,
}

/// What a lane is to do next.
pub(super) enum Turn<S: Source> {
    /// Begin what lies on its tray now: so many.
    Laid(usize),
    /// Ask the source, and put it back.
    Ask(Pin<Box<S>>, usize),
    /// Look again in a moment, or end: the source is being asked by another.
    Busy,
    /// End: there is nothing to do any more.
    Over,
}

impl<S: Source> Shelf<S> {
    pub(super) fn new(source: S) -> Self {
        Self {
            source: Place::Here(Box::pin(source)),
            next: 0,
            returned: VecDeque::new(),
            trays: Vec::new(),
            lanes: 0,
            running: 0,
        }
    }

    /// One more lane.
    pub(super) fn enter(&mut self) {
        self.lanes += 1;
        self.running += 1;
    }

    /// Its tray, once it runs.
    pub(super) fn lay(&mut self, tray: &Arc<Tray<S::Item>>) {
        self.trays.push(Arc::clone(tray));
    }

    /// A lane is gone (T3); what was on its tray.
    pub(super) fn leave(&mut self, tray: &Arc<Tray<S::Item>>, running: bool) {
        self.lanes -= 1;
        self.running -= usize::from(running);
        if let Some(at) = self.trays.iter().position(|other| Arc::ptr_eq(tray, other)) {
            self.trays.swap_remove(at);
        }
        let left = tray.clear();
        self.returned.extend(left);
    }

    /// What a lane is to do next that would take up to `most` items.
    pub(super) fn turn(&mut self, own: &Arc<Tray<S::Item>>, most: usize) -> Turn<S> {
        // Laid down in the same breath: otherwise another lane would see them nowhere, and end.
        if !self.returned.is_empty() {
            let many = most.min(self.returned.len());
            own.put(&mut self.returned.drain(..many).collect());
            return Turn::Laid(many);
        }
        // T2. At once where there is nothing else to do.
        let at_once = !matches!(self.source, Place::Here(_));
        let others = self.trays.iter().filter(|tray| !Arc::ptr_eq(own, tray));
        if let Some(mut items) = others.filter_map(|tray| tray.steal(at_once)).next() {
            let many = items.len();
            own.put(&mut items);
            return Turn::Laid(many);
        }
        match std::mem::replace(&mut self.source, Place::Out) {
            Place::Here(source) => Turn::Ask(source, self.next),
            Place::Out => Turn::Busy,
            Place::Over => {
                self.source = Place::Over;
                Turn::Over
            }
        }
    }

    /// The source is back, after it gave so many items; nothing if it is at its end.
    pub(super) fn put_back(&mut self, source: Option<Pin<Box<S>>>, gave: usize) {
        self.next += gave;
        self.source = source.map_or(Place::Over, Place::Here);
    }

    /// Items are back that are not begun by who took them.
    pub(super) fn hand_back(&mut self, tray: &Tray<S::Item>) {
        // In front: they are older than what others have put back.
        let mut items = tray.clear();
        if !items.is_empty() {
            items.append(&mut self.returned);
            self.returned = items;
        }
    }

    /// A lane waits for its member, or does not any more.
    pub(super) fn park(&mut self, parked: bool) {
        self.running = if parked { self.running - 1 } else { self.running + 1 };
    }

    /// Whether one more lane should be started (T1, T3); it is then counted. `more`: there is something on a tray.
    pub(super) fn wants_lane(&mut self, limit: usize, workers: usize, more: bool) -> bool {
        let work = more || !self.returned.is_empty() || matches!(self.source, Place::Here(_));
        let wants = work && self.lanes < limit && self.running < workers;
        if wants {
            self.enter();
        }
        wants
    }

    /// What is there once all lanes are gone. It is foreign code, so it is to be looked at and dropped without the lock.
    pub(super) fn close(&mut self) -> Left<S> {
        let source = match std::mem::replace(&mut self.source, Place::Over) {
            Place::Here(source) => Some(source),
            Place::Out | Place::Over => None,
        };
        Left { items: std::mem::take(&mut self.returned), source, next: self.next }
    }
}
