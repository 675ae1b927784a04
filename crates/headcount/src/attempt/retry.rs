//! Whether to try again, and after how long.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::Worth;
use crate::group::panics;

type Delays = Box<dyn Iterator<Item = Duration> + Send>;

/// When to try again.
#[derive(Clone)]
pub(super) struct Retry {
    delays: Arc<dyn Fn() -> Delays + Send + Sync>,
    worth: Option<Worth>,
}

/// As `backon` has it: three more attempts, after one, two and four seconds.
impl Default for Retry {
    fn default() -> Self {
        Self { delays: delays(ExponentialBuilder::default()), worth: None }
    }
}

fn delays<P: RetryPolicy>(policy: P) -> Arc<dyn Fn() -> Delays + Send + Sync> {
    Arc::new(move || policy.delays())
}

/// When to try again: any of `backon`'s builders, `ExponentialBuilder` say, or `ConstantBuilder`.
///
/// There is nothing to implement here: everything that is a [`BackoffBuilder`] is one of these.
pub trait RetryPolicy: Send + Sync + 'static {
    /// How long to wait before each further attempt; as many as there are to be.
    fn delays(&self) -> Box<dyn Iterator<Item = Duration> + Send>;
}

impl<P> RetryPolicy for P
where
    P: BackoffBuilder<Backoff: Send + 'static> + Clone + Send + Sync + 'static,
{
    fn delays(&self) -> Box<dyn Iterator<Item = Duration> + Send> {
        Box::new(self.clone().build())
    }
}

impl Retry {
    pub(super) fn set_policy(&mut self, policy: impl RetryPolicy) {
        self.delays = delays(policy);
    }

    pub(super) fn set_worth(&mut self, worth: Worth) {
        self.worth = Some(worth);
    }

    /// How long to wait before each further attempt.
    pub(super) fn delays(&self) -> Delays {
        (self.delays)()
    }

    /// Whether an attempt that ended with `error` is worth another one. Not if asking panics.
    pub(super) fn is_worth(&self, error: &(dyn Error + 'static)) -> bool {
        let Some(worth) = &self.worth else { return true };
        panics::try_quietly(|| worth(error)).unwrap_or(false)
    }
}
