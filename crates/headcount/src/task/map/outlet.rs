//! Where the values of a spawned map go: each lane keeps its own until the end, or they are handed to one who takes them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use super::gather::{Early, Stand};
use crate::fault::{self, Fault};
use crate::map::spool::Spool;
use crate::wait::lock::Lock;

/// Where values go.
pub(super) trait Outlet<T>: Send + Sync + 'static {
    /// What a lane has of it.
    type Own: Send;

    fn open(&self) -> Self::Own;

    /// The value of the item `index`.
    fn value(&self, own: &mut Self::Own, index: usize, value: T);

    /// There is none.
    fn gone(&self, index: usize);

    /// The lane is gone.
    fn close(&self, own: Self::Own);

    /// How many items from number `next` on may be pulled. If none, `cx` is woken when there may be some.
    fn room(&self, next: usize, cx: &mut TaskContext<'_>) -> Poll<usize>;
}

/// Values are kept until the end.
#[derive(Debug)]
pub(super) struct Spools<T> {
    keeps: bool,
    all: Lock<Vec<Spool<T>>>,
}

impl<T> Spools<T> {
    pub(super) fn new(keeps: bool) -> Self {
        Self { keeps, all: Lock::default() }
    }

    pub(super) fn take(&self) -> Vec<Spool<T>> {
        std::mem::take(&mut self.all.lock())
    }
}

impl<T: Send + 'static> Outlet<T> for Spools<T> {
    type Own = Spool<T>;

    fn open(&self) -> Spool<T> {
        Spool::new(self.keeps)
    }

    #[inline]
    fn value(&self, own: &mut Spool<T>, index: usize, value: T) {
        own.wind(index, value);
    }

    fn gone(&self, _: usize) {}

    fn close(&self, own: Spool<T>) {
        let mut all = self.all.lock();
        if !self.keeps {
            // Only counted; and a lane that comes and goes leaves nothing behind.
            let before = all.pop().map_or(0, |one| one.count());
            all.push(Spool::of_none(before + own.count()));
            return;
        }
        all.push(own);
    }

    fn room(&self, _: usize, _: &mut TaskContext<'_>) -> Poll<usize> {
        Poll::Ready(usize::MAX)
    }
}

/// Values are handed to one who takes them.
///
/// No wake-up is lost: who waits, for a value or for room, looks and leaves its waker under the lock under which the others
/// put values in and take them out.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// How many items may be pulled that the taker has not come to yet.
    ahead: usize,
    state: Lock<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    values: Values<T>,
    /// How many values came.
    count: u64,
    taker: Option<Waker>,
    /// The lane that waits for room, and the item that it would pull next. There is one source, so there is one.
    lane: Option<(Waker, usize)>,
}

#[derive(Debug)]
enum Values<T> {
    /// In the order of the items.
    Ordered(Early<T>),
    /// As they come; and how many items were taken, or left nothing.
    AsFinished(VecDeque<T>, usize),
}

impl<T> State<T> {
    /// How many items from the first on need no room any more.
    fn done(&self) -> usize {
        match &self.values {
            Values::Ordered(early) => early.first,
            Values::AsFinished(_, done) => *done,
        }
    }

    fn put(&mut self, index: usize, stand: Stand<T>) -> Option<Waker> {
        self.count += u64::from(matches!(stand, Stand::Value(_)));
        let wanted = match (&mut self.values, stand) {
            (Values::Ordered(early), stand) => {
                early.put(index, stand);
                index == early.first
            }
            (Values::AsFinished(values, _), Stand::Value(value)) => {
                values.push_back(value);
                true
            }
            (Values::AsFinished(_, done), _) => {
                *done += 1;
                true
            }
        };
        if wanted { self.taker.take() } else { None }
    }

    fn take(&mut self) -> Option<T> {
        match &mut self.values {
            Values::Ordered(early) => early.next().map(|(_, value)| value),
            Values::AsFinished(values, done) => {
                let value = values.pop_front()?;
                *done += 1;
                Some(value)
            }
        }
    }
}

impl<T> Queue<T> {
    pub(super) fn new(ordered: bool, ahead: usize) -> Self {
        let values =
            if ordered { Values::Ordered(Early::new()) } else { Values::AsFinished(VecDeque::new(), 0) };
        let state = State { values, count: 0, taker: None, lane: None };
        Self { ahead, state: Lock::new(state) }
    }

    /// How many values came.
    pub(super) fn count(&self) -> u64 {
        self.state.lock().count
    }

    /// The next value that is there, or else `waker` is woken when it may be.
    pub(super) fn take(&self, waker: &Waker) -> Option<T> {
        let mut state = self.state.lock();
        let mut value = state.take();
        let mut old = None;
        if value.is_none() {
            drop(state);
            // Foreign code: without the lock.
            let waker = waker.clone();
            state = self.state.lock();
            if !fault::planted(Fault::ValueUnlooked) {
                value = state.take();
            }
            if value.is_none() {
                old = state.taker.replace(waker);
            }
        }
        // At half: so that the lane finds room for more than one item.
        let (done, half) = (state.done(), self.ahead / 2);
        let lane = state.lane.take_if(|(_, next)| *next - done <= half);
        drop(state);
        drop(old);
        if let Some((lane, _)) = lane {
            lane.wake();
        }
        value
    }
}

impl<T: Send + 'static> Outlet<T> for Arc<Queue<T>> {
    type Own = ();

    fn open(&self) {}

    fn value(&self, (): &mut (), index: usize, value: T) {
        let taker = self.state.lock().put(index, Stand::Value(value));
        taker.into_iter().for_each(Waker::wake);
    }

    fn gone(&self, index: usize) {
        let taker = self.state.lock().put(index, Stand::Gone);
        taker.into_iter().for_each(Waker::wake);
    }

    fn close(&self, (): ()) {}

    fn room(&self, next: usize, cx: &mut TaskContext<'_>) -> Poll<usize> {
        // Foreign code: without the lock.
        let waker = cx.waker().clone();
        let mut state = self.state.lock();
        match self.ahead.saturating_sub(next - state.done()) {
            0 => {
                let old = state.lane.replace((waker, next));
                drop(state);
                drop(old);
                Poll::Pending
            }
            room => Poll::Ready(room),
        }
    }
}
