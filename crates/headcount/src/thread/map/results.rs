//! Results on their way to the one who takes them: each of those who run items lays its own on a shelf, and the taker
//! goes round.
//!
//! # No result is left lying
//!
//! The taker says for what it [waits](Shelves::waits_for), then goes round all shelves, and rests if it has not found that. Who
//! lays something down does so first, and then looks whether it is waited for. Both hold the shelf's lock in between; so
//! either the taker finds it, or comes to the shelf before, and then the other sees what the taker has said.
//! That nobody runs items any more is looked at before the last round, and said after the last was laid down.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use super::super::workers::Apart;
use super::gate::Gate;
use super::hands::Sink;
use super::supply::Supply;
use crate::fault::{self, Fault};
use crate::group::{Root, panics};
use crate::map::docket::Docket;
use crate::roll::{Heading, RollCall, State};
use crate::sync::{AtomicU64, Relaxed};
use crate::wait::lock::Lock;

/// The taker waits for nothing.
const NOTHING: u64 = u64::MAX;
/// It waits for any result.
const ANY: u64 = u64::MAX - 1;

type Shelf<U> = Arc<Apart<Lock<Vec<(usize, U)>>>>;

/// See the top of this file.
#[derive(Debug)]
pub(super) struct Shelves<U> {
    all: Lock<Vec<Shelf<U>>>,
    /// How many results were laid down, by those who are gone.
    count: Lock<u64>,
    /// The index that the taker waits for, or one of the above.
    waits_for: AtomicU64,
    taker: Gate,
}

/// What one of those who run items lays its results down with.
#[derive(Debug)]
pub(super) struct Arm<U> {
    shelf: Shelf<U>,
    /// Those of what was in hand last.
    results: Vec<(usize, U)>,
    /// How many there have been before them.
    count: u64,
}

impl<U> Shelves<U> {
    pub(super) fn new() -> Self {
        Self {
            all: Lock::default(),
            count: Lock::new(0),
            waits_for: AtomicU64::new(NOTHING),
            taker: Gate::default(),
        }
    }

    /// How many results were laid down in all, when all who run items are gone.
    pub(super) fn count(&self) -> u64 {
        *self.count.lock()
    }

    /// Takes what lies on the shelves. Said before that it waits: see the top of this file.
    fn go_round(&self, mut each: impl FnMut(usize, U)) {
        let shelves: Vec<_> = self.all.lock().clone();
        for shelf in shelves {
            let results = std::mem::take(&mut *shelf.0.lock());
            results.into_iter().for_each(|(index, result)| each(index, result));
        }
    }
}

impl<U: Send> Sink<U> for Shelves<U> {
    type Own = Arm<U>;

    fn open(&self) -> Arm<U> {
        let shelf = Arc::new(Apart(Lock::default()));
        self.all.lock().push(Arc::clone(&shelf));
        Arm { shelf, results: Vec::new(), count: 0 }
    }

    #[inline]
    fn put(&self, own: &mut Arm<U>, index: usize, value: U) {
        own.results.push((index, value));
    }

    fn flush(&self, own: &mut Arm<U>) {
        let (Some((first, _)), Some((last, _))) = (own.results.first(), own.results.last()) else { return };
        let laid = *first as u64..=*last as u64;
        own.count += own.results.len() as u64;
        own.shelf.0.lock().append(&mut own.results);
        // Relaxed: the shelf's lock orders it, see the top of this file.
        let waits_for = self.waits_for.load(Relaxed);
        if waits_for == ANY || laid.contains(&waits_for) {
            self.taker.open();
        }
    }

    fn close(&self, mut own: Arm<U>) {
        self.flush(&mut own);
        *self.count.lock() += own.count;
    }

    fn over(&self) {
        self.taker.open();
    }
}

/// Takes results, one by one: those that were laid down, in order if asked.
pub(super) struct Taker<'m, U, I: Iterator> {
    shelves: &'m Shelves<U>,
    supply: &'m Supply<I>,
    /// In the order of the source; in that of finishing if not.
    ordered: bool,
    /// Those that were found and not given. In order: that of index `given` first, and none where one is not there yet.
    found: VecDeque<Option<U>>,
    /// How many were given.
    given: usize,
    /// How many of them those who run items know of.
    told: usize,
}

impl<'m, U: Send, I: Iterator> Taker<'m, U, I> {
    pub(super) fn new(shelves: &'m Shelves<U>, supply: &'m Supply<I>, ordered: bool) -> Self {
        Self { shelves, supply, ordered, found: VecDeque::new(), given: 0, told: 0 }
    }

    fn go_round(&mut self) {
        let Self { ordered, found, given, .. } = self;
        self.shelves.go_round(|index, result| {
            if !*ordered {
                found.push_back(Some(result));
                return;
            }
            let at = index - *given;
            if found.len() <= at {
                found.resize_with(at + 1, || None);
            }
            found[at] = Some(result);
        });
    }

    fn take(&mut self) -> Option<U> {
        let result = self.found.front_mut()?.take()?;
        self.found.pop_front();
        self.given += 1;
        // Often enough that nobody rests for want of being told; and seldom, where many are on their way.
        let unknown = self.given - self.told;
        if unknown * 4 >= self.supply.window() {
            self.tell();
        }
        Some(result)
    }

    fn tell(&mut self) {
        self.told = self.given;
        self.supply.taken(self.given);
    }

    pub(super) fn next(&mut self) -> Option<U> {
        let shelves = self.shelves;
        loop {
            if let Some(result) = self.take() {
                return Some(result);
            }
            self.go_round();
            if let Some(result) = self.take() {
                return Some(result);
            }
            let unlooked = fault::planted(Fault::ShelvesUnlooked);
            let waits_for = if self.ordered { self.given as u64 } else { ANY };
            // Relaxed: the shelves' locks order it, see the top of this file.
            let wait = || shelves.waits_for.store(waits_for, Relaxed);
            shelves.taker.list();
            if !unlooked {
                wait();
            }
            let over = self.supply.is_over();
            self.go_round();
            if unlooked {
                wait();
            }
            let found = self.take();
            if found.is_none() && !over {
                if self.told < self.given {
                    self.tell();
                }
                shelves.taker.park();
            }
            // Relaxed: who still reads the old one wakes somebody who is awake.
            shelves.waits_for.store(NOTHING, Relaxed);
            if found.is_some() || over {
                return found;
            }
        }
    }

    /// Whether all that there was has been given.
    pub(super) fn has_all(&self) -> bool {
        self.found.is_empty() && self.supply.is_over()
    }
}

/// What [`MapResults`] know of the map.
pub(super) trait Taken<U> {
    fn next(&mut self) -> Option<U>;
    fn roll_call(&self) -> RollCall;
    fn describe(&self) -> String;
    fn end(&mut self);
}

/// A taker, and the map that it takes from.
pub(super) struct Taking<'m, U, I: Iterator, E, P> {
    pub(super) taker: Taker<'m, U, I>,
    pub(super) docket: &'m Docket<E, P>,
    pub(super) limit: usize,
    /// Whether the map was ended because the body has had enough.
    pub(super) enough: &'m mut bool,
}

impl<U: Send, I: Iterator, E: Root, P> Taken<U> for Taking<'_, U, I, E, P> {
    fn next(&mut self) -> Option<U> {
        self.taker.next()
    }

    fn roll_call(&self) -> RollCall {
        let title = &self.docket.title;
        let heading = Heading {
            what: "map",
            name: title.name().cloned(),
            place: Some(title.place()),
            total: None,
            limit: Some(self.limit),
        };
        let state = if self.docket.ctx.is_cancelled() { State::Cancelled } else { State::Running };
        RollCall::of_group(heading, self.taker.supply.missing(title.place(), state))
    }

    fn describe(&self) -> String {
        self.docket.title.to_string()
    }

    fn end(&mut self) {
        if !self.taker.has_all() {
            *self.enough = self.docket.enough();
        }
        panics::drop_each_quietly(std::mem::take(&mut self.taker.found));
    }
}

/// The results of a map, one by one: an iterator that blocks until the next one is there. From
/// [`Map::stream`](super::Map::stream).
///
/// It ends when all items are over, or the map has failed or was cancelled. Dropping it before ends the map.
#[must_use = "results are taken by iterating"]
pub struct MapResults<'m, U> {
    pub(super) map: Box<dyn Taken<U> + 'm>,
}

impl<U> MapResults<'_, U> {
    /// The items that are running: the number, and since when those that were taken together have been. An item of many
    /// tiny ones is listed together with the few that are taken in one breath.
    #[must_use]
    pub fn roll_call(&self) -> RollCall {
        self.map.roll_call()
    }
}

impl<U> Iterator for MapResults<'_, U> {
    type Item = U;

    fn next(&mut self) -> Option<U> {
        self.map.next()
    }
}

impl<U> Drop for MapResults<'_, U> {
    fn drop(&mut self) {
        self.map.end();
    }
}

impl<U> fmt::Debug for MapResults<'_, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("thread::MapResults").field("map", &self.map.describe()).finish_non_exhaustive()
    }
}
