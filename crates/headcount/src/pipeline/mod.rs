//! Pipelines: a source, stages of so many workers each, and a sink, with bounded hand-offs between them.
//!
//! | file | idea |
//! |---|---|
//! | here, `run` | [`Pipeline`]: putting one together; running it on threads and on tasks |
//! | `sources` | where items come from |
//! | `chain` | the parts as types, and how each hires its workers |
//! | `step` | what a stage does to an item |
//! | `worker` | what a worker does from its first item to its last |
//! | `tee` | a branch beside the pipeline |
//! | `carrier` | a thread or a task: how a worker waits |
//! | `belt` | the hand-off between two stages: rules B1 to B5 |
//! | `door` | who sleeps in front of a belt, who is called, who is still behind it: rules D1 to D4 |
//! | `pile` | the items in one outbox |
//! | `order` | keeping order through many workers: rules O1 to O3 |
//! | `seat` | where one worker waits |
//! | `pace` | how many items a worker takes at once; its clock |
//! | `report` | [`Meter`], [`Report`]: what each stage did with its time |
//! | `model` | belts as the model checker's suite sees them |
//!
//! Why the hand-off is not a channel of somebody else's stands in DESIGN.md.

mod belt;
mod carrier;
mod chain;
mod door;
#[cfg(loom)]
#[doc(hidden)]
pub mod model;
mod order;
mod pace;
mod pile;
mod report;
mod run;
mod seat;
mod sources;
mod step;
mod tee;
mod worker;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use self::chain::{AsyncStage, Post, Stage};
pub use self::chain::{Chain, OnThreads, Staged};
pub use self::report::{Meter, Report, StageCounters};
use self::step::{FilterMap, FlatMap, Map, Step};
use self::tee::Tee;
use crate::context::Context;
use crate::group::{BoxError, FromMember};
use crate::roll::{Name, Title};
use crate::task::Spawn;
use crate::timeline::{Recorder, Timeline};

/// Items that flow from a source through stages to a sink, each stage with its own workers.
///
/// A pipeline is put together, and then run: by [`run`](Self::run) and its likes on threads, which may borrow, or by
/// [`run_async`](Self::run_async) and its likes on tasks, which own what they use. The sink runs where the run was called.
/// Until then nothing is started, so a pipeline that is dropped leaves nothing behind.
///
/// # The promises
///
/// * **Bounded.** Between two stages lie no more items than [`buffer`](Self::buffer) says; who produces more waits. Besides,
///   each worker may have in hand what it has taken: one item if items are long, up to 1024 tiny ones.
/// * **Nothing waits for a batch to fill.** Items are handed over in batches because that is cheap, but a batch is what
///   came while the stage below was busy. An item is within the next stage's reach as soon as it has been made.
/// * **Stages close themselves.** When the source is exhausted, each stage ends after its last item, and then the next one.
/// * **It stops from below as well.** When the sink has enough, or a stage has ended, those above end at their next item; an
///   endless source is fine. An item under way may still fail, and then the run has failed.
/// * **It fails as one.** A stage's error, or panic, cancels the [`Context`] that all are given. When everybody is over the
///   run gives the first error with the stage's name and place; consequences of the cancellation are not mistaken for it. A
///   panic goes on in the caller.
/// * **Nobody is left behind.** The run returns when every worker has ended. The async runs may be dropped: workers are then
///   called off.
///
/// Each worker is a member of one group, called after its stage: `parse 2/4`.
///
/// # When not to use it
///
/// For one step over many items use a map: no hand-off is cheaper than none. Stages that wait for each other's items in
/// circles have no place here. And a closure must not wait for another item of its own stage: that may stand behind it, in
/// the same worker's hand.
///
/// # Examples
///
/// ```
/// use headcount::{Context, Pipeline};
///
/// let lines = ["3", "5", "8"];
/// let total = Pipeline::source(lines) // borrowed, since it runs on threads
///     .stage("parse", 4, |_ctx, line: &str| line.parse::<u32>())
///     .stage("square", 2, |_, n| headcount::ok(n * n))
///     .run_fold(&Context::background(), 0, |sum, n| sum + n)?;
/// assert_eq!(total, 98);
/// # Ok::<(), headcount::GroupError>(())
/// ```
///
/// An error names the stage:
///
/// ```
/// use headcount::{Context, Pipeline};
///
/// let error = Pipeline::source(["3", "five"])
///     .stage("parse", 1, |_, line: &str| line.parse::<u32>())
///     .run_collect::<Vec<_>>(&Context::background())
///     .unwrap_err();
/// assert_eq!(error.member().unwrap().name(), Some("parse"));
/// assert!(error.to_string().ends_with("failed: invalid digit found in string"));
/// ```
///
/// # Memory ordering
///
/// What a stage did before it handed an item on is visible to the stage that gets it, and everything when the run is over.
///
/// # Cost
///
/// A lock that is hardly ever fought over for each item and stage, a few more and a look at the clock for each batch, no
/// allocation for an item.
#[must_use = "a pipeline does nothing until it is run"]
pub struct Pipeline<C> {
    chain: C,
    name: Option<Name>,
    meter: Meter,
    executor: Option<Arc<dyn Spawn>>,
    recorder: Option<Arc<Recorder>>,
}

type Mapped<C, F, U, X> = Stage<C, Map<F, Result<U, X>>>;
type FilterMapped<C, F, U, X> = Stage<C, FilterMap<F, Result<Option<U>, X>>>;
type FlatMapped<C, F, I, X> = Stage<C, FlatMap<F, Result<I, X>>>;
type Awaited<C, F, Fut, U, X> = AsyncStage<C, F, (Fut, Result<U, X>)>;

/// Putting it together.
impl<C: Chain> Pipeline<C> {
    /// Adds a stage: `workers` of them call `f` with each item, and hand on what it returns.
    ///
    /// An error cancels everything. It may be whatever a member of a group may fail with: any error type, a boxed error, an
    /// `anyhow::Error`, a string.
    ///
    /// What comes out comes in the order in which it is finished; see [`ordered`](Pipeline::ordered).
    ///
    /// # Panics
    ///
    /// If `workers` is zero: nothing would ever come out.
    #[track_caller]
    pub fn stage<U, X, F>(self, name: impl Into<Name>, workers: usize, f: F) -> Pipeline<Mapped<C, F, U, X>>
    where
        F: Fn(&Context, C::Item) -> Result<U, X> + Send + Sync,
        U: Send,
        BoxError: FromMember<X>,
    {
        self.then(name.into(), workers, Map(f, PhantomData))
    }

    /// Adds a stage that hands on some items: those for which `f` returns `Ok(Some(_))`.
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    ///
    /// let even: Vec<u32> = Pipeline::source(0..6)
    ///     .filter_map("even", 1, |_, n| headcount::ok((n % 2 == 0).then_some(n)))
    ///     .run_collect(&Context::background())?;
    /// assert_eq!(even, [0, 2, 4]);
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// As [`stage`](Self::stage).
    #[track_caller]
    pub fn filter_map<U, X, F>(
        self,
        name: impl Into<Name>,
        workers: usize,
        f: F,
    ) -> Pipeline<FilterMapped<C, F, U, X>>
    where
        F: Fn(&Context, C::Item) -> Result<Option<U>, X> + Send + Sync,
        U: Send,
        BoxError: FromMember<X>,
    {
        self.then(name.into(), workers, FilterMap(f, PhantomData))
    }

    /// Adds a stage that hands on any number of items for each: all that the iterator gives which `f` returns.
    ///
    /// The iterator is pulled as there is room, so it may be endless if the sink stops early.
    ///
    /// # Panics
    ///
    /// As [`stage`](Self::stage).
    #[track_caller]
    pub fn flat_map<I, X, F>(
        self,
        name: impl Into<Name>,
        workers: usize,
        f: F,
    ) -> Pipeline<FlatMapped<C, F, I, X>>
    where
        F: Fn(&Context, C::Item) -> Result<I, X> + Send + Sync,
        I: IntoIterator<IntoIter: Send, Item: Send>,
        BoxError: FromMember<X>,
    {
        self.then(name.into(), workers, FlatMap(f, PhantomData))
    }

    /// Adds a stage whose items are awaited: `workers` of them at once. Such a pipeline runs on tasks only.
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let total = Pipeline::source(1..=3)
    ///     .stage_async("fetch", 8, |ctx, n| async move {
    ///         ctx.sleep_async(Duration::from_millis(1)).await?;
    ///         Ok::<_, headcount::Cancelled>(n * 10)
    ///     })
    ///     .run_fold_async(&Context::background(), 0, |sum, n| sum + n)
    ///     .await?;
    /// assert_eq!(total, 60);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// As [`stage`](Self::stage).
    #[track_caller]
    pub fn stage_async<U, X, F, Fut>(
        self,
        name: impl Into<Name>,
        workers: usize,
        f: F,
    ) -> Pipeline<Awaited<C, F, Fut, U, X>>
    where
        F: Fn(Context, C::Item) -> Fut + Send + Sync,
        Fut: Future<Output = Result<U, X>> + Send,
        U: Send,
        BoxError: FromMember<X>,
    {
        let post = Post::of_stage(name.into(), workers, Location::caller());
        self.map(|above| AsyncStage { above, f, post, types: PhantomData })
    }

    /// Adds a branch: every item goes on, and a clone of it to `f`, which one worker of its own calls, in order.
    ///
    /// The branch ends in `f` and does not come back, so it cannot wait for the rest in a circle. If it is slower than the rest
    /// it holds that up once its buffer is full; its error cancels everything. If those below stop early, `f` still gets
    /// what had passed.
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    ///
    /// let mut log = Vec::new();
    /// let sum = Pipeline::source(1..=3)
    ///     .tee("log", |_, n| headcount::ok(log.push(n)))
    ///     .run_fold(&Context::background(), 0, |sum, n| sum + n)?;
    /// assert_eq!((sum, log), (6, vec![1, 2, 3]));
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    #[track_caller]
    pub fn tee<X, F>(self, name: impl Into<Name>, f: F) -> Pipeline<Tee<C, F, X>>
    where
        C::Item: Clone,
        F: FnMut(&Context, C::Item) -> Result<(), X> + Send,
        BoxError: FromMember<X>,
    {
        let post = Post::new(name.into(), 1, Location::caller());
        self.map(|above| Tee { above, f, post, error: PhantomData })
    }

    /// How many items may lie between the part that was added last (source, stage or tee) and the next one; shared by the
    /// part's workers, each of which gets at least one place. Without it there is for each worker as much room as 32 KiB have
    /// for the item's type, without what it points to: at least 64 items, at most 4096.
    ///
    /// More room evens out items of uneven length; less room bounds memory where items are large.
    ///
    /// # Panics
    ///
    /// If `items` is zero: nothing could ever be handed on.
    #[track_caller]
    pub fn buffer(mut self, items: usize) -> Self {
        assert!(items > 0, "a hand-off without room could never hand on an item: buffer(0)");
        self.chain.post().room = Some(items);
        self
    }

    /// What the pipeline is called in roll calls and errors.
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where tasks run, if not in the Tokio runtime that the pipeline is run in; as [`task::Group::on`](crate::task::Group::on).
    pub fn on(mut self, executor: impl Spawn) -> Self {
        self.executor = Some(Arc::new(executor));
        self
    }

    /// Something to look at it with, while it runs and afterwards: what each stage did with its time, and which one holds
    /// the others up.
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    /// use std::time::Duration;
    ///
    /// let pipeline = Pipeline::source(0..20)
    ///     .stage("slow", 2, |ctx, n| ctx.sleep(Duration::from_millis(1)).map(|()| n))
    ///     .stage("fast", 2, |_, n| headcount::ok(n + 1));
    /// let meter = pipeline.meter();
    /// pipeline.run_for_each(&Context::background(), drop)?;
    ///
    /// let report = meter.report();
    /// assert_eq!(report.bottleneck().unwrap().name(), "slow");
    /// assert_eq!(report.stage("fast").unwrap().items_in(), 20);
    /// println!("{report}");
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    #[must_use]
    pub fn meter(&self) -> Meter {
        self.meter.clone()
    }

    /// Keeps a [`Timeline`] of the pipeline's workers, to be taken with [`timeline`](Self::timeline) before it is run: when each
    /// source, stage and tee began and ended, on which thread, and which one failed. What they did with single items is not in
    /// it; a [`meter`](Self::meter) adds that up.
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    ///
    /// let pipeline = Pipeline::source(0..20).stage("double", 2, |_, n| headcount::ok(n * 2)).record();
    /// let timeline = pipeline.timeline().expect("it is recorded");
    /// pipeline.run_for_each(&Context::background(), drop)?;
    /// let workers = timeline.members();
    /// let names: Vec<_> = workers.iter().filter_map(|worker| worker.name()).collect();
    /// assert_eq!(names.len(), 3);
    /// assert!(names.contains(&"source") && names.contains(&"double 2/2"));
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// A lock and a look at the clock three times a worker; nothing for an item.
    #[track_caller]
    pub fn record(mut self) -> Self {
        let title = Title::new(self.name.clone(), Location::caller());
        self.recorder = Some(Recorder::new(title));
        self
    }

    /// What the workers did and when, as far as it has come, if the pipeline is [recorded](Self::record).
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.recorder.clone().map(Timeline::new)
    }

    #[track_caller]
    fn then<S: Step<C::Item>>(self, name: Name, workers: usize, step: S) -> Pipeline<Stage<C, S>> {
        let post = Post::of_stage(name, workers, Location::caller());
        self.map(|above| Stage { above, step, post })
    }

    fn map<D>(self, f: impl FnOnce(C) -> D) -> Pipeline<D> {
        let Self { chain, name, meter, executor, recorder } = self;
        Pipeline { chain: f(chain), name, meter, executor, recorder }
    }
}

/// Keeping order.
impl<C: Staged> Pipeline<C> {
    /// What comes out of the stage that was added last comes in the order in which it went in.
    ///
    /// Items that are finished early wait for those before them, on their worker's part of the hand-off; a worker whose part
    /// is full waits as well. So one long item may hold up its stage, if the buffer is too small to bridge it.
    ///
    /// Order holds through stages that keep it; one of several workers that does not keep it gives it up. A stage of one worker
    /// always keeps it.
    pub fn ordered(mut self) -> Self {
        self.chain.post().ordered = true;
        self
    }
}

impl<C> fmt::Debug for Pipeline<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("name", &self.name)
            .field("meter", &self.meter)
            .finish_non_exhaustive()
    }
}
