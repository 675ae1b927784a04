//! Maps whose items are tried again, hedged, paced, or given so much time for each try.
//!
//! The map underneath knows nothing of it: it is given a body that makes the attempts. Only that body has to know whether it
//! can be called more than once, so `AGAIN` is part of the type: items that may be needed again must be `Clone`.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::attempt::{Attempts, Unfinished};
use crate::context::{Cancelled, Context};
use crate::group::{BoxError, FromMember, Panics, Root};
use crate::roll::Name;

/// A map whose items have attempts; from `retry`, `hedge_after` or `rate` of a [`task::Map`](crate::task::Map), a
/// [`task::Spawned`](crate::task::Spawned) or a [`thread::Map`](crate::thread::Map).
///
/// It runs as the map does. `AGAIN` says whether an item may be called for more than once; then it is cloned for each call.
///
/// # Cost
///
/// An attempt clones a context, and the item; a policy's delays are boxed. Maps without attempts have none of that.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "retry")] {
/// use backon::ConstantBuilder;
/// use headcount::thread;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
///
/// let calls = AtomicU32::new(0);
/// let soon = ConstantBuilder::default().with_delay(Duration::from_millis(1));
/// let pages = thread::map(["/", "/about"]).limit(1).retry(soon).run(|_ctx, page| {
///     if calls.fetch_add(1, Ordering::Relaxed) == 0 { Err("busy") } else { Ok(page.len()) }
/// });
/// assert_eq!(pages.unwrap(), [1, 6]);
/// assert_eq!(calls.into_inner(), 3);
/// # }
/// ```
#[must_use = "a map does nothing until it is run"]
pub struct MapAttempts<M, E = BoxError, const AGAIN: bool = true> {
    pub(crate) map: M,
    pub(crate) attempts: Attempts<E>,
}

/// How one was cancelled between two attempts is told as an error, which its map recognizes as no failure.
impl<E: Root + FromMember<Cancelled>> FromMember<Unfinished<E>> for E {
    fn from_member(error: Unfinished<E>) -> Self {
        match error {
            Unfinished::Failed(error) => error,
            Unfinished::Cancelled(why) => Self::from_member(why),
        }
    }
}

impl<M, E, const AGAIN: bool> MapAttempts<M, E, AGAIN> {
    pub(crate) fn new(map: M) -> Self {
        Self { map, attempts: Attempts::default() }
    }

    fn again(self) -> MapAttempts<M, E> {
        MapAttempts { map: self.map, attempts: self.attempts }
    }

    /// Calls for an item again if it fails, after the delays of `policy`: one of `backon`'s builders.
    ///
    /// Every error is worth another attempt, unless [`retry_if`](MapAttempts::retry_if) says otherwise; a panic never is. An item
    /// that waits for its next attempt keeps its slot. When the map is cancelled there is no further attempt.
    #[cfg(feature = "retry")]
    pub fn retry(mut self, policy: impl crate::RetryPolicy) -> MapAttempts<M, E> {
        self.attempts.set_retry(policy);
        self.again()
    }

    /// Which errors are worth another attempt: those that `f` says yes to.
    #[cfg(feature = "retry")]
    pub fn retry_if(
        mut self,
        f: impl Fn(&(dyn std::error::Error + 'static)) -> bool + Send + Sync + 'static,
    ) -> MapAttempts<M, E> {
        self.attempts.set_worth(std::sync::Arc::new(f));
        self.again()
    }

    /// No more than so many calls are begun in a second, of all items together, evenly: in bursts of up to a hundredth of that.
    ///
    /// # Panics
    ///
    /// If it is zero: none could ever begin.
    #[cfg(feature = "rate")]
    #[track_caller]
    pub fn rate(mut self, per_second: u32) -> Self {
        self.attempts.set_rate(per_second);
        self
    }

    /// Each call has so much time. On tasks it is dropped then; on threads its context is cancelled, which it has to heed. The
    /// item has failed with a [`Cancelled`], or is tried again.
    #[track_caller]
    pub fn timeout_each(mut self, timeout: Duration) -> Self
    where
        E: FromMember<Cancelled>,
    {
        self.attempts.set_timeout(timeout, Location::caller());
        self
    }

    /// Calls for an item a second time if the first call takes longer than `after`: against the slow one of many servers. The
    /// first value counts, and the other call is cancelled; if one of the two fails the other is waited for. Both share the
    /// item's slot.
    ///
    /// On tasks the other call is dropped. On threads it cannot be stopped and the item ends when both calls have, so the body
    /// has to heed its context; the second call runs on a thread of its own, where the system gives one.
    ///
    /// ```
    /// use headcount::thread;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use std::time::Duration;
    ///
    /// let calls = AtomicU32::new(0);
    /// let pages = thread::map(["/"]).hedge_after(Duration::from_millis(5)).run(|ctx, page| {
    ///     if calls.fetch_add(1, Ordering::Relaxed) == 0 {
    ///         ctx.sleep(Duration::from_secs(60))?; // cut short when the other has answered
    ///     }
    ///     Ok::<_, headcount::Cancelled>(page.len())
    /// });
    /// assert_eq!(pages.unwrap(), [1]);
    /// ```
    #[track_caller]
    pub fn hedge_after(mut self, after: Duration) -> MapAttempts<M, E> {
        self.attempts.set_hedge(after, Location::caller());
        self.again()
    }
}

/// The words of the map itself, wherever they are said.
pub(crate) trait Words: Sized {
    fn limit(self, n: usize) -> Self;
    fn context(self, ctx: &Context) -> Self;
    fn named(self, name: Name) -> Self;
    fn panics(self, panics: Panics) -> Self;
    fn in_order_of_ends(self) -> Self;
}

#[expect(private_bounds, reason = "these are the maps of this crate, and nobody else's")]
impl<M: Words, E, const AGAIN: bool> MapAttempts<M, E, AGAIN> {
    /// As the map's own `limit`.
    ///
    /// # Panics
    ///
    /// If `n` is zero.
    #[track_caller]
    pub fn limit(mut self, n: usize) -> Self {
        self.map = self.map.limit(n);
        self
    }

    /// As the map's own `context`.
    pub fn context(mut self, ctx: &Context) -> Self {
        self.map = self.map.context(ctx);
        self
    }

    /// As the map's own `named`.
    pub fn named(mut self, name: impl Into<Name>) -> Self {
        self.map = self.map.named(name.into());
        self
    }

    /// As the map's own `panics`.
    pub fn panics(mut self, panics: Panics) -> Self {
        self.map = self.map.panics(panics);
        self
    }

    /// As the map's own `as_finished`.
    pub fn as_finished(mut self) -> Self {
        self.map = self.map.in_order_of_ends();
        self
    }
}

impl<M: fmt::Debug, E, const AGAIN: bool> fmt::Debug for MapAttempts<M, E, AGAIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapAttempts").field("map", &self.map).field("attempts", &self.attempts).finish()
    }
}

/// Writes the words with which a map gets attempts, and those that it keeps then.
macro_rules! attempts {
    (impl[$($param:ident),*] $map:ty, error: $error:ident) => {
        impl<$($param),*> $map {
            /// Calls for an item again if it fails, after the delays of `policy`; see [`MapAttempts::retry`](crate::MapAttempts::retry).
            #[cfg(feature = "retry")]
            pub fn retry(self, policy: impl $crate::RetryPolicy) -> $crate::MapAttempts<Self, $error> {
                $crate::MapAttempts::<Self, $error>::new(self).retry(policy)
            }

            /// Calls for an item a second time if the first call takes longer than `after`; see
            /// [`MapAttempts::hedge_after`](crate::MapAttempts::hedge_after).
            #[track_caller]
            pub fn hedge_after(self, after: std::time::Duration) -> $crate::MapAttempts<Self, $error> {
                $crate::MapAttempts::<Self, $error>::new(self).hedge_after(after)
            }

            /// No more than so many calls are begun in a second; see [`MapAttempts::rate`](crate::MapAttempts::rate).
            ///
            /// # Panics
            ///
            /// If it is zero: none could ever begin.
            #[cfg(feature = "rate")]
            #[track_caller]
            pub fn rate(self, per_second: u32) -> $crate::MapAttempts<Self, $error, false> {
                $crate::MapAttempts::<Self, $error, false>::new(self).rate(per_second)
            }
        }

        impl<$($param),*> $crate::map::attempts::Words for $map {
            #[track_caller]
            fn limit(self, n: usize) -> Self {
                self.limit(n)
            }
            fn context(self, ctx: &$crate::Context) -> Self {
                self.context(ctx)
            }
            fn named(self, name: $crate::Name) -> Self {
                self.named(name)
            }
            fn panics(self, panics: $crate::Panics) -> Self {
                self.panics(panics)
            }
            fn in_order_of_ends(self) -> Self {
                self.as_finished()
            }
        }
    };
}
pub(crate) use attempts;
