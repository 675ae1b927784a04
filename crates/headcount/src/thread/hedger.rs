//! Second calls of bodies that take too long: when they begin, and on which threads.
//!
//! A thread that blocks in its body cannot look at the time. So one thread of the scope watches for all of its calls: it
//! sleeps until the first of them is late, and starts a thread for a second call of it. It comes with the first call that
//! is noted while nobody watches, and goes when it finds none; both under one lock, so that none is unwatched.
//!
//! Where the system gives no thread there is no second call: it is made for speed, and the first goes on. Which of the two
//! counts is the [race](Race)'s to say, which also sees to it that both are over when the member is.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use super::launch::Launch;
use crate::attempt::race::Race;
use crate::attempt::{Hedge, Unfinished};
use crate::context::{Canceller, Context};
use crate::group::panics;
use crate::wait::lock::Lock;
use crate::{observe, who};

/// When a call is late, and a number to tell those of one moment apart.
type Due = (Instant, u64);

/// See the top of this file. `L` starts its threads.
pub(super) struct Hedger<'scope, L> {
    /// Cancelled when nobody makes calls any more, so that nobody watches.
    ctx: Context,
    hedge: Hedge,
    launch: L,
    calls: Lock<Calls<'scope>>,
}

/// Those that are out and have no second one.
#[derive(Default)]
struct Calls<'scope> {
    late: BTreeMap<Due, Arc<dyn Late<'scope> + 'scope>>,
    numbered: u64,
    watched: bool,
}

/// A race, whatever its calls come to.
trait Late<'scope>: Send + Sync {
    /// What makes the second call, if there is to be one.
    fn begin(self: Arc<Self>) -> Option<Box<dyn FnOnce() + Send + 'scope>>;
}

impl<'scope, U: Send + 'scope, E: Send + 'scope> Late<'scope> for Race<'scope, U, E> {
    fn begin(self: Arc<Self>) -> Option<Box<dyn FnOnce() + Send + 'scope>> {
        let second = Race::begin(&self)?;
        Some(Box::new(move || second.run()))
    }
}

impl<'scope, L: Launch<'scope>> Hedger<'scope, L> {
    /// For calls below `ctx`; until the canceller is dropped.
    pub(super) fn open(ctx: &Context, hedge: Hedge, launch: L) -> (Arc<Self>, Canceller) {
        let (ctx, canceller) = ctx.with_cancel();
        (Arc::new(Self { ctx, hedge, launch, calls: Lock::default() }), canceller)
    }

    /// Makes the call `first`, and `second` if that takes too long: the one that counts.
    ///
    /// # Panics
    ///
    /// If one of them does.
    pub(super) fn call<U, E>(
        self: &Arc<Self>,
        ctx: &Context,
        first: impl FnOnce(&Context) -> Result<U, Unfinished<E>>,
        second: impl FnOnce(&Context) -> Result<U, Unfinished<E>> + Send + 'scope,
    ) -> Result<U, Unfinished<E>>
    where
        U: Send + 'scope,
        E: Send + 'scope,
    {
        let (here, watched) = (who::here(), observe::Member::here());
        let later = Box::new(move |ctx: &Context| {
            // Whose call it is, for those who look at its thread.
            let _inside = here.map(who::enter);
            let _entered = watched.enter();
            second(ctx)
        });
        let (race, own) = Race::new(ctx, self.hedge.place, later);
        let late: Arc<Race<'scope, U, E>> = Arc::clone(&race);
        let due = self.note(ctx, late);
        let end = panics::catch(|| first(&own));
        drop(own);
        if let Some(due) = due {
            let call = self.calls.lock().late.remove(&due);
            drop(call);
        }
        race.end_first(end).unwrap_or_else(|payload| panics::resume(payload))
    }

    /// From now on the call is looked after; nothing if it never will be late.
    fn note(self: &Arc<Self>, ctx: &Context, race: Arc<dyn Late<'scope> + 'scope>) -> Option<Due> {
        if self.ctx.is_cancelled() {
            return None;
        }
        let at = ctx.now().checked_add(self.hedge.after)?;
        let mut calls = self.calls.lock();
        calls.numbered += 1;
        let due = (at, calls.numbered);
        calls.late.insert(due, race);
        let unwatched = !mem::replace(&mut calls.watched, true);
        drop(calls);
        if unwatched {
            let hedger = Arc::clone(self);
            if self.launch.launch(move || hedger.watch()).is_err() {
                // The next call tries again.
                self.calls.lock().watched = false;
            }
        }
        Some(due)
    }

    /// The life of the one who watches.
    fn watch(&self) {
        loop {
            let now = self.ctx.now();
            let mut calls = self.calls.lock();
            let Some(first) = calls.late.first_entry() else {
                calls.watched = false;
                return;
            };
            let (at, _) = *first.key();
            if at <= now {
                let call = first.remove();
                drop(calls);
                self.begin(call);
                continue;
            }
            drop(calls);
            if self.ctx.sleep_unseen(at.saturating_duration_since(now)).is_err() {
                // Nothing is noted any more.
                return;
            }
        }
    }

    fn begin(&self, call: Arc<dyn Late<'scope> + 'scope>) {
        let Some(second) = call.begin() else { return };
        let started = self.launch.launch(second);
        // If there is no thread the second call has been dropped, and thereby counted back in.
        drop(started);
    }
}

impl<L> fmt::Debug for Hedger<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.calls.lock().late.len();
        f.debug_struct("Hedger").field("hedge", &self.hedge).field("calls", &calls).finish_non_exhaustive()
    }
}
