//! Alarms: waiting for a time without a thread.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::Shared;
use crate::locked;

/// Who waits for which time. The number tells apart who waits for the same.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: BTreeMap<(Instant, u64), Waker>,
    last: u64,
}

impl Alarms {
    /// Those whose time has come, each once.
    pub(super) fn take_due(&mut self) -> Vec<Waker> {
        let mut due = Vec::new();
        if self.set.is_empty() {
            return due;
        }
        let now = Instant::now();
        while let Some(first) = self.set.first_entry() {
            if first.key().0 > now {
                break;
            }
            due.push(first.remove());
        }
        due
    }

    /// How long until the first.
    pub(super) fn left(&self) -> Option<Duration> {
        let ((due, _), _) = self.set.first_key_value()?;
        Some(due.saturating_duration_since(Instant::now()))
    }
}

/// Waits for a time. In a hand only (rule H2 of the room).
struct Alarm {
    /// None if it is beyond the end of time.
    due: Option<Instant>,
    /// Where it stands, while it does.
    place: Option<(Arc<Shared>, (Instant, u64))>,
}

impl Alarm {
    fn new(after: Duration) -> Self {
        Self { due: Instant::now().checked_add(after), place: None }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else { return Poll::Pending };
        if due <= Instant::now() {
            return Poll::Ready(());
        }
        if self.place.is_none() {
            let Ok(shared) = Shared::mine() else {
                // No hand, so there is nobody to be held up by that.
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                return Poll::Ready(());
            };
            let mut inner = locked(&shared.inner);
            inner.alarms.last += 1;
            let key = (due, inner.alarms.last);
            drop(inner);
            self.place = Some((shared, key));
        }
        if let Some((shared, key)) = &self.place {
            locked(&shared.inner).alarms.set.insert(*key, cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((shared, key)) = self.place.take() {
            let waker = locked(&shared.inner).alarms.set.remove(&key);
            drop(waker);
        }
    }
}

/// Waits so long.
pub(crate) async fn sleep(time: Duration) {
    Alarm::new(time).await;
}

/// Lets everybody else have a turn first.
pub(crate) async fn pass() {
    let mut passed = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut passed, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What comes of the future, if it comes within this time.
pub(crate) async fn within<F: Future>(limit: Option<Duration>, future: F) -> Option<F::Output> {
    let Some(limit) = limit else { return Some(future.await) };
    let (mut future, mut alarm) = (pin!(future), pin!(Alarm::new(limit)));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => alarm.as_mut().poll(cx).map(|()| None),
    })
    .await
}
