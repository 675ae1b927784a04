//! The tiny jobs that one worker took at once.
//!
//! Taking jobs one by one from one queue costs more than running them when they are tiny. So a worker may take some
//! more along; but it cannot know that the next one is tiny too, and a job must not be held behind one that is long or
//! blocked. Hence the tray stands where the others can reach it: who finds that its owner has not moved since the last
//! look puts everything back at the front of the queue.
//!
//! Lock order: the desk's lock, then a tray's. The owner's own way takes only the tray's.

use super::queue::{Entry, Job, Page};
use crate::wait::lock::Lock;

#[derive(Default)]
struct State<'scope> {
    /// Jobs of weight 1 only; the slot that the owner holds serves for one after the other.
    jobs: Page<'scope>,
    /// Somebody looked since the owner last took a job.
    looked: bool,
    /// It stands in the desk's list of trays. Changed under the desk's lock as well.
    listed: bool,
}

/// What another worker found in a tray.
pub(super) enum Look<'scope> {
    /// Nothing: it is off the list now.
    Empty,
    /// Its owner has taken a job since the last look.
    Moving,
    /// Its owner has not: all that was in it, and it is off the list.
    Stalled(Page<'scope>),
}

pub(super) struct Tray<'scope>(Lock<State<'scope>>);

impl<'scope> Tray<'scope> {
    pub(super) fn new() -> Self {
        Self(Lock::new(State::default()))
    }

    /// The owner's next job; `spent` is its last one, and is left here or taken back to be freed.
    #[inline]
    pub(super) fn pop(&self, spent: &mut Option<Job<'scope>>) -> Option<Job<'scope>> {
        let mut state = self.0.lock();
        state.looked = false;
        *spent = spent.take().and_then(|job| state.jobs.keep_spent(job));
        match state.jobs.pop()? {
            Entry::Job(job, _) => Some(job),
            Entry::Turn(_) => unreachable!("a tray holds jobs only"),
        }
    }

    /// Lets `fill` fill the empty tray; true if something is in it now and it must be listed.
    pub(super) fn fill(&self, fill: impl FnOnce(&mut Page<'scope>)) -> bool {
        let mut state = self.0.lock();
        fill(&mut state.jobs);
        state.looked = false;
        let unlisted = !state.jobs.is_empty() && !state.listed;
        state.listed |= unlisted;
        unlisted
    }

    pub(super) fn look(&self) -> Look<'scope> {
        let mut state = self.0.lock();
        if state.jobs.is_empty() {
            state.listed = false;
            Look::Empty
        } else if state.looked {
            state.listed = false;
            Look::Stalled(std::mem::take(&mut state.jobs))
        } else {
            state.looked = true;
            Look::Moving
        }
    }

    /// Takes everything out, however the owner is getting on; it stays on the list.
    pub(super) fn clear(&self) -> Page<'scope> {
        std::mem::take(&mut self.0.lock().jobs)
    }

    pub(super) fn jobs(&self) -> usize {
        self.0.lock().jobs.len()
    }
}
