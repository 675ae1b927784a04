//! A worker with nothing to do: it searches for a moment, watches while others are at it, sleeps, and is gone at the end.
//!
//! Why no job is left lying: whoever stops looking does so under both locks (`Workers::visit`), after what stands on the
//! front page was put in the queue and the queue was looked at, and leaves `direct` behind it if nobody else attends.
//! Whoever pushes looks at `direct` under the lock under which it pushes (`Workers::push`), and comes to the desk if it
//! is set.

use std::hint::spin_loop;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::launch::Launch;
use super::workers::{Job, Worker, Workers};
use crate::sync::Relaxed;
use crate::wait::parker;

/// How long a watcher sleeps at first, and at most: the time doubles while things move.
const PERIOD: Duration = Duration::from_micros(50);
const LONGEST: Duration = Duration::from_micros(400);

/// A search is done in parts, because only a visit between them sees what stands on the front page.
const PARTS: u32 = 4;

/// What a worker without a job has done last.
#[derive(Clone, Copy)]
pub(super) enum Idle {
    /// Ended a job, found nothing, and been marked as coming.
    Done,
    /// Been started, and been marked as coming.
    Started,
    /// Come to help.
    Called,
    /// Searched for so many parts, and been marked for it.
    Searched(u32),
    /// Watched, listed as the watcher: what had been taken when it began, and how long it slept.
    Watched(u64, Duration),
    /// Slept, listed among the sleepers.
    Slept,
}

/// What it does next.
enum Step<'scope> {
    Run(Job<'scope>),
    Search(u32),
    Watch(u64, Duration),
    Sleep,
    Leave,
}

impl<'scope, L: Launch<'scope>> Workers<'scope, L> {
    /// Waits for a job; `None` when all is over.
    pub(super) fn idle(self: &Arc<Self>, worker: &mut Worker<'scope>, mut idle: Idle) -> Option<Job<'scope>> {
        loop {
            let step = self.visit(|desk| {
                if desk.arrive(worker.number(), idle) {
                    desk.step(worker, idle, self.spin)
                } else {
                    Step::Sleep
                }
            });
            idle = match step {
                Step::Run(job) => {
                    worker.begin();
                    return Some(job);
                }
                Step::Leave => return None,
                Step::Search(parts) => {
                    self.search();
                    Idle::Searched(parts)
                }
                Step::Watch(seen, period) => {
                    parker::park(Some(Instant::now() + period));
                    Idle::Watched(seen, period)
                }
                Step::Sleep => {
                    parker::park(None);
                    Idle::Slept
                }
            };
        }
    }

    fn search(&self) {
        let begin = Instant::now();
        // Relaxed: a hint. The visit that follows looks with the lock held.
        while self.hints.0.ready.load(Relaxed) == 0 && begin.elapsed() < self.spin / PARTS {
            (0..20).for_each(|_| spin_loop());
        }
    }
}

impl<'scope> Desk<'scope> {
    /// Takes back the marks of what the worker did last; false if it woke for no reason and is still listed as asleep.
    fn arrive(&mut self, number: usize, idle: Idle) -> bool {
        match idle {
            Idle::Called => {}
            Idle::Done | Idle::Started => self.coming = false,
            Idle::Searched(_) => self.searching = false,
            Idle::Watched(..) => match self.watcher.take() {
                Some((watcher, _)) if watcher == number => {}
                other => {
                    // Not listed any more, so somebody wanted it to come.
                    self.watcher = other;
                    self.coming = false;
                }
            },
            Idle::Slept if self.sleepers.iter().any(|(sleeper, _)| *sleeper == number) => return false,
            Idle::Slept => self.coming = false,
        }
        true
    }

    fn step(&mut self, worker: &mut Worker<'scope>, idle: Idle, spin: Duration) -> Step<'scope> {
        if self.over {
            return Step::Leave;
        }
        let watched = match idle {
            Idle::Watched(seen, _) => Some(seen),
            _ => None,
        };
        let stalled = self.is_stalled(watched);
        let held_up = self.look_into_trays(&worker.tray) || stalled;
        // Who has just ended a job goes on, however many others are active: they may all be blocked.
        if held_up || self.has_spare_cores() || matches!(idle, Idle::Done | Idle::Called) {
            let spare = self.has_spare_cores();
            if let Some(job) = self.take_for(worker) {
                if stalled && !spare {
                    self.note_stall();
                }
                return Step::Run(job);
            }
        }
        self.grant_turns();
        if self.is_finished() {
            self.finish();
            return Step::Leave;
        }
        let number = worker.number();
        if (self.is_ready() || self.has_trays()) && self.watcher.is_none() {
            let period = match idle {
                Idle::Watched(_, period) => (period * 2).min(LONGEST),
                _ => PERIOD,
            };
            self.watcher = Some((number, parker::unparker()));
            return Step::Watch(self.taken, period);
        }
        let parts = match idle {
            Idle::Done => 0,
            Idle::Searched(parts) => parts,
            _ => PARTS,
        };
        if parts < PARTS && !self.searching && !self.closing && !spin.is_zero() {
            self.searching = true;
            return Step::Search(parts + 1);
        }
        self.sleepers.push((number, parker::unparker()));
        Step::Sleep
    }
}
