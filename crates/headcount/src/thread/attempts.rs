//! How the bodies of a group's members are called: again, twice, so often a second, and for how long.
//!
//! A scope without these options has none of their cost: its members are launched as they are.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::Scope;
#[cfg(doc)]
use super::Spawner;
use super::hedger::Hedger;
use super::launch::Launch;
use crate::attempt::Attempts;
use crate::attempt::threads::{Bound, attempt, bind_once, once};
use crate::context::{Canceller, Context};
use crate::group::{FromMember, Policy, Root};

/// How bodies are called.
impl<T, E, P> Scope<T, E, P>
where
    E: Root + Send,
    P: Policy<T, E>,
{
    /// Calls the body of a member again if it fails, after the delays of `policy`: one of `backon`'s builders. Holds for members
    /// that are launched with [`spawn_repeatable`](Spawner::spawn_repeatable); the others can be called only once.
    ///
    /// Every error is worth another attempt, unless [`retry_if`](Self::retry_if) says otherwise; a panic never is. Who waits
    /// between two attempts keeps its slot. When the group is cancelled there is no further attempt, and a member that was
    /// waiting for one has been cancelled, not failed. Otherwise the error is that of the last attempt.
    ///
    /// ```
    /// use backon::ConstantBuilder;
    /// use headcount::{Context, thread};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    ///
    /// let calls = AtomicU32::new(0);
    /// let twice = ConstantBuilder::default().with_delay(Duration::from_millis(1)).with_max_times(2);
    /// let values = thread::Scope::new(&Context::background()).retry(twice).run(|group| {
    ///     group.spawn_repeatable(|_| match calls.fetch_add(1, Ordering::Relaxed) {
    ///         0 | 1 => Err("busy"),
    ///         calls => Ok(calls),
    ///     });
    /// })?;
    /// assert_eq!(values, [2]); // after two more attempts
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    #[cfg(feature = "retry")]
    pub fn retry(mut self, policy: impl crate::RetryPolicy) -> Self {
        self.attempts.get_or_insert_default().set_retry(policy);
        self
    }

    /// Which errors are worth another attempt: those that `f` says yes to. A timeout of [`timeout_each`](Self::timeout_each) is a
    /// [`Cancelled`](crate::Cancelled) here.
    #[cfg(feature = "retry")]
    pub fn retry_if(
        mut self,
        f: impl Fn(&(dyn std::error::Error + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.attempts.get_or_insert_default().set_worth(Arc::new(f));
        self
    }

    /// Calls the body of a member a second time, on another thread, if the first call takes longer than `after`: against the slow
    /// one of many servers. The first value counts, and the other call's context is cancelled; if one of the two fails the
    /// other is waited for. Holds for members that are launched with [`spawn_repeatable`](Spawner::spawn_repeatable).
    ///
    /// A thread cannot be stopped: the member ends when both calls have, so a body that is hedged has to heed its context. Both
    /// calls share the member's slot. A body that must not happen twice must not be hedged.
    ///
    /// ```
    /// use headcount::{Context, thread};
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    ///
    /// let calls = AtomicU32::new(0);
    /// let scope = thread::Scope::new(&Context::background()).hedge_after(Duration::from_millis(5));
    /// let answers = scope.run(|group| {
    ///     group.spawn_repeatable(|ctx| match calls.fetch_add(1, Ordering::Relaxed) {
    ///         0 => ctx.sleep(Duration::from_secs(60)).map(|()| "slow"), // cut short when the other has answered
    ///         _ => Ok("fast"),
    ///     });
    /// })?;
    /// assert_eq!(answers, ["fast"]);
    /// # Ok::<(), headcount::GroupError>(())
    /// ```
    ///
    /// # Cost
    ///
    /// Two allocations and a context for each call. A thread that watches the time while there are calls, and one for each second
    /// call; where the system gives none there is no second call.
    #[track_caller]
    pub fn hedge_after(mut self, after: Duration) -> Self {
        self.attempts.get_or_insert_default().set_hedge(after, Location::caller());
        self
    }

    /// No more than so many bodies are begun in a second, evenly: in bursts of up to a hundredth of that. Whoever waits for its
    /// turn has its slot.
    ///
    /// # Panics
    ///
    /// If it is zero: nobody could ever begin.
    #[cfg(feature = "rate")]
    #[track_caller]
    pub fn rate(mut self, per_second: u32) -> Self {
        self.attempts.get_or_insert_default().set_rate(per_second);
        self
    }

    /// Each call of a body has so much time: its context is cancelled then. A thread cannot be stopped; the body has to heed it, and
    /// what it returns counts.
    ///
    /// ```
    /// use headcount::{Context, thread};
    /// use std::time::Duration;
    ///
    /// let scope = thread::Scope::<()>::new(&Context::background()).timeout_each(Duration::from_millis(1));
    /// let late = scope.run(|group| group.spawn(|ctx| ctx.sleep(Duration::from_secs(60)))).unwrap_err();
    /// assert!(late.to_string().contains("deadline exceeded"));
    /// ```
    #[track_caller]
    pub fn timeout_each(mut self, timeout: Duration) -> Self
    where
        E: crate::FromMember<crate::Cancelled>,
    {
        self.attempts.get_or_insert_default().set_timeout(timeout, Location::caller());
        self
    }
}

/// How the bodies of a group are called, if not just once. `L` starts the threads of second calls.
pub(crate) struct Bodies<'scope, E, L> {
    attempts: Arc<Attempts<E>>,
    hedger: Option<Arc<Hedger<'scope, L>>>,
}

impl<E, L> Clone for Bodies<'_, E, L> {
    fn clone(&self) -> Self {
        Self { attempts: Arc::clone(&self.attempts), hedger: self.hedger.clone() }
    }
}

/// A body that can be called again.
type Again<'scope, U, E> = Arc<dyn Fn(&Context) -> Result<U, E> + Send + Sync + 'scope>;

impl<'scope, E: Root + Send + 'scope, L: Launch<'scope>> Bodies<'scope, E, L> {
    /// As `attempts` say, below `ctx`. Second calls begin until the canceller is dropped.
    pub(super) fn open(
        attempts: Option<Attempts<E>>,
        ctx: &Context,
        launch: L,
    ) -> (Option<Self>, Option<Canceller>) {
        let Some(attempts) = attempts else { return (None, None) };
        let hedger = attempts.hedge().map(|hedge| Hedger::open(ctx, hedge, launch));
        let (hedger, canceller) = hedger.unzip();
        (Some(Self { attempts: Arc::new(attempts), hedger }), canceller)
    }

    /// Binds a body that can be called only once.
    pub(super) fn bind_once<F, U, X>(&self, body: F) -> Bound<'scope, U, E>
    where
        F: FnOnce(&Context) -> Result<U, X> + Send + 'scope,
        E: FromMember<X>,
    {
        bind_once(Arc::clone(&self.attempts), body)
    }

    /// Binds a body that can be called again.
    pub(super) fn bind<F, U, X>(&self, body: F) -> Bound<'scope, U, E>
    where
        F: Fn(&Context) -> Result<U, X> + Send + Sync + 'scope,
        U: Send + 'scope,
        E: FromMember<X>,
    {
        self.clone().bound(Arc::new(move |ctx| body(ctx).map_err(E::from_member)))
    }

    fn bound<U: Send + 'scope>(self, body: Again<'scope, U, E>) -> Bound<'scope, U, E> {
        let Self { attempts, hedger } = self;
        Box::new(move |ctx| {
            attempt(&attempts, ctx, &mut || {
                let first = |ctx: &Context| once(&attempts, ctx, &*body);
                let Some(hedger) = &hedger else { return first(ctx) };
                let (attempts, body) = (Arc::clone(&attempts), Arc::clone(&body));
                hedger.call(ctx, first, move |ctx| once(&attempts, ctx, &*body))
            })
        })
    }
}

impl<E, L> fmt::Debug for Bodies<'_, E, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bodies").field("attempts", &self.attempts).field("hedger", &self.hedger).finish()
    }
}
