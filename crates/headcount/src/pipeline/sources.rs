//! Where a pipeline's items come from: iterators, or streams, each pulled by a worker of its own.
//!
//! Neither is asked for an item before there is room for it. An iterator may block its thread; a stream is awaited, so it
//! holds up nobody and runs on tasks only. While it has nothing, the worker that pulls it sits where it can be called: by a
//! cancellation, or because nobody takes its items any more.

#[cfg(feature = "stream")]
use std::future::poll_fn;
use std::mem;
use std::panic::Location;
#[cfg(feature = "stream")]
use std::pin::{Pin, pin};
use std::sync::Arc;
#[cfg(feature = "stream")]
use std::task::{Context as TaskContext, Poll, ready};

#[cfg(feature = "stream")]
use futures_core::Stream;

use super::Pipeline;
use super::belt::{Belt, Pusher};
use super::carrier::Carrier;
use super::chain::{Below, Chain, Crew, OnThreads, Post, opaque};
use super::pace::Pace;
use super::report::{Meter, Record};
use super::seat::Seat;
use super::worker::{Halt, Job, Out, call_when_cancelled, end};
use crate::context::Context;
use crate::group::BoxError;
use crate::roll::Name;

impl<I> Pipeline<Sources<I>>
where
    I: IntoIterator<IntoIter: Send, Item: Send> + Send,
{
    /// A pipeline of what `source` gives, pulled by one worker, as there is room.
    ///
    /// It is pulled beside the stages, so it may block on a thread; on a task it must not, for long: there are
    /// [streams](Self::source_stream) for that.
    #[track_caller]
    pub fn source(source: I) -> Self {
        Self::sources([source])
    }

    /// A pipeline of what several sources give, each pulled by a worker of its own.
    ///
    /// Items of one source come in its order as far as a pipeline keeps order; those of different sources as they come.
    /// Sources of different types can be boxed.
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    ///
    /// let north: Box<dyn Iterator<Item = u32> + Send> = Box::new(0..3);
    /// let south: Box<dyn Iterator<Item = u32> + Send> = Box::new([7, 8].into_iter());
    /// let mut all: Vec<u32> = Pipeline::sources([north, south]).run_collect(&Context::background())?;
    /// all.sort();
    /// assert_eq!(all, [0, 1, 2, 7, 8]);
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    #[track_caller]
    pub fn sources(sources: impl IntoIterator<Item = I>) -> Self {
        let all: Vec<I> = sources.into_iter().collect();
        let post = Post::new(Name::from("source"), all.len(), Location::caller());
        Self::of(Sources { all, post })
    }
}

#[cfg(feature = "stream")]
impl<S: Stream<Item: Send> + Send> Pipeline<Streams<S>> {
    /// A pipeline of what a stream gives (feature `stream`), pulled by one worker, as there is room. It runs on tasks only.
    ///
    /// ```
    /// use headcount::{Context, Pipeline};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let lines = smol::stream::iter(["3", "5", "8"]);
    /// let total = Pipeline::source_stream(lines)
    ///     .stage("parse", 4, |_ctx, line: &str| line.parse::<u32>())
    ///     .run_fold_async(&Context::background(), 0, |sum, n| sum + n)
    ///     .await?;
    /// assert_eq!(total, 16);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A thread cannot await it:
    ///
    /// ```compile_fail
    /// # use headcount::{Context, Pipeline};
    /// let lines = smol::stream::iter(["3", "5", "8"]);
    /// Pipeline::source_stream(lines).run_for_each(&Context::background(), drop);
    /// ```
    #[track_caller]
    pub fn source_stream(source: S) -> Self {
        Self::source_streams([source])
    }

    /// A pipeline of what several streams give (feature `stream`), each pulled by a worker of its own; in the order that
    /// [`sources`](Pipeline::sources) has. Streams of different types can be boxed.
    #[track_caller]
    pub fn source_streams(sources: impl IntoIterator<Item = S>) -> Self {
        let all: Vec<S> = sources.into_iter().collect();
        let post = Post::new(Name::from("source"), all.len(), Location::caller());
        Self::of(Streams { all, post })
    }
}

impl<C: Chain> Pipeline<C> {
    fn of(chain: C) -> Self {
        Self { chain, name: None, meter: Meter::default(), executor: None, recorder: None }
    }
}

/// The top: iterators.
pub struct Sources<I> {
    all: Vec<I>,
    post: Post,
}

/// The top: streams.
#[cfg(feature = "stream")]
pub struct Streams<S> {
    all: Vec<S>,
    post: Post,
}

opaque! { Sources<I> }
#[cfg(feature = "stream")]
opaque! { Streams<S> }

impl<I> Chain for Sources<I>
where
    I: IntoIterator<IntoIter: Send, Item: Send> + Send,
{
    type Item = I::Item;

    fn hire<'a, C: Crew<'a>>(self, crew: &C, below: Below) -> Arc<Belt<I::Item>>
    where
        Self: 'a,
    {
        hire(self.all, self.post, crew, below, |source, ends| Feed { source, ends })
    }

    fn post(&mut self) -> &mut Post {
        &mut self.post
    }
}

impl<I> OnThreads for Sources<I> where I: IntoIterator<IntoIter: Send, Item: Send> + Send {}

#[cfg(feature = "stream")]
impl<S: Stream<Item: Send> + Send> Chain for Streams<S> {
    type Item = S::Item;

    fn hire<'a, C: Crew<'a>>(self, crew: &C, below: Below) -> Arc<Belt<S::Item>>
    where
        Self: 'a,
    {
        hire(self.all, self.post, crew, below, |source, ends| StreamFeed { source, ends })
    }

    fn post(&mut self) -> &mut Post {
        &mut self.post
    }
}

/// Launches a worker for each of `all`.
fn hire<'a, W, S, U, J>(
    all: Vec<S>,
    post: Post,
    crew: &W,
    below: Below,
    job: impl Fn(S, Ends<U>) -> J,
) -> Arc<Belt<U>>
where
    W: Crew<'a>,
    J: Job + 'a,
{
    let belt = post.belt(below);
    let record = crew.meter().add(post.name.clone(), post.workers);
    // All ends before the first worker, so that nobody finds an end that was not there yet.
    let jobs = all.into_iter().enumerate().map(|(nth, source)| {
        let seat = Arc::<Seat>::default();
        job(source, Ends { pusher: belt.pusher(nth, &seat), seat, record: Arc::clone(&record) })
    });
    let jobs: Vec<_> = jobs.collect();
    for (job, name) in jobs.into_iter().zip(post.names()) {
        crew.launch(name, post.place, job);
    }
    belt
}

/// What the worker of a source has besides.
struct Ends<U> {
    pusher: Pusher<U>,
    seat: Arc<Seat>,
    record: Arc<Record>,
}

/// Where the worker of a source is.
struct Feeding<U> {
    out: Out<U>,
    pace: Pace,
    record: Arc<Record>,
}

impl<U: Send> Feeding<U> {
    fn new(Ends { pusher, seat, record }: Ends<U>) -> Self {
        Self { out: Out::new(pusher, &seat), pace: Pace::new(usize::MAX), record }
    }

    /// So much has been pulled: whether there may be more, or why it went no further. Whether to go on, if there is room again.
    async fn goes_on<C: Carrier>(&mut self, ctx: &Context, pulled: Result<bool, Halt>) -> Result<bool, Halt> {
        let Self { out, pace, record } = self;
        let more = match pulled {
            Err(halt) => out.make_room::<C>(ctx, halt).await.map(|()| true),
            more => more,
        };
        pace.was_blocked(mem::take(&mut out.blocked));
        let given = mem::take(&mut out.given);
        if pace.done(given, given, record) && matches!(more, Ok(true)) {
            C::breathe().await;
        }
        more
    }
}

/// Pulls an iterator, item by item, and never more than there is room for.
struct Feed<I: IntoIterator> {
    source: I,
    ends: Ends<I::Item>,
}

impl<I> Job for Feed<I>
where
    I: IntoIterator<IntoIter: Send, Item: Send> + Send,
{
    async fn work<C: Carrier>(self, ctx: Context) -> Result<(), BoxError> {
        let _called = call_when_cancelled(&ctx, &self.ends.seat);
        let mut feeding = Feeding::new(self.ends);
        let mut source = self.source.into_iter();
        loop {
            let pulled = pull(&mut source, feeding.pace.most(), &ctx, &mut feeding.out);
            match feeding.goes_on::<C>(&ctx, pulled).await {
                Ok(true) => {}
                ended => return end(ended.map(drop)),
            }
        }
    }
}

/// Puts out up to `most` items. False if there are no more.
fn pull<I>(source: &mut I, most: usize, ctx: &Context, out: &mut Out<I::Item>) -> Result<bool, Halt>
where
    I: Iterator<Item: Send>,
{
    for _ in 0..most {
        ctx.check().map_err(Halt::Cancelled)?;
        match source.next() {
            Some(item) => out.put(item)?,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// The same for a stream.
#[cfg(feature = "stream")]
struct StreamFeed<S: Stream> {
    source: S,
    ends: Ends<S::Item>,
}

#[cfg(feature = "stream")]
impl<S: Stream<Item: Send> + Send> Job for StreamFeed<S> {
    async fn work<C: Carrier>(self, ctx: Context) -> Result<(), BoxError> {
        let _called = call_when_cancelled(&ctx, &self.ends.seat);
        let seat = Arc::clone(&self.ends.seat);
        let mut feeding = Feeding::new(self.ends);
        let mut source = pin!(self.source);
        loop {
            let (most, mut waited) = (feeding.pace.most(), false);
            let pulled = poll_fn(|cx| {
                let pulled = poll_pull(source.as_mut(), most, &ctx, &seat, &mut feeding.out, cx);
                waited |= pulled.is_pending();
                pulled
            });
            let pulled = pulled.await;
            if waited {
                feeding.pace.waited(&feeding.record);
            }
            match feeding.goes_on::<C>(&ctx, pulled).await {
                Ok(true) => {}
                ended => return end(ended.map(drop)),
            }
        }
    }
}

/// Puts out up to `most` items, as many as there are. Waits if there are none; false if there will be none.
#[cfg(feature = "stream")]
fn poll_pull<S: Stream<Item: Send>>(
    mut source: Pin<&mut S>,
    most: usize,
    ctx: &Context,
    seat: &Seat,
    out: &mut Out<S::Item>,
    cx: &mut TaskContext<'_>,
) -> Poll<Result<bool, Halt>> {
    let mut given = 0;
    while given < most {
        if let Err(why) = ctx.check() {
            return Poll::Ready(Err(Halt::Cancelled(why)));
        }
        match source.as_mut().poll_next(cx) {
            Poll::Ready(None) => return Poll::Ready(Ok(false)),
            Poll::Ready(Some(item)) => match out.put(item) {
                Ok(()) => given += 1,
                Err(halt) => return Poll::Ready(Err(halt)),
            },
            Poll::Pending if given > 0 => break,
            Poll::Pending => {
                if out.pusher.is_gone() {
                    return Poll::Ready(Err(Halt::Gone));
                }
                // A cancellation, and the leaving of those below, call the seat: after a call it looks again.
                ready!(seat.poll(cx));
            }
        }
    }
    Poll::Ready(Ok(true))
}
