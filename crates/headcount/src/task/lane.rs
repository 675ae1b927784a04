//! Who may run now and who has to wait: the limit of a group of tasks.
//!
//! A member holds as many slots as it weighs while it runs. Who finds no room queues, in order; nobody overtakes the head of
//! the queue, however light, so heavy members do not starve, and neither do light ones. A member heavier than the limit runs
//! alone.
//!
//! The lane lies in the group's books and is touched under their lock only. It decides; launching is done without the lock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::BoxTask;
use super::carriers::{Carriers, Way, Ways};
use super::turn::Turn;

/// What runs in a slot.
pub(crate) enum Job {
    Task(BoxTask),
    Blocking(Box<dyn FnOnce() + Send>),
}

/// Who waits for a slot.
pub(crate) enum Queued {
    Job(Job),
    /// Somebody who will launch a member when there is room.
    Turn(Arc<Turn>),
}

impl Queued {
    fn is_turn(&self) -> bool {
        matches!(self, Self::Turn(_))
    }
}

/// May go on, holding this many slots.
pub(crate) type Granted = (usize, Queued);

#[derive(Default)]
pub(crate) struct Lane {
    /// None: everybody runs, and nobody holds a slot.
    limit: Option<usize>,
    used: usize,
    queue: VecDeque<Granted>,
    /// How many of the queue are turns.
    turns: usize,
    ways: Ways,
}

impl Lane {
    pub(crate) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// What a member needs to be launched.
    pub(super) fn way(&mut self, carriers: &Arc<Carriers>) -> Arc<Way> {
        self.ways.next(carriers)
    }

    /// How many members wait in the queue, besides those who wait to launch one.
    pub(crate) fn queued_members(&self) -> usize {
        self.queue.len() - self.turns
    }

    fn has_room(&self, weight: usize) -> bool {
        // Alone is always allowed.
        self.limit.is_none_or(|limit| {
            self.used == 0 || self.used.checked_add(weight).is_some_and(|used| used <= limit)
        })
    }

    /// Slots for one who weighs `weight` and has not waited: how many are held, if it need not queue.
    pub(crate) fn try_enter(&mut self, weight: usize) -> Option<usize> {
        if self.limit.is_none() {
            return Some(0);
        }
        if !self.queue.is_empty() || !self.has_room(weight) {
            return None;
        }
        self.used = self.used.saturating_add(weight);
        Some(weight)
    }

    /// Queues; or gives it back if there is room after all.
    pub(crate) fn enter(&mut self, weight: usize, who: Queued) -> Option<Granted> {
        if let Some(held) = self.try_enter(weight) {
            return Some((held, who));
        }
        self.turns += usize::from(who.is_turn());
        self.queue.push_back((weight, who));
        None
    }

    /// Gives slots back, and looks at nobody.
    pub(crate) fn give_back(&mut self, held: usize) {
        self.used = self.used.saturating_sub(held);
    }

    /// Whether nobody queues.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Gives slots back; the next that may go on. To be asked again until nobody may: `release(0)`.
    pub(crate) fn release(&mut self, held: usize) -> Option<Granted> {
        self.give_back(held);
        let (weight, _) = self.queue.front()?;
        if !self.has_room(*weight) {
            return None;
        }
        let (weight, who) = self.queue.pop_front()?;
        self.turns -= usize::from(who.is_turn());
        if self.limit.is_some() {
            self.used = self.used.saturating_add(weight);
            Some((weight, who))
        } else {
            Some((0, who))
        }
    }

    /// Takes one who waits for a turn out of the queue; false if it is not there.
    pub(crate) fn give_up(&mut self, turn: &Arc<Turn>) -> bool {
        let is_it = |(_, who): &Granted| matches!(who, Queued::Turn(other) if Arc::ptr_eq(turn, other));
        match self.queue.iter().position(is_it) {
            Some(at) => {
                self.turns -= 1;
                self.queue.remove(at).is_some()
            }
            None => false,
        }
    }

    /// Sets the limit. `riders` run already, without a slot, and now hold one each.
    pub(crate) fn set_limit(&mut self, limit: usize, riders: usize) {
        self.limit = Some(limit);
        self.used = self.used.saturating_add(riders);
    }

    /// Everyone who waits: nobody is to run any more.
    pub(crate) fn clear(&mut self) -> VecDeque<Granted> {
        self.turns = 0;
        std::mem::take(&mut self.queue)
    }
}
