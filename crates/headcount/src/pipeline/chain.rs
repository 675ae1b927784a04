//! How a pipeline is put together, and how each part of it hires its workers.
//!
//! A pipeline is a chain of types: a stage holds the chain above it. Running it goes up the chain once: each part makes the
//! belt below it, asks the part above for the belt that it takes from, and launches its workers between the two.

use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use super::belt::{Belt, Pusher, Shape, Taker};
use super::carrier::{Task, Thread, at_once};
use super::report::{Meter, Record};
use super::seat::Seat;
use super::step::Step;
use super::worker::{Awaiter, Job, Worker};
use crate::context::Context;
use crate::group::{BoxError, FromMember};
use crate::roll::Name;
use crate::{task, thread};

/// How much lies between two stages at most, for each worker of the upper one, unless [`buffer`](super::Pipeline::buffer) says
/// otherwise: as many items as fill so many bytes. Where threads share cores, a hand-off of tiny items is as fast as it is
/// roomy, because each time that it is full or empty somebody must be woken; for large ones that matters less than memory.
const BYTES: usize = 32 * 1024;
const LEAST: usize = 64;
const MOST: usize = 4096;

fn default_room<T>() -> usize {
    (BYTES / size_of::<T>().max(1)).clamp(LEAST, MOST)
}

/// A source and the stages below it. Sealed: pipelines are put together by [`Pipeline`](super::Pipeline)'s methods.
pub trait Chain: Sized {
    /// What comes out of it.
    type Item: Send;

    /// Launches its workers, and gives the belt that their output lies on.
    #[doc(hidden)]
    fn hire<'a, C: Crew<'a>>(self, crew: &C, below: Below) -> Arc<Belt<Self::Item>>
    where
        Self: 'a;

    #[doc(hidden)]
    fn post(&mut self) -> &mut Post;
}

/// A chain without stages that must be awaited.
pub trait OnThreads: Chain {}

/// A chain whose last part is a stage.
pub trait Staged: Chain {}

/// What a part must know of the one below it.
#[derive(Clone, Copy, Debug)]
pub struct Below {
    pub(super) takers: usize,
    /// It keeps the order of what it takes.
    pub(super) numbered: bool,
}

/// A group that members are launched in.
pub trait Crew<'a> {
    #[doc(hidden)]
    fn launch(&self, name: Name, place: &'static Location<'static>, job: impl Job + 'a);

    #[doc(hidden)]
    fn meter(&self) -> &Meter;
}

/// Threads, which may borrow.
#[derive(Debug)]
pub(super) struct Threads<'g, 'scope, 'env: 'scope> {
    pub(super) group: &'g thread::Spawner<'scope, 'env, ()>,
    pub(super) meter: &'g Meter,
}

impl<'scope> Crew<'scope> for Threads<'_, 'scope, '_> {
    fn launch(&self, name: Name, place: &'static Location<'static>, job: impl Job + 'scope) {
        self.group.spawn_at(name, place, |ctx| at_once(job.work::<Thread>(ctx.clone())));
    }

    fn meter(&self) -> &Meter {
        self.meter
    }
}

/// Tasks, which own what they use.
#[derive(Debug)]
pub(super) struct Tasks<'g> {
    pub(super) group: &'g task::Spawner<()>,
    pub(super) meter: &'g Meter,
}

impl Crew<'static> for Tasks<'_> {
    fn launch(&self, name: Name, place: &'static Location<'static>, job: impl Job + 'static) {
        self.group.spawn_at(name, place, |ctx| job.work::<Task>(ctx));
    }

    fn meter(&self) -> &Meter {
        self.meter
    }
}

/// One part's own settings.
#[derive(Clone, Debug)]
pub struct Post {
    pub(super) name: Name,
    pub(super) workers: usize,
    pub(super) place: &'static Location<'static>,
    pub(super) room: Option<usize>,
    pub(super) ordered: bool,
}

impl Post {
    pub(super) fn new(name: Name, workers: usize, place: &'static Location<'static>) -> Self {
        Self { name, workers, place, room: None, ordered: false }
    }

    #[track_caller]
    pub(super) fn of_stage(name: Name, workers: usize, place: &'static Location<'static>) -> Self {
        assert!(workers > 0, "stage {name:?} was given 0 workers: nothing would ever come out of it");
        Self::new(name, workers, place)
    }

    pub(super) fn belt<T>(&self, below: Below) -> Arc<Belt<T>> {
        Belt::new(Shape {
            pushers: self.workers,
            takers: below.takers,
            room: self.room.unwrap_or_else(|| default_room::<T>() * self.workers),
            numbered: below.numbered,
            // One worker keeps the order without being told.
            in_runs: self.ordered && self.workers > 1,
        })
    }

    /// Launches the workers of a stage between the chain above it and what is below.
    fn hire<'a, W, C, U, J>(
        self,
        crew: &W,
        above: C,
        below: Below,
        job: impl Fn(Taker<C::Item>, Pusher<U>, Arc<Seat>, Arc<Record>, usize) -> J,
    ) -> Arc<Belt<U>>
    where
        W: Crew<'a>,
        C: Chain + 'a,
        J: Job + 'a,
    {
        let output = self.belt(below);
        let numbered = self.ordered && self.workers > 1;
        let input = above.hire(crew, Below { takers: self.workers, numbered });
        let record = crew.meter().add(self.name.clone(), self.workers);
        // All ends before the first worker, so that nobody finds an end that was not there yet.
        let jobs = (0..self.workers).map(|nth| {
            let seat = Arc::<Seat>::default();
            let (taker, pusher) = (input.taker(nth, &seat), output.pusher(nth, &seat));
            job(taker, pusher, seat, Arc::clone(&record), input.fair_share())
        });
        let jobs: Vec<_> = jobs.collect();
        for (job, name) in jobs.into_iter().zip(self.names()) {
            crew.launch(name, self.place, job);
        }
        output
    }

    /// The names of its workers.
    pub(super) fn names(&self) -> impl Iterator<Item = Name> {
        let (name, of) = (self.name.clone(), self.workers);
        (1..=of).map(move |nth| if of == 1 { name.clone() } else { Name::from(format!("{name} {nth}/{of}")) })
    }
}

macro_rules! opaque {
    ($($name:ident<$($param:ident),*>)*) => {
        $(impl<$($param),*> std::fmt::Debug for $name<$($param),*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).field("post", &self.post).finish_non_exhaustive()
            }
        })*
    };
}
pub(super) use opaque;

opaque! { Stage<C, S> AsyncStage<C, F, R> }

/// A stage below a chain.
pub struct Stage<C, S> {
    pub(super) above: C,
    pub(super) step: S,
    pub(super) post: Post,
}

impl<C: Chain, S: Step<C::Item>> Chain for Stage<C, S> {
    type Item = S::Out;

    fn hire<'a, W: Crew<'a>>(self, crew: &W, below: Below) -> Arc<Belt<S::Out>>
    where
        Self: 'a,
    {
        let Self { above, step, post } = self;
        let step = Arc::new(step);
        post.hire(crew, above, below, |taker, pusher, seat, record, most| {
            let step = Arc::clone(&step);
            Worker { step, taker, pusher, seat, record, most }
        })
    }

    fn post(&mut self) -> &mut Post {
        &mut self.post
    }
}

impl<C: OnThreads, S: Step<C::Item>> OnThreads for Stage<C, S> {}

impl<C: Chain, S: Step<C::Item>> Staged for Stage<C, S> {}

/// A stage whose items are awaited, below a chain.
pub struct AsyncStage<C, F, R> {
    pub(super) above: C,
    pub(super) f: F,
    pub(super) post: Post,
    pub(super) types: PhantomData<fn() -> R>,
}

impl<C, U, X, F, Fut> Chain for AsyncStage<C, F, (Fut, Result<U, X>)>
where
    C: Chain,
    U: Send,
    F: Fn(Context, C::Item) -> Fut + Send + Sync,
    Fut: Future<Output = Result<U, X>> + Send,
    BoxError: FromMember<X>,
{
    type Item = U;

    fn hire<'a, W: Crew<'a>>(self, crew: &W, below: Below) -> Arc<Belt<U>>
    where
        Self: 'a,
    {
        let Self { above, f, post, .. } = self;
        let f = Arc::new(f);
        post.hire(crew, above, below, |taker, pusher, seat, record, _| {
            let f = Arc::clone(&f);
            Awaiter { f, taker, pusher, seat, record }
        })
    }

    fn post(&mut self) -> &mut Post {
        &mut self.post
    }
}

impl<C, U, X, F, Fut> Staged for AsyncStage<C, F, (Fut, Result<U, X>)>
where
    C: Chain,
    U: Send,
    F: Fn(Context, C::Item) -> Fut + Send + Sync,
    Fut: Future<Output = Result<U, X>> + Send,
    BoxError: FromMember<X>,
{
}
