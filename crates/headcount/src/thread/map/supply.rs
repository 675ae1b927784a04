//! What there is to do: a source that is pulled lazily, and items that somebody took at once, within reach of the others.
//!
//! # The way of an item
//!
//! ```text
//! source ──(source's lock)──► tray of whoever pulled it ──(tray's lock)──► its hand, or after a theft another's tray
//! ```
//! Tiny items are pulled many at a time ([`Pace`]), so that the source's lock, which all fight for, is taken rarely, and
//! the tray's, which is nearly always its owner's and held for a few instructions, often.
//!
//! # Invariants
//!
//! * **T1.** An item that was pulled is in one tray, or in one hand, or has been begun. Items change from tray to tray under the
//!   source's lock alone, so whoever holds that sees all that are in trays.
//! * **T2.** Nobody leaves, or rests, while a tray has items: [`Supply::claim`] looks at all of them, under the source's lock. So an
//!   item does not wait in a tray while somebody has nothing to do, unless that one waits for the source's next item.
//! * **T3.** No item waits for the next one to come. More than one is pulled only from a source that says that it has them
//!   ([`Iterator::size_hint`]); of any other, each is begun by whoever pulled it.
//! * **T4.** In a map that is taken from one by one, no more items are pulled ahead of what was taken than the window says.
//!   Whoever finds it closed, and all trays empty, rests at the gate until it is opened.
//!
//! # Deadlock safety
//!
//! The source's lock, then the staff's, then one tray's. The source's `next` is foreign code, the only one that is called with
//! a lock held, because nobody else may call it meanwhile; and it may take its time. So only those who want items take the
//! source's lock: the roll call, and whoever takes results, take the staff's.

use std::any::Any;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

use super::super::workers::Apart;
use super::gate::Gate;
use super::pace::Pace;
use crate::fault::{self, Fault};
use crate::group::panics;
use crate::roll::{Missing, State};
use crate::time::Moment;
use crate::wait::lock::{BriefLock, Lock};

/// See the top of this file.
pub(super) struct Supply<I: Iterator> {
    source: Lock<Source<I>>,
    staff: Lock<Staff<I::Item>>,
    /// How many may run items at once.
    limit: usize,
    /// Where those rest who found the window closed; if there is a window.
    gate: Option<Arc<Gate>>,
}

struct Source<I: Iterator> {
    iter: I,
    /// It has said that there is nothing left, or has panicked: it is not asked again.
    exhausted: bool,
    /// Whether it may have more, as far as it says.
    more: bool,
    /// The index of the next item.
    next: usize,
}

type Shared<Item> = Arc<Apart<BriefLock<Tray<Item>>>>;

/// Those who run items, all together.
struct Staff<Item> {
    trays: Vec<Shared<Item>>,
    /// How many run items, or have been asked for.
    working: usize,
    /// How many somebody took last, for those who begin.
    batch: usize,
    /// How many results have been taken, if they are taken one by one (T4).
    taken: Option<usize>,
}

/// What one of those who run items has taken, and has not begun.
#[derive(Debug)]
struct Tray<Item> {
    /// The last one is the first to go.
    items: Vec<Item>,
    /// The index of the first to go.
    first: usize,
    /// The items that were in the hand last, index and number; for the roll call.
    hand: (usize, usize),
    /// Since when.
    since: Moment,
}

/// One of those who run items: what it has in hand, and where it takes from.
#[derive(Debug)]
pub(super) struct Hand<Item> {
    tray: Shared<Item>,
    pub(super) pace: Pace,
    /// The last one is the first to go.
    pub(super) items: Vec<Item>,
    /// The index of the first to go.
    pub(super) next: usize,
}

/// What somebody who asked for items got.
#[derive(Debug)]
pub(super) enum Claim {
    /// Some are in hand. One more is to be started if so.
    Items { start: bool },
    /// There will never be any.
    Nothing,
    /// The source has panicked.
    Panicked(Box<dyn Any + Send>),
}

impl<I: Iterator> Supply<I> {
    /// All that `iter` has; for `limit` who run items. `gate` if results are taken one by one.
    pub(super) fn new(iter: I, limit: usize, gate: Option<Arc<Gate>>) -> Self {
        let more = iter.size_hint().1 != Some(0);
        let source = Source { iter, exhausted: false, more, next: 0 };
        let taken = gate.as_ref().map(|_| 0);
        let staff = Staff { trays: Vec::new(), working: 1, batch: 1, taken };
        Self { source: Lock::new(source), staff: Lock::new(staff), limit, gate }
    }

    /// Somebody who will run items; it was counted when it was asked for, or is the first.
    pub(super) fn join(&self) -> Hand<I::Item> {
        let tray = Tray { items: Vec::new(), first: 0, hand: (0, 0), since: Moment::now() };
        let tray = Arc::new(Apart(BriefLock::new(tray)));
        let mut staff = self.staff.lock();
        staff.trays.push(Arc::clone(&tray));
        let pace = Pace::new(staff.batch);
        drop(staff);
        Hand { tray, pace, items: Vec::new(), next: 0 }
    }

    /// Counts somebody who will join.
    #[cfg(loom)]
    pub(super) fn expect_one(&self) {
        self.staff.lock().working += 1;
    }

    /// Who was asked for could not come. True if it would have been the last.
    pub(super) fn cannot_come(&self) -> bool {
        let mut staff = self.staff.lock();
        staff.working -= 1;
        staff.working == 0
    }

    /// It runs no more items. What it has in hand is put back. True if it was the last.
    pub(super) fn leave(&self, hand: Hand<I::Item>) -> bool {
        let Hand { tray, mut items, next, .. } = hand;
        let mut tray = tray.0.lock();
        if !items.is_empty() {
            tray.first = next;
            tray.items.append(&mut items);
        }
        tray.hand.1 = 0;
        drop(tray);
        let mut staff = self.staff.lock();
        staff.working -= 1;
        staff.working == 0
    }

    /// Whether nobody runs items any more.
    pub(super) fn is_over(&self) -> bool {
        self.staff.lock().working == 0
    }

    /// Puts items in the hand, which is empty; rests if there are none to be had yet. `over` says that nobody wants any.
    #[inline]
    pub(super) fn claim(&self, hand: &mut Hand<I::Item>, over: impl Fn() -> bool) -> Claim {
        if hand.grasp() {
            return Claim::Items { start: false };
        }
        self.refill(hand, over)
    }

    fn refill(&self, hand: &mut Hand<I::Item>, over: impl Fn() -> bool) -> Claim {
        hand.pace.take_stock();
        loop {
            if over() {
                return Claim::Nothing;
            }
            let mut source = self.source.lock();
            let room = self.staff.lock().room(source.next, self.limit, hand.pace.batch);
            let pulled = match source.pull(hand, self.limit, room) {
                Ok(pulled) => pulled,
                Err(payload) => return Claim::Panicked(payload),
            };
            if pulled > 0 || !fault::planted(Fault::TraysUnlooked) && self.steal(hand) {
                let more = source.more;
                hand.grasp();
                drop(source);
                let start = self.wants_one_more(more);
                if pulled > 1 {
                    // T2: those who rest may help themselves.
                    self.open();
                }
                return Claim::Items { start };
            }
            let Some(gate) = self.gate.as_ref().filter(|_| !source.exhausted) else {
                return Claim::Nothing;
            };
            drop(source);
            self.rest(gate, &over);
            hand.pace.begin_anew();
        }
    }

    /// Takes half of what is in the fullest tray; false if all are empty.
    fn steal(&self, hand: &mut Hand<I::Item>) -> bool {
        loop {
            let staff = self.staff.lock();
            let sizes = staff.trays.iter().map(|tray| (tray.0.lock().items.len(), tray));
            let fullest = sizes.max_by_key(|(len, _)| *len).filter(|(len, _)| *len > 0);
            let Some(victim) = fullest.map(|(_, tray)| Arc::clone(tray)) else { return false };
            drop(staff);
            let mut tray = victim.0.lock();
            let stays = tray.items.len() / 2;
            let first = tray.first + stays;
            let goes = tray.items.len() - stays;
            let items: Vec<_> = tray.items.drain(..goes).collect();
            drop(tray);
            // Its owner may have taken the last of them meanwhile.
            if !items.is_empty() {
                let mut own = hand.tray.0.lock();
                (own.items, own.first, own.since) = (items, first, hand.pace.since());
                return true;
            }
        }
    }

    /// Whether somebody else is to be started, who is counted with this. Also where items have been tiny, and cores enough:
    /// the next ones may block, all at once, and then nobody would come by here.
    fn wants_one_more(&self, more: bool) -> bool {
        let mut staff = self.staff.lock();
        let start = staff.working < self.limit && (more || staff.has_items());
        staff.working += usize::from(start);
        start
    }

    fn open(&self) {
        if let Some(gate) = &self.gate {
            gate.open();
        }
    }

    /// Sleeps until the gate is opened. No opening is missed: who rests says so first, and then looks again; who opens does
    /// what it does first, and then looks who rests.
    fn rest(&self, gate: &Gate, over: &impl Fn() -> bool) {
        let unlooked = fault::planted(Fault::RestUnlooked);
        if !unlooked {
            gate.list();
        }
        let source = self.source.lock();
        let staff = self.staff.lock();
        let open = staff.window(self.limit).is_none_or(|window| source.next < window) || source.exhausted;
        let closed = !open && !staff.has_items();
        drop(staff);
        drop(source);
        if closed && !over() {
            if unlooked {
                gate.list();
            }
            gate.park();
        }
    }

    /// So many results have been taken (T4).
    pub(super) fn taken(&self, count: usize) {
        self.staff.lock().taken = Some(count);
        self.open();
    }

    /// How many results may be ahead of what is taken, at the moment.
    pub(super) fn window(&self) -> usize {
        self.staff.lock().ahead(self.limit)
    }

    /// Who runs: one line for all that somebody has in hand.
    pub(super) fn missing(&self, place: &'static Location<'static>, state: State) -> Vec<Missing> {
        let (staff, now) = (self.staff.lock(), Moment::now());
        let running = staff.trays.iter().filter_map(|tray| {
            let tray = tray.0.lock();
            let (first, count) = tray.hand;
            let age = now.since(tray.since);
            (count > 0).then(|| Missing::member(first as u64 + 1, None, place, age, state).counting(count))
        });
        running.collect()
    }

    /// When nobody runs items any more: those that were not begun, index and number. The first that was not pulled is among
    /// them, if there was one as far as is known: what was cut short must not pass for whole.
    pub(super) fn unbegun(&self) -> Vec<(usize, usize)> {
        let trays = mem::take(&mut self.staff.lock().trays);
        let source = self.source.lock();
        let mut unbegun = Vec::new();
        if source.more {
            unbegun.push((source.next, 1));
        }
        drop(source);
        for tray in trays {
            let mut tray = tray.0.lock();
            let (first, items) = (tray.first, mem::take(&mut tray.items));
            drop(tray);
            if !items.is_empty() {
                unbegun.push((first, items.len()));
            }
            panics::drop_each_quietly(items);
        }
        unbegun.sort_unstable();
        unbegun
    }
}

impl<I: Iterator> Source<I> {
    /// Pulls items into the empty `hand` and lays them on its tray, which is empty too, `room` at most (T4); how many. The source's panic, if it panics.
    fn pull(
        &mut self,
        hand: &mut Hand<I::Item>,
        limit: usize,
        room: usize,
    ) -> Result<usize, Box<dyn Any + Send>> {
        if self.exhausted || room == 0 {
            return Ok(0);
        }
        let Hand { tray, items, pace, .. } = hand;
        let asked = panics::catch(|| {
            let sure = self.iter.size_hint().0;
            // Near the end, who comes later gets a share.
            let share = if cfg!(loom) { sure } else { sure / limit.saturating_mul(2) }.max(1);
            // T3, T4.
            let most = room.min(share);
            if most == 1 {
                // What takes more than one is slow at taking one.
                items.extend(self.iter.next());
            } else {
                items.extend(self.iter.by_ref().take(most));
            }
            (most, self.iter.size_hint().1 != Some(0))
        });
        // Also if the source has panicked: what it gave before is in its place.
        let pulled = items.len();
        items.reverse();
        // Only now, so that whoever looks at the trays does not wait for the source.
        let mut tray = tray.0.lock();
        mem::swap(&mut tray.items, items);
        (tray.first, tray.since) = (self.next, pace.since());
        drop(tray);
        self.next += pulled;
        self.exhausted = !matches!(asked, Ok((most, _)) if most == pulled);
        self.more = !self.exhausted && matches!(asked, Ok((_, true)));
        asked.map(|_| pulled)
    }
}

impl<Item> Staff<Item> {
    fn has_items(&self) -> bool {
        self.trays.iter().any(|tray| !tray.0.lock().items.is_empty())
    }

    /// How far what was pulled may be ahead of what was taken.
    fn ahead(&self, limit: usize) -> usize {
        // The checker's models have few items.
        if cfg!(loom) { 1 } else { limit.saturating_mul(2 * self.batch + 2) }
    }

    /// The first index that may not be pulled (T4).
    fn window(&self, limit: usize) -> Option<usize> {
        self.taken.map(|taken| taken.saturating_add(self.ahead(limit)))
    }

    /// How many may be pulled from index `next` on, by somebody who wants so many.
    fn room(&mut self, next: usize, limit: usize, batch: usize) -> usize {
        self.batch = batch;
        self.window(limit).map_or(batch, |window| window.saturating_sub(next).min(batch))
    }
}

impl<Item> Hand<Item> {
    /// Takes a handful from the own tray; false if it is empty.
    #[inline]
    fn grasp(&mut self) -> bool {
        let mut tray = self.tray.0.lock();
        let rest = tray.items.len().saturating_sub(self.pace.handful);
        self.items.extend(tray.items.drain(rest..));
        self.next = tray.first;
        tray.first += self.items.len();
        tray.hand = (self.next, self.items.len());
        self.pace.takes(self.items.len());
        !self.items.is_empty()
    }
}
