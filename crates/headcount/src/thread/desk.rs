//! Who may start what, and who is woken for it: every decision, under one lock.
//!
//! # Words
//!
//! A worker is *active* from taking a job until it comes back to the desk; meanwhile it holds the job's slots. All
//! others are idle: one may *search* (awake, looking again and again for some microseconds), one may *watch* (asleep for
//! a short time, again and again), one may be *coming* (woken or started, not here yet), the rest *sleep*.
//!
//! # Rules
//!
//! * **D1, first in, first out.** Only the front of the queue is started, and it waits until its slots are free, however
//!   light those behind it are. A job that is heavier than the limit starts alone. So neither starves.
//! * **D2, as many as there are cores at once.** While fewer workers are active, an idle one takes what is there. Beyond
//!   that it watches: if nothing was taken from the queue since its last look, those who are active are held up by long
//!   or blocked jobs, and it takes the front itself; before it starts, D3 sees to the next watcher. That is how every
//!   member of a group without a limit comes to run, though all the others may be blocked for ever.
//! * **D3, somebody attends.** While something could be started (or taken out of a tray that does not move), somebody
//!   searches, watches or is coming, or else everybody who could start it is active and comes back here of itself: the
//!   limit is reached. [`Desk::plan`] restores this rule and is called at the end of every visit.
//! * **D4, direct.** A pusher may leave its jobs on the front page unannounced only while somebody attends who will look
//!   there: [`Desk::attended`]. `direct` is the negation, kept in both places and changed under both locks.
//! * **D5, soon.** Who searches, watches or is coming visits within a fraction of a millisecond, and then somebody else
//!   attends or pushers come directly. So a time that was read since the last visit of all is still good, unless those who
//!   attend are the ones who hold all the slots: they come when their jobs are over. [`Desk::will_be_visited`].
//! * **D6, nobody to be had.** If the system gives no thread, D3 cannot be kept. Then D4 is: every push comes here, and tries
//!   again. And whoever waits for the jobs, or for their slots, runs what could start and has nobody:
//!   [`Workers::stand_in`](super::workers::Workers::stand_in).
//!
//! Lock order: the front page's lock, the desk's, a tray's. Nobody is woken and no thread started under them: that is
//! what a [`Plan`] is for.

use std::collections::VecDeque;
use std::sync::Arc;

use super::queue::{Entry, Job, Page, Queue};
use super::tray::{Look, Tray};
use super::turn::Seat;
use super::workers::Worker;
use crate::wait::parker::Unparker;

/// After that many blocked members in a row, the next watcher starts without watching first ...
const STREAK: u32 = 3;
/// ... as long as there are fewer threads than this, or than the limit: who sets one says how many there may be.
const BURST: usize = 128;
/// How many trays of others a worker looks into on one visit.
const LOOKS: usize = 4;

/// What is to be done after the locks are given back.
#[derive(Default)]
pub(super) struct Plan<'scope> {
    pub(super) start: bool,
    pub(super) wake: Vec<Unparker>,
    pub(super) granted: Vec<Arc<Seat>>,
    /// Only to be dropped.
    _trash: Vec<Page<'scope>>,
}

pub(super) struct Desk<'scope> {
    pub(super) queue: Queue<'scope>,
    /// Jobs whose slots are held already, with how many: the turns' ones.
    pub(super) granted: VecDeque<(Job<'scope>, usize)>,
    /// How many slots there are; `usize::MAX` for no limit.
    pub(super) limit: usize,
    /// How many are held. Above the limit after it was lowered, or by one job that is heavier than it.
    /// Wide, because without a limit everybody runs at once, and the weights of all may be more than a `usize` holds.
    pub(super) used: u128,
    /// How many workers start at once (D2).
    cores: usize,
    /// Threads that were started and are not over, and the caller while it helps.
    pub(super) threads: usize,
    pub(super) active: usize,
    pub(super) searching: bool,
    /// Somebody is on the way here. Who sets it is; who arrives clears it, so while it is set somebody still comes.
    pub(super) coming: bool,
    pub(super) watcher: Option<(usize, Unparker)>,
    pub(super) sleepers: Vec<(usize, Unparker)>,
    /// The trays that may have something in them, the one looked at longest ago at the front.
    trays: VecDeque<Arc<Tray<'scope>>>,
    /// How often something was taken from the queue.
    pub(super) taken: u64,
    /// How many watchers in a row found that nothing had been taken since the last of them, and `taken` after that.
    streak: (u32, u64),
    /// The body is over: the threads may go when all jobs have.
    pub(super) closing: bool,
    pub(super) over: bool,
    /// See D4.
    pub(super) direct: bool,
    plan: Plan<'scope>,
}

impl<'scope> Desk<'scope> {
    pub(super) fn new(limit: usize, cores: usize) -> Self {
        Self {
            queue: Queue::default(),
            granted: VecDeque::new(),
            limit,
            used: 0,
            cores,
            threads: 0,
            active: 0,
            searching: false,
            coming: false,
            watcher: None,
            sleepers: Vec::new(),
            trays: VecDeque::new(),
            taken: 0,
            streak: (0, 0),
            closing: false,
            over: false,
            direct: true,
            plan: Plan::default(),
        }
    }

    pub(super) fn fits(&self, weight: usize) -> bool {
        self.used == 0 || self.limit == usize::MAX || self.used + weight as u128 <= self.limit as u128
    }

    /// Slots for a job or a turn.
    pub(super) fn hold(&mut self, weight: usize) {
        self.used += weight as u128;
    }

    pub(super) fn give_back(&mut self, weight: usize) {
        self.used -= weight as u128;
    }

    /// Are all slots held?
    fn is_full(&self) -> bool {
        self.limit != usize::MAX && self.used >= self.limit as u128
    }

    /// Are more slots held than there are?
    pub(super) fn is_crowded(&self) -> bool {
        self.limit != usize::MAX && self.used > self.limit as u128
    }

    pub(super) fn has_spare_cores(&self) -> bool {
        self.active < self.cores
    }

    /// Grants the turns at the front whose slots are free; afterwards a job is at the front, or what must wait.
    pub(super) fn grant_turns(&mut self) {
        while let Some(Entry::Turn(seat)) = self.queue.front() {
            if !seat.is_given_up() {
                if !self.fits(seat.weight()) {
                    return;
                }
                let weight = seat.weight();
                self.used += weight as u128;
                seat.grant();
                self.plan.granted.push(Arc::clone(seat));
            }
            self.queue.pop();
        }
    }

    /// May a job start right now? After `grant_turns`.
    pub(super) fn is_ready(&self) -> bool {
        !self.granted.is_empty()
            || matches!(self.queue.front(), Some(Entry::Job(_, weight)) if self.fits(*weight))
    }

    /// May something be in a tray that another worker could run?
    pub(super) fn has_trays(&self) -> bool {
        !self.trays.is_empty() && !self.is_full()
    }

    /// Starts the front if it may start (D1): the worker holds its slots, and has on its tray what it takes along.
    pub(super) fn take_for(&mut self, worker: &mut Worker<'scope>) -> Option<Job<'scope>> {
        let (job, weight) = self.take(worker.batch, &worker.tray)?;
        worker.held = Some(weight);
        Some(job)
    }

    fn take(&mut self, batch: usize, tray: &Arc<Tray<'scope>>) -> Option<(Job<'scope>, usize)> {
        if let Some(granted) = self.granted.pop_front() {
            self.active += 1;
            return Some(granted);
        }
        self.grant_turns();
        if !self.is_ready() {
            return None;
        }
        let Some(Entry::Job(job, weight)) = self.queue.pop() else { return None };
        self.hold(weight);
        self.active += 1;
        self.taken += 1;
        // Half of what is there at most: the last ones are shared out one by one.
        let more = (batch - 1).min(self.queue.jobs() / 2);
        if weight == 1 && more > 0 && tray.fill(|page| self.queue.take_light(more, page)) {
            self.trays.push_back(Arc::clone(tray));
        }
        Some((job, weight))
    }

    /// A job for somebody who is no worker, which the calling thread becomes for it: if one could start, and nobody is about
    /// who would take it.
    pub(super) fn stand_in(&mut self, worker: &mut Worker<'scope>) -> Option<Job<'scope>> {
        let somebody = self.searching || self.coming || self.watcher.is_some() || !self.sleepers.is_empty();
        if self.over || somebody {
            return None;
        }
        self.look_into_trays(&worker.tray);
        let job = self.take_for(worker)?;
        self.threads += 1;
        Some(job)
    }

    /// Gives back what a worker held for a job that is over.
    pub(super) fn release(&mut self, weight: usize) {
        self.give_back(weight);
        self.active -= 1;
    }

    /// Looks into some trays of others and puts what does not move back into the queue; true if there was any.
    pub(super) fn look_into_trays(&mut self, own: &Arc<Tray<'scope>>) -> bool {
        let mut found = false;
        for _ in 0..self.trays.len().min(LOOKS) {
            let Some(tray) = self.trays.pop_front() else { break };
            if Arc::ptr_eq(&tray, own) {
                self.trays.push_back(tray);
                continue;
            }
            match tray.look() {
                Look::Empty => {}
                Look::Moving => self.trays.push_back(tray),
                Look::Stalled(jobs) => {
                    self.queue.put_back(jobs);
                    found = true;
                }
            }
        }
        found
    }

    /// Has nothing been taken since the watcher saw `seen`, or since the last of a row of watchers found just that?
    pub(super) fn is_stalled(&self, seen: Option<u64>) -> bool {
        let burst = if self.limit == usize::MAX { BURST } else { BURST.max(self.limit) };
        seen == Some(self.taken)
            || (self.streak.0 >= STREAK && self.streak.1 == self.taken && self.threads < burst)
    }

    /// Notes that a watcher takes the front because of [`is_stalled`](Self::is_stalled).
    pub(super) fn note_stall(&mut self) {
        // Called after the taking: the last of the row left `taken` as it was before.
        let streak = if self.streak.1 + 1 == self.taken { self.streak.0 + 1 } else { 1 };
        self.streak = (streak, self.taken);
    }

    /// The body is over, and so is every job.
    pub(super) fn is_finished(&self) -> bool {
        self.closing && self.used == 0 && self.queue.is_empty() && self.granted.is_empty()
    }

    /// Everybody goes home.
    pub(super) fn finish(&mut self) {
        self.over = true;
        self.plan.wake.extend(self.sleepers.drain(..).chain(self.watcher.take()).map(|(_, thread)| thread));
    }

    /// D4: is somebody about who will look at the front page?
    pub(super) fn attended(&self) -> bool {
        // Who gives back slots looks at the front page when the queue has nothing for it.
        self.will_be_visited() || self.is_full()
    }

    /// D5.
    pub(super) fn will_be_visited(&self) -> bool {
        self.searching || self.coming || (self.watcher.is_some() && !self.has_spare_cores())
    }

    /// Restores D3, and says what must be done for it.
    #[must_use]
    pub(super) fn plan(&mut self) -> Plan<'scope> {
        self.grant_turns();
        if !self.searching && !self.coming && !self.over {
            let ready = self.is_ready();
            let idle = if ready && self.has_spare_cores() {
                Some(self.watcher.take().or_else(|| self.sleepers.pop()))
            } else if (ready || self.has_trays()) && self.watcher.is_none() {
                Some(self.sleepers.pop())
            } else {
                None
            };
            if let Some(idle) = idle {
                match idle {
                    Some((_, thread)) => {
                        self.coming = true;
                        self.plan.wake.push(thread);
                    }
                    None if self.threads < self.limit => {
                        self.coming = true;
                        self.threads += 1;
                        self.plan.start = true;
                    }
                    // A slot is free and there are as many threads as slots, so one of them runs nothing; and it is not
                    // idle. So it is on its way here: two may come at once, and the first that arrives clears `coming`.
                    None => {}
                }
            }
        }
        self.plan._trash = std::mem::take(&mut self.queue.trash);
        std::mem::take(&mut self.plan)
    }

    pub(super) fn put_back(&mut self, jobs: Page<'scope>) {
        self.queue.put_back(jobs);
    }

    /// How many jobs have not started, those on the front page aside.
    pub(super) fn queued(&self) -> usize {
        self.granted.len() + self.queue.jobs() + self.trays.iter().map(|tray| tray.jobs()).sum::<usize>()
    }
}
