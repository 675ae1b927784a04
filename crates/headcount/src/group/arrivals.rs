//! Results on their way to someone who takes them as they come.
//!
//! # The wake-up that must not be lost
//!
//! A member puts its result into the queue and takes the wake-up out under one lock; the taker finds the queue empty and
//! leaves its wake-up under the same lock. So either the taker sees the result, or the member sees the wake-up. The same
//! holds for the end of the group, which is looked at after the wake-up was left ([`Core::listen_again`]) and after which it
//! is given too.
//!
//! # Who stops taking
//!
//! What has been put into the queue stays there, for whoever takes next, or for the group's output; and so do the results
//! of those who were asked to tell and are out still. Only new members are asked no more.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::Arc;

use super::Policy;
use super::core::{Core, Kind, PageOf};
use super::ended::Failure;
use crate::fault::{self, Fault};
use crate::wait::wake::Wake;

/// One member's result.
pub(crate) enum Arrival<T, E, P, K: Kind> {
    /// In the slot of this line; not there if it has been taken by now.
    Value(Arc<PageOf<T, E, P, K>>, usize),
    /// With its ticket.
    Failure(u64, Failure<E>),
}

pub(crate) struct Arrivals<T, E, P, K: Kind> {
    queue: VecDeque<Arrival<T, E, P, K>>,
    wake: Option<Wake>,
    /// Whether results go into the queue; dropped otherwise.
    open: bool,
    /// Whether somebody takes them now.
    taken: bool,
}

impl<T, E, P, K: Kind> Default for Arrivals<T, E, P, K> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), wake: None, open: false, taken: false }
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
    /// Opens the queue, and puts in it what has come already. False if somebody takes from it now.
    #[must_use]
    pub(crate) fn listen_from_now(self: &Arc<Self>) -> bool {
        let mut arrivals = self.arrivals.lock();
        if arrivals.taken {
            return false;
        }
        (arrivals.open, arrivals.taken) = (true, true);
        drop(arrivals);
        let mut court = self.court.lock();
        court.heard = true;
        let failures = court.take_failures();
        drop(court);
        let pages = self.listen();
        let lines = |page: Arc<PageOf<T, E, P, K>>| {
            (0..page.sheet.filled()).map(move |line| (Arc::clone(&page), line))
        };
        let values = pages.into_iter().flat_map(lines).map(|(page, line)| Arrival::Value(page, line));
        let failures = failures.into_iter().map(|(ticket, failure)| Arrival::Failure(ticket, failure));
        let come: Vec<_> = failures.chain(values).collect();
        self.arrivals.lock().queue.extend(come);
        true
    }

    /// Nobody takes results any more, for now.
    pub(crate) fn listen_no_more(&self) {
        let mut arrivals = self.arrivals.lock();
        arrivals.taken = false;
        let wake = arrivals.wake.take();
        drop(arrivals);
        drop(wake);
        self.court.lock().heard = false;
        self.keep_again();
        if !P::KEEPS {
            self.deaf();
        }
    }

    /// Adds what has come and nobody has taken: the pages with values, and the failures.
    pub(super) fn untaken(
        &self,
        pages: &mut Vec<Arc<PageOf<T, E, P, K>>>,
        failures: &mut Vec<(u64, Failure<E>)>,
    ) {
        let queue = mem::take(&mut self.arrivals.lock().queue);
        for arrival in queue {
            match arrival {
                Arrival::Value(page, _) => pages.push(page),
                Arrival::Failure(ticket, failure) => failures.push((ticket, failure)),
            }
        }
        failures.sort_unstable_by_key(|(ticket, _)| *ticket);
    }

    /// Closes the queue: nobody takes results any more.
    pub(crate) fn deaf(&self) {
        let mut arrivals = self.arrivals.lock();
        arrivals.open = false;
        let (unheard, wake) = (mem::take(&mut arrivals.queue), arrivals.wake.take());
        drop(arrivals);
        super::panics::drop_each_quietly(unheard);
        super::panics::drop_quietly(wake);
    }

    pub(super) fn deliver(&self, arrival: Arrival<T, E, P, K>) {
        if fault::planted(Fault::WakerThenResult) {
            self.hint();
        }
        let mut arrivals = self.arrivals.lock();
        let (unwanted, wake) = if arrivals.open {
            arrivals.queue.push_back(arrival);
            (None, arrivals.wake.take_if(|_| !fault::planted(Fault::WakerThenResult)))
        } else {
            (Some(arrival), None)
        };
        drop(arrivals);
        super::panics::drop_quietly(unwanted);
        wake.into_iter().for_each(Wake::wake);
    }

    /// The next result that has come.
    pub(crate) fn arrived(&self) -> Option<Arrival<T, E, P, K>> {
        self.arrivals.lock().queue.pop_front()
    }

    pub(crate) fn nothing_has_arrived(&self) -> bool {
        self.arrivals.lock().queue.is_empty()
    }

    /// Leaves a wake-up for the next result or the end; false if a result has come in between.
    pub(crate) fn listen_again(&self, wake: Wake) -> bool {
        let mut arrivals = self.arrivals.lock();
        let listening = arrivals.queue.is_empty();
        let old = arrivals.wake.replace(wake);
        drop(arrivals);
        drop(old);
        listening
    }

    /// Wakes whoever takes results: the group's count may have reached zero.
    pub(super) fn hint(&self) {
        let wake = self.arrivals.lock().wake.take();
        wake.into_iter().for_each(Wake::wake);
    }
}
