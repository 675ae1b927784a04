//! How the bodies of a group's members are called: again, twice, so often a second, and for how long.
//!
//! A group without these options has none of their cost: its members are launched as they are.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{Group, Spawner};
use crate::attempt::{Attempted, Attempts, tasks as attempt};
use crate::context::{Cancelled, Context};
use crate::group::settle::{Hand, Plain, Receive, Settle};
use crate::group::{FromMember, Policy, Root};
use crate::roll::Name;
use crate::sync::Relaxed;

/// How bodies are called. For members that are launched afterwards.
impl<T, E, P> Group<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
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
    /// use headcount::{Context, task};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let twice = ConstantBuilder::default().with_delay(Duration::from_secs(1)).with_max_times(2);
    /// let group = task::Group::new(&Context::background()).retry(twice);
    /// let calls = Arc::new(AtomicU32::new(0));
    /// group.spawn_repeatable(move |_| {
    ///     let call = calls.fetch_add(1, Ordering::Relaxed);
    ///     async move { if call < 2 { Err("busy") } else { Ok(call) } }
    /// });
    /// assert_eq!(group.wait().await?, [2]); // after two more attempts
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "retry")]
    pub fn retry(self, policy: impl crate::RetryPolicy) -> Self {
        self.configure(|attempts| attempts.set_retry(policy))
    }

    /// Which errors are worth another attempt: those that `f` says yes to. A timeout of [`timeout_each`](Self::timeout_each) is
    /// a [`Cancelled`] here.
    #[cfg(feature = "retry")]
    pub fn retry_if(
        self,
        f: impl Fn(&(dyn std::error::Error + 'static)) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.configure(|attempts| attempts.set_worth(Arc::new(f)))
    }

    /// Calls the body of a member a second time if the first call takes longer than `after`: against the slow one of many
    /// servers. The first value counts, and the other call is cancelled and dropped; if one of the two fails the other is
    /// waited for. Holds for members that are launched with [`spawn_repeatable`](Spawner::spawn_repeatable).
    ///
    /// Both calls share the member's slot and its task. A body that must not happen twice must not be hedged.
    #[track_caller]
    pub fn hedge_after(self, after: Duration) -> Self {
        let place = Location::caller();
        self.configure(|attempts| attempts.set_hedge(after, place))
    }

    /// No more than so many bodies are begun in a second, evenly: in bursts of up to a hundredth of that. Whoever waits for its
    /// turn has its slot.
    ///
    /// # Panics
    ///
    /// If it is zero: nobody could ever begin.
    #[cfg(feature = "rate")]
    #[track_caller]
    pub fn rate(self, per_second: u32) -> Self {
        let mut rate = Attempts::default();
        rate.set_rate(per_second);
        self.configure(|attempts| attempts.take_rate(rate))
    }

    /// Each call of a body has so much time: then it is dropped, and the member has failed with a [`Cancelled`] that says where
    /// this was asked for. A closure of [`spawn_blocking`](Spawner::spawn_blocking) cannot be stopped; its context is cancelled.
    ///
    /// ```
    /// use headcount::{Context, task};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let group = task::Group::<()>::new(&Context::background()).timeout_each(Duration::from_secs(1));
    /// group.spawn(|_| async { std::future::pending::<Result<(), &str>>().await });
    /// let late = group.wait().await.unwrap_err();
    /// assert!(late.to_string().contains("deadline exceeded"));
    /// # }
    /// ```
    #[track_caller]
    pub fn timeout_each(self, timeout: Duration) -> Self
    where
        E: FromMember<Cancelled>,
    {
        let place = Location::caller();
        self.configure(|attempts| attempts.set_timeout(timeout, place))
    }

    fn configure(self, change: impl FnOnce(&mut Attempts<E>)) -> Self {
        let mut court = self.core().court.lock();
        let mut attempts = court.attempts.as_deref().cloned().unwrap_or_default();
        change(&mut attempts);
        court.attempts = Some(Arc::new(attempts));
        drop(court);
        // Relaxed: who launches members had the group handed to it; that orders this too.
        self.core().kind.attempts.store(1, Relaxed);
        self
    }
}

impl<T, E, P> Spawner<T, E, P>
where
    T: Send + 'static,
    E: Root + Send + 'static,
    P: Policy<T, E> + 'static,
{
    /// Launches a member whose body may be called several times: as often as the group's `retry` and
    /// [`hedge_after`](Group::hedge_after) say.
    ///
    /// Without such an option it is the same as [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_repeatable<F, Fut, X>(&self, f: F)
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, X>> + Send + 'static,
        X: 'static,
        E: FromMember<X>,
    {
        let place = Location::caller();
        match self.attempts() {
            None => self.launch(None, 1, place, f, Plain),
            Some(attempts) => {
                self.launch(None, 1, place, attempt::bind(attempts, f), Attempted(Plain));
            }
        }
    }

    /// Launches a member whose body is called once, in its turn and its time.
    #[track_caller]
    pub(super) fn begin<F, Fut, U, X, S>(
        &self,
        name: Option<Name>,
        weight: usize,
        place: &'static Location<'static>,
        f: F,
        settle: S,
    ) where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<U, X>> + Send + 'static,
        X: 'static,
        S: Settle<T, E, Result<U, X>> + Receive<T, E, U> + Hand + Send + 'static,
        E: FromMember<X>,
        U: Send + 'static,
    {
        match self.attempts() {
            None => self.launch(name, weight, place, f, settle),
            Some(attempts) => {
                self.launch(name, weight, place, attempt::bind_once(attempts, f), Attempted(settle));
            }
        }
    }

    /// How bodies are called, if not just once.
    #[inline]
    pub(super) fn attempts(&self) -> Option<Arc<Attempts<E>>> {
        // Relaxed: see `configure`.
        if self.core().kind.attempts.load(Relaxed) == 0 {
            return None;
        }
        self.core().court.lock().attempts.clone()
    }
}
