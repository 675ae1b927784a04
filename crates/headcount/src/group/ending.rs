//! How a member's end is taken: what it was, what the policy says to it, and who is told.
//!
//! In this order: the failure is recognized (no lock), the policy judges (`court`), the others are cancelled if the group is
//! over (no lock), the value is put in its slot, those who take results as they come are told, and last the member is
//! counted back in. So whoever waits for the group finds it all done, and the siblings cancelled.

use std::any::Any;
use std::panic::Location;
use std::sync::Arc;

use super::arrivals::Arrival;
use super::core::{Core, Kind, SeatOf};
use super::court::Judging;
use super::ended::Failure;
use super::mark::Asked;
use super::page::Left;
use super::{Policy, Root, panics, who};
use crate::context::{Cancelled, Context};

/// What came of a member.
pub(crate) enum Ending<T, E> {
    Value(T),
    /// It left its value elsewhere.
    Forked,
    Error(E),
    Panicked(Box<dyn Any + Send>),
    /// It was cancelled before it began.
    Unbegun(Cancelled),
    /// It was called off while it ran.
    Aborted,
    /// Its executor dropped it.
    Dropped,
}

impl<T, E: Root, P: Policy<T, E>, K: Kind> Core<T, E, P, K> {
    /// Takes a member's end; what was asked of it. `hand` is the member's own context, if it has one that can be cancelled
    /// by hand.
    ///
    /// The member is still out; [`leave`] counts it back in.
    pub(crate) fn end(
        &self,
        seat: &SeatOf<T, E, P, K>,
        ending: Ending<T, E>,
        hand: Option<&Context>,
    ) -> Asked {
        let value = match ending {
            Ending::Value(value) => Some(value),
            Ending::Forked => None,
            failure => {
                self.fail(seat, failure, hand);
                return seat.end(None);
            }
        };
        seat.record_end::<E>(None);
        if P::JUDGES_VALUES {
            self.judging().value(&seat.member(), value.as_ref());
        }
        let (value, unwanted) = if P::KEEPS || seat.is_heard() { (value, None) } else { (None, value) };
        if unwanted.is_some() {
            panics::drop_quietly(unwanted);
        }
        let asked = seat.end(value);
        if asked.is_heard() {
            self.deliver(Arrival::Value(Arc::clone(seat.page()), seat.line()));
        }
        asked
    }

    /// Who judges, and what that cancels.
    fn judging(&self) -> Judging<'_, E, P> {
        Judging { court: &self.court, ctx: &self.ctx, canceller: &self.canceller }
    }

    #[cold]
    fn fail(&self, seat: &SeatOf<T, E, P, K>, ending: Ending<T, E>, hand: Option<&Context>) {
        let told = |error: &_| seat.record_end(Some(error));
        let failure = self.judging().failure(seat.member(), ending, hand, told);
        // A panic that is to be resumed has been kept already.
        if failure.as_ref().is_none_or(|(_, failure)| failure.error.is_failure()) {
            self.watched.failed();
        }
        if let Some((ticket, failure)) = failure {
            self.keep(ticket, failure);
        }
    }

    /// The body of a scope has panicked: that goes on in whoever runs the scope, unless a member's panic came first.
    pub(crate) fn body_panicked(&self, payload: Box<dyn Any + Send>, place: &'static Location<'static>) {
        self.judging().panicked("the scope's body", payload, place);
    }

    /// Keeps a failure for whoever wants it.
    fn keep(&self, ticket: u64, failure: Failure<E>) {
        let mut court = self.court.lock();
        if !court.heard && P::KEEPS && !court.abandoned {
            court.keep_failure(ticket, failure);
            return;
        }
        let heard = court.heard;
        drop(court);
        if heard {
            self.deliver(Arrival::Failure(ticket, failure));
        } else {
            panics::drop_quietly(failure);
        }
    }
}

/// Counts a member that has ended back in.
fn leave<T, E: Root, P: Policy<T, E>, K: Kind>(seat: SeatOf<T, E, P, K>) {
    match seat.leave() {
        Left::Others => {}
        Left::Pen(page) => page.core.pen_is_left(&page),
        Left::Nobody(page) => {
            let core = Arc::clone(&page.core);
            core.page_is_over(page);
        }
    }
}

/// What a kind of group does when a member has ended that holds no slot and is counted against the limit.
pub(crate) trait Riders {
    /// It gives back the slot that it never took.
    fn rider_left(self: &Arc<Self>);

    /// A member has ended, whichever.
    #[inline]
    fn one_is_over(self: &Arc<Self>) {}
}

/// Ends the seat, gives back what it held, and counts it back in: after everything of the member is gone (G1), its own
/// context at last, which may hold foreign values.
pub(crate) fn finish<T, E, P, K>(seat: SeatOf<T, E, P, K>, ending: Ending<T, E>, hand: Option<Context>)
where
    E: Root,
    P: Policy<T, E>,
    K: Kind,
    Core<T, E, P, K>: Riders,
{
    let core = &seat.page().core;
    if seat.leaves_waits() {
        // Their futures are somewhere else; before anybody can find the member gone.
        who::gone(seat.here());
    }
    let inside = seat.watched.enter();
    let asked = core.end(&seat, ending, hand.as_ref());
    if hand.is_some() {
        panics::drop_quietly(hand);
    }
    drop(inside);
    core.watched.ended(|| seat.has_begun());
    if asked.is_rider() {
        core.rider_left();
    }
    core.one_is_over();
    leave(seat);
}

/// The context that a member is given.
pub(crate) fn context<'s, T, E, P: Policy<T, E>, K: Kind>(
    seat: &'s SeatOf<T, E, P, K>,
    hand: Option<&'s Context>,
) -> &'s Context {
    hand.unwrap_or(&seat.page().ctx)
}

/// Why a member is cancelled that is gone before it began. Its group may have been cancelled only just now: then those who
/// queue are sent home while the cancellation is on its way down to the pages.
pub(crate) fn why_cancelled<T, E, P: Policy<T, E>, K: Kind>(
    seat: &SeatOf<T, E, P, K>,
    hand: Option<&Context>,
) -> Option<Cancelled> {
    context(seat, hand).cancelled_because().or_else(|| seat.page().core.ctx.cancelled_because())
}
