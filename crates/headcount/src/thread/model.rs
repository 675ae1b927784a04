//! The workers as the model checker's suite sees them: on its threads, with jobs that own what they use.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loom::thread::JoinHandle;

use super::launch::Launch;
use super::turn;
use super::workers;

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
        loop {
            let thread = self.threads.lock().expect("nobody panics here").pop();
            let Some(thread) = thread else { break };
            thread.join().expect("no worker panics");
        }
        assert_eq!((self.workers.running(), self.workers.queued()), (0, 0));
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
