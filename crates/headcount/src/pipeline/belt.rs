//! The hand-off between two stages: bounded, in batches, and nothing ever waits in it for a batch to fill.
//!
//! Every worker of the stage above has an *outbox* of its own, into which it pushes item by item; a worker of the stage below
//! takes what has gathered there, as many at once as it likes. So a batch is whatever came while the one below was busy:
//! one item when it was idle, hundreds under load. An item is within reach of the stage below from the moment it was pushed,
//! also while the worker that pushed it is held up by its next item for an hour.
//!
//! An outbox has one lock, which its pusher has almost always to itself: the takers come once in a batch.
//!
//! # Rules
//!
//! * **B1, the edge.** Giving back an outbox's lock → taking it next. Everything that goes from a pusher to a taker goes over
//!   this edge: the item, and what the pusher did before; and in the other direction room, the hint, and "gone".
//! * **B2, room.** A pusher that finds its outbox full says so under the lock before it sits down; whoever makes room sees
//!   that under the lock, and calls it when half is free (not earlier: a call for each item would cost more than the item).
//!   So either the pusher finds the room, or the taker finds the pusher.
//! * **B3, gone.** When the last taker leaves every outbox is marked under its lock, emptied, and its pusher called, wherever
//!   that sits. Afterwards nothing is put in, so nothing stays there.
//! * **B4, nothing foreign under a lock.** Items are dropped, and seats called, after the locks were given back.
//! * **B5, in order.** See `order`.
//!
//! Lock order: the turn's (`order`), an outbox's. The door's and a seat's are never taken under another one.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

use super::door::Door;
use super::order::{Runs, Turn};
use super::pile::Pile;
use super::seat::Seat;
use crate::fault::{self, Fault};
use crate::wait::lock::{BriefLock, Lock};

/// On cache lines of its own, two of them, since they are fetched in pairs.
#[repr(align(128))]
#[derive(Debug)]
struct Apart<T>(T);

/// Where an outbox is; its pusher knows the way without asking the belt.
type Place<T> = Arc<Apart<BriefLock<Outbox<T>>>>;

/// What a belt connects, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) pushers: usize,
    pub(super) takers: usize,
    /// How many items lie on it at most.
    pub(super) room: usize,
    /// What is taken is numbered in the order of taking, because the stage below keeps it.
    pub(super) numbered: bool,
    /// It is taken in the order of the runs, because the stage above keeps its input's order.
    pub(super) in_runs: bool,
}

/// The belt between two stages.
#[derive(Debug)]
pub struct Belt<T> {
    outboxes: Box<[Place<T>]>,
    door: Apart<Door>,
    /// Only where order is kept.
    turn: Option<Lock<Turn>>,
    in_runs: bool,
    /// The most that one taker should have in hand.
    share: usize,
}

#[derive(Debug)]
pub(super) struct Outbox<T> {
    pub(super) items: Pile<T>,
    pub(super) runs: Runs,
    room: usize,
    /// Whose it is.
    seat: Option<Arc<Seat>>,
    /// B2: it waits for room.
    waiting: bool,
    /// B3: nobody will ever take anything again.
    gone: bool,
}

impl<T> Outbox<T> {
    /// B2: who is to be called because there is room again.
    pub(super) fn relieved(&mut self) -> Option<Arc<Seat>> {
        if self.waiting && self.items.len() <= self.room / 2 && !fault::planted(Fault::RoomUnheard) {
            self.waiting = false;
            self.seat.clone()
        } else {
            None
        }
    }
}

/// Why an item was not pushed; here it is.
#[derive(Debug)]
pub(super) enum Refused<T> {
    /// There is no room now. The pusher is called when there is.
    Full(T),
    /// Nobody will take it.
    Gone(T),
}

impl<T> Belt<T> {
    pub(super) fn new(shape: Shape) -> Arc<Self> {
        // There may be none, of no sources.
        let share = shape.room.div_ceil(shape.pushers.max(1)).max(1);
        let outbox = |_| {
            Arc::new(Apart(BriefLock::new(Outbox {
                items: Pile::default(),
                runs: Runs::default(),
                room: share,
                seat: None,
                waiting: false,
                gone: false,
            })))
        };
        Arc::new(Self {
            outboxes: (0..shape.pushers).map(outbox).collect(),
            door: Apart(Door::new(shape.pushers, shape.takers)),
            turn: (shape.numbered || shape.in_runs).then(Lock::default),
            in_runs: shape.in_runs,
            share: shape.room.div_ceil(shape.takers),
        })
    }

    /// The end for the `nth` worker of the stage above; to be made once for each.
    pub(super) fn pusher(self: &Arc<Self>, nth: usize, seat: &Arc<Seat>) -> Pusher<T> {
        let outbox = Arc::clone(&self.outboxes[nth]);
        outbox.0.lock().seat = Some(Arc::clone(seat));
        Pusher { belt: Arc::clone(self), outbox }
    }

    /// The end for the `nth` worker of the stage below; to be made once for each.
    pub(super) fn taker(self: &Arc<Self>, nth: usize, seat: &Arc<Seat>) -> Taker<T> {
        Taker { belt: Arc::clone(self), seat: Arc::clone(seat), at: nth, listed: false, answers: false }
    }

    /// The most that one taker should have in hand: no more than its part of all that can lie here.
    pub(super) fn fair_share(&self) -> usize {
        self.share
    }

    fn outbox(&self, nth: usize) -> &BriefLock<Outbox<T>> {
        &self.outboxes[nth].0
    }
}

/// The end that items are put on by one worker; dropping it closes it.
#[derive(Debug)]
pub(super) struct Pusher<T> {
    belt: Arc<Belt<T>>,
    outbox: Place<T>,
}

impl<T> Pusher<T> {
    /// Puts an item where the stage below can take it, and rings if that sleeps. Never blocks.
    #[inline]
    pub(super) fn push(&self, item: T) -> Result<(), Refused<T>> {
        let mut outbox = self.outbox.0.lock();
        if outbox.gone {
            return Err(Refused::Gone(item));
        }
        if outbox.items.len() >= outbox.room {
            // Who is called looks here again first, so being called twice would do no harm.
            outbox.waiting = true;
            return Err(Refused::Full(item));
        }
        outbox.items.push(item);
        outbox.runs.pushed();
        drop(outbox);
        self.ring_if_of_use();
        Ok(())
    }

    /// B5: what is pushed from now on came of the input with this number.
    pub(super) fn begin_run(&self, number: Option<u64>) {
        if let Some(number) = number.filter(|_| self.belt.in_runs) {
            self.outbox.0.lock().runs.begin(number);
        }
    }

    /// B5: nothing more comes of that input. It may have been what the takers waited for, so this rings as a push does.
    pub(super) fn end_run(&self) {
        if self.belt.in_runs {
            self.outbox.0.lock().runs.end();
            self.ring_if_of_use();
        }
    }

    /// Whether nobody will take anything from it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.outbox.0.lock().gone
    }

    #[inline]
    fn ring_if_of_use(&self) {
        if self.belt.door.0.hint() && !fault::planted(Fault::IdleUnrung) {
            self.belt.door.0.ring();
        }
    }
}

impl<T> Drop for Pusher<T> {
    fn drop(&mut self) {
        self.belt.door.0.close_one();
    }
}

/// The end that one worker takes from; dropping the last one turns the pushers away.
#[derive(Debug)]
pub(super) struct Taker<T> {
    belt: Arc<Belt<T>>,
    seat: Arc<Seat>,
    /// The outbox to look into first.
    at: usize,
    /// At the door, as a sleeper.
    listed: bool,
    /// D3: it was called, and has not looked yet.
    answers: bool,
}

/// What a taker has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Items, as a batch with this number, if they are numbered.
    Items(Option<u64>),
    /// Nothing now; it is called when there is something, or when nothing can come any more.
    Nothing,
    /// Nothing, and nothing will come.
    Over,
}

impl<T> Taker<T> {
    /// Takes up to `most` items, without waiting and without asking to be called: the batch's number, if it has one.
    #[inline]
    pub(super) fn try_take(&mut self, most: usize, hand: &mut VecDeque<T>) -> Option<Option<u64>> {
        debug_assert!(hand.is_empty());
        let number = match &self.belt.turn {
            None => {
                self.take_anywhere(most, hand);
                None
            }
            Some(turn) => self.take_in_turn(turn, most, hand),
        };
        if hand.is_empty() {
            return None;
        }
        // In turn, a push may have called somebody too early: what it brought was not next then, and is now.
        if self.answers || (self.belt.turn.is_some() && self.belt.door.0.hint()) {
            self.answer();
        }
        Some(number)
    }

    /// Takes up to `most` items; if there are none, makes sure that this taker's seat is called.
    pub(super) fn take(&mut self, most: usize, hand: &mut VecDeque<T>) -> Taken {
        self.get_up();
        if let Some(number) = self.try_take(most, hand) {
            return Taken::Items(number);
        }
        // D1: listed first. The other side stands at `Door`'s top.
        let over = self.belt.door.0.enlist(&self.seat);
        self.listed = true;
        if !fault::planted(Fault::ListThenSleep) {
            if let Some(number) = self.try_take(most, hand) {
                self.get_up();
                if self.answers {
                    self.answer();
                }
                return Taken::Items(number);
            }
        }
        // It has looked everywhere since it was called, so nothing was left for others.
        self.answers = false;
        if over {
            self.get_up();
            return Taken::Over;
        }
        Taken::Nothing
    }

    /// Is not asleep any more.
    pub(super) fn get_up(&mut self) {
        if mem::take(&mut self.listed) {
            self.answers |= self.belt.door.0.leave(&self.seat);
        }
    }

    /// D3: rings for what it leaves behind.
    #[cold]
    fn answer(&mut self) {
        self.answers = false;
        if self.belt.door.0.hint()
            && self.belt.outboxes.iter().any(|outbox| !outbox.0.lock().items.is_empty())
        {
            self.belt.door.0.ring();
        }
    }

    #[inline]
    fn take_anywhere(&mut self, most: usize, hand: &mut VecDeque<T>) {
        let outboxes = self.belt.outboxes.len();
        for _ in 0..outboxes {
            let mut outbox = self.belt.outbox(self.at % outboxes).lock();
            // The next time another one: nobody's items are passed over again and again.
            self.at = (self.at + 1) % outboxes;
            if !outbox.items.is_empty() {
                outbox.items.give(most, hand);
                let relieved = outbox.relieved();
                drop(outbox);
                if let Some(seat) = relieved {
                    seat.call();
                }
                return;
            }
        }
    }

    /// B5: under the turn's lock, so that the order of taking is one order, and the numbers follow it.
    fn take_in_turn(&self, turn: &Lock<Turn>, most: usize, hand: &mut VecDeque<T>) -> Option<u64> {
        let mut relieved = Vec::new();
        let mut turn = turn.lock();
        let outboxes = self.belt.outboxes.iter().map(|outbox| &outbox.0);
        if self.belt.in_runs {
            while hand.len() < most && turn.go_on(outboxes.clone(), most, hand, &mut relieved) {}
        } else {
            for nth in 0..outboxes.len() {
                let mut outbox = self.belt.outbox((self.at + nth) % outboxes.len()).lock();
                if !outbox.items.is_empty() {
                    outbox.items.give(most, hand);
                    relieved.extend(outbox.relieved());
                    break;
                }
            }
        }
        let number = (!hand.is_empty()).then(|| turn.number());
        drop(turn);
        relieved.iter().for_each(|seat| seat.call());
        number
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        self.get_up();
        if mem::take(&mut self.answers) {
            // D3: it was called, and will not look.
            self.belt.door.0.ring();
        }
        if !self.belt.door.0.leave_for_ever() || fault::planted(Fault::GoneUnheard) {
            return;
        }
        for outbox in &self.belt.outboxes {
            // B3.
            let mut outbox = outbox.0.lock();
            outbox.gone = true;
            let left = mem::take(&mut outbox.items);
            let seat = outbox.seat.take();
            drop(outbox);
            if let Some(seat) = seat {
                seat.call();
            }
            // B4.
            drop(left);
        }
    }
}
