//! Workers: they claim members of groups, run them by handlers that are known by name, and report what came of it.

mod attempt;
mod desk;
mod held;
mod job;
mod post;
mod shop;

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use headcount::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use job::decode;
pub use job::{Failure, Job};

use crate::store::{Finished, GroupId, GroupState, Report, Store, StoreError, Token};
use job::Handler;
use shop::{Posts, Shop};

/// Runs members of groups.
///
/// ```
/// use headcount::Context;
/// use headcount_cluster::{Group, Memory, Settings, Worker};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Memory::new();
/// let worker = Worker::new(engine.clone())
///     .limit(8)
///     .until_idle()
///     .handle("square", |_ctx, n: u64| async move { headcount::ok(n * n) });
///
/// let group = Group::open(engine, Settings::new("squares")).await?;
/// for n in 1..=3_u64 {
///     group.spawn("square", &n).await?;
/// }
/// let group = group.seal().await?;
///
/// let served = worker.run(&Context::background()).await?;
/// assert_eq!(served.done, 3);
/// assert_eq!(group.results::<u64>().await?, [1, 4, 9]);
/// # Ok(())
/// # }
/// ```
///
/// # What a handler can rely on
///
/// Its context is cancelled when its work would not count any more, or soon: the group is over (heard with the next heartbeat at the
/// latest, a third of a lease), its lease is lost, the engine has not answered for so long that the lease may be, the group's
/// deadline has passed, or the worker drains and its grace is over. [`Stopped`] is the cause and says which. A handler that does not
/// heed it is dropped [some time later](Self::patience).
///
/// It runs *at least* once: after a crash, or a pause longer than a lease, another worker begins anew, and the first one may still
/// be at it. Whatever it does should be such that doing it twice is doing it once.
///
/// It must not block its thread: heartbeats are tasks of the same runtime. `tokio::task::spawn_blocking` is for what does.
///
/// # Cost
///
/// Members are claimed for all free places at once, and those that end while the engine is being told of others are told of together.
/// Each group that is open and has nobody ready costs a step about once a second, and all of them together one connection; somebody
/// who becomes ready is heard of at once. A new group is found within one and a half seconds: there is no hint for that.
///
/// # How a worker ends
///
/// When the context given to [`run`](Self::run) is cancelled it *drains*: it claims nobody any more, lets those that run end, cancels
/// them when its [grace](Self::grace) is over, and gives back whoever did not end, to be claimed by another worker at once. If it is
/// dropped, or killed, the leases of its members end, and then it is so as well.
pub struct Worker<S> {
    store: S,
    name: String,
    limit: usize,
    grace: Duration,
    patience: Duration,
    groups: Option<Vec<GroupId>>,
    until_idle: bool,
    unknown: Unknown,
    hard: Context,
    handlers: HashMap<String, Handler>,
    observer: Option<Observer>,
}

pub(crate) type Observer = Arc<dyn Fn(&WorkerEvent) + Send + Sync>;

impl<S: Store> Worker<S> {
    /// A worker on this engine without handlers: as many members at once as there are processors, 30 seconds of grace, and a
    /// name that nobody else has.
    #[must_use]
    pub fn new(store: S) -> Self {
        let limit = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            store,
            name: format!("{}:{}", std::process::id(), crate::store::nonce()),
            limit,
            grace: Duration::from_secs(30),
            patience: Duration::from_secs(5),
            groups: None,
            until_idle: false,
            unknown: Unknown::GiveBack,
            hard: Context::background(),
            handlers: HashMap::new(),
            observer: None,
        }
    }

    /// Says by which name it is known in roll calls: 1 to 512 bytes. Two workers should not have the same, and may.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Runs so many members at once at most, of all groups together.
    ///
    /// # Panics
    ///
    /// With a limit of 0.
    #[must_use]
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        assert!(limit > 0, "a worker with a limit of 0 would never run anybody");
        self.limit = limit;
        self
    }

    /// How long members may run on once it drains; then their contexts are cancelled.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long a handler may run on once its context is cancelled; then it is dropped.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Serves these groups alone, and ends when they are over. Otherwise it serves all there are, and those to come.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = GroupId>) -> Self {
        self.groups = Some(groups.into_iter().collect());
        self
    }

    /// Ends when no open group has anybody who is ready, or waits for another attempt, and nobody runs here. Who runs elsewhere
    /// may still come back, and is left to others then.
    #[must_use]
    pub fn until_idle(mut self) -> Self {
        self.until_idle = true;
        self
    }

    /// What becomes of members whose handler it does not have.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// When this is cancelled it drains without grace. For the second signal.
    #[must_use]
    pub fn hurried_by(mut self, ctx: &Context) -> Self {
        self.hard = ctx.clone();
        self
    }

    /// Is told what happens, as it happens, on the worker's tasks: it should be quick. If it panics the worker ends, and the panic goes on
    /// in [`run`](Self::run).
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&WorkerEvent) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Runs members spawned for this name. What they were spawned with is read as `A`, what comes of it is kept as JSON; an
    /// error's text is, with those of all errors below it. A [`Failure`] as error says whether another attempt makes sense; after
    /// any other, and after a panic, there is one if the group's settings allow it.
    ///
    /// The last of two for the same name stays.
    #[must_use]
    pub fn handle<A, R, E, F, Fut>(mut self, name: impl Into<String>, handler: F) -> Self
    where
        A: DeserializeOwned,
        R: Serialize,
        E: Into<Box<dyn Error + Send + Sync>>,
        F: Fn(Context, A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.handlers.insert(name.into(), job::typed(handler));
        self
    }

    /// The same for a handler that reads and writes bytes, and is told more.
    #[must_use]
    pub fn handle_bytes<F, Fut>(mut self, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Context, Job) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<u8>, Failure>> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |ctx, job| Box::pin(handler(ctx, job)));
        self.handlers.insert(name.into(), handler);
        self
    }

    /// Serves until `ctx` is cancelled and it has drained, or until it has nothing to do any more, if it was told so.
    ///
    /// An engine that is away is waited for.
    ///
    /// # Errors
    ///
    /// When a group it is to serve is not known to the engine or is kept in another layout.
    ///
    /// # Panics
    ///
    /// When its observer does. A handler's panic is its member's failure.
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle, it takes its members along, as if it had been killed: cancel `ctx` instead, and wait.
    pub async fn run(self, ctx: &Context) -> Result<Served, StoreError> {
        crate::store::checked_name(&self.name)?;
        let (idle, nothing_to_do) = Context::background().with_cancel();
        let drained = ctx.merged(&self.hard).merged(&idle);
        let shop = Arc::new(Shop::new(
            self.store,
            self.name,
            self.handlers,
            self.limit,
            [self.grace, self.patience],
            self.unknown,
            [ctx.detached(), drained, self.hard],
            self.observer,
        ));
        let mut posts = Posts::new(Arc::clone(&shop));
        let serves = async {
            let served = match &self.groups {
                Some(groups) => posts.these(groups, self.until_idle).await,
                None => {
                    posts.any(self.until_idle).await;
                    Ok(())
                }
            };
            nothing_to_do.cancel();
            posts.end().await;
            served
        };
        tokio::select! {
            served = serves => served?,
            () = shop.hints() => {}
        }
        Ok(shop.served())
    }
}

impl<S> fmt::Debug for Worker<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handlers: Vec<_> = self.handlers.keys().collect();
        f.debug_struct("Worker")
            .field("name", &self.name)
            .field("handlers", &handlers)
            .finish_non_exhaustive()
    }
}

/// What becomes of members whose handler a worker does not have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unknown {
    /// They are given back, for longer each time, so that a worker that has it finds them. If there is none they stay out; a roll
    /// call says for which handler.
    #[default]
    GiveBack,
    /// They fail. For workers of which each has all handlers.
    Fail,
}

/// Why a member's context was cancelled by its worker: the cause of its [`Cancelled`](headcount::Cancelled).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// The group is over, or about to be.
    GroupOver {
        /// Where it goes.
        state: GroupState,
        /// Why.
        reason: Option<String>,
    },
    /// The engine does not know the group any more.
    GroupVanished,
    /// The engine has taken the member back, and may have given it to another worker.
    LeaseLost,
    /// The engine has not answered for so long that the lease is as good as lost.
    EngineAway,
    /// The worker ends, and its grace is over.
    Draining,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GroupOver { state, reason: Some(reason) } => write!(f, "the group is {state}: {reason}"),
            Self::GroupOver { state, reason: None } => write!(f, "the group is {state}"),
            Self::GroupVanished => f.write_str("the engine does not know the group any more"),
            Self::LeaseLost => f.write_str("the lease was lost: the member may run elsewhere"),
            Self::EngineAway => f.write_str(
                "the engine has not answered, and the lease may be over: the member may run elsewhere",
            ),
            Self::Draining => f.write_str("the worker ends"),
        }
    }
}

impl Error for Stopped {}

/// How a worker says that an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptEnd {
    /// With a result.
    Done,
    /// It failed.
    Failed,
    /// It was given back: stopped, or none of ours.
    Returned,
}

impl AttemptEnd {
    fn of(report: &Report) -> Self {
        match report {
            Report::Done(_) => Self::Done,
            Report::Failed { .. } => Self::Failed,
            Report::Cancelled | Report::Returned { .. } => Self::Returned,
        }
    }
}

/// What happens in a worker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum WorkerEvent {
    /// An attempt begins.
    Began {
        /// The group.
        group: GroupId,
        /// The attempt.
        token: Token,
    },
    /// An attempt is over, and what the engine said to that: nothing if it could not be told while it mattered.
    Ended {
        /// The group.
        group: GroupId,
        /// The attempt.
        token: Token,
        /// How, as the worker said.
        how: AttemptEnd,
        /// What came of it.
        said: Option<Finished>,
    },
    /// A member asks for a handler that is not here.
    Unknown {
        /// The group.
        group: GroupId,
        /// The attempt.
        token: Token,
        /// In words.
        why: String,
    },
    /// The engine could not be asked, and is asked again.
    EngineAway {
        /// In words.
        error: String,
    },
}

/// How many attempts of a worker ended in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// With a result.
    pub done: u64,
    /// They failed, for good or to be tried again.
    pub failed: u64,
    /// They were given back, or cancelled together with their group.
    pub returned: u64,
    /// Others had them meanwhile: nobody counts what they came to.
    pub stale: u64,
    /// The engine was away, and could not be told.
    pub unheard: u64,
}
