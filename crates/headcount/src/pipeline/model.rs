//! Belts as the model checker's suite sees them: its threads, and its tasks, are the workers.
//!
//! How many items are taken at once is the model's to say, since a worker's own pace goes by the clock.

use std::collections::VecDeque;
use std::sync::Arc;

use super::belt::{self, Belt, Shape, Taken};
use super::carrier::{Carrier, Task, Thread, at_once};
use super::seat::Seat;
use super::worker::{Halt, Out};
use crate::context::Context;

/// A belt's ends: for so many pushers and takers, with room for so many items. Where order is kept the items of a run
/// are taken together with those before it, in the order of the runs' numbers.
pub fn belt<T: Send>(
    pushers: usize,
    takers: usize,
    room: usize,
    in_runs: bool,
) -> (Vec<Pusher<T>>, Vec<Taker<T>>) {
    let belt = Belt::new(Shape { pushers, takers, room, numbered: in_runs, in_runs });
    let pushers = (0..pushers).map(|nth| {
        let seat = Arc::<Seat>::default();
        Pusher { out: Out::new(belt.pusher(nth, &seat), &seat) }
    });
    let takers = (0..takers).map(|nth| {
        let seat = Arc::<Seat>::default();
        Taker { taker: belt.taker(nth, &seat), seat, hand: VecDeque::new() }
    });
    (pushers.collect(), takers.collect())
}

/// See `belt::Pusher`.
#[derive(Debug)]
pub struct Pusher<T> {
    out: Out<T>,
}

impl<T: Send> Pusher<T> {
    /// Pushes, and blocks while there is no room; false if nobody will take it.
    pub fn push(&mut self, item: T) -> bool {
        at_once(self.push_by::<Thread>(item))
    }

    /// The same as a task.
    pub async fn push_async(&mut self, item: T) -> bool {
        self.push_by::<Task>(item).await
    }

    async fn push_by<C: Carrier>(&mut self, item: T) -> bool {
        match self.out.put(item) {
            Ok(()) => true,
            Err(halt) => self.out.make_room::<C>(&Context::background(), halt).await.is_ok(),
        }
    }

    /// Pushes if there is room; false if there is none, or nobody to take it.
    pub fn try_push(&mut self, item: T) -> bool {
        !matches!(self.out.put(item), Err(Halt::NoRoom | Halt::Gone))
    }

    /// See `belt::Pusher::begin_run` and `end_run`.
    pub fn run(&mut self, number: u64, items: impl IntoIterator<Item = T>) {
        self.out.pusher.begin_run(Some(number));
        for item in items {
            self.push(item);
        }
        self.out.pusher.end_run();
    }
}

/// See `belt::Taker`.
#[derive(Debug)]
pub struct Taker<T> {
    taker: belt::Taker<T>,
    seat: Arc<Seat>,
    hand: VecDeque<T>,
}

impl<T: Send> Taker<T> {
    /// Takes up to `most` items, and blocks while there are none; none if there will never be any.
    pub fn take(&mut self, most: usize) -> Vec<T> {
        at_once(self.take_by::<Thread>(most))
    }

    /// The same as a task.
    pub async fn take_async(&mut self, most: usize) -> Vec<T> {
        self.take_by::<Task>(most).await
    }

    async fn take_by<C: Carrier>(&mut self, most: usize) -> Vec<T> {
        while let Taken::Nothing = self.taker.take(most, &mut self.hand) {
            C::sit(&self.seat).await;
        }
        self.hand.drain(..).collect()
    }
}
