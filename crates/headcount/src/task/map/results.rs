//! The values of a spawned map, one by one.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use super::outlet::Queue;
use crate::group::panics::{self, Payload};
use crate::group::{BoxError, GroupError};

/// What waits for all members, and gives what comes of the map.
pub(super) type End<E> = Pin<Box<dyn Future<Output = Result<(), GroupError<E>>> + Send>>;

/// Ends the map because whoever takes its values has panicked.
pub(super) type Stop = Box<dyn Fn(Payload) + Send + Sync>;

/// The values of a map's members, one by one; from [`Spawned::stream`](super::Spawned::stream).
///
/// Dropped before its end, it calls the members off.
#[must_use = "a map whose results are dropped calls its members off"]
pub struct MapResults<T: Send + 'static, E = BoxError> {
    queue: Arc<Queue<T>>,
    /// Until all members are over.
    end: Option<End<E>>,
    /// What is to be said then.
    error: Option<GroupError<E>>,
    stop: Stop,
}

impl<T: Send + 'static, E> MapResults<T, E> {
    pub(super) fn new(queue: Arc<Queue<T>>, end: End<E>, stop: Stop) -> Self {
        Self { queue, end: Some(end), error: None, stop }
    }

    pub(super) fn stop(&self, payload: Payload) {
        (self.stop)(payload);
    }

    /// The next value; the error, if anything went wrong, after the last one; then nothing.
    ///
    /// # Errors
    ///
    /// [`GroupError`]: which item failed, and why. The values of others that ended meanwhile come before it.
    ///
    /// # Panics
    ///
    /// When all members are over, with the payload of the first that panicked, if the map's panics are to be resumed.
    ///
    /// # Cancel safety
    ///
    /// The future may be dropped at any time; no value is lost.
    pub async fn next(&mut self) -> Option<Result<T, GroupError<E>>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`next`](Self::next), for those who poll by hand.
    ///
    /// # Panics
    ///
    /// As [`next`](Self::next).
    pub fn poll_next(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Result<T, GroupError<E>>>> {
        if let Some(value) = self.queue.take(cx.waker()) {
            return Poll::Ready(Some(Ok(value)));
        }
        if let Some(end) = &mut self.end {
            let ended = match panics::catch(|| end.as_mut().poll(cx)) {
                Ok(ended) => ready!(ended),
                Err(payload) => {
                    self.end = None;
                    panics::resume(payload)
                }
            };
            self.end = None;
            self.error = ended.err();
        }
        // What was put in by those who are gone by now.
        if let Some(value) = self.queue.take(cx.waker()) {
            return Poll::Ready(Some(Ok(value)));
        }
        Poll::Ready(self.error.take().map(Err))
    }
}

/// With the feature `stream`, so that the combinators of `futures` and `tokio-stream` apply.
#[cfg(feature = "stream")]
impl<T: Send + 'static, E> futures_core::Stream for MapResults<T, E> {
    type Item = Result<T, GroupError<E>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        MapResults::poll_next(self.get_mut(), cx)
    }
}

impl<T: Send + 'static, E> fmt::Debug for MapResults<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("task::MapResults").field("over", &self.end.is_none()).finish_non_exhaustive()
    }
}
