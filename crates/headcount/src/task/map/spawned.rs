//! Maps on the runtime's workers: how they are told, begun, and how they end.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};

use super::lanes::{Hub, Lane};
use super::local::{AHEAD, LIMIT};
use super::outlet::{Outlet, Queue, Spools};
use super::results::MapResults;
use super::shelf::{Left, Shelf};
use super::source::Source;
use super::{Each, Map};
use crate::context::Context;
use crate::group::{BoxError, Discard, FailFast, FromMember, GroupError, Policy, Root, panics};
use crate::map::docket::Docket;
use crate::map::settings::{Settings, words};
use crate::map::spool::Spool;
use crate::task::{BoxTask, Group, Spawn};
use crate::wait::lock::Lock;
use crate::who;

/// The least number of items that a map whose values are taken one by one runs ahead of the one who takes them.
const LEAST_AHEAD: usize = 128;

/// A map whose members run on the runtime's workers, in parallel; from [`Map::spawned`].
///
/// So members own what they use. A few tasks run one member after the other: one for each worker, and one more for each member
/// that waits, up to the [`limit`](Self::limit). No task is made for an item.
///
/// Long members and tiny ones may be mixed: tiny ones are taken several at a time, and what a busy task has taken and not
/// begun is taken over by another.
///
/// # When not to use it
///
/// If members mostly wait, [`Map`] does with one task, and they may borrow. If they block their thread, use threads.
#[must_use = "a map does nothing until it is run"]
pub struct Spawned<S, E = BoxError, P = FailFast> {
    source: S,
    settings: Settings<E, P>,
    each: Option<Each<E>>,
    executor: Option<Arc<dyn Spawn>>,
}

words! { impl[S, E, P] Spawned<S, E, P>, error: E, without a limit: "64 do" }

impl<S, E, P> Map<S, E, P> {
    /// The same on all of the runtime's workers, in parallel: members must own what they use.
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::{ok, task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let squares = task::map(1..=9_u64).limit(4).spawned().run(|_ctx, n| async move { ok(n * n) }).await?;
    /// assert_eq!(squares.iter().sum::<u64>(), 285);
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawned(self) -> Spawned<S, E, P> {
        let Self { source, settings, each } = self;
        Spawned { source, settings, each, executor: None }
    }
}

impl<S, E, P> Spawned<S, E, P> {
    /// Where members run, if not in the Tokio runtime in which the map is awaited.
    ///
    /// ```
    /// use headcount::{ok, task};
    ///
    /// let map = task::map(0..3).spawned().on(|task| smol::spawn(task).detach());
    /// assert_eq!(smol::block_on(map.run(|_ctx, n| async move { ok(n) })).unwrap(), [0, 1, 2]);
    /// ```
    pub fn on(mut self, executor: impl Spawn) -> Self {
        self.executor = Some(Arc::new(executor));
        self
    }
}

/// How many members can run at once, as far as that is known.
fn workers() -> usize {
    if cfg!(shuttle) {
        // The same on every machine, so that a seed says the same.
        return 2;
    }
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        return runtime.metrics().num_workers();
    }
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A map that has begun: its lanes, as members of a group.
struct Begun<S: Source, F, E, P, K> {
    hub: Arc<Hub<S, F, E, P, K>>,
    group: Group<(), std::convert::Infallible, Discard>,
}

impl<S, E, P> Spawned<S, E, P>
where
    S: Source<Item: Send + 'static> + Send + 'static,
    E: Root + Send,
    P: Send + 'static,
{
    /// Starts the first lane.
    fn begin<F, Fut, T, X, K>(self, f: F, outlet: K) -> Begun<S, F, E, P, K>
    where
        F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        T: Send + 'static,
        X: 'static,
        E: FromMember<X>,
        P: Policy<T, E>,
        K: Outlet<T>,
    {
        let Self { source, settings, each, executor } = self;
        let limit = settings.limit.unwrap_or(LIMIT);
        let docket = Docket::open(settings);
        let mut group = Group::typed_with_policy(&docket.ctx, Discard);
        if let Some(executor) = executor {
            group = group.on(move |task: BoxTask| executor.spawn(task));
        }
        // The map lists its items; those who run them are nobody's business.
        group.hide();
        let shelf = Lock::new(Shelf::new(source));
        let start = OnceLock::new();
        let hub = Arc::new(Hub { docket, f, each, limit, workers: workers(), shelf, outlet, start });
        // Weak: the hub would hold itself. Who starts a lane has it.
        let (weak, spawner) = (Arc::downgrade(&hub), group.spawner());
        let start = move || {
            if let Some(hub) = weak.upgrade() {
                let here = hub.docket.here(0);
                let lane = Lane::<_, _, T, _, _, _>::open(hub);
                spawner.spawn(move |ctx| who::Crowded::new(here, lane.run::<Fut, X>(ctx)));
            }
        };
        let _ = hub.start.set(Box::new(start));
        let _ = hub.see_to_lanes(false);
        Begun { hub, group }
    }
}

impl<S: Source, F, E: Root, P, K> Begun<S, F, E, P, K> {
    /// Until all lanes are gone; what they had in common.
    async fn end<T>(self) -> (Docket<E, P>, K)
    where
        P: Policy<T, E>,
    {
        // Items are members of the map, not of the group that runs them.
        let waiting = who::wait_for(self.hub.docket.id, || self.hub.docket.title.clone());
        let waiting = waiting.unwrap_or_else(|cycle| panic!("map {cycle}"));
        self.group.wait().await;
        drop(waiting);
        let Some(hub) = Arc::into_inner(self.hub) else {
            unreachable!("all lanes are gone, and nobody else has it")
        };
        let Left { items, source, next } = hub.shelf.lock().close();
        for (index, item) in items {
            panics::drop_quietly(item);
            hub.docket.unbegun::<T>(index, 1);
        }
        let more = source.as_ref().and_then(|source| panics::try_quietly(|| !source.is_over()));
        if more == Some(true) {
            hub.docket.unbegun::<T>(next, 1);
        }
        if let Err(payload) = panics::catch(|| drop(source)) {
            hub.docket.panicked("the map's source", payload);
        }
        (hub.docket, hub.outlet)
    }
}

impl<S, E, P> Spawned<S, E, P>
where
    S: Source<Item: Send + 'static> + Send + 'static,
    E: Root + Send,
    P: Send + 'static,
{
    /// Runs `f` with every item, in parallel, and gives what the policy makes of the results: by default the values in the order
    /// of the items, or the first error, which cancels the rest.
    ///
    /// # Errors
    ///
    /// As [`Map::run`].
    ///
    /// # Panics
    ///
    /// As [`Map::run`]; and if it is awaited outside a Tokio runtime and not told [where](Self::on) to run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future calls the members off: they are gone when their tasks next come up.
    ///
    /// # Memory ordering
    ///
    /// What members did is visible when it returns.
    ///
    /// # Cost
    ///
    /// A task for each worker, and for each member that waits at the same time; no allocation for an item but for the results.
    pub async fn run<F, Fut, T, X>(self, f: F) -> P::Output
    where
        F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        T: Send + 'static,
        X: 'static,
        E: FromMember<X>,
        P: Policy<T, E>,
    {
        let begun = self.begin::<F, Fut, T, X, _>(f, Spools::new(P::KEEPS));
        let (docket, spools) = begun.end::<T>().await;
        docket.conclude(spools.take())
    }
}

impl<S, E> Spawned<S, E>
where
    S: Source<Item: Send + 'static> + Send + 'static,
    E: Root + Send,
{
    /// Runs `f` with every item, in parallel, where it has nothing to return. The first error cancels the rest.
    ///
    /// Over an endless source its memory stays as it is.
    ///
    /// # Errors
    ///
    /// [`GroupError`]: which item failed, and why.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn for_each<F, Fut, X>(self, f: F) -> Result<(), GroupError<E>>
    where
        F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        let begun = self.begin::<F, Fut, (), X, _>(f, Spools::new(false));
        let (docket, spools) = begun.end::<()>().await;
        docket.conclude::<()>(spools.take()).map(drop)
    }

    /// Folds the members' values into one, beginning with `init`, in the order of the items; or, after
    /// [`as_finished`](Self::as_finished), as they come. Members run in parallel; `fold` runs where this is awaited.
    ///
    /// As many items are pulled ahead of `fold` as for [`stream`](Self::stream).
    ///
    /// # Errors
    ///
    /// [`GroupError`]: which item failed, and why. What was folded so far is dropped.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run); a panic of `fold` goes on when all members are over.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    pub async fn fold<A, F, Fut, T, X, G>(self, init: A, f: F, mut fold: G) -> Result<A, GroupError<E>>
    where
        F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        T: Send + 'static,
        X: 'static,
        E: FromMember<X>,
        G: FnMut(A, T) -> A,
    {
        let mut results = self.stream(f);
        let mut sum = Some(init);
        while let Some(value) = results.next().await {
            let value = value?;
            sum = match sum.take() {
                Some(sum) => match panics::catch(|| fold(sum, value)) {
                    Ok(sum) => Some(sum),
                    Err(payload) => {
                        results.stop(payload);
                        None
                    }
                },
                None => None,
            };
        }
        Ok(sum.unwrap_or_else(|| unreachable!("a fold that panicked has been resumed")))
    }

    /// The members' values one by one, in the order of the items; or, after [`as_finished`](Self::as_finished), as they come. If
    /// anything goes wrong, the error is last.
    ///
    /// The members run meanwhile, whatever the one who takes values does. No more than four times the limit of items, at least 128,
    /// are pulled ahead of the values that were taken, so the memory of an endless source stays as it is.
    ///
    /// Only a spawned map has a stream. Members that are polled by whoever takes their values stand still while that one
    /// works on a value, with their connections open and their deadlines running.
    ///
    /// # Panics
    ///
    /// If it is called outside a Tokio runtime and was not told [where](Self::on) to run.
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::{ok, task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let mut squares = task::map(1..).limit(4).spawned().stream(|_ctx, n| async move { ok(n * n) });
    /// let mut sum = 0;
    /// while let Some(square) = squares.next().await {
    ///     sum += square?;
    ///     if sum == 285 {
    ///         break; // and drop it, which ends the map
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream<F, Fut, T, X>(self, f: F) -> MapResults<T, E>
    where
        F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        T: Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        let limit = self.settings.limit.unwrap_or(LIMIT);
        let ahead = limit.saturating_mul(AHEAD).max(LEAST_AHEAD);
        let queue = Arc::new(Queue::new(!self.settings.as_finished, ahead));
        let begun = self.begin::<F, Fut, T, X, _>(f, Arc::clone(&queue));
        let weak = Arc::downgrade(&begun.hub);
        let stop = move |payload| {
            if let Some(hub) = weak.upgrade() {
                hub.docket.panicked("the map's fold", payload);
            }
        };
        let end = async move {
            let (docket, queue) = begun.end::<T>().await;
            docket.conclude::<T>(vec![Spool::of_none(queue.count())]).map(drop)
        };
        MapResults::new(queue, Box::pin(end), Box::new(stop))
    }
}

impl<S, E, P> fmt::Debug for Spawned<S, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.describe(f, "task::Spawned")
    }
}
