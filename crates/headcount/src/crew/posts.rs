//! Jobs that nobody waits for.
//!
//! They are one group for as long as the crew lives, in flat memory: nothing is kept of those that are over, but for the first
//! that failed. A failure travels to the group's policy inside the error that the job ends with, because only the policy
//! knows who ended and who was first.

use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::Crew;
use crate::context::{Cancelled, Context};
use crate::group::ended::{Ended, Failure};
use crate::group::settle::Plain;
use crate::group::{
    GroupError, Member, MemberError, Outcome, PanicReport, Policy, Root, Tally, Title, Verdict, consequence,
    panics,
};
use crate::thread::team::Launched;
use crate::wait::lock::Lock;

/// A posted job has failed.
pub(super) enum Noted<E> {
    /// Taken out by the policy, if it was the first.
    Failed(Box<Lock<Option<MemberError<E>>>>),
    /// It was cancelled.
    Cancelled(Cancelled),
}

impl<E: Root> fmt::Display for Noted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(kept) => {
                // Out of the lock, and back whatever comes: the text is made by foreign code.
                let failure = kept.lock().take();
                let text = failure.as_ref().and_then(|failure| panics::try_quietly(|| failure.to_string()));
                *kept.lock() = failure;
                f.write_str(text.as_deref().unwrap_or("a posted job failed"))
            }
            Self::Cancelled(why) => write!(f, "{why}"),
        }
    }
}

impl<E: Root> fmt::Debug for Noted<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: Root> Error for Noted<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Failed(_) => None,
            Self::Cancelled(why) => Some(why),
        }
    }
}

/// The first posted job that failed, where the crew finds it.
pub(super) struct Posted<E>(Arc<Lock<Option<Kept<E>>>>);

/// Who, and how.
type Kept<E> = (Member, MemberError<E>);

impl<E> Default for Posted<E> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<E: Root> Posted<E> {
    /// Takes it out, as the error of the group `title`.
    pub(super) fn take_error(&self, title: Title, tally: Tally) -> Option<GroupError<E>> {
        let (member, error) = self.take()?;
        let failures = vec![Failure { member, error, by_hand: false }];
        Some(GroupError::new(title, failures, tally, None))
    }

    pub(super) fn take(&self) -> Option<Kept<E>> {
        self.0.lock().take()
    }
}

/// Goes on whatever happens, and keeps the first failure.
pub(super) struct FirstFailure<E> {
    kept: Posted<E>,
    seen: bool,
}

impl<E> FirstFailure<E> {
    pub(super) fn new(kept: &Posted<E>) -> Self {
        Self { kept: Posted(Arc::clone(&kept.0)), seen: false }
    }
}

impl<E: Send> Policy<(), Noted<E>> for FirstFailure<E>
where
    E: 'static,
{
    const KEEPS: bool = false;
    const JUDGES_VALUES: bool = false;
    type Output = Tally;

    fn judge(&mut self, outcome: &Outcome<'_, (), Noted<E>>) -> Verdict {
        if let Outcome::Failed(member, MemberError::Failed(Noted::Failed(failure))) = outcome {
            if !self.seen {
                self.seen = true;
                let failure = failure.lock().take();
                *self.kept.0.lock() = failure.map(|failure| ((*member).clone(), failure));
            }
        }
        Verdict::Continue
    }

    fn output(self, ended: Ended<(), Noted<E>>) -> Tally {
        ended.tally()
    }
}

impl<J, U, E> Crew<J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send,
{
    /// Leaves a job with the crew and returns at once. What it returns is dropped; the first posted job that fails, or panics, is
    /// told by [`stop`](Self::stop), and the others are counted.
    ///
    /// # Errors
    ///
    /// [`PostError`] with the job in it, if the crew has been stopped or its context is cancelled.
    #[track_caller]
    pub fn post(&self, job: J) -> Result<(), PostError<J>> {
        let place = Location::caller();
        let cancelled = self.ctx.cancelled_because();
        if cancelled.is_some() || !self.enter(false) {
            return Err(PostError { title: self.posts.core.title(), why: cancelled, job });
        }
        let work = Arc::clone(&self.work);
        let who = Launched { name: None, weight: 1, hand: None, place };
        self.posts.launch(who, Plain, move |ctx| done(ctx, panics::catch(|| work(ctx, job).map(drop))));
        self.held.done();
        Ok(())
    }
}

/// What came of a posted job, as its group is told.
fn done<E: Root>(ctx: &Context, output: Result<Result<(), E>, panics::Payload>) -> Result<(), Noted<E>> {
    let failure = match output {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => {
            let why = ctx.cancelled_because();
            if let Some(why) = why.filter(|why| consequence::is_consequence(error.as_error(), why)) {
                panics::drop_quietly(error);
                return Err(Noted::Cancelled(why));
            }
            MemberError::Failed(error)
        }
        Err(payload) => MemberError::Panicked(PanicReport::new(payload)),
    };
    Err(Noted::Failed(Box::new(Lock::new(Some(failure)))))
}

/// A job was not taken by [`Crew::post`]; it is given back.
pub struct PostError<J> {
    title: Title,
    /// Why the crew's context is cancelled; nothing if the crew was stopped.
    why: Option<Cancelled>,
    job: J,
}

impl<J> PostError<J> {
    /// Why the crew's context is cancelled, if that is the reason.
    #[must_use]
    pub fn cancelled(&self) -> Option<&Cancelled> {
        self.why.as_ref()
    }

    /// The job.
    #[must_use]
    pub fn into_job(self) -> J {
        self.job
    }
}

impl<J> fmt::Display for PostError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} takes no more jobs: ", self.title)?;
        match &self.why {
            Some(why) => write!(f, "{why}"),
            None => f.write_str("it has been stopped"),
        }
    }
}

impl<J> fmt::Debug for PostError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostError: {self}")
    }
}

impl<J> Error for PostError<J> {}
