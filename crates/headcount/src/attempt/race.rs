//! Two calls of one body on two threads: which of them counts, and that both are over when it is said.
//!
//! The first call is made by the thread whose member it is. The second is made later, by another thread, if the first is
//! still out then; the first thread waits for it, because a member ends last (I12) and a thread cannot be stopped.
//!
//! # Rules
//!
//! * **A1, both are back.** Whoever begins the second call counts it out in the same breath, under the lock, in which it sees
//!   that the first has not ended; the first ends by taking the second away, under the same lock, and if that is gone it waits
//!   until nobody is out. So either the second never begins, or its end is waited for.
//! * **A2, one counts.** Each leaves its end under the lock, and the weightier of the two stays: a panic, which must not be
//!   lost, before a value before a failure; of equals the earlier one.
//! * **A3, the other is told.** Whoever ends with more than a failure cancels the other's context, after it has left its end and
//!   before it waits. What a caller, or its cancellation, does with it is no concern of the one that counts.

use std::mem;
use std::panic::Location;
use std::sync::Arc;

use super::Unfinished;
use crate::context::{CancelKind, Cancelled, Canceller, Context};
use crate::fault::{self, Fault};
use crate::group::panics::{self, Payload};
use crate::raw;
use crate::wait::lock::Lock;

/// What a call comes to.
pub(crate) type Output<U, E> = Result<U, Unfinished<E>>;
/// The same, or its panic.
type End<U, E> = Result<Output<U, E>, Payload>;
/// The second call, not made yet.
pub(crate) type Later<'s, U, E> = Box<dyn FnOnce(&Context) -> Output<U, E> + Send + 's>;

/// See the top of this file.
pub(crate) struct Race<'s, U, E> {
    /// That of the member: both calls' own are below it.
    ctx: Context,
    /// Where a second call was asked for.
    place: &'static Location<'static>,
    /// Of the first call's context.
    first: Canceller,
    state: Lock<State<'s, U, E>>,
    /// The second call, while it is out.
    out: raw::WaitGroup,
}

struct State<'s, U, E> {
    /// Until it begins, or need not.
    later: Option<Later<'s, U, E>>,
    /// Of the second call's context, once it has begun.
    second: Option<Canceller>,
    /// The one that counts, of those that there are.
    end: Option<End<U, E>>,
}

/// How much an end weighs (A2).
fn weight<U, E>(end: &End<U, E>) -> u8 {
    match end {
        Ok(Err(_)) => 0,
        Ok(Ok(_)) => 1,
        Err(_) => 2,
    }
}

impl<'s, U, E> Race<'s, U, E> {
    /// A race whose second call may be `later`; and the context of the first one.
    pub(crate) fn new(
        ctx: &Context,
        place: &'static Location<'static>,
        later: Later<'s, U, E>,
    ) -> (Arc<Self>, Context) {
        let (own, first) = ctx.with_cancel();
        let state = Lock::new(State { later: Some(later), second: None, end: None });
        (Arc::new(Self { ctx: ctx.clone(), place, first, state, out: raw::WaitGroup::new() }), own)
    }

    /// Takes the second call out, to be made at once, unless it need not be made any more.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<Second<'s, U, E>> {
        if self.ctx.is_cancelled() {
            return None;
        }
        let (ctx, canceller) = self.ctx.with_cancel();
        let mut state = self.state.lock();
        // A1.
        let later = state.later.take()?;
        if fault::planted(Fault::SecondUncounted) {
            drop(state);
            state = self.state.lock();
        }
        self.out.add(1);
        state.second = Some(canceller);
        drop(state);
        Some(Second { race: Arc::clone(self), ctx, later: Some(later) })
    }

    /// The first call has ended. Waits for the second, if that is out, and gives the end that counts.
    pub(crate) fn end_first(&self, end: End<U, E>) -> End<U, E> {
        // A1.
        let needless = self.state.lock().later.take();
        if needless.is_some() {
            panics::drop_quietly(needless);
            self.first.cancel_quietly(&self.over());
            return end;
        }
        let tells = weight(&end) > 0;
        self.leave(end);
        if tells {
            let second = self.state.lock().second.take();
            if let Some(second) = second {
                second.cancel_quietly(&self.beaten());
            }
        }
        self.out.wait();
        let mut state = self.state.lock();
        let (end, second) = (state.end.take(), state.second.take());
        drop(state);
        self.first.cancel_quietly(&self.over());
        if let Some(second) = second {
            second.cancel_quietly(&self.over());
        }
        match end {
            Some(end) => end,
            None => unreachable!("the first has left its own"),
        }
    }

    /// Why a call's context is cancelled when all is over, if anybody still has it. Here, where no panic of a callback harms
    /// those who only happen to be the last to have the race.
    fn over(&self) -> Cancelled {
        Cancelled::new(CancelKind::Dropped, None, self.place)
    }

    /// Why the other call is cancelled.
    fn beaten(&self) -> Cancelled {
        let why = "the body was called twice, and the other call has come to its end";
        Cancelled::new(CancelKind::Cancelled, Some(why.into()), self.place)
    }

    /// A2.
    fn leave(&self, end: End<U, E>) {
        let mut state = self.state.lock();
        let (better, worse) = match state.end.take() {
            Some(earlier) if weight(&earlier) >= weight(&end) => (earlier, Some(end)),
            earlier => (end, earlier),
        };
        state.end = Some(better);
        drop(state);
        // Foreign code, without the lock.
        panics::drop_quietly(worse);
    }
}

/// The second call, which is out until this is dropped.
pub(crate) struct Second<'s, U, E> {
    race: Arc<Race<'s, U, E>>,
    ctx: Context,
    later: Option<Later<'s, U, E>>,
}

impl<U, E> Second<'_, U, E> {
    /// Makes the call. Does not unwind.
    pub(crate) fn run(mut self) {
        let Some(later) = self.later.take() else { return };
        let end = panics::catch(|| later(&self.ctx));
        let tells = weight(&end) > 0;
        self.race.leave(end);
        if tells {
            // A3.
            self.race.first.cancel_quietly(&self.race.beaten());
        }
    }
}

impl<U, E> Drop for Second<'_, U, E> {
    fn drop(&mut self) {
        // There was no thread for it.
        panics::drop_quietly(self.later.take());
        drop(mem::replace(&mut self.ctx, Context::background()));
        self.race.out.done();
    }
}
