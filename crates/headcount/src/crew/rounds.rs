//! Rounds: many jobs, and a wait for just those.
//!
//! # A round inside a job
//!
//! A job that holds a round on its own crew waits for jobs that may queue behind it; with one worker that would never end. So
//! while it waits its slot is lent to the crew: one more job may run, which is no more than the size says, since the one
//! that waits does not run.

use std::panic::Location;
use std::sync::Arc;

use super::{Crew, Round, stop};
use crate::group::core::Core;
use crate::group::ending::Ending;
use crate::group::settle::Settle;
use crate::group::{FailFast, GroupError, Root, who};
use crate::thread::team::{Lane, Launched, OnThreads, Team};

/// What the crew's work returns is the group's kind of result already.
struct Done;

impl<U, E> Settle<U, E, Result<U, E>> for Done {
    fn settle(&mut self, output: Result<U, E>) -> Ending<U, E> {
        output.map_or_else(Ending::Error, Ending::Value)
    }
}

impl<J, U, E> Crew<J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    /// Gives the crew `jobs`, blocks the calling thread until those are over, and returns what came of them, in their order.
    ///
    /// Other rounds may go on meanwhile; jobs of all of them start in the order in which they were given. A job may hold a
    /// round on its own crew: while it waits somebody else may work in its place.
    ///
    /// # Errors
    ///
    /// The first job that fails cancels the others of its round, and is the error's root. If the crew has been stopped, or its
    /// context is cancelled, no job is begun, and that is the root.
    ///
    /// # Panics
    ///
    /// With the first panic of a job, unchanged, when the round is over; unless [`panics`](Crew::panics) says otherwise. If `jobs`
    /// panics, the jobs that it has given are cancelled and waited for first. And if it would block a thread that is running
    /// an async task (feature `tokio`).
    ///
    /// # Memory ordering
    ///
    /// What the jobs did is visible when it returns.
    #[track_caller]
    pub fn round(&self, jobs: impl IntoIterator<Item = J>) -> Result<Vec<U>, GroupError<E>> {
        crate::blocking::assert_allowed(
            "Crew::round",
            "tokio::task::spawn_blocking(move || crew.round(jobs))",
        );
        let place = Location::caller();
        // Before the round: should `jobs` panic, those that it has given are waited for, and may need the slot.
        let lent = self.is_mine().then(|| Lent::new(self));
        let round = self.open(place, self.is_mine());
        if !round.entered {
            round.team.core.cancel(&stop::stopped(place));
        }
        for job in jobs {
            let work = Arc::clone(&self.work);
            let who = Launched { name: None, weight: 1, hand: None, place };
            round.team.launch(who, Done, move |ctx| work(ctx, job));
        }
        round.team.wait_idle(None);
        drop(lent);
        let core = Arc::clone(&round.team.core);
        drop(round);
        Team::<_, _, _, super::Hands>::conclude(&core)
    }

    /// A round without jobs, on the crew's list. That of one of its jobs belongs to what was given, also when the crew is being
    /// stopped.
    fn open(&self, place: &'static Location<'static>, mine: bool) -> Open<'_, J, U, E> {
        let entered = self.enter(mine);
        let core = Core::new(&self.ctx, FailFast, OnThreads, Lane::new(Some(self.size())), place);
        let mut title = self.posts.core.title();
        title.moved_to(place);
        core.ledger.rename(|was| *was = title);
        core.court.lock().panics = self.panics;
        self.recorder.iter().for_each(|recorder| core.record(recorder.part()));
        self.rounds.lock().insert(core.id, Arc::clone(&core));
        // The crew's own jobs wait for this one from now on: whoever would close a circle is told.
        let waiting = who::wait_for(core.id, || core.title()).ok();
        let team = Team { core, workers: Arc::clone(&self.workers), attempts: None };
        Open { crew: self, entered, team, _waiting: waiting }
    }
}

/// A round that is being held.
struct Open<'c, J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    crew: &'c Crew<J, U, E>,
    /// Otherwise the crew has been stopped, and none of its jobs may begin.
    entered: bool,
    team: Team<'static, U, E, FailFast, super::Hands>,
    /// Until after the wait that comes of a panic.
    _waiting: Option<who::Waiting>,
}

/// Whichever way the round is left, nobody of it is out afterwards.
impl<J, U, E> Drop for Open<'_, J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    fn drop(&mut self) {
        let core: &Arc<Round<U, E>> = &self.team.core;
        if std::thread::panicking() {
            core.cancel(&stop::dropped());
            self.team.wait_idle(None);
        }
        let listed = self.crew.rounds.lock().remove(&core.id);
        drop(listed);
        if self.entered {
            self.crew.held.done();
        }
    }
}

/// The slot of a job that waits.
struct Lent<'c, J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    crew: &'c Crew<J, U, E>,
}

impl<'c, J, U, E> Lent<'c, J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    fn new(crew: &'c Crew<J, U, E>) -> Self {
        crew.change_size(|size| size.lent += 1);
        Self { crew }
    }
}

impl<J, U, E> Drop for Lent<'_, J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    fn drop(&mut self) {
        self.crew.change_size(|size| size.lent -= 1);
    }
}
