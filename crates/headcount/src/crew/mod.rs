//! A crew: workers that stay, and are given jobs in rounds and one by one.
//!
//! The workers are those of a scope of threads, on threads that belong to the crew. A round is a group of its own on them; all
//! jobs that are posted together are one more. So a job is a member like any other: counted, judged, named in errors and
//! roll calls; and what ends a round is that its own jobs are back, whatever else the crew has to do.
//!
//! | file | idea |
//! |---|---|
//! | `mod` | [`Crew`]: making one, its size, its roll |
//! | `rounds` | many jobs, and a wait for just those |
//! | `attempts` | jobs that are called for again, or in their turn |
//! | `posts` | jobs that nobody waits for: what came of them, and the first that failed |
//! | `stop` | the end: grace, who overran, and joining the threads |
//! | `hands` | the crew's threads |

mod attempts;
mod hands;
mod posts;
mod rounds;
mod stop;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use self::attempts::Calls;
use self::hands::Hands;
pub use self::posts::PostError;
use self::posts::{FirstFailure, Noted, Posted};
pub use self::stop::CrewStopError;
use crate::context::{Canceller, Context};
use crate::group::core::Core;
use crate::group::{BoxError, FailFast, FromMember, Panics, Root, Title, panics, who};
use crate::raw;
use crate::roll::{Heading, Name, RollCall};
use crate::thread::team::{Lane, OnThreads, Team, ThreadCore};
use crate::thread::workers::Workers;
use crate::timeline::{Recorder, Timeline};
use crate::wait::lock::Lock;
use crate::who::Id;

type Work<J, U, E> = dyn Fn(&Context, J) -> Result<U, E> + Send + Sync;
type Round<U, E> = ThreadCore<U, E, FailFast>;

/// Workers that stay: threads that do one kind of job, in rounds or one by one, until they are stopped.
///
/// [`round`](Self::round) gives them many jobs and waits for just those; its results come in the order of the jobs, and its
/// first failure cancels the rest of it, not the crew. Several rounds may go on at once, from several threads.
/// [`post`](Self::post) leaves a job and returns. [`stop`](Self::stop) takes no more jobs, waits for those there are, and says
/// who overran. All of them take `&self`.
///
/// The workers are threads of the crew's own, started when there is something to do and kept until it is stopped or
/// dropped. A job that panics harms no worker.
///
/// # When not to use it
///
/// For one batch of work use [`thread::map`](crate::thread::map()) or [`thread::Scope`](crate::thread::Scope): they may borrow, and
/// nothing has to be stopped. A crew pays where rounds are many and short, and starting threads for each would show.
/// Two crews must not hold rounds of each other inside of their jobs: all workers of both may come to wait, and none is left for
/// what they wait for. That is not told; a crew's own jobs may hold rounds of their own crew.
///
/// # Dropping
///
/// cancels the crew's context and waits until every job is over: a thread cannot be stopped from outside. A crew that is
/// dropped by one of its own jobs does not wait.
///
/// # Cost
///
/// A job is a member of a group of threads: one allocation, two short locks.
///
/// # Examples
///
/// ```
/// use headcount::{Context, Crew};
/// use std::time::Duration;
///
/// let crew = Crew::new(&Context::background(), 4, |_ctx, n: u64| headcount::ok(n * n)).named("squares");
/// assert_eq!(crew.round(1..=3)?, [1, 4, 9]);
/// assert_eq!(crew.round([10])?, [100]); // the same threads
/// crew.stop(Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A job that fails ends its round; the crew goes on:
///
/// ```
/// use headcount::{Context, Crew};
///
/// let crew = Crew::new(&Context::background(), 2, |_ctx, text: &str| text.parse::<u32>());
/// let error = crew.round(["1", "two", "3"]).unwrap_err();
/// assert_eq!(error.member().unwrap().index(), 1);
/// assert_eq!(crew.round(["4"]).unwrap(), [4]);
/// ```
#[must_use = "a crew that is dropped is stopped at once"]
pub struct Crew<J, U = (), E = BoxError>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    work: Arc<Work<J, U, E>>,
    /// What `work` is made of, if it makes attempts.
    calls: Option<Calls<J, U, E>>,
    ctx: Context,
    canceller: Canceller,
    workers: Arc<Workers<'static, Hands>>,
    posts: Team<'static, (), Noted<E>, FirstFailure<E>, Hands>,
    posted: Posted<E>,
    rounds: Lock<BTreeMap<Id, Arc<Round<U, E>>>>,
    size: Lock<Size>,
    stopped: Lock<bool>,
    /// Rounds that are being held, and posts on their way in. Counted under the lock of `stopped`, so who stops the crew waits
    /// for all that came before.
    held: raw::WaitGroup,
    panics: Panics,
    /// Told of all jobs, by parts: one for each round, and one for all that are posted.
    recorder: Option<Arc<Recorder>>,
}

/// How many workers there are to be.
#[derive(Debug)]
struct Size {
    workers: usize,
    /// Slots of jobs that wait for rounds of their own crew.
    lent: usize,
}

impl<J: Send + 'static, U: Send + 'static> Crew<J, U> {
    /// A crew of `workers` that do `work`. Jobs may fail with any error, each with its own.
    ///
    /// The crew's context is below `ctx`: when that is cancelled, so are all its jobs.
    ///
    /// # Panics
    ///
    /// If `workers` is zero: no job would ever be done.
    #[track_caller]
    pub fn new<F, X>(ctx: &Context, workers: usize, work: F) -> Self
    where
        F: Fn(&Context, J) -> Result<U, X> + Send + Sync + 'static,
        BoxError: FromMember<X>,
    {
        Self::make(ctx, workers, work)
    }
}

impl<J: Send + 'static, U: Send + 'static, E: std::error::Error + Send + 'static> Crew<J, U, E> {
    /// The same for jobs that all fail with the error type `E`, which is kept as it is.
    ///
    /// # Panics
    ///
    /// As [`new`](Crew::new).
    #[track_caller]
    pub fn typed<F>(ctx: &Context, workers: usize, work: F) -> Self
    where
        F: Fn(&Context, J) -> Result<U, E> + Send + Sync + 'static,
    {
        Self::make(ctx, workers, work)
    }
}

impl<J, U, E> Crew<J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    #[track_caller]
    fn make<F, X>(above: &Context, workers: usize, work: F) -> Self
    where
        F: Fn(&Context, J) -> Result<U, X> + Send + Sync + 'static,
        E: FromMember<X>,
    {
        assert!(workers > 0, "a crew of 0 workers would never do a job");
        let (ctx, canceller) = above.with_cancel();
        let posted = Posted::default();
        let policy = FirstFailure::new(&posted);
        let place = Location::caller();
        let core = Core::new(&ctx, policy, OnThreads, Lane::new(Some(workers)), place);
        core.ledger.rename(|title| *title = Title::of_crew(None, place));
        let threads = Arc::new(Workers::new(Some(workers), Hands::new(place)));
        Self {
            work: Arc::new(move |ctx: &Context, job| work(ctx, job).map_err(E::from_member)),
            calls: None,
            ctx,
            canceller,
            workers: Arc::clone(&threads),
            posts: Team { core, workers: threads, attempts: None },
            posted,
            rounds: Lock::default(),
            size: Lock::new(Size { workers, lent: 0 }),
            stopped: Lock::new(false),
            held: raw::WaitGroup::new(),
            panics: Panics::default(),
            recorder: None,
        }
    }

    /// What the crew is called in roll calls and errors, and its threads by debuggers.
    pub fn named(self, name: impl Into<Name>) -> Self {
        let name = name.into();
        self.workers.launcher().set_name(name.clone());
        self.posts.core.ledger.rename(|title| title.set_name(name));
        self.recorder.iter().for_each(|recorder| recorder.call(self.posts.core.title()));
        self
    }

    /// Keeps a [`Timeline`] of the crew's jobs, of all rounds and of those that are posted, to be taken with
    /// [`timeline`](Self::timeline) at any time. Jobs are numbered as they were given to the crew, one after the other;
    /// the place of each says which round it is of, or where it was posted.
    ///
    /// ```
    /// use headcount::{Context, Crew};
    ///
    /// let crew = Crew::new(&Context::background(), 2, |_, n: u32| headcount::ok(n + 1)).record();
    /// assert_eq!(crew.round([1, 2])?, [2, 3]);
    /// assert_eq!(crew.round([3])?, [4]);
    /// let timeline = crew.timeline().expect("it is recorded");
    /// assert_eq!(timeline.members().iter().map(|job| job.number()).collect::<Vec<_>>(), [1, 2, 3]);
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// A lock and a look at the clock when a job is given, begins and ends; bounded memory, see [`Timeline`](Timeline#memory).
    pub fn record(mut self) -> Self {
        let recorder = Recorder::new(self.posts.core.title());
        self.posts.core.record(recorder.part());
        self.recorder = Some(recorder);
        self
    }

    /// What the panic of a round's job does, from the next round on. The default is [`Panics::Resume`]: it goes on in whoever
    /// holds the round, once all of it is over. The panic of a posted job is always one more way to fail.
    pub fn panics(mut self, panics: Panics) -> Self {
        self.panics = panics;
        self
    }
}

impl<J, U, E> Crew<J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    /// The crew's context, which all jobs' contexts are below.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.ctx
    }

    /// What the jobs did and when, as far as it has come, if the crew is [recorded](Self::record).
    #[must_use]
    pub fn timeline(&self) -> Option<Timeline> {
        self.recorder.clone().map(Timeline::new)
    }

    /// How many jobs may be done at once.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size.lock().workers
    }

    /// From now on so many jobs may be done at once. Making it smaller stops nobody: whoever has a job ends it, and then rests.
    ///
    /// # Panics
    ///
    /// If `workers` is zero: no job would ever be done.
    #[track_caller]
    pub fn resize(&self, workers: usize) {
        assert!(workers > 0, "a crew of 0 workers would never do a job");
        self.change_size(|size| size.workers = workers);
    }

    /// The limit is set under the lock, so that of two changes the later one holds.
    fn change_size(&self, change: impl FnOnce(&mut Size)) {
        let mut size = self.size.lock();
        change(&mut size);
        self.workers.set_limit(Some(size.workers + size.lent));
    }

    /// How many jobs are being done.
    #[must_use]
    pub fn running(&self) -> usize {
        let queued = self.queued();
        self.out().saturating_sub(queued)
    }

    /// How many jobs wait for a worker.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.workers.queued()
    }

    /// How many jobs are not over.
    fn out(&self) -> usize {
        let rounds = self.list();
        let of_rounds: usize = rounds.iter().map(|core| core.books.lock().out()).sum();
        of_rounds + self.posts.core.books.lock().out()
    }

    /// Which jobs are not over: those of all rounds, and those that were posted. Jobs are numbered by their round.
    #[must_use]
    pub fn roll_call(&self) -> RollCall {
        let title = self.posts.core.title();
        let heading = Heading {
            what: "crew",
            name: title.name().cloned(),
            place: Some(title.place()),
            total: None,
            limit: Some(self.size()),
        };
        let seen = who::threads::look();
        let mut missing = self.posts.core.ledger.missing(&seen);
        missing.extend(self.list().iter().flat_map(|core| core.ledger.missing(&seen)));
        RollCall::of_group(heading, missing)
    }

    /// The rounds that are being held.
    fn list(&self) -> Vec<Arc<Round<U, E>>> {
        self.rounds.lock().values().cloned().collect()
    }

    /// Lets a round or a post in, unless the crew has been stopped. `held` is to be told when it is over.
    fn enter(&self, even_so: bool) -> bool {
        let stopped = self.stopped.lock();
        let enters = !*stopped || even_so;
        if enters {
            self.held.add(1);
        }
        enters
    }

    /// Whether this is called by one of the crew's own jobs.
    fn is_mine(&self) -> bool {
        who::here().is_some_and(|here| {
            here.group == self.posts.core.id || self.rounds.lock().contains_key(&here.group)
        })
    }
}

impl<J, U, E> Drop for Crew<J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    fn drop(&mut self) {
        *self.stopped.lock() = true;
        self.canceller.cancel_quietly(&stop::dropped());
        self.workers.close();
        // On a thread of its own: the job that drops it would wait for itself.
        if !self.workers.launcher().is_mine() {
            self.workers.launcher().join();
        }
        self.posts.core.abandon();
        panics::drop_quietly(self.posted.take());
    }
}

impl<J, U, E> fmt::Debug for Crew<J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("title", &format_args!("{}", self.posts.core.title()))
            .field("size", &self.size())
            .field("running", &self.running())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
