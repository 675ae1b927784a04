//! Running a pipeline: the sink here, everybody else in a group.

use std::future::Future;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::belt::Taker;
use super::carrier::{Task, Thread, at_once};
use super::chain::{Below, Crew, Tasks, Threads};
use super::report::{Meter, Record};
use super::seat::Seat;
use super::worker::drain;
use super::{Chain, OnThreads, Pipeline};
use crate::context::{Cancelled, Context};
use crate::group::GroupError;
use crate::roll::Name;
use crate::{task, thread};

/// The caller's end.
struct Sink<T> {
    taker: Taker<T>,
    seat: Arc<Seat>,
    record: Arc<Record>,
}

/// Launches everybody, and gives the end that the sink takes from.
fn hire<'a, C: Chain + 'a>(chain: C, crew: &impl Crew<'a>) -> Sink<C::Item> {
    crew.meter().begin();
    let belt = chain.hire(crew, Below { takers: 1, numbered: false });
    let seat = Arc::<Seat>::default();
    let record = crew.meter().add(Name::from("sink"), 1);
    Sink { taker: belt.taker(0, &seat), seat, record }
}

/// The end of a run, however it ends.
struct Ends(Meter);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What it means that the sink was cut short. By a stage that has failed: nothing, the stage says it all, and the sink may as
/// well have seen the end before it saw that. From `above`: the workers may all have ended well before, and it must be seen.
fn cut_short(above: &Context, why: Cancelled) -> Result<(), Cancelled> {
    if above.is_cancelled() { Err(why) } else { Ok(()) }
}

/// Running it on threads.
impl<C: OnThreads> Pipeline<C> {
    /// Runs it on threads: calls `sink` on this thread with every item that comes out, until there are no more or it
    /// breaks, which means it has enough.
    ///
    /// What the stages and sources borrow need only live until it returns.
    ///
    /// # Errors
    ///
    /// [`GroupError`]: which stage failed, where it was added, and why; or the cancellation, if `ctx` was cancelled.
    ///
    /// # Panics
    ///
    /// With the payload of the first stage, source or sink that panicked, once everyone is over. And if it would block a
    /// thread that is running an async task (feature `tokio`).
    ///
    /// # Examples
    ///
    /// An endless source, and a sink that has enough:
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    /// use std::ops::ControlFlow;
    ///
    /// let mut found = None;
    /// Pipeline::source(1_u64..)
    ///     .filter_map("divides", 2, |_, n| headcount::ok((n * n % 91 == 0).then_some(n)))
    ///     .run(&Context::background(), |n| {
    ///         found = Some(n);
    ///         ControlFlow::Break(())
    ///     })?;
    /// assert_eq!(found.unwrap() % 91, 0);
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    #[track_caller]
    pub fn run<F>(self, ctx: &Context, mut sink: F) -> Result<(), GroupError>
    where
        F: FnMut(C::Item) -> ControlFlow<()>,
    {
        crate::blocking::assert_allowed("Pipeline::run", "Pipeline::run_async(..)");
        let Self { chain, name, meter, recorder, .. } = self;
        let mut scope = thread::Scope::<()>::new(ctx).called_in_rolls("pipeline").recorded_by(recorder);
        if let Some(name) = name {
            scope = scope.named(name);
        }
        let _ends = Ends(meter.clone());
        let members = scope.run(|group| -> Result<(), Cancelled> {
            let Sink { taker, seat, record } = hire(chain, &Threads { group, meter: &meter });
            let drained = at_once(drain::<Thread, _, _>(taker, &seat, record, group.context(), &mut sink));
            drained.map(drop).or_else(|why| cut_short(ctx, why))
        });
        members.map(drop)
    }

    /// Runs it on threads, and calls `f` on this thread with every item that comes out.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    #[track_caller]
    pub fn run_for_each<F>(self, ctx: &Context, mut f: F) -> Result<(), GroupError>
    where
        F: FnMut(C::Item),
    {
        self.run(ctx, |item| {
            f(item);
            ControlFlow::Continue(())
        })
    }

    /// Runs it on threads, and folds what comes out into one value on this thread.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    #[track_caller]
    pub fn run_fold<B, F>(self, ctx: &Context, init: B, mut f: F) -> Result<B, GroupError>
    where
        F: FnMut(B, C::Item) -> B,
    {
        let mut fold = Fold(Some(init));
        self.run(ctx, |item| fold.next(&mut f, item))?;
        Ok(fold.end())
    }

    /// Runs it on threads, and collects what comes out.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    #[track_caller]
    pub fn run_collect<B>(self, ctx: &Context) -> Result<B, GroupError>
    where
        B: Default + Extend<C::Item>,
    {
        let mut all = B::default();
        self.run_for_each(ctx, |item| all.extend([item]))?;
        Ok(all)
    }
}

/// Running it on tasks.
impl<C: Chain + 'static> Pipeline<C> {
    /// Runs it on tasks: calls `sink` on the caller's own task with every item that comes out, until there are no more or
    /// it breaks, which means it has enough.
    ///
    /// The stages run on the runtime's workers, so each item should be short, a fraction of a millisecond; a worker gives way to
    /// others every so often. The sink may borrow.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// With the payload of the first stage or source that panicked, once everyone is over. And if there is no runtime: it is
    /// polled outside Tokio, and none was chosen with [`on`](Self::on).
    ///
    /// # Cancel safety
    ///
    /// Nothing is started before it is first polled. Dropped later, it cancels the workers and calls them off.
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    /// use std::ops::ControlFlow;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let mut firsts = Vec::new();
    /// Pipeline::source(0..)
    ///     .stage("double", 4, |_, n| headcount::ok(n * 2))
    ///     .ordered()
    ///     .run_async(&Context::background(), |n| {
    ///         firsts.push(n);
    ///         if firsts.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    ///     })
    ///     .await?;
    /// assert_eq!(firsts, [0, 2, 4]);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn run_async<F>(
        self,
        ctx: &Context,
        mut sink: F,
    ) -> impl Future<Output = Result<(), GroupError>> + use<C, F>
    where
        F: FnMut(C::Item) -> ControlFlow<()>,
    {
        let ready = self.ready(ctx);
        async move { ready.run(&mut sink).await }
    }

    /// Runs it on tasks, and calls `f` on the caller's own task with every item that comes out.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run_async`](Self::run_async).
    ///
    /// # Cancel safety
    ///
    /// As [`run_async`](Self::run_async).
    #[track_caller]
    pub fn run_for_each_async<F>(
        self,
        ctx: &Context,
        mut f: F,
    ) -> impl Future<Output = Result<(), GroupError>> + use<C, F>
    where
        F: FnMut(C::Item),
    {
        self.run_async(ctx, move |item| {
            f(item);
            ControlFlow::Continue(())
        })
    }

    /// Runs it on tasks, and folds what comes out into one value on the caller's own task.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run_async`](Self::run_async).
    ///
    /// # Cancel safety
    ///
    /// As [`run_async`](Self::run_async).
    #[track_caller]
    pub fn run_fold_async<B, F>(
        self,
        ctx: &Context,
        init: B,
        mut f: F,
    ) -> impl Future<Output = Result<B, GroupError>> + use<C, B, F>
    where
        F: FnMut(B, C::Item) -> B,
    {
        let ready = self.ready(ctx);
        async move {
            let mut fold = Fold(Some(init));
            ready.run(&mut |item| fold.next(&mut f, item)).await?;
            Ok(fold.end())
        }
    }

    /// Runs it on tasks, and collects what comes out.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// As [`run_async`](Self::run_async).
    ///
    /// # Cancel safety
    ///
    /// As [`run_async`](Self::run_async).
    #[track_caller]
    pub fn run_collect_async<B>(
        self,
        ctx: &Context,
    ) -> impl Future<Output = Result<B, GroupError>> + use<C, B>
    where
        B: Default + Extend<C::Item>,
    {
        let ready = self.ready(ctx);
        async move {
            let mut all = B::default();
            let mut sink = |item| {
                all.extend([item]);
                ControlFlow::Continue(())
            };
            ready.run(&mut sink).await?;
            Ok(all)
        }
    }

    /// Makes the group, here for the sake of the caller's place. It has no members yet.
    #[track_caller]
    fn ready(self, ctx: &Context) -> Ready<C> {
        let Self { chain, name, meter, executor, recorder } = self;
        let mut group = task::Group::<()>::new(ctx).called_in_rolls("pipeline");
        if let Some(name) = name {
            group = group.named(name);
        }
        if let Some(executor) = executor {
            group = group.on(move |task| executor.spawn(task));
        }
        let group = group.recorded_by(recorder);
        Ready { chain, meter, group, above: ctx.clone() }
    }
}

/// Ready to be run on tasks.
struct Ready<C> {
    chain: C,
    meter: Meter,
    group: task::Group<()>,
    /// Which it runs in.
    above: Context,
}

impl<C: Chain + 'static> Ready<C> {
    async fn run(self, sink: &mut impl FnMut(C::Item) -> ControlFlow<()>) -> Result<(), GroupError> {
        let Self { chain, meter, group, above } = self;
        let _ends = Ends(meter.clone());
        let Sink { taker, seat, record } = hire(chain, &Tasks { group: &group, meter: &meter });
        let ctx = group.context().clone();
        let drained = drain::<Task, _, _>(taker, &seat, record, &ctx, sink).await;
        if let Err(why) = drained.map(drop).or_else(|why| cut_short(&above, why)) {
            group.spawn_named("sink", |_| async { Err(why) });
        }
        group.wait().await.map(drop)
    }
}

/// A fold, whose value is out while it is being made.
struct Fold<B>(Option<B>);

impl<B> Fold<B> {
    fn next<T>(&mut self, f: &mut impl FnMut(B, T) -> B, item: T) -> ControlFlow<()> {
        self.0 = self.0.take().map(|value| f(value, item));
        ControlFlow::Continue(())
    }

    fn end(self) -> B {
        match self.0 {
            Some(value) => value,
            None => unreachable!("a panic of the fold goes on, and does not come here"),
        }
    }
}
