//! A group's book and its threads, together: how members are launched, and waited for by those who are not their owner.
//!
//! A member is registered in the book, and becomes a job of the workers'. The job ends the member's seat before the worker
//! takes the next one; so when the workers have nothing left, nobody is out.

use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use super::attempts::Bodies;
use super::launch::Launch;
use super::turn::Turn;
use super::workers::{Job, Workers};
use crate::attempt::Attempted;
use crate::context::Context;
use crate::group::closure::{Closure, unbegun};
use crate::group::core::{Core, Kind};
use crate::group::ending::{Ending, Riders, finish};
use crate::group::settle::{Plain, Receive, Settle};
use crate::group::{FromMember, Policy, Root, SubmitError, TrySpawnError, panics, who};
use crate::roll::Name;
use crate::time::Moment;

/// What a group of threads has that one of tasks has not: nothing.
#[derive(Debug)]
pub(crate) struct OnThreads;

/// Who waits for a slot stands in the workers' queue, not here.
#[derive(Debug)]
pub(crate) struct Lane {
    /// For the roll call.
    limit: Option<usize>,
    /// When the clock was read last, and the workers' [visits](Workers::visits) then.
    read: (u64, Moment),
}

impl Lane {
    pub(crate) fn new(limit: Option<usize>) -> Self {
        Self { limit, read: (0, Moment::now()) }
    }

    /// What time it is, or was a moment ago: less than a millisecond where threads get their turn. Reading the clock costs as
    /// much as half of launching a tiny member.
    #[inline]
    fn now(&mut self, visits: Option<u64>) -> Moment {
        if visits != Some(self.read.0) {
            self.read = (visits.unwrap_or(0), Moment::now());
        }
        self.read.1
    }
}

impl Kind for OnThreads {
    const CLONES_CONTEXTS: bool = false;
    const STOPPABLE: bool = false;
    type Lane = Lane;
    type Bell = ();

    fn limit(lane: &Lane) -> Option<usize> {
        lane.limit
    }
}

pub(crate) type ThreadCore<T, E, P> = Core<T, E, P, OnThreads>;

impl<T, E, P> Riders for ThreadCore<T, E, P> {
    fn rider_left(self: &Arc<Self>) {
        unreachable!("the workers count every job against the limit, from the first one on");
    }
}

/// See the top of this file. `L` starts its threads.
pub(crate) struct Team<'scope, T, E, P, L> {
    pub(crate) core: Arc<ThreadCore<T, E, P>>,
    pub(crate) workers: Arc<Workers<'scope, L>>,
    /// How bodies are called, if not just once.
    pub(crate) attempts: Option<Bodies<'scope, E, L>>,
}

impl<T, E, P, L> Clone for Team<'_, T, E, P, L> {
    fn clone(&self) -> Self {
        Self {
            core: Arc::clone(&self.core),
            workers: Arc::clone(&self.workers),
            attempts: self.attempts.clone(),
        }
    }
}

/// Who is launched, and how.
pub(crate) struct Launched {
    pub(crate) name: Option<Name>,
    pub(crate) weight: usize,
    /// A context of the member's own.
    pub(crate) hand: Option<Context>,
    pub(crate) place: &'static Location<'static>,
}

impl Launched {
    /// From here, with one slot, and nothing else.
    #[track_caller]
    pub(crate) fn here() -> Self {
        Self { name: None, weight: 1, hand: None, place: Location::caller() }
    }
}

impl<'scope, T, E, P, L> Team<'scope, T, E, P, L>
where
    T: Send + 'scope,
    E: Root + Send + 'scope,
    P: Policy<T, E> + 'scope,
    L: Launch<'scope>,
{
    /// Launches a member whose body is called once, in its turn and its time.
    #[inline]
    pub(crate) fn begin<F, U, X, S>(&self, who: Launched, settle: S, f: F)
    where
        F: FnOnce(&Context) -> Result<U, X> + Send + 'scope,
        S: Settle<T, E, Result<U, X>> + Receive<T, E, U> + Send + 'scope,
        E: FromMember<X>,
        U: 'scope,
    {
        match &self.attempts {
            None => self.launch(who, settle, f),
            Some(bodies) => self.launch(who, Attempted(settle), bodies.bind_once(f)),
        }
    }

    /// Launches a member whose body is called as often as need be.
    pub(crate) fn begin_repeatable<F, X>(&self, who: Launched, f: F)
    where
        F: Fn(&Context) -> Result<T, X> + Send + Sync + 'scope,
        E: FromMember<X>,
    {
        match &self.attempts {
            None => self.launch(who, Plain, f),
            Some(bodies) => self.launch(who, Attempted(Plain), bodies.bind(f)),
        }
    }

    /// Counts a member out and leaves it with the workers. Never blocks.
    #[inline]
    pub(crate) fn launch<F, O, S>(&self, who: Launched, settle: S, f: F)
    where
        F: FnOnce(&Context) -> O + Send + 'scope,
        S: Settle<T, E, O> + Send + 'scope,
    {
        let weight = who.weight;
        if let Ok(Some(job)) = self.register(who, settle, f) {
            self.workers.push(job, weight);
        }
    }

    /// Counts a member out, as a job. Nothing if the group is cancelled: then it has ended already. An error with what was
    /// to be done if the group takes no members any more.
    #[inline]
    fn register<F, O, S>(&self, who: Launched, settle: S, f: F) -> Result<Option<Job<'scope>>, ()>
    where
        F: FnOnce(&Context) -> O + Send + 'scope,
        S: Settle<T, E, O> + Send + 'scope,
    {
        let since = |lane: &mut Lane| lane.now(self.workers.visits());
        let Ok((seat, ())) = self.core.register_since(who.name, who.place, since, |_| ()) else {
            panics::drop_quietly(f);
            return Err(());
        };
        if let Some(why) = self.core.ctx.cancelled_because() {
            finish(seat, unbegun(f, Ending::Unbegun(why)), who.hand);
            return Ok(None);
        }
        let member = Closure::new(seat, who.place, who.hand, settle, f);
        Ok(Some(Job::new(move || member.run())))
    }

    /// Waits for a slot, then launches a member in it.
    pub(crate) fn submit<F, X>(&self, place: &'static Location<'static>, f: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        let over = |f| Err(SubmitError::over(self.core.title(), self.core.ctx.cancelled_because(), f));
        if self.core.ctx.is_cancelled() {
            return over(f);
        }
        let turn = match self.workers.try_turn(1) {
            Some(turn) => turn,
            None => {
                let title = self.core.title();
                let turn = self.workers.turn(1);
                let seat = Arc::clone(turn.seat());
                let needs = || {
                    let (seat, core) = (Arc::clone(&seat), &self.core);
                    let (ledger, ctx) = (Arc::clone(&core.ledger), core.ctx.clone());
                    let waits = move || !ctx.is_cancelled() && !seat.is_granted();
                    Arc::new(move || waits().then(|| ledger.limit())?) as who::Needs
                };
                // Also for one that the members of this group wait for: it may be they who hold the slots.
                let waiting = who::wait_for_slot(self.core.id, || title.clone(), needs);
                let Ok(_waiting) = waiting else {
                    return Err(SubmitError::own_group_is_full(title, f));
                };
                // Why the end of the wait is not missed: a context says that it is cancelled before it calls anybody.
                let bell = self.core.ctx.on_cancel_at_once(move |_| seat.wake());
                let granted = turn.wait(None, || self.core.ctx.is_cancelled());
                drop(bell);
                if !granted {
                    return over(f);
                }
                turn
            }
        };
        self.launch_in(turn, place, f).or_else(over)
    }

    /// Launches a member if a slot is free.
    pub(crate) fn try_spawn<F, X>(
        &self,
        place: &'static Location<'static>,
        f: F,
    ) -> Result<(), TrySpawnError<F>>
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        let over = |f| TrySpawnError::over(self.core.title(), self.core.ctx.cancelled_because(), f);
        // Asked first: of a group that is full and over it is the latter that matters.
        if self.core.ctx.is_cancelled() {
            return Err(over(f));
        }
        let Some(turn) = self.workers.try_turn(1) else {
            return Err(TrySpawnError::full(self.core.title(), f));
        };
        self.launch_in(turn, place, f).map_err(over)
    }

    /// Launches a member in the slot that `turn` holds; gives it back if the group is over.
    fn launch_in<F, X>(
        &self,
        turn: Turn<'_, 'scope, L>,
        place: &'static Location<'static>,
        f: F,
    ) -> Result<(), F>
    where
        F: FnOnce(&Context) -> Result<T, X> + Send + 'scope,
        E: FromMember<X>,
    {
        if self.core.ctx.is_cancelled() || self.core.is_closed() {
            return Err(f);
        }
        let who = Launched { name: None, weight: 1, hand: None, place };
        let job = match &self.attempts {
            None => self.register(who, Plain, f),
            Some(bodies) => self.register(who, Attempted(Plain), bodies.bind_once(f)),
        };
        if let Ok(Some(job)) = job {
            turn.push(job);
        }
        Ok(())
    }

    pub(crate) fn set_limit(&self, n: usize) {
        self.core.books.lock().lane.limit = Some(n);
        self.core.ledger.set_limit(Some(n));
        self.workers.set_limit(Some(n));
    }

    /// Until nobody is out, or until `deadline`; false if that passed first. Without a deadline, which a member would not
    /// keep, it [stands in](Workers::stand_in).
    pub(crate) fn wait_idle(&self, deadline: Option<Instant>) -> bool {
        let _awaiting = self.core.await_zero();
        if deadline.is_some() {
            return self.core.out.block_until(deadline);
        }
        loop {
            while self.core.out.outstanding() > 0 && self.workers.stand_in() {}
            if self.core.out.block_until(self.workers.patience()) {
                return true;
            }
        }
    }

    /// What comes of the group, when the workers have nothing left to do: what its policy says, or the first panic.
    pub(crate) fn conclude(core: &Arc<ThreadCore<T, E, P>>) -> P::Output {
        // Puts the pen down: nobody else is left.
        drop(core.await_zero());
        let closed = core.close();
        debug_assert!(closed, "G2: everyone is back, and nobody has the pen");
        let panic = core.court.lock().take_panic();
        match panic {
            Some(payload) => {
                core.deaf();
                core.abandon();
                panics::resume(payload)
            }
            None => core.output(),
        }
    }
}
