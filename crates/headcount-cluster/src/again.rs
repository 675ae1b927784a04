//! Asking an engine again that did not answer.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::store::StoreError;

/// The wait before a step is asked for again: longer each time, and never the same for two who were turned away at once.
#[derive(Debug)]
pub(crate) struct Again(Duration);

const FIRST: Duration = Duration::from_millis(20);
const MOST: Duration = Duration::from_secs(1);

impl Again {
    pub(crate) fn new() -> Self {
        Self(FIRST)
    }

    pub(crate) async fn pause(&mut self) {
        sleep(jittered(self.0)).await;
        self.0 = (self.0 * 2).min(MOST);
    }
}

/// About so long: from half to one and a half of it.
pub(crate) fn jittered(time: Duration) -> Duration {
    // Each has other keys, so that the hash of nothing is another number each time.
    let thousandths = RandomState::new().hash_one(0) % 1000;
    time / 2 + time * u32::try_from(thousandths).unwrap_or(500) / 1000
}

/// Asks until there is an answer, or an error that will not pass, or patience is over.
pub(crate) async fn within<T, F>(
    patience: Duration,
    mut step: impl FnMut() -> F + Send,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>> + Send,
{
    let (begin, mut again) = (Instant::now(), Again::new());
    loop {
        match step().await {
            Err(error) if error.is_passing() && begin.elapsed() < patience => {
                drop(error);
                again.pause().await;
            }
            answer => return answer,
        }
    }
}
