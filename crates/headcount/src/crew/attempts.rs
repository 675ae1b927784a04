//! How a crew's jobs are called: again, so often a second, and for how long.
//!
//! The crew knows nothing of it: it is given work that makes the attempts. A job that may be called for more than once is
//! cloned for each call; who asks for that says so by its type.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{Crew, Work};
#[cfg(feature = "retry")]
use crate::attempt::threads::attempt;
use crate::attempt::threads::once;
use crate::attempt::{Attempts, Unfinished};
use crate::context::{Cancelled, Context};
use crate::group::{FromMember, Root};

/// What the work was before there were attempts, and how it is called.
pub(super) struct Calls<J, U, E> {
    work: Arc<Work<J, U, E>>,
    attempts: Attempts<E>,
    bind: Bind<J, U, E>,
}

/// Makes work that makes attempts.
type Bind<J, U, E> = fn(Attempts<E>, Arc<Work<J, U, E>>) -> Arc<Work<J, U, E>>;

/// One that was cancelled between two attempts ends with an error that its group recognizes as no failure.
fn told<E: Root + FromMember<Cancelled>>(unfinished: Unfinished<E>) -> E {
    <E as FromMember<Unfinished<E>>>::from_member(unfinished)
}

fn bind_once<J, U, E>(attempts: Attempts<E>, work: Arc<Work<J, U, E>>) -> Arc<Work<J, U, E>>
where
    J: 'static,
    U: 'static,
    E: Root + FromMember<Cancelled>,
{
    Arc::new(move |ctx: &Context, job| once(&attempts, ctx, |ctx| work(ctx, job)).map_err(told))
}

#[cfg(feature = "retry")]
fn bind<J, U, E>(attempts: Attempts<E>, work: Arc<Work<J, U, E>>) -> Arc<Work<J, U, E>>
where
    J: Clone + 'static,
    U: 'static,
    E: Root + FromMember<Cancelled>,
{
    Arc::new(move |ctx: &Context, job: J| {
        let end = attempt(&attempts, ctx, &mut || once(&attempts, ctx, |ctx| work(ctx, job.clone())));
        end.map_err(told)
    })
}

/// How jobs are called; for those that are given afterwards.
impl<J, U, E> Crew<J, U, E>
where
    J: Send + 'static,
    U: Send + 'static,
    E: Root + Send + FromMember<Cancelled>,
{
    /// Calls for a job again if it fails, after the delays of `policy`: one of `backon`'s builders.
    ///
    /// Every error is worth another attempt, unless [`retry_if`](Self::retry_if) says otherwise; a panic never is. A job that
    /// waits for its next attempt keeps its worker. When its round is cancelled there is no further attempt.
    ///
    /// ```
    /// use backon::ConstantBuilder;
    /// use headcount::{Context, Crew};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    ///
    /// let calls = AtomicU32::new(0);
    /// let soon = ConstantBuilder::default().with_delay(Duration::from_millis(1));
    /// let crew = Crew::new(&Context::background(), 1, move |_ctx, n: u32| {
    ///     if calls.fetch_add(1, Ordering::Relaxed) == 0 { Err("busy") } else { Ok(n) }
    /// });
    /// assert_eq!(crew.retry(soon).round([1, 2])?, [1, 2]);
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    #[cfg(feature = "retry")]
    pub fn retry(self, policy: impl crate::RetryPolicy) -> Self
    where
        J: Clone,
    {
        self.configure(Some(bind), |attempts| attempts.set_retry(policy))
    }

    /// Which errors are worth another attempt: those that `f` says yes to. A timeout of [`timeout_each`](Self::timeout_each) is a
    /// [`Cancelled`] here.
    #[cfg(feature = "retry")]
    pub fn retry_if(
        self,
        f: impl Fn(&(dyn std::error::Error + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self
    where
        J: Clone,
    {
        self.configure(Some(bind), |attempts| attempts.set_worth(Arc::new(f)))
    }

    /// No more than so many calls are begun in a second, of all rounds and posts together, evenly: in bursts of up to a hundredth
    /// of that. Whoever waits for its turn has its worker.
    ///
    /// # Panics
    ///
    /// If it is zero: nobody could ever begin.
    #[cfg(feature = "rate")]
    #[track_caller]
    pub fn rate(self, per_second: u32) -> Self {
        let mut rate = Attempts::default();
        rate.set_rate(per_second);
        self.configure(None, |attempts| attempts.take_rate(rate))
    }

    /// Each call for a job has so much time: its context is cancelled then. A thread cannot be stopped; the work has to heed it,
    /// and what it returns counts.
    #[track_caller]
    pub fn timeout_each(self, timeout: Duration) -> Self {
        let place = Location::caller();
        self.configure(None, |attempts| attempts.set_timeout(timeout, place))
    }

    /// Changes the attempts, and binds the work to them; from now on by `again`, if that is said.
    fn configure(mut self, again: Option<Bind<J, U, E>>, change: impl FnOnce(&mut Attempts<E>)) -> Self {
        let first = || Calls { work: Arc::clone(&self.work), attempts: Attempts::default(), bind: bind_once };
        let mut calls = self.calls.take().unwrap_or_else(first);
        change(&mut calls.attempts);
        calls.bind = again.unwrap_or(calls.bind);
        self.work = (calls.bind)(calls.attempts.clone(), Arc::clone(&calls.work));
        self.calls = Some(calls);
        self
    }
}
