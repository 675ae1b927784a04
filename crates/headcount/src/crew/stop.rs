//! The end of a crew: no more jobs, time for those there are, and the names of those who overran.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::Crew;
use crate::context::{CancelKind, Cancelled};
use crate::group::{GroupError, Root, Title, who};
use crate::roll::{RollCall, brief};
use crate::who::WouldDeadlock;

/// What jobs find that are out when the crew is dropped.
#[track_caller]
pub(super) fn dropped() -> Cancelled {
    Cancelled::new(CancelKind::Dropped, None, Location::caller())
}

/// What a round finds that comes too late.
pub(super) fn stopped(place: &'static Location<'static>) -> Cancelled {
    Cancelled::new(CancelKind::Cancelled, Some("the crew has been stopped".into()), place)
}

impl<J, U, E> Crew<J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    /// Takes no more jobs, and blocks the calling thread until those that were given are over and all threads are gone.
    ///
    /// After `grace` the crew's context is cancelled, and whoever is out then has overrun. Those who heed it have the same time
    /// once more; who does not is named by the error as still out, and is waited for only when the crew is dropped.
    ///
    /// It may be called again, to wait once more.
    ///
    /// # Errors
    ///
    /// [`CrewStopError`] if jobs overran, if a posted job has failed, or if it is called by one of the crew's own jobs, which
    /// would wait for itself: then nothing is stopped.
    ///
    /// # Panics
    ///
    /// If it would block a thread that is running an async task (feature `tokio`).
    #[track_caller]
    pub fn stop(&self, grace: Duration) -> Result<(), CrewStopError<E>> {
        crate::blocking::assert_allowed(
            "Crew::stop",
            "tokio::task::spawn_blocking(move || crew.stop(grace))",
        );
        let place = Location::caller();
        if let Err(cycle) = self.may_stop() {
            return Err(self.stop_error(grace, place, |error| error.cycle = Some(cycle)));
        }
        *self.stopped.lock() = true;
        let mut overran = None;
        if !self.wait_until(Instant::now().checked_add(grace)) {
            overran = Some(self.roll_call());
            let cause = format!("the crew was stopped, and its grace of {} is over", brief(grace));
            self.canceller.cancel_quietly(&Cancelled::new(CancelKind::Cancelled, Some(cause.into()), place));
        }
        let gone = overran.is_none() || self.wait_until(Instant::now().checked_add(grace));
        let still_out = (!gone).then(|| self.roll_call());
        if gone {
            self.workers.close();
            self.workers.launcher().join();
        }
        let tally = self.posts.core.court.lock().tally();
        let post = self.posted.take_error(self.posts.core.title(), tally);
        // Those who were back between the end of the grace and the roll call have not overrun.
        let overran = overran.filter(|overran| !overran.is_empty());
        if overran.is_none() && still_out.is_none() && post.is_none() {
            return Ok(());
        }
        Err(self.stop_error(grace, place, |error| {
            (error.overran, error.still_out) = (overran, still_out);
            (error.post, error.failed) = (post, tally.failed + tally.panicked);
        }))
    }

    /// Nobody may stop a crew who is waited for by it.
    fn may_stop(&self) -> Result<(), WouldDeadlock> {
        let title = || self.posts.core.title();
        who::may_wait(self.posts.core.id, title)?;
        self.list().iter().try_for_each(|core| who::may_wait(core.id, title))
    }

    /// Until no job is out; false if some are at `deadline`.
    ///
    /// In this order: a round that ends may have posted, while that was allowed; a posted job that holds a round is out
    /// itself until that is over.
    fn wait_until(&self, deadline: Option<Instant>) -> bool {
        self.held.block_until(deadline) && self.posts.wait_idle(deadline)
    }

    fn stop_error(
        &self,
        grace: Duration,
        place: &'static Location<'static>,
        fill: impl FnOnce(&mut Inner<E>),
    ) -> CrewStopError<E> {
        let title = self.posts.core.title();
        let mut inner =
            Inner { title, grace, place, overran: None, still_out: None, post: None, failed: 0, cycle: None };
        fill(&mut inner);
        CrewStopError(Box::new(inner))
    }
}

/// A crew did not end well: jobs overran the grace, or posted jobs failed.
///
/// Its text is one sentence for each; its [`source`](Error::source) goes on below the posted job's error.
pub struct CrewStopError<E>(Box<Inner<E>>);

struct Inner<E> {
    title: Title,
    grace: Duration,
    place: &'static Location<'static>,
    overran: Option<RollCall>,
    still_out: Option<RollCall>,
    post: Option<GroupError<E>>,
    /// How many posted jobs failed, with the first.
    failed: u64,
    cycle: Option<WouldDeadlock>,
}

impl<E> CrewStopError<E> {
    /// Who was out at the end of the grace, and was cancelled for it.
    #[must_use]
    pub fn overran(&self) -> Option<&RollCall> {
        self.0.overran.as_ref()
    }

    /// Who had not heeded that when the crew gave up waiting. They still run.
    #[must_use]
    pub fn still_out(&self) -> Option<&RollCall> {
        self.0.still_out.as_ref()
    }

    /// The first posted job that failed.
    #[must_use]
    pub fn first_failed_post(&self) -> Option<&GroupError<E>> {
        self.0.post.as_ref()
    }

    /// How many posted jobs failed or panicked.
    #[must_use]
    pub fn failed_posts(&self) -> u64 {
        self.0.failed
    }

    /// Why the crew could not be stopped at all: by the one who asked, one of its own jobs.
    #[must_use]
    pub fn would_deadlock(&self) -> Option<&WouldDeadlock> {
        self.0.cycle.as_ref()
    }
}

impl<E: Root> fmt::Display for CrewStopError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { title, grace, place, overran, still_out, post, failed, cycle } = &*self.0;
        if let Some(cycle) = cycle {
            return write!(f, "{title} was not stopped at {}:{}: it {cycle}", place.file(), place.line());
        }
        let mut first = true;
        if let Some(overran) = overran {
            first = false;
            write!(f, "{title} overran its grace of {}", brief(*grace))?;
            if still_out.is_some() {
                f.write_str(", and not all heeded their cancellation")?;
            }
            write!(f, ": {}", still_out.as_ref().unwrap_or(overran))?;
        }
        if let Some(post) = post {
            write!(f, "{}{post}", if first { "" } else { "; and " })?;
            match failed {
                0 | 1 => {}
                2 => f.write_str(" (and 1 other posted job failed)")?,
                n => write!(f, " (and {} other posted jobs failed)", n - 1)?,
            }
        }
        Ok(())
    }
}

impl<E: Root> fmt::Debug for CrewStopError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<E: Root> Error for CrewStopError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.post.as_ref().and_then(Error::source)
    }
}
