//! Members that are closures: they run on threads that may block, from their first line to their last.

use std::panic::Location;

use super::core::{Core, Kind, SeatOf};
use super::ending::{Ending, Riders, context, finish, why_cancelled};
use super::settle::Settle;
use super::{Policy, Root, panics, who};
use crate::context::Context;

/// A member that is a closure, from being registered to being counted back in.
pub(crate) struct Closure<T, E, P, K, F, S>
where
    E: Root,
    P: Policy<T, E>,
    K: Kind,
    Core<T, E, P, K>: Riders,
{
    seat: Option<SeatOf<T, E, P, K>>,
    place: &'static Location<'static>,
    /// A context of its own, for one that can be cancelled by hand.
    hand: Option<Context>,
    /// What it does, and what its output comes to.
    work: Option<(F, S)>,
}

impl<T, E, P, K, F, S> Closure<T, E, P, K, F, S>
where
    E: Root,
    P: Policy<T, E>,
    K: Kind,
    Core<T, E, P, K>: Riders,
{
    /// Launched at `place`.
    pub(crate) fn new(
        seat: SeatOf<T, E, P, K>,
        place: &'static Location<'static>,
        hand: Option<Context>,
        settle: S,
        f: F,
    ) -> Self {
        Self { seat: Some(seat), place, hand, work: Some((f, settle)) }
    }

    /// Runs the closure to its end. Does not unwind.
    pub(crate) fn run<O>(mut self)
    where
        F: FnOnce(&Context) -> O,
        S: Settle<T, E, O>,
    {
        let (Some(seat), Some((f, mut settle))) = (self.seat.take(), self.work.take()) else { return };
        let hand = self.hand.take();
        let ctx = context(&seat, hand.as_ref());
        let ending = if let Some(why) = ctx.cancelled_because() {
            unbegun(f, Ending::Unbegun(why))
        } else {
            seat.begin();
            if K::MARKS_BLOCKING {
                seat.block();
            }
            let inside = who::enter(seat.here_from(self.place));
            let watched = seat.watched.enter();
            let output = panics::catch(|| settle.settle(f(ctx)));
            seat.note_waits(inside.left());
            drop((watched, inside));
            output.unwrap_or_else(Ending::Panicked)
        };
        // G1: what settled goes before the seat ends.
        panics::drop_quietly(settle);
        finish(seat, ending, hand);
    }
}

/// Dropped before it could run: out of a queue, or because there was no thread for it.
impl<T, E, P, K, F, S> Drop for Closure<T, E, P, K, F, S>
where
    E: Root,
    P: Policy<T, E>,
    K: Kind,
    Core<T, E, P, K>: Riders,
{
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        let why = why_cancelled(&seat, self.hand.as_ref());
        let ending = unbegun(self.work.take(), why.map_or(Ending::Dropped, Ending::Unbegun));
        finish(seat, ending, self.hand.take());
    }
}

/// The end of a member that never began: `otherwise`, unless what it had been given panics when it is dropped.
pub(crate) fn unbegun<T, E, F>(work: F, otherwise: Ending<T, E>) -> Ending<T, E> {
    match panics::catch(|| drop(work)) {
        Ok(()) => otherwise,
        Err(payload) => Ending::Panicked(payload),
    }
}
