//! A running map: its context, its judge, and its conclusion.
//!
//! An item that succeeds is told of only if the policy judges values; then its value goes on a [`Spool`]. One that fails is
//! told of in any case, which may cancel the map's context; and so is every item that was taken from the source and not
//! begun, as one that was cancelled. So the outcomes have no gaps: when items 0 to `n` were taken, each of them has
//! ended in some way.

use std::any::Any;
use std::sync::Arc;

use super::settings::Settings;
use super::spool::{Spool, unwind};
use super::tab::Tab;
use crate::context::{CancelKind, Cancelled, Canceller, Context};
use crate::group::court::{Court, Judging};
use crate::group::ended::Who;
use crate::group::ending::Ending;
use crate::group::{Ended, Member, Policy, Root, Title, panics, recorded};
use crate::sync::number;
use crate::time::Moment;
use crate::timeline::{HowEnded, Recorder, Who as Recorded};
use crate::wait::lock::Lock;
use crate::who::{self, Here, Id};

/// See the top of this file. Its values need not be known before they are wound up.
#[derive(Debug)]
pub(crate) struct Docket<E, P> {
    /// By which waits inside of items know it.
    pub(crate) id: Id,
    /// Below which it was opened.
    root: u64,
    pub(crate) title: Title,
    /// The map's own context, a child of the one it was given: what items are given.
    pub(crate) ctx: Context,
    /// What the roll is called from. Before the canceller, so that it is gone when that is dropped, and the context with it.
    pub(crate) tab: Arc<Tab>,
    canceller: Canceller,
    court: Lock<Court<E, P>>,
    /// Told of what items do, if the map is recorded.
    recorder: Option<Recording>,
}

/// A map whose future is dropped drops its items where they stand.
#[derive(Debug)]
struct Recording(Arc<Recorder>);

impl Drop for Recording {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<E: Root, P> Docket<E, P> {
    /// Opens the map that `settings` describe.
    pub(crate) fn open(settings: Settings<E, P>) -> Self {
        let (ctx, canceller) = settings.ctx.with_cancel();
        let mut court = Court::new(settings.policy);
        (court.panics, court.recognize) = (settings.panics, settings.recognize);
        let id = number();
        let (title, recorder) = (settings.title, settings.recorder);
        let tab = Tab::open(id, title.clone(), ctx.clone(), settings.limit);
        if let Some(recorder) = &recorder {
            recorder.call(title.clone());
        }
        Self {
            id,
            tab,
            root: who::root(),
            title,
            ctx,
            canceller,
            court: Lock::new(court),
            recorder: recorder.map(Recording),
        }
    }

    /// The item `index`, as a member.
    pub(crate) fn member(&self, index: usize) -> Member {
        Member::new(index, None, self.title.place())
    }

    /// Who runs, for [`who::enter`] around an item.
    #[inline]
    pub(crate) fn here(&self, index: usize) -> Here {
        Here { group: self.id, number: self.number(index), place: self.title.place(), root: self.root }
    }

    /// The number of the item `index`, for a turn among those of the map.
    #[inline]
    pub(crate) fn number(&self, index: usize) -> u64 {
        index as u64 + 1
    }

    /// The item `index` is about to begin: nobody queues in a map, an item is taken from the source when it can run. Whatever
    /// comes, [`succeeded`](Self::succeeded) or [`failed`](Self::failed) is called for it.
    #[inline]
    pub(crate) fn begun(&self, index: usize) {
        if let Some(Recording(recorder)) = &self.recorder {
            recorder.spawned(index, self.who(), None);
            recorder.begun(index);
        }
    }

    fn who(&self) -> Recorded {
        Recorded { name: None, place: self.title.place() }
    }

    fn judging(&self) -> Judging<'_, E, P> {
        Judging { court: &self.court, ctx: &self.ctx, canceller: &self.canceller }
    }

    /// The item `index` has succeeded. No lock unless the policy judges values.
    #[inline]
    pub(crate) fn succeeded<T>(&self, index: usize, value: &T)
    where
        P: Policy<T, E>,
    {
        if let Some(Recording(recorder)) = &self.recorder {
            recorder.ended(index, true, HowEnded::Ok, None, || (self.who(), Moment::now()));
        }
        if P::JUDGES_VALUES {
            self.judging().value(&self.member(index), Some(value));
        }
    }

    /// The item `index` has begun, and ended without a value.
    #[cold]
    pub(crate) fn failed<T>(&self, index: usize, ending: Ending<T, E>)
    where
        P: Policy<T, E>,
    {
        self.fail(index, ending, true);
    }

    fn fail<T>(&self, index: usize, ending: Ending<T, E>, begun: bool)
    where
        P: Policy<T, E>,
    {
        let told = |error: &_| {
            if let Some(Recording(recorder)) = &self.recorder {
                let (how, why) = recorded::told(Some(error));
                recorder.ended(index, begun, how, why, || (self.who(), Moment::now()));
            }
        };
        let Some((ticket, failure)) = self.judging().failure(self.member(index), ending, None, told) else {
            return;
        };
        let mut court = self.court.lock();
        if P::KEEPS && !court.abandoned {
            court.keep_failure(ticket, failure);
        } else {
            drop(court);
            panics::drop_quietly(failure);
        }
    }

    /// `count` items from `first` on were taken from the source, or would have been next, and were not begun because the map
    /// was cancelled.
    #[cold]
    pub(crate) fn unbegun<T>(&self, first: usize, count: usize)
    where
        P: Policy<T, E>,
    {
        for index in first..first + count {
            if let Some(Recording(recorder)) = &self.recorder {
                recorder.spawned(index, self.who(), None);
            }
            let why = self.ctx.cancelled_because();
            self.fail(index, why.map_or(Ending::Dropped, Ending::Unbegun), false);
        }
    }

    /// Foreign code has panicked that is no item's: the map's source, or the body that takes its results. `what` begins the
    /// sentence that says so.
    #[cold]
    pub(crate) fn panicked(&self, what: &str, payload: Box<dyn Any + Send>) {
        self.judging().panicked(what, payload, self.title.place());
    }

    /// Nobody wants more results: ends the map, if nothing else has. What fails from now on is nobody's concern, but for
    /// panics. False if it was over already.
    pub(crate) fn enough(&self) -> bool {
        if self.ctx.is_cancelled() || !self.court.lock().finish() {
            return false;
        }
        self.canceller.cancel_quietly(&Cancelled::new(CancelKind::GroupOver, None, self.title.place()));
        true
    }

    /// What comes of the map, when nobody runs its items any more: what the policy makes of it, or the first panic.
    pub(crate) fn conclude<T>(self, spools: Vec<Spool<T>>) -> P::Output
    where
        P: Policy<T, E>,
    {
        let mut court = self.court.lock();
        if let Some(payload) = court.take_panic() {
            let left = court.abandon();
            drop(court);
            left.drop_quietly();
            panics::drop_each_quietly(unwind(spools).0);
            panics::resume(payload);
        }
        let (policy, failures, mut tally) = court.adjourn();
        let left = court.abandon();
        drop(court);
        left.drop_quietly();
        tally.succeeded = spools.iter().map(Spool::count).sum();
        let (values, runs) = unwind(spools);
        let failures = failures.into_iter().map(|(_, failure)| failure).collect();
        let who = Who::Runs(runs, self.title.place());
        let cancelled = self.ctx.cancelled_because();
        policy.output(Ended::new(self.title, values, who, failures, tally, cancelled))
    }
}
