//! Workers, and groups upon them, as the model checker's suite sees them: on its threads, with members that own what they
//! use.

pub use super::map::model::Map;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loom::thread::JoinHandle;

use super::launch::Launch;
use super::stream::Stream;
use super::team::{Lane, Launched, OnThreads, Team};
use super::turn;
use super::workers;
use crate::attempt::{Unfinished, race};
use crate::context::{CancelKind, Cancelled, Context};
use crate::group::core::Core;
use crate::group::settle::Plain;
use crate::group::{BoxError, CollectAll, FromMember, MemberError};

/// Loom has no scopes: the threads are joined by [`Workers::help_until_empty`].
#[derive(Debug, Default)]
struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Launch<'static> for Threads {
    fn launch(&self, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = loom::thread::spawn(body);
        // Not loom's lock: nobody else runs between the two ends of this line.
        self.0.lock().expect("nobody panics here").push(thread);
        Ok(())
    }
}

/// See `workers::Workers`.
#[derive(Clone, Debug)]
pub struct Workers {
    workers: Arc<workers::Workers<'static, Threads>>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Workers {
    /// With so many slots, on so many cores.
    pub fn new(limit: usize, cores: usize) -> Self {
        let threads = Threads::default();
        let handles = Arc::clone(&threads.0);
        let workers = workers::Workers::with(Some(limit), cores, Duration::ZERO, threads);
        Self { workers: Arc::new(workers), threads: handles }
    }

    /// See `workers::Workers::push`.
    pub fn push(&self, weight: usize, job: impl FnOnce() + Send + 'static) {
        self.workers.push(workers::Job::new(job), weight);
    }

    /// See `workers::Workers::set_limit`.
    pub fn set_limit(&self, limit: usize) {
        self.workers.set_limit(Some(limit));
    }

    /// Waits for a turn and leaves `job`; or gives it up, when `asker` has said so. True if it was left.
    pub fn submit(&self, asker: &Asker, job: impl FnOnce() + Send + 'static) -> bool {
        let turn = self.workers.turn(1);
        *asker.seat.lock() = Some(Arc::clone(turn.seat()));
        let granted = turn.wait(None, || asker.gives_up.load(crate::sync::Acquire) != 0);
        if granted {
            turn.push(workers::Job::new(job));
        }
        granted
    }

    /// Helps, then joins the threads, and looks whether all slots came back.
    pub fn help_until_empty(&self) {
        self.workers.help_until_empty();
        join(&self.threads);
        assert_eq!((self.workers.running(), self.workers.queued()), (0, 0));
    }
}

fn join(threads: &Mutex<Vec<JoinHandle<()>>>) {
    loop {
        let thread = threads.lock().expect("nobody panics here").pop();
        let Some(thread) = thread else { break };
        thread.join().expect("no worker panics");
    }
}

/// What came of a member of a [`Group`].
pub type Outcome = Result<u32, MemberError>;

/// See `thread::Group`. Its policy is [`CollectAll`]; its end is [`Group::finish`], which stands for the end of a scope.
#[derive(Clone)]
pub struct Group {
    team: Team<'static, u32, BoxError, CollectAll, Threads>,
    threads: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Group {
    /// With so many slots, on so many cores.
    pub fn new(limit: usize, cores: usize) -> Self {
        let threads = Threads::default();
        let handles = Arc::clone(&threads.0);
        let place = std::panic::Location::caller();
        let core = Core::new(&Context::background(), CollectAll, OnThreads, Lane::new(Some(limit)), place);
        let workers = Arc::new(workers::Workers::with(Some(limit), cores, Duration::ZERO, threads));
        Self { team: Team { core, workers, attempts: None }, threads: handles }
    }

    /// See `thread::Spawner::spawn`.
    pub fn spawn(&self, f: impl FnOnce(&Context) -> Result<u32, Cancelled> + Send + 'static) {
        self.team.launch(Launched::here(), Plain, f);
    }

    /// See `thread::Spawner::submit`; whether it was launched.
    pub fn submit(&self, f: impl FnOnce(&Context) -> Result<u32, Cancelled> + Send + 'static) -> bool {
        self.team.submit(std::panic::Location::caller(), f).is_ok()
    }

    /// See `thread::Spawner::cancel`.
    pub fn cancel(&self) {
        let place = std::panic::Location::caller();
        self.team.core.cancel(&Cancelled::new(CancelKind::Cancelled, None, place));
    }

    /// See `thread::Spawner::set_limit`.
    pub fn set_limit(&self, limit: usize) {
        self.team.set_limit(limit);
    }

    /// See `thread::Spawner::wait_idle`.
    pub fn wait_idle(&self) {
        self.team.wait_idle(None);
    }

    /// Takes the results as they come, `most` at most, by `thread::Group::stream`.
    pub fn stream(&self, most: usize) -> Vec<Outcome> {
        let mut stream = Stream::open(&self.team.core).expect("nobody takes them already");
        let mut outcomes = Vec::new();
        while outcomes.len() < most {
            match stream.next(&self.team.workers) {
                Some((_, outcome)) => outcomes.push(outcome),
                None => break,
            }
        }
        outcomes
    }

    /// The end of the scope: helps, joins the threads, and concludes.
    pub fn finish(self) -> Vec<Outcome> {
        self.team.workers.help_until_empty();
        join(&self.threads);
        Team::<_, _, _, Threads>::conclude(&self.team.core)
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("workers", &self.team.workers).finish_non_exhaustive()
    }
}

/// See `attempt::race`: two calls of one body, whose values are numbers and whose failures are strings.
#[derive(Clone)]
pub struct Race(Arc<race::Race<'static, u32, BoxError>>, Context);

impl Race {
    /// A race whose second call is `second`.
    pub fn new(second: impl FnOnce(&Context) -> Result<u32, &'static str> + Send + 'static) -> Self {
        let place = std::panic::Location::caller();
        let second = Box::new(move |ctx: &Context| told(second(ctx)));
        let (race, own) = race::Race::new(&Context::background(), place, second);
        Self(race, own)
    }

    /// Makes the second call, unless the first has ended; whether it did.
    pub fn second(&self) -> bool {
        let second = self.0.begin();
        second.map(race::Second::run).is_some()
    }

    /// Makes the first call, and gives what counts.
    pub fn first(&self, first: impl FnOnce(&Context) -> Result<u32, &'static str>) -> Result<u32, String> {
        match self.0.end_first(Ok(told(first(&self.1)))) {
            Ok(Err(Unfinished::Failed(error))) => Err(error.to_string()),
            Ok(Err(Unfinished::Cancelled(why))) => Err(why.to_string()),
            Ok(Ok(value)) => Ok(value),
            Err(_) => unreachable!("nobody panics here"),
        }
    }
}

fn told(output: Result<u32, &'static str>) -> Result<u32, Unfinished<BoxError>> {
    output.map_err(|text| Unfinished::Failed(BoxError::from_member(text)))
}

impl std::fmt::Debug for Race {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Race").finish_non_exhaustive()
    }
}

/// Who may end somebody's waiting for a turn.
#[derive(Debug)]
pub struct Asker {
    gives_up: crate::sync::AtomicU8,
    seat: crate::wait::lock::Lock<Option<Arc<turn::Seat>>>,
}

impl Asker {
    /// Nobody has said so yet.
    #[expect(clippy::new_without_default, reason = "loom's types are made at run time, in the model")]
    pub fn new() -> Self {
        Self { gives_up: crate::sync::AtomicU8::new(0), seat: crate::wait::lock::Lock::new(None) }
    }

    /// Says that the turn is not wanted any more, as a context does that is cancelled.
    pub fn give_up(&self) {
        self.gives_up.store(1, crate::sync::Release);
        let seat = self.seat.lock().take();
        if let Some(seat) = seat {
            seat.wake();
        }
    }
}
