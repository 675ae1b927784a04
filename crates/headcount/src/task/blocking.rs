//! Members that block: closures on threads that may.

use crate::context::Context;
use crate::group::core::SeatOf;
use crate::group::ending::Ending;
use crate::group::{Policy, Root, panics, who};

use super::Tasks;
use super::member::{Settle, finish, here, why_cancelled};

/// A blocking member, from being registered to being counted back in.
pub(super) struct Blocking<T, E, P, F>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    seat: Option<SeatOf<T, E, P, Tasks>>,
    f: Option<F>,
}

impl<T, E, P, F> Blocking<T, E, P, F>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    pub(super) fn new(seat: SeatOf<T, E, P, Tasks>, f: F) -> Self {
        Self { seat: Some(seat), f: Some(f) }
    }

    /// Runs the closure to its end.
    pub(super) fn run<O, S>(mut self, mut settle: S)
    where
        F: FnOnce(&Context) -> O,
        S: Settle<T, E, O>,
    {
        let (Some(seat), Some(f)) = (&self.seat, self.f.take()) else { return };
        let ctx = &seat.page().ctx;
        let ending = if let Some(why) = ctx.cancelled_because() {
            match panics::catch(|| drop(f)) {
                Ok(()) => Ending::Unbegun(why),
                Err(payload) => Ending::Panicked(payload),
            }
        } else {
            seat.begin();
            let inside = who::enter(here(seat));
            let output = panics::catch(|| settle.settle(f(ctx)));
            drop(inside);
            output.unwrap_or_else(Ending::Panicked)
        };
        if let Some(seat) = self.seat.take() {
            finish(seat, ending, None);
        }
    }
}

/// Dropped before it could run: out of the queue, or because there was no thread for it.
impl<T, E, P, F> Drop for Blocking<T, E, P, F>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        let why = why_cancelled(&seat, None);
        let ending = match (panics::catch(|| drop(self.f.take())), why) {
            (Err(payload), _) => Ending::Panicked(payload),
            (Ok(()), Some(why)) => Ending::Unbegun(why),
            (Ok(()), None) => Ending::Aborted,
        };
        finish(seat, ending, None);
    }
}
