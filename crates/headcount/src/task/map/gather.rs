//! What is made of the members' ends: judged, and put into the order of their items.

use std::collections::VecDeque;

use super::drive::Ends;
use crate::context::Cancelled;
use crate::group::ending::Ending;
use crate::group::panics::{self, Payload};
use crate::group::settle::{Plain, Settle};
use crate::group::{Policy, Root};
use crate::map::docket::Docket;
use crate::map::spool::Spool;

/// What came of a member that has a time limit of its own: its output, or that it was too late.
pub(super) type Punctual<O> = Result<O, Cancelled>;

/// Such an output is the member's own kind of result, or the error that this makes of its lateness.
#[derive(Debug)]
pub(super) struct Late<E>(pub(super) fn(Cancelled) -> E);

impl<T, E, O> Settle<T, E, Punctual<O>> for Late<E>
where
    Plain: Settle<T, E, O>,
{
    fn settle(&mut self, output: Punctual<O>) -> Ending<T, E> {
        match output {
            Ok(output) => Plain.settle(output),
            Err(late) => Ending::Error((self.0)(late)),
        }
    }
}

/// Who takes values in the order of their items, or as they come.
pub(super) trait Taker<T> {
    fn take(&mut self, index: usize, value: T) -> Result<(), Payload>;
}

/// The order in which values are wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// That of the items; else as they come.
    pub(super) kept: bool,
    /// How far the items that are pulled may then be ahead of the one whose turn it is.
    pub(super) ahead: usize,
}

/// To be kept until the end.
impl<T> Taker<T> for &mut Spool<T> {
    #[inline]
    fn take(&mut self, index: usize, value: T) -> Result<(), Payload> {
        self.wind(index, value);
        Ok(())
    }
}

/// To be folded as they come.
pub(super) struct Folded<A, G> {
    /// Nothing once `fold` has panicked.
    pub(super) sum: Option<A>,
    pub(super) fold: G,
    /// Who is in it.
    pub(super) count: Spool<()>,
}

impl<A, T, G: FnMut(A, T) -> A> Taker<T> for &mut Folded<A, G> {
    #[inline]
    fn take(&mut self, index: usize, value: T) -> Result<(), Payload> {
        self.count.wind(index, ());
        match self.sum.take() {
            Some(sum) => panics::catch(|| (self.fold)(sum, value)).map(|sum| self.sum = Some(sum)),
            None => {
                panics::drop_quietly(value);
                Ok(())
            }
        }
    }
}

/// Values that came before their turn.
#[derive(Debug)]
pub(super) struct Early<T> {
    /// The item whose turn it is.
    pub(super) first: usize,
    /// It and those after it.
    items: VecDeque<Stand<T>>,
}

#[derive(Debug)]
pub(super) enum Stand<T> {
    Out,
    Value(T),
    /// It ended without a value.
    Gone,
}

impl<T> Early<T> {
    pub(super) fn new() -> Self {
        Self { first: 0, items: VecDeque::new() }
    }

    /// The item `index` has come to `stand`; the next whose turn it is are to be asked for.
    pub(super) fn put(&mut self, index: usize, stand: Stand<T>) {
        let at = index - self.first;
        if self.items.len() <= at {
            self.items.resize_with(at + 1, || Stand::Out);
        }
        self.items[at] = stand;
    }

    /// The next value whose turn it is, with its index.
    pub(super) fn next(&mut self) -> Option<(usize, T)> {
        loop {
            if matches!(self.items.front()?, Stand::Out) {
                return None;
            }
            self.first += 1;
            if let Some(Stand::Value(value)) = self.items.pop_front() {
                return Some((self.first - 1, value));
            }
        }
    }
}

/// Judges, and hands the values on.
pub(super) struct Gather<'d, T, E, P, S, K> {
    docket: &'d Docket<E, P>,
    settle: S,
    /// Nothing where values are wanted as they come.
    early: Option<Early<T>>,
    ahead: usize,
    taker: K,
}

impl<'d, T, E, P, S, K> Gather<'d, T, E, P, S, K> {
    pub(super) fn new(docket: &'d Docket<E, P>, settle: S, taker: K, order: Order) -> Self {
        let early = order.kept.then(Early::new);
        Self { docket, settle, early, ahead: order.ahead, taker }
    }
}

impl<T, E, P, S, K> Gather<'_, T, E, P, S, K>
where
    E: Root,
    P: Policy<T, E>,
    K: Taker<T>,
{
    #[inline]
    fn succeeded(&mut self, index: usize, value: T) {
        self.docket.succeeded(index, &value);
        match &mut self.early {
            Some(early) if early.first == index && early.items.is_empty() => early.first += 1,
            Some(early) => {
                early.put(index, Stand::Value(value));
                return self.hand_on();
            }
            None => {}
        }
        let taken = self.taker.take(index, value);
        self.heed(taken);
    }

    #[cold]
    fn failed(&mut self, index: usize, ending: Ending<T, E>) {
        self.docket.failed(index, ending);
        if let Some(early) = &mut self.early {
            early.put(index, Stand::Gone);
            self.hand_on();
        }
    }

    #[cold]
    fn hand_on(&mut self) {
        while let Some((index, value)) = self.early.as_mut().and_then(Early::next) {
            let taken = self.taker.take(index, value);
            self.heed(taken);
        }
    }

    #[inline]
    fn heed(&mut self, taken: Result<(), Payload>) {
        if let Err(payload) = taken {
            self.docket.panicked("the map's fold", payload);
        }
    }
}

impl<T, E, P, S, K, O> Ends<O> for Gather<'_, T, E, P, S, K>
where
    E: Root,
    P: Policy<T, E>,
    S: Settle<T, E, O>,
    K: Taker<T>,
{
    #[inline]
    fn have_room(&self, next: usize) -> bool {
        self.early.as_ref().is_none_or(|early| next - early.first < self.ahead)
    }

    #[inline]
    fn take(&mut self, index: usize, end: Result<O, Payload>) {
        // Turning an error into the map's may run foreign code.
        let ending = end.and_then(|output| panics::catch(|| self.settle.settle(output)));
        match ending {
            Ok(Ending::Value(value)) => self.succeeded(index, value),
            Ok(failure) => self.failed(index, failure),
            Err(payload) => self.failed(index, Ending::Panicked(payload)),
        }
    }

    fn called_off(&mut self, index: usize, gone: Result<(), Payload>) {
        self.failed(index, gone.map_or_else(Ending::Panicked, |()| Ending::Aborted));
    }

    fn source_panicked(&mut self, payload: Payload) {
        self.docket.panicked("the map's source", payload);
    }
}
