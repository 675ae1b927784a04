//! The threads of one scope: jobs are given to them without ever blocking, and they run as many at once as the limit
//! allows.
//!
//! Threads are started when there is something to do and nobody to do it, are used again, and are gone at the end: there
//! is no pool that scopes share, so a job may block for as long as it likes. Without a limit every job that waits gets a
//! thread in bounded time, though all the others are blocked; the rules stand in `desk`.
//!
//! # The way of a job
//!
//! ```text
//! push ──► front page ──(full, or nobody attends)──► queue ──► worker, with more of its kind on its tray if all are tiny
//!          pusher's lock                             desk's lock                 tray's lock
//! ```
//! Three locks, because one that a pusher and a worker both take for every tiny job would be fought over, and each fight
//! is a system call. Almost always the pusher alone takes the first, a worker alone the third, and the second is taken
//! once for many jobs.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::desk::{Desk, Plan};
use super::idle::Idle;
use super::launch::Launch;
pub(crate) use super::queue::Job;
use super::queue::{Entry, PAGE, Page};
use super::tray::Tray;
use crate::fault::{self, Fault};
use crate::sync::{AtomicU8, AtomicU64, Relaxed};
use crate::wait::lock::Lock;

/// The most that a worker takes at once.
const BATCH: usize = PAGE;
/// A batch that took less is followed by one twice as large.
const SHORT: Duration = Duration::from_micros(2);
/// A batch that took longer is followed by one half as large, and one of four times that by a single job.
const LONG: Duration = Duration::from_micros(5);

/// How long a thread that was started may take to come before who waits looks around.
const LOOK: Duration = Duration::from_millis(1);

/// On a cache line of its own (two, where they are fetched in pairs).
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Apart<T>(pub(super) T);

/// Where pushers leave jobs.
pub(super) struct Front<'scope> {
    pub(super) page: Page<'scope>,
    /// Nobody attends: hand over at once (D4).
    pub(super) direct: bool,
}

/// The threads of one scope, and what they have to do.
pub(crate) struct Workers<'scope, L> {
    front: Apart<Lock<Front<'scope>>>,
    desk: Apart<Lock<Desk<'scope>>>,
    pub(super) hints: Apart<Hints>,
    launch: L,
    /// How long somebody who has just run out of work looks for more before it sleeps.
    pub(super) spin: Duration,
}

/// Looked at without a lock; written under the desk's.
pub(super) struct Hints {
    /// 1 while something in the queue may start.
    pub(super) ready: AtomicU8,
    /// 1 while more slots are held than there are, so that trays must go back.
    crowded: AtomicU8,
    /// How often both locks were held, times two; and one more if they will soon be again (D5).
    visits: AtomicU64,
    /// 1 when the system has refused a thread once.
    refused: AtomicU8,
    /// 1 when a thread has come. It stays to the end, and comes back to the desk after each job.
    staffed: AtomicU8,
}

/// How many threads can run at once, as far as is known.
pub(super) fn cores() -> usize {
    // Asked once: the answer is read from files.
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// A worker: one thread's way from job to job.
pub(super) struct Worker<'scope> {
    pub(super) tray: Arc<Tray<'scope>>,
    /// How many jobs to take at once, and since when those of the last time have been running.
    pub(super) batch: usize,
    pub(super) since: Option<Instant>,
    /// The slots that it holds.
    pub(super) held: Option<usize>,
    /// What is left of the job that it ran last.
    spent: Option<Job<'scope>>,
}

impl<'scope, L: Launch<'scope>> Workers<'scope, L> {
    /// Nobody yet. `limit` is how many slots there are, at least one; `None` for as many as needed.
    pub(crate) fn new(limit: Option<usize>, launch: L) -> Self {
        let cores = cores();
        // Where there is one core, who spins keeps from working whom it waits for.
        let spin = Duration::from_micros(if cores > 1 { 15 } else { 0 });
        Self::with(limit, cores, spin, launch)
    }

    /// `new`, on a machine with so many cores.
    pub(crate) fn with(limit: Option<usize>, cores: usize, spin: Duration, launch: L) -> Self {
        Self {
            front: Apart(Lock::new(Front { page: Page::default(), direct: true })),
            desk: Apart(Lock::new(Desk::new(limit.unwrap_or(usize::MAX).max(1), cores))),
            hints: Apart(Hints {
                ready: AtomicU8::new(0),
                crowded: AtomicU8::new(0),
                visits: AtomicU64::new(0),
                refused: AtomicU8::new(0),
                staffed: AtomicU8::new(0),
            }),
            launch,
            spin,
        }
    }

    /// Gives a job that takes `weight` slots to the workers. Never blocks; jobs start in the order in which they came.
    #[inline]
    pub(crate) fn push(self: &Arc<Self>, job: Job<'scope>, weight: usize) {
        let mut front = self.front.0.lock();
        front.page.push(Entry::Job(job, weight));
        let spent = front.page.pop_spent();
        let stays = !front.direct && front.page.len() < PAGE;
        drop(front);
        drop(spent);
        if !stays {
            self.hand_over();
        }
    }

    #[cold]
    fn hand_over(self: &Arc<Self>) {
        self.visit(|_| ());
    }

    /// A number that changes from visit to visit, and so, as long as there is one, before a millisecond is over (D5).
    #[inline]
    pub(crate) fn visits(&self) -> Option<u64> {
        // Relaxed: see `visit`.
        Some(self.hints.0.visits.load(Relaxed)).filter(|visits| visits & 1 == 1)
    }

    /// From now on there are `limit` slots. More start at once; if there are fewer, those who run end as they would have.
    pub(crate) fn set_limit(self: &Arc<Self>, limit: Option<usize>) {
        if fault::planted(Fault::LimitUnlooked) {
            self.desk.0.lock().limit = limit.unwrap_or(usize::MAX);
            return;
        }
        self.visit(|desk| {
            desk.limit = limit.unwrap_or(usize::MAX).max(1);
            let crowded = u8::from(desk.is_crowded());
            // Relaxed: who sees it late runs one more tiny job.
            self.hints.0.crowded.store(crowded, Relaxed);
        });
    }

    /// How many jobs are running, as the tests see it: a worker's way back to the desk counts as well.
    #[cfg(any(test, loom))]
    pub(crate) fn running(&self) -> usize {
        self.desk.0.lock().active
    }

    /// How many jobs have not started.
    pub(crate) fn queued(&self) -> usize {
        let front = self.front.0.lock();
        front.page.len() + self.desk.0.lock().queued()
    }

    /// The body is over: runs jobs on the calling thread, as one of the workers, until all are over. Nothing may be
    /// pushed afterwards, except by jobs. The threads end after it; the scope joins them.
    pub(crate) fn help_until_empty(self: &Arc<Self>) {
        self.visit(|desk| {
            desk.closing = true;
            desk.threads += 1;
        });
        self.work(Idle::Called);
    }

    /// The threads may go when all jobs are over. Nothing may be pushed afterwards, except by jobs.
    pub(crate) fn close(self: &Arc<Self>) {
        self.visit(|desk| {
            desk.closing = true;
            // Else the last who ends a job finds it.
            if desk.is_finished() && !desk.over {
                desk.finish();
            }
        });
    }

    /// What starts the threads.
    pub(crate) fn launcher(&self) -> &L {
        &self.launch
    }

    /// With both locks: what the pushers left goes into the queue, then `act`, then D3 and D4 are seen to.
    pub(super) fn visit<R>(self: &Arc<Self>, act: impl FnOnce(&mut Desk<'scope>) -> R) -> R {
        let mut front = self.front.0.lock();
        let mut desk = self.desk.0.lock();
        desk.queue.append(&mut front.page);
        let result = act(&mut desk);
        let plan = self.settle(&mut desk);
        desk.direct = !desk.attended() && !fault::planted(Fault::IdleUnannounced);
        front.direct = desk.direct;
        if !cfg!(loom) {
            // Relaxed, both: only written here, under the lock; and whoever reads it late goes by an older time.
            let visits = self.hints.0.visits.load(Relaxed) >> 1;
            self.hints.0.visits.store((visits + 1) << 1 | u64::from(desk.will_be_visited()), Relaxed);
        }
        drop(desk);
        drop(front);
        self.carry_out(plan);
        result
    }

    fn settle(&self, desk: &mut Desk<'scope>) -> Plan<'scope> {
        let plan = desk.plan();
        let ready = u8::from(desk.is_ready());
        // Relaxed: only who has locked the desk relies on what it finds.
        if self.hints.0.ready.load(Relaxed) != ready {
            self.hints.0.ready.store(ready, Relaxed);
        }
        plan
    }

    fn carry_out(self: &Arc<Self>, plan: Plan<'scope>) {
        for thread in plan.wake {
            thread.unpark();
        }
        for seat in plan.granted {
            seat.wake();
        }
        if plan.start {
            let workers = Arc::clone(self);
            if self.launch.launch(move || workers.work(Idle::Started)).is_err() {
                // The system gives no more threads. Those that run go on with what there is; the next visit tries again,
                // and who waits helps (D6), the caller at last.
                let mut front = self.front.0.lock();
                let mut desk = self.desk.0.lock();
                desk.threads -= 1;
                desk.coming = false;
                // D4: pushers were told that somebody comes.
                desk.direct = !desk.attended();
                front.direct = desk.direct;
                // Relaxed: who waits and has not seen it yet looks again, see `patience`.
                self.hints.0.refused.store(1, Relaxed);
            }
        }
    }

    /// For who waits until something has come of the jobs: runs one on the calling thread if it could start and has nobody,
    /// because the system gives no more threads (D6); true if it did.
    #[inline]
    pub(crate) fn stand_in(self: &Arc<Self>) -> bool {
        // Relaxed: see `patience`.
        self.hints.0.refused.load(Relaxed) != 0 && self.run_one()
    }

    #[cold]
    fn run_one(self: &Arc<Self>) -> bool {
        let mut worker = Worker::new();
        let Some(mut job) = self.visit(|desk| desk.stand_in(&mut worker)) else { return false };
        run(&mut job);
        drop(job);
        self.visit(|desk| {
            desk.threads -= 1;
            if let Some(weight) = worker.held.take() {
                desk.release(weight);
            }
        });
        true
    }

    /// How long who waits may sleep before it looks whether it should [stand in](Self::stand_in): for ever, once there is a
    /// thread, which comes back for what there is. Before that another's push may be the one that is refused a thread.
    pub(crate) fn patience(&self) -> Option<Instant> {
        // Relaxed: who sees it late looks once more.
        (!cfg!(loom) && self.hints.0.staffed.load(Relaxed) == 0).then(|| Instant::now() + LOOK)
    }

    /// A worker's life.
    fn work(self: &Arc<Self>, mut idle: Idle) {
        let mut worker = Worker::new();
        if matches!(idle, Idle::Started) {
            // Relaxed: see `patience`.
            self.hints.0.staffed.store(1, Relaxed);
        }
        while let Some(mut job) = self.idle(&mut worker, idle) {
            run(&mut job);
            worker.spent = Some(job);
            while let Some(mut job) = self.next(&mut worker) {
                run(&mut job);
                worker.spent = Some(job);
            }
            idle = Idle::Done;
        }
    }

    /// The next job for a worker that has just ended one, if there is any.
    #[inline]
    fn next(self: &Arc<Self>, worker: &mut Worker<'scope>) -> Option<Job<'scope>> {
        // Relaxed: see `set_limit`.
        if self.hints.0.crowded.load(Relaxed) == 0 {
            if let Some(job) = worker.tray.pop(&mut worker.spent) {
                return Some(job);
            }
        }
        self.refill(worker)
    }

    fn refill(self: &Arc<Self>, worker: &mut Worker<'scope>) -> Option<Job<'scope>> {
        worker.pace();
        worker.spent = None;
        let mut desk = self.desk.0.lock();
        // Relaxed: written under the lock that is held.
        if self.hints.0.crowded.load(Relaxed) != 0 {
            desk.put_back(worker.tray.clear());
        }
        if let Some(weight) = worker.held.take() {
            desk.release(weight);
        }
        // Relaxed, both: as above.
        if !desk.is_crowded() && self.hints.0.crowded.load(Relaxed) != 0 {
            self.hints.0.crowded.store(0, Relaxed);
        }
        desk.look_into_trays(&worker.tray);
        let taken = desk.take_for(worker);
        // Without a job it goes the long way, by the front page.
        desk.coming |= taken.is_none();
        let unoffered = fault::planted(Fault::SlotsUnoffered);
        let plan = if unoffered { Plan::default() } else { self.settle(&mut desk) };
        let unattended = !desk.direct && !desk.attended() && !unoffered;
        drop(desk);
        self.carry_out(plan);
        if unattended {
            // The slots given back make room for what stands on the front page, and nobody would look there.
            self.hand_over();
        }
        taken
    }
}

impl Worker<'_> {
    /// With nothing yet; it takes one job first.
    fn new() -> Self {
        Self { tray: Arc::new(Tray::new()), batch: 1, since: None, held: None, spent: None }
    }

    /// A number that no other worker of the scope has.
    pub(super) fn number(&self) -> usize {
        Arc::as_ptr(&self.tray).addr()
    }

    /// After a rest, the time begins anew.
    pub(super) fn begin(&mut self) {
        self.since = (!cfg!(loom)).then(Instant::now);
    }

    /// Chooses how many jobs to take next: so many that they are over in some microseconds. Long ones are taken one by
    /// one, hence started in their order.
    fn pace(&mut self) {
        if cfg!(loom) {
            // The checker's runs must not depend on a clock.
            self.batch = 2;
            return;
        }
        let now = Instant::now();
        if let Some(since) = self.since.replace(now) {
            let took = now.saturating_duration_since(since);
            self.batch = match took {
                _ if took < SHORT => (self.batch * 2).min(BATCH),
                _ if took > 4 * LONG => 1,
                _ if took > LONG => (self.batch / 2).max(1),
                _ => self.batch,
            };
        }
    }
}

/// A job that unwinds would take its slots with it, and everybody would wait for them for ever.
struct NeverUnwinds;

impl Drop for NeverUnwinds {
    fn drop(&mut self) {
        eprintln!("headcount: a worker's job has panicked past its group; the process ends");
        std::process::abort();
    }
}

#[inline]
fn run(job: &mut Job<'_>) {
    let guard = NeverUnwinds;
    job.run();
    std::mem::forget(guard);
}

impl<L> fmt::Debug for Workers<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let desk = self.desk.0.lock();
        f.debug_struct("Workers")
            .field("limit", &desk.limit)
            .field("used", &desk.used)
            .field("threads", &desk.threads)
            .field("running", &desk.active)
            .field("queued", &desk.queued())
            .finish_non_exhaustive()
    }
}
