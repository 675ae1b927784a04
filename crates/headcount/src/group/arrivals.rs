//! Results on their way to someone who takes them as they come.
//!
//! # The wake-up that must not be lost
//!
//! A member puts its result into the queue and takes the waker out under one lock; the taker finds the queue empty and
//! leaves its waker under the same lock. So either the taker sees the result, or the member sees the waker. The same holds
//! for the end of the group, which is looked at after the waker was left ([`Core::listen_again`]) and after which the
//! waker is woken too.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use super::Policy;
use super::core::{Core, Kind, PageOf};
use super::ended::Failure;
use crate::fault::{self, Fault};

/// One member's result.
pub(crate) enum Arrival<T, E, P, K: Kind> {
    /// In the slot of this line; not there if it has been taken by now.
    Value(Arc<PageOf<T, E, P, K>>, usize),
    Failure(Failure<E>),
}

pub(crate) struct Arrivals<T, E, P, K: Kind> {
    queue: VecDeque<Arrival<T, E, P, K>>,
    waker: Option<Waker>,
    /// Whether somebody takes them.
    open: bool,
}

impl<T, E, P, K: Kind> Default for Arrivals<T, E, P, K> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), waker: None, open: false }
    }
}

impl<T, E, P, K: Kind> fmt::Debug for Arrivals<T, E, P, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrivals")
            .field("queue", &self.queue.len())
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

impl<T, E, P: Policy<T, E>, K: Kind> Core<T, E, P, K> {
    /// Opens the queue, and puts in it what has come already.
    pub(crate) fn listen_from_now(self: &Arc<Self>) {
        self.arrivals.lock().open = true;
        let mut court = self.court.lock();
        court.heard = true;
        let failures = court.take_failures();
        drop(court);
        let pages = self.listen();
        let lines = |page: Arc<PageOf<T, E, P, K>>| {
            (0..page.sheet.filled()).map(move |line| (Arc::clone(&page), line))
        };
        let values = pages.into_iter().flat_map(lines).map(|(page, line)| Arrival::Value(page, line));
        let come: Vec<_> = failures.into_iter().map(Arrival::Failure).chain(values).collect();
        self.arrivals.lock().queue.extend(come);
    }

    /// Closes the queue: nobody takes results any more.
    pub(crate) fn deaf(&self) {
        let mut arrivals = self.arrivals.lock();
        arrivals.open = false;
        let unheard = (mem::take(&mut arrivals.queue), arrivals.waker.take());
        drop(arrivals);
        super::panics::drop_quietly(unheard);
    }

    pub(super) fn deliver(&self, arrival: Arrival<T, E, P, K>) {
        if fault::planted(Fault::WakerThenResult) {
            self.hint();
        }
        let mut arrivals = self.arrivals.lock();
        let (unwanted, waker) = if arrivals.open {
            arrivals.queue.push_back(arrival);
            (None, arrivals.waker.take_if(|_| !fault::planted(Fault::WakerThenResult)))
        } else {
            (Some(arrival), None)
        };
        drop(arrivals);
        super::panics::drop_quietly(unwanted);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next result that has come.
    pub(crate) fn arrived(&self) -> Option<Arrival<T, E, P, K>> {
        self.arrivals.lock().queue.pop_front()
    }

    pub(crate) fn nothing_has_arrived(&self) -> bool {
        self.arrivals.lock().queue.is_empty()
    }

    /// Leaves a waker for the next result or the end; false if a result has come in between.
    pub(crate) fn listen_again(&self, waker: &Waker) -> bool {
        let waker = waker.clone();
        let mut arrivals = self.arrivals.lock();
        let listening = arrivals.queue.is_empty();
        let old = arrivals.waker.replace(waker);
        drop(arrivals);
        drop(old);
        listening
    }

    /// Wakes whoever takes results: the group's count may have reached zero.
    pub(super) fn hint(&self) {
        let waker = self.arrivals.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
