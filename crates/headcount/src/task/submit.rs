//! Launching a member when there is room for it: waiting for that, or trying.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::sync::Arc;

use super::lane::Queued;
use super::launch::{self, Slots};
use super::member::Attended;
use super::turn::Turn;
use super::{Spawner, TaskCore};
use crate::attempt::{Attempted, tasks as attempt};
use crate::context::{Cancelled, Context};
use crate::group::settle::Plain;
use crate::group::{FromMember, Policy, Root, SubmitError, TrySpawnError, who};
use crate::who::pending::Mark;
use crate::who::threads::Pause;

/// Launching when there is room.
impl<T, E, P> Spawner<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    /// Waits for a free slot, then launches a member: back-pressure for those who produce members.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], with `f` in it: if the group is over, or if all slots are taken and this is awaited by a member of the same
    /// group, or by one that its members wait for: it could wait for ever.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; the place in the queue goes with it, and `f`.
    #[track_caller]
    pub fn submit<F, Fut, X>(
        &self,
        f: F,
    ) -> impl Future<Output = Result<(), SubmitError<F>>> + Send + use<T, E, P, F, Fut, X>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        let (this, place) = (self.clone(), Location::caller());
        async move {
            match this.slot().await {
                Ok(slots) => this.launch_in(slots, place, f).map_err(|given| this.over(given)),
                Err(NoSlot::Over) => Err(this.over(f)),
                Err(NoSlot::Own) => Err(SubmitError::own_group_is_full(this.core().title(), f)),
            }
        }
    }

    /// Launches a member if it can run now.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError`], with `f` in it, if the group is full or over.
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn try_spawn<F, Fut, X>(&self, f: F) -> Result<(), TrySpawnError<F>>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        let Some(held) = self.core().books.lock().lane.try_enter(1) else {
            // Over is over, though it may be full as well: nobody is to try again.
            let is_over = self.core().ctx.is_cancelled() || self.core().is_closed();
            return Err(if is_over {
                TrySpawnError::over(self.core().title(), self.why_over(), f)
            } else {
                TrySpawnError::full(self.core().title(), f)
            });
        };
        let slots = Slots::new(Arc::clone(self.core()), held);
        let launched = self.launch_in(slots, Location::caller(), f);
        launched.map_err(|given| TrySpawnError::over(self.core().title(), self.why_over(), given))
    }

    /// Waits for a slot.
    async fn slot(&self) -> Result<Slots<T, E, P>, NoSlot> {
        let core = self.core();
        if core.ctx.is_cancelled() {
            return Err(NoSlot::Over);
        }
        // In a statement of its own: the lock must not live until the wait.
        let held = core.books.lock().lane.try_enter(1);
        if let Some(held) = held {
            return Ok(Slots::new(Arc::clone(core), held));
        }
        let turn = Turn::new();
        let needs = || {
            let (turn, ledger, ctx) = (Arc::clone(&turn), Arc::clone(&core.ledger), core.ctx.clone());
            // A context that is cancelled says so before the turn hears of it.
            let waits = move || !ctx.is_cancelled() && turn.is_waited_for();
            Arc::new(move || waits().then(|| ledger.limit())?) as who::Needs
        };
        // Also for one that the members of this group wait for: it may be they who hold the slots.
        let waiting = who::wait_for_slot(core.id, || core.title(), needs);
        let _waiting = waiting.map_err(|_| NoSlot::Own)?;
        let place = InQueue { core, turn };
        launch::enter(core, 1, Queued::Turn(Arc::clone(&place.turn)));
        let mut mark = Mark::default();
        let turn = poll_fn(|cx| {
            let turn = place.turn.poll(cx.waker());
            if turn.is_pending() {
                mark.says(Pause::Slot);
            }
            turn
        });
        match turn.await {
            Ok(held) => Ok(Slots::new(Arc::clone(core), held)),
            Err(()) => Err(NoSlot::Over),
        }
    }

    /// Launches a member in slots that are held for it; gives it back if the group is over.
    #[track_caller]
    fn launch_in<F, Fut, X>(
        &self,
        slots: Slots<T, E, P>,
        place: &'static Location<'static>,
        f: F,
    ) -> Result<(), F>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        let core = self.core();
        core.kind.carriers.executor.assert_there();
        if core.ctx.is_cancelled() {
            return Err(f);
        }
        // Who holds nothing was let in without a limit; there may be one by now.
        let asks = slots.is_empty();
        let admitted = core.register(None, place, |lane| {
            if asks { self.admit(lane, 1) } else { Some((0, lane.way(&core.kind.carriers))) }
        });
        let Ok((seat, admitted)) = admitted else { return Err(f) };
        let free = admitted.map(|(more, way)| (slots.pass_on() + more, way));
        match self.attempts() {
            None => self.start(free, 1, Attended::new(seat, Plain, f)),
            Some(attempts) => {
                self.start(free, 1, Attended::new(seat, Attempted(Plain), attempt::bind_once(attempts, f)));
            }
        }
        Ok(())
    }

    fn why_over(&self) -> Option<Cancelled> {
        self.context().cancelled_because()
    }

    fn over<F>(&self, given: F) -> SubmitError<F> {
        SubmitError::over(self.core().title(), self.why_over(), given)
    }
}

enum NoSlot {
    Over,
    /// The caller is a member of the full group itself, or of one that its members wait for.
    Own,
}

/// A place in the queue, which is given up when the one who waits does.
struct InQueue<'c, T, E, P>
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    core: &'c Arc<TaskCore<T, E, P>>,
    turn: Arc<Turn>,
}

impl<T, E, P> Drop for InQueue<'_, T, E, P>
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    fn drop(&mut self) {
        launch::give_up(self.core, &self.turn);
    }
}
