//! Members whose strings a test pulls: they end when they are told to, and say how often they were polled.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

/// What the members with numbers do.
#[derive(Clone, Default)]
pub(super) struct Puppets(Arc<Mutex<BTreeMap<usize, Strings>>>);

#[derive(Default)]
struct Strings {
    polls: usize,
    waker: Option<Waker>,
    told: bool,
    alive: bool,
}

impl Puppets {
    pub(super) fn member(&self, number: usize) -> Puppet {
        self.0.lock().unwrap().entry(number).or_default().alive = true;
        Puppet { number, puppets: self.clone() }
    }

    /// Lets a member end, and wakes it.
    pub(super) fn end(&self, number: usize) {
        self.0.lock().unwrap().entry(number).or_default().told = true;
        self.wake(number);
    }

    /// Wakes a member with the waker of its last poll, which it keeps.
    pub(super) fn wake(&self, number: usize) {
        let waker = self.0.lock().unwrap().get(&number).and_then(|strings| strings.waker.clone());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn polls(&self, number: usize) -> usize {
        self.0.lock().unwrap().get(&number).map_or(0, |strings| strings.polls)
    }

    /// Numbers of those who have begun and are not gone.
    pub(super) fn alive(&self) -> Vec<usize> {
        let puppets = self.0.lock().unwrap();
        puppets.iter().filter(|(_, strings)| strings.alive).map(|(number, _)| *number).collect()
    }

    /// How many have ever begun.
    pub(super) fn begun(&self) -> usize {
        self.0.lock().unwrap().values().filter(|strings| strings.polls > 0).count()
    }
}

pub(super) struct Puppet {
    number: usize,
    puppets: Puppets,
}

impl Future for Puppet {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let mut puppets = self.puppets.0.lock().unwrap();
        let strings = puppets.entry(self.number).or_default();
        strings.polls += 1;
        strings.waker = Some(cx.waker().clone());
        if strings.told { Poll::Ready(self.number) } else { Poll::Pending }
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.puppets.0.lock().unwrap().entry(self.number).or_default().alive = false;
    }
}
