//! The lanes of a spawned map: tasks that run one member after the other.
//!
//! A map begins with one lane. Whoever has pulled items starts another while fewer run than there are workers; and a lane whose member
//! waits starts one in its place, up to the limit. So members that compute cost one task for each worker, and members that
//! wait one for each of them that waits at the same time: none is started for an item. Work moves as tasks do: an executor's
//! idle worker takes a lane from a busy one, and a lane takes from the tray of one that is held up (`shelf`, T2).

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::Each;
use super::asked::Asked;
use super::gather::Late;
use super::local::punctual;
use super::outlet::Outlet;
use super::shelf::{Shelf, Tray, Turn};
use super::slab::settle;
use super::source::Source;
use crate::context::Context;
use crate::fault::{self, Fault};
use crate::group::ending::Ending;
use crate::group::settle::{Plain, Settle};
use crate::group::{FromMember, Policy, Root, panics};
use crate::map::docket::Docket;
use crate::map::tab::Spot;
use crate::time::now;
use crate::wait::lock::Lock;
use crate::who::threads::Pause;
use crate::who::{self, Here};

/// How many tiny items a lane takes at once.
const MOST: usize = 64;

/// A lane takes more at once while what it took last was over sooner than this, and one while it took longer than four times this.
const SHORT: Duration = Duration::from_micros(5);

/// How many members a lane runs before it lets the other tasks of its thread run.
const IN_ONE_GO: usize = 128;

/// How often a lane looks whether the source is back, before it ends.
const LOOKS: usize = if cfg!(any(loom, shuttle)) { 0 } else { 20 };

/// What the lanes of a map share.
pub(super) struct Hub<S: Source, F, E, P, K> {
    pub(super) docket: Docket<E, P>,
    pub(super) f: F,
    pub(super) each: Option<Each<E>>,
    pub(super) limit: usize,
    pub(super) workers: usize,
    pub(super) shelf: Lock<Shelf<S>>,
    pub(super) outlet: K,
    /// Starts one more lane, which is counted already.
    pub(super) start: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl<S: Source, F, E, P, K> Hub<S, F, E, P, K> {
    /// Starts one more lane if one should be. `more`: there is something on a tray that its lane does not begin at once.
    /// Whether it did.
    pub(super) fn see_to_lanes(&self, more: bool) -> bool {
        let wants = self.shelf.lock().wants_lane(self.limit, self.workers, more);
        if wants {
            self.start.get().into_iter().for_each(|start| start());
        }
        wants
    }
}

/// One lane. It has left the shelf, with its items, when it is gone.
pub(super) struct Lane<S, F, T, E, P, K>
where
    S: Source,
    E: Root,
    P: Policy<T, E>,
    K: Outlet<T>,
{
    hub: Arc<Hub<S, F, E, P, K>>,
    tray: Arc<Tray<S::Item>>,
    own: Option<K::Own>,
    /// Where it says which member runs.
    spot: Arc<Spot>,
    /// The member that runs.
    current: Option<usize>,
    /// It is pending.
    parked: bool,
    /// How many items are taken at once, and when they were.
    batch: usize,
    since: Option<Instant>,
    /// It has started another, which is to run before this one goes on.
    starts: bool,
    /// It has left.
    left: bool,
}

/// What a lane that runs has at hand; apart from what it changes, and taken once, so that no member counts on shared lines.
struct Station<S: Source, F, E, P, K> {
    hub: Arc<Hub<S, F, E, P, K>>,
    tray: Arc<Tray<S::Item>>,
    ctx: Context,
}

impl<S, F, T, E, P, K> Lane<S, F, T, E, P, K>
where
    S: Source,
    E: Root,
    P: Policy<T, E>,
    K: Outlet<T>,
{
    /// One that is counted already.
    pub(super) fn open(hub: Arc<Hub<S, F, E, P, K>>) -> Self {
        let tray = Tray::new();
        hub.shelf.lock().lay(&tray);
        let own = Some(hub.outlet.open());
        let spot = hub.docket.tab.spot_of_tasks();
        Self {
            hub,
            tray,
            own,
            spot,
            current: None,
            parked: false,
            batch: 1,
            since: None,
            starts: false,
            left: false,
        }
    }

    /// How many items are to be taken at once, from how long the last ones took.
    fn pace(&mut self) {
        let now = now();
        let Some(since) = self.since.replace(now) else { return };
        let took = now.saturating_duration_since(since);
        if took < SHORT {
            self.batch = (self.batch * 2).min(MOST);
        } else if took > SHORT * 4 {
            self.batch = 1;
        }
    }

    /// Takes items onto the tray; false if there is nothing to do any more, and the lane has left.
    async fn refill(&mut self, at: &Station<S, F, E, P, K>) -> bool {
        self.pace();
        self.spot.takes();
        let mut looks = 0;
        loop {
            match self.turn(&at.ctx, looks == LOOKS) {
                Turn::Laid(count) => {
                    self.starts = self.hub.see_to_lanes(count > 1);
                    return true;
                }
                Turn::Ask(source, next) => {
                    if self.ask(at, source, next).await {
                        return true;
                    }
                }
                Turn::Busy if !self.left => {
                    looks += 1;
                    (0..30).for_each(|_| std::hint::spin_loop());
                }
                Turn::Busy | Turn::Over => return false,
            }
        }
    }

    /// What is to be done next. If nothing is, or the source is asked by another and this is the last look, the lane leaves.
    fn turn(&mut self, ctx: &Context, last: bool) -> Turn<S> {
        let mut shelf = self.hub.shelf.lock();
        // Also if only the lanes are cancelled, because nobody waits for the map any more.
        let turn = if ctx.is_cancelled() { Turn::Over } else { shelf.turn(&self.tray, self.batch) };
        if matches!(turn, Turn::Over) || last && matches!(turn, Turn::Busy) {
            // T3: in the same breath.
            shelf.leave(&self.tray, true);
            self.left = true;
        }
        turn
    }

    /// Asks the source for items, and puts it back; whether it gave any. Who waits for that is as one whose member is pending.
    async fn ask(&mut self, at: &Station<S, F, E, P, K>, source: Pin<Box<S>>, next: usize) -> bool {
        let Station { hub, tray, ctx } = at;
        let mut asked = Asked { hub, tray, source: Some(source), gave: 0 };
        let room = poll_fn(|cx| self.or_park(hub.outlet.room(next, cx)));
        // An error says that the map is cancelled, which is looked at next.
        let room = ctx.run_part(room).await;
        self.unpark();
        let Ok(room) = room else { return false };
        let most = room.min(self.batch);
        let pulled = poll_fn(|cx| self.or_park(asked.pull(next, most, cx)));
        let _ = ctx.run_part(pulled).await;
        self.unpark();
        let gave = asked.gave;
        drop(asked);
        self.starts = hub.see_to_lanes(gave > 1);
        gave > 0
    }

    /// Parks if it is pending.
    fn or_park<R>(&mut self, polled: Poll<R>) -> Poll<R> {
        if polled.is_pending() {
            self.park();
        }
        polled
    }

    /// The member is pending: others do what is still to be done.
    fn park(&mut self) {
        if !mem::replace(&mut self.parked, true) {
            let mut shelf = self.hub.shelf.lock();
            shelf.park(true);
            shelf.hand_back(&self.tray);
            drop(shelf);
            if !fault::planted(Fault::LaneUnseen) {
                let _ = self.hub.see_to_lanes(false);
            }
            self.batch = 1;
            self.since = None;
        }
    }

    fn unpark(&mut self) {
        if mem::replace(&mut self.parked, false) {
            self.hub.shelf.lock().park(false);
        }
    }

    /// Begins a member, and polls it to its end.
    async fn attend<Fut, L>(&mut self, here: Here, start: impl FnOnce() -> Fut, mut last: L) -> Ending<T, E>
    where
        Fut: Future,
        L: Settle<T, E, Fut::Output>,
    {
        let mut member = pin!(None);
        let mut start = Some(start);
        // How many more waits inside the member have begun than ended.
        let mut waits = 0;
        let ending = poll_fn(|cx| {
            let turn = who::turn(here.number);
            if self.parked {
                self.spot.pauses(Pause::None);
            }
            if let Some(start) = start.take() {
                match panics::catch(start) {
                    Ok(future) => member.set(Some(future)),
                    Err(payload) => return Poll::Ready(Err(payload)),
                }
            }
            let Some(future) = member.as_mut().as_pin_mut() else { return Poll::Pending };
            let polled = panics::catch(|| future.poll(cx));
            waits += turn.left();
            match polled {
                // Turning an error into the map's may run foreign code.
                Ok(Poll::Ready(output)) => Poll::Ready(panics::catch(|| last.settle(output))),
                Ok(Poll::Pending) => {
                    self.spot.pauses(who::pending::said_by(here));
                    self.or_park(Poll::Pending)
                }
                Err(payload) => Poll::Ready(Err(payload)),
            }
        });
        let ending = ending.await;
        self.unpark();
        let gone = panics::catch(|| member.set(None));
        if waits != 0 {
            who::gone(here);
        }
        settle(ending, gone).unwrap_or_else(Ending::Panicked)
    }

    /// Runs the member of an item.
    async fn member<Fut, X>(&mut self, at: &Station<S, F, E, P, K>, index: usize, item: S::Item)
    where
        F: Fn(Context, S::Item) -> Fut,
        Fut: Future<Output = Result<T, X>>,
        E: FromMember<X>,
    {
        self.current = Some(index);
        self.spot.is_at(index);
        let Station { hub, ctx, .. } = at;
        let here = hub.docket.here(index);
        hub.docket.begun(index);
        let ending = match &hub.each {
            None => self.attend(here, || (hub.f)(ctx.clone(), item), Plain).await,
            Some(Each { timeout, late }) => {
                let start = || {
                    let own = ctx.with_timeout(*timeout);
                    punctual(ctx.clone(), own.clone(), (hub.f)(own, item))
                };
                self.attend(here, start, Late(*late)).await
            }
        };
        self.current = None;
        self.spot.rests();
        match ending {
            Ending::Value(value) => {
                hub.docket.succeeded(index, &value);
                if let Some(own) = &mut self.own {
                    hub.outlet.value(own, index, value);
                }
            }
            failure => {
                hub.docket.failed(index, failure);
                hub.outlet.gone(index);
            }
        }
    }

    /// Runs members until there are no more items.
    pub(super) async fn run<Fut, X>(mut self, ctx: Context) -> Result<(), Infallible>
    where
        F: Fn(Context, S::Item) -> Fut,
        Fut: Future<Output = Result<T, X>>,
        E: FromMember<X>,
    {
        // A child for each lane, so that its members do not all count on one line of the cache.
        let (ctx, canceller) = ctx.with_cancel();
        canceller.keep();
        self.spot.is_run_here();
        let at = Station { hub: Arc::clone(&self.hub), tray: Arc::clone(&self.tray), ctx };
        let mut ran = 0;
        loop {
            let Some((index, item)) = self.tray.next() else {
                if !self.refill(&at).await {
                    return Ok(());
                }
                if mem::take(&mut self.starts) {
                    // Tokio keeps what a worker started last for that worker alone, until what runs there returns. If the
                    // next member computes, the new lane would wait for it.
                    yield_now().await;
                }
                continue;
            };
            if at.ctx.is_cancelled() {
                panics::drop_quietly(item);
                self.hub.docket.unbegun::<T>(index, 1);
                self.hub.outlet.gone(index);
                continue;
            }
            self.member(&at, index, item).await;
            ran += 1;
            if ran % IN_ONE_GO == 0 {
                yield_now().await;
            }
        }
    }
}

impl<S, F, T, E, P, K> Drop for Lane<S, F, T, E, P, K>
where
    S: Source,
    E: Root,
    P: Policy<T, E>,
    K: Outlet<T>,
{
    fn drop(&mut self) {
        if let Some(index) = self.current.take() {
            let called_off = self.hub.docket.ctx.is_cancelled();
            let ending = if called_off { Ending::Aborted } else { Ending::Dropped };
            self.hub.docket.failed::<T>(index, ending);
            self.hub.outlet.gone(index);
        }
        if let Some(own) = self.own.take() {
            self.hub.outlet.close(own);
        }
        if !self.left {
            self.hub.shelf.lock().leave(&self.tray, !self.parked);
        }
    }
}

/// Lets the other tasks of the thread run.
async fn yield_now() {
    let mut before = false;
    poll_fn(|cx| {
        if mem::replace(&mut before, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
