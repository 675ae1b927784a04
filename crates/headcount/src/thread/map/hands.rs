//! Those who run items: how they are started, and one's way through its items.
//!
//! The thread that called is the first, unless it takes results; each that finds that there is more to do than it has
//! taken starts the next, up to the limit, before it begins. So a map of one item starts no thread.

use std::sync::Arc;

use super::super::launch::Launch;
use super::supply::{Claim, Hand, Supply};
use crate::context::Context;
use crate::group::ending::Ending;
use crate::group::{FromMember, Policy, Root, panics, who};
use crate::map::docket::Docket;
use crate::map::tab::Spot;

/// Where the values go.
pub(super) trait Sink<U>: Sync {
    /// What one of those who run items has for itself.
    type Own;

    fn open(&self) -> Self::Own;

    /// The value of the item `index`.
    fn put(&self, own: &mut Self::Own, index: usize, value: U);

    /// What was in hand is over.
    fn flush(&self, own: &mut Self::Own);

    /// One who ran items is gone.
    fn close(&self, own: Self::Own);

    /// All who ran items are gone.
    fn over(&self) {}
}

/// A map that runs.
pub(super) struct Running<'m, I: Iterator, E, P, F, S> {
    pub(super) supply: &'m Supply<I>,
    pub(super) docket: &'m Docket<E, P>,
    pub(super) f: &'m F,
    pub(super) sink: &'m S,
}

impl<I: Iterator, E, P, F, S> Clone for Running<'_, I, E, P, F, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: Iterator, E, P, F, S> Copy for Running<'_, I, E, P, F, S> {}

impl<'m, I, E, P, F, S> Running<'m, I, E, P, F, S>
where
    I: Iterator<Item: Send> + Send,
    E: Root + Send,
{
    /// Runs items until there are none left for anybody. Does not unwind.
    pub(super) fn work<'scope, U, X, L>(self, launch: &Arc<L>)
    where
        'm: 'scope,
        U: Send,
        E: FromMember<X>,
        P: Policy<U, E>,
        F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
        S: Sink<U>,
        L: Launch<'scope>,
    {
        let mut own = self.sink.open();
        let mut hand = self.supply.join();
        let spot = self.docket.tab.spot_of_thread();
        let _crowd = who::enter_crowd(self.docket.here(0));
        loop {
            match self.supply.claim(&mut hand, || self.docket.ctx.is_cancelled()) {
                Claim::Items { start } => {
                    if start {
                        self.start(launch);
                    }
                    if hand.pace.looks_at_the_clock() {
                        spot.takes();
                    }
                    let goes_on = self.run(&mut hand, &mut own, &spot);
                    spot.rests();
                    self.sink.flush(&mut own);
                    if !goes_on {
                        break;
                    }
                }
                Claim::Nothing => break,
                Claim::Panicked(payload) => {
                    self.docket.panicked("the map's source", payload);
                    break;
                }
            }
        }
        self.sink.close(own);
        if self.supply.leave(hand) {
            self.sink.over();
        }
    }

    /// Starts one more, who is counted already.
    pub(super) fn start<'scope, U, X, L>(self, launch: &Arc<L>)
    where
        'm: 'scope,
        U: Send,
        E: FromMember<X>,
        P: Policy<U, E>,
        F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
        S: Sink<U>,
        L: Launch<'scope>,
    {
        let launch_there = Arc::clone(launch);
        if launch.launch(move || self.work(&launch_there)).is_err() && self.supply.cannot_come() {
            self.sink.over();
        }
    }

    /// Runs what is in hand; false if the map is over.
    fn run<U, X>(self, hand: &mut Hand<I::Item>, own: &mut S::Own, spot: &Spot) -> bool
    where
        E: FromMember<X>,
        P: Policy<U, E>,
        F: Fn(&Context, I::Item) -> Result<U, X>,
        S: Sink<U>,
    {
        let Self { docket, f, sink, .. } = self;
        let turn = who::turn(docket.number(hand.next));
        loop {
            let all = panics::catch(|| {
                while !docket.ctx.is_cancelled() {
                    let Some(item) = hand.items.pop() else { return true };
                    let index = hand.next;
                    hand.next += 1;
                    turn.next(docket.number(index));
                    spot.is_at(index);
                    docket.begun(index);
                    match f(&docket.ctx, item) {
                        Ok(value) => {
                            docket.succeeded(index, &value);
                            sink.put(own, index, value);
                        }
                        Err(error) => docket.failed(index, Ending::Error(E::from_member(error))),
                    }
                }
                false
            });
            who::end();
            match all {
                Ok(goes_on) => return goes_on,
                // Of the item that was begun last. Those that are left in hand are next, if the map goes on.
                Err(payload) => docket.failed(hand.next - 1, Ending::Panicked(payload)),
            }
        }
    }
}
