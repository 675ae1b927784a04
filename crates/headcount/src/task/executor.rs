//! Where tasks run: Tokio by default, any other runtime through one method.

use std::fmt;
use std::future::Future;
use std::num::NonZero;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

/// A task to be run: it has nothing to return, and never panics.
pub type BoxTask = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A runtime that can run tasks, for [`Group::on`](super::Group::on).
///
/// Implemented for closures, so that most runtimes need one line:
///
/// ```
/// use headcount::{Context, task};
///
/// let group = task::Group::new(&Context::background()).on(|task| smol::spawn(task).detach());
/// group.spawn(|_| async { headcount::ok(7) });
/// assert_eq!(smol::block_on(group.wait()).unwrap(), [7]);
/// ```
///
/// It is given a few tasks for each group, which poll the members, and one or more of which wait as long as members are out. A
/// runtime that drops one before it is over says that it is shutting down: the members that are out end as `MemberError::Dropped`.
pub trait Spawn: Send + Sync + 'static {
    /// Starts the task, so that it runs by itself from now on. Must not run it before it returns.
    fn spawn(&self, task: BoxTask);
}

impl<F: Fn(BoxTask) + Send + Sync + 'static> Spawn for F {
    fn spawn(&self, task: BoxTask) {
        self(task);
    }
}

/// Where the members of one group run.
#[derive(Default)]
pub(crate) struct Executor {
    /// Chosen by the caller.
    chosen: OnceLock<Arc<dyn Spawn>>,
    /// That in which the group was made.
    #[cfg(feature = "tokio")]
    tokio: OnceLock<tokio::runtime::Handle>,
}

const NOWHERE: &str = "a task group was given a member outside a Tokio runtime: make the group inside one, or choose where \
                       its members run with `.on(…)`";

impl Executor {
    /// The runtime that this thread is in.
    pub(crate) fn current() -> Self {
        Self {
            chosen: OnceLock::new(),
            #[cfg(feature = "tokio")]
            tokio: tokio::runtime::Handle::try_current().map_or_else(|_| OnceLock::new(), OnceLock::from),
        }
    }

    /// Chooses another one; only the first choice holds.
    pub(crate) fn choose(&self, spawn: impl Spawn) {
        let _ = self.chosen.set(Arc::new(spawn));
    }

    #[cfg(feature = "tokio")]
    #[track_caller]
    fn tokio(&self) -> &tokio::runtime::Handle {
        // A group made before its runtime: the first member says which one.
        self.tokio
            .get_or_init(|| tokio::runtime::Handle::try_current().unwrap_or_else(|_| panic!("{NOWHERE}")))
    }

    /// Panics if there is nowhere to run; asked before a member is counted out.
    #[track_caller]
    pub(crate) fn assert_there(&self) {
        if self.chosen.get().is_none() {
            #[cfg(feature = "tokio")]
            let _ = self.tokio();
            #[cfg(not(feature = "tokio"))]
            panic!("{NOWHERE}");
        }
    }

    /// Starts a task.
    #[track_caller]
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match self.chosen.get() {
            Some(chosen) => chosen.spawn(Box::pin(task)),
            #[cfg(feature = "tokio")]
            None => drop(self.tokio().spawn(task)),
            #[cfg(not(feature = "tokio"))]
            None => panic!("{NOWHERE}"),
        }
    }

    /// How many threads run its tasks; for another than Tokio, as many as there are processors.
    pub(crate) fn threads(&self) -> usize {
        // Few, so that a model can go through it.
        if cfg!(any(loom, shuttle)) {
            return 2;
        }
        #[cfg(feature = "tokio")]
        if let (None, Some(tokio)) = (self.chosen.get(), self.tokio.get()) {
            return tokio.metrics().num_workers();
        }
        static PROCESSORS: OnceLock<usize> = OnceLock::new();
        *PROCESSORS.get_or_init(|| std::thread::available_parallelism().map_or(1, NonZero::get))
    }

    /// Whether the task that runs has used up what its runtime grants it at a time: what it polls now would be put off.
    pub(crate) fn is_exhausted(&self) -> bool {
        #[cfg(feature = "tokio")]
        return !tokio::task::coop::has_budget_remaining();
        #[cfg(not(feature = "tokio"))]
        false
    }

    /// Runs a closure that blocks, on Tokio's blocking threads or on a thread of its own.
    pub(crate) fn spawn_blocking(&self, closure: impl FnOnce() + Send + 'static) {
        #[cfg(feature = "tokio")]
        if self.chosen.get().is_none() {
            drop(self.tokio().spawn_blocking(closure));
            return;
        }
        // If the system cannot start a thread the closure is dropped unrun, and says so to its group.
        let _ = std::thread::Builder::new().name("headcount blocking".into()).spawn(closure);
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("chosen", &self.chosen.get().is_some()).finish_non_exhaustive()
    }
}
