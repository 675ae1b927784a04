//! Attempts: a member's body, called as often as its options say.
//!
//! ```text
//! retry ──► each attempt of it: hedge ──► each call of that: rate, timeout ──► the body
//! ```
//! An option that is further out knows nothing of those further in. A call waits for its place in the rate before its time
//! begins to run; a hedge is one more call of the same attempt; whether to try again is asked when an attempt has failed.
//!
//! Whoever is cancelled between two attempts, or while it waits for its place, has not failed: it is as cancelled as one that
//! never began. So what comes of a body is a value, a failure, or a cancellation.
//!
//! | file | idea |
//! |---|---|
//! | `retry` | whether to try again, and after how long |
//! | `rate`, `gate` | so many calls a second; one after the other |
//! | `tasks` | a body that is awaited |
//! | `threads` | a body that blocks |
//! | `race` | two calls of one that blocks: rules A1 to A3 |

#[cfg(feature = "rate")]
mod gate;
pub(crate) mod race;
#[cfg(feature = "rate")]
mod rate;
#[cfg(feature = "retry")]
mod retry;
pub(crate) mod tasks;
pub(crate) mod threads;

#[cfg(feature = "retry")]
use std::error::Error;
use std::fmt;
use std::panic::Location;
#[cfg(feature = "retry")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "rate")]
use self::rate::Rate;
#[cfg(feature = "retry")]
use self::retry::Retry;
#[cfg(feature = "retry")]
pub use self::retry::RetryPolicy;
use crate::context::{Cancelled, Context};
use crate::group::FromMember;
use crate::group::ending::Ending;
use crate::group::settle::{Hand, Receive, Settle};

/// Decides whether an error is worth another attempt.
#[cfg(feature = "retry")]
pub(crate) type Worth = Arc<dyn Fn(&(dyn Error + 'static)) -> bool + Send + Sync>;

/// How the bodies of members are called; `E` is what their failures become.
pub(crate) struct Attempts<E> {
    #[cfg(feature = "retry")]
    retry: Option<Retry>,
    hedge: Option<Hedge>,
    #[cfg(feature = "rate")]
    rate: Option<Rate>,
    timeout: Option<Timeout<E>>,
}

/// When a body is called a second time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hedge {
    pub(crate) after: Duration,
    /// Where that was asked for.
    pub(crate) place: &'static Location<'static>,
}

/// How long one call may take.
struct Timeout<E> {
    after: Duration,
    place: &'static Location<'static>,
    expired: fn(Cancelled) -> E,
}

/// A body did not come to a value.
#[derive(Debug)]
pub(crate) enum Unfinished<E> {
    /// Its last attempt failed.
    Failed(E),
    /// It was cancelled between two attempts, or before the first.
    #[cfg_attr(
        not(any(feature = "retry", feature = "rate")),
        expect(dead_code, reason = "there is nothing to wait for")
    )]
    Cancelled(Cancelled),
}

impl<E> Attempts<E> {
    /// Whether a body has to be called more than once, perhaps.
    pub(crate) fn repeats(&self) -> bool {
        #[cfg(feature = "retry")]
        if self.retry.is_some() {
            return true;
        }
        self.hedge.is_some()
    }

    #[cfg(feature = "retry")]
    pub(crate) fn set_retry(&mut self, policy: impl RetryPolicy) {
        self.retry.get_or_insert_default().set_policy(policy);
    }

    #[cfg(feature = "retry")]
    pub(crate) fn set_worth(&mut self, worth: Worth) {
        self.retry.get_or_insert_default().set_worth(worth);
    }

    pub(crate) fn hedge(&self) -> Option<Hedge> {
        self.hedge
    }

    pub(crate) fn set_hedge(&mut self, after: Duration, place: &'static Location<'static>) {
        self.hedge = Some(Hedge { after, place });
    }

    /// Takes over the rate of another one.
    #[cfg(feature = "rate")]
    pub(crate) fn take_rate(&mut self, other: Self) {
        self.rate = other.rate;
    }

    #[cfg(feature = "rate")]
    #[track_caller]
    pub(crate) fn set_rate(&mut self, per_second: u32) {
        self.rate = Some(Rate::new(per_second));
    }

    pub(crate) fn set_timeout(&mut self, after: Duration, place: &'static Location<'static>)
    where
        E: FromMember<Cancelled>,
    {
        self.timeout = Some(Timeout { after, place, expired: E::from_member });
    }
}

impl<E> Timeout<E> {
    /// A context for one call.
    fn below(&self, ctx: &Context) -> Context {
        match ctx.now().checked_add(self.after) {
            Some(deadline) => ctx.with_deadline_of(deadline, self.place),
            // Beyond the end of time.
            None => ctx.clone(),
        }
    }
}

impl<E> Default for Attempts<E> {
    fn default() -> Self {
        Self {
            #[cfg(feature = "retry")]
            retry: None,
            hedge: None,
            #[cfg(feature = "rate")]
            rate: None,
            timeout: None,
        }
    }
}

impl<E> Clone for Attempts<E> {
    fn clone(&self) -> Self {
        Self {
            #[cfg(feature = "retry")]
            retry: self.retry.clone(),
            hedge: self.hedge,
            #[cfg(feature = "rate")]
            rate: self.rate.clone(),
            timeout: self.timeout.as_ref().map(|timeout| Timeout { ..*timeout }),
        }
    }
}

impl<E> fmt::Debug for Attempts<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").field("repeats", &self.repeats()).finish_non_exhaustive()
    }
}

/// Settles the output of a body that was called with attempts; the value goes where `S` puts it.
#[derive(Debug)]
pub(crate) struct Attempted<S>(pub(crate) S);

impl<S: Hand> Hand for Attempted<S> {
    fn hand(&self) -> Option<&Context> {
        self.0.hand()
    }

    fn take_hand(&mut self) -> Option<Context> {
        self.0.take_hand()
    }
}

impl<T, E, U, S> Settle<T, E, Result<U, Unfinished<E>>> for Attempted<S>
where
    S: Receive<T, E, U>,
{
    fn settle(&mut self, output: Result<U, Unfinished<E>>) -> Ending<T, E> {
        match output {
            Ok(value) => self.0.receive(value),
            Err(Unfinished::Failed(error)) => Ending::Error(error),
            Err(Unfinished::Cancelled(why)) => Ending::Unbegun(why),
        }
    }
}
