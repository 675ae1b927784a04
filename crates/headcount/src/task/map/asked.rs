//! The source in the hands of a lane, which asks it for items: one does at a time (`shelf`, T1).

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use super::lanes::Hub;
use super::shelf::Tray;
use super::source::Source;
use crate::group::{Root, panics};

/// See the top of this file. It is put back on the shelf when this is dropped, unless it is at its end.
pub(super) struct Asked<'l, S: Source, F, E: Root, P, K> {
    pub(super) hub: &'l Hub<S, F, E, P, K>,
    pub(super) tray: &'l Tray<S::Item>,
    pub(super) source: Option<Pin<Box<S>>>,
    /// How many items it gave.
    pub(super) gave: usize,
}

impl<S: Source, F, E: Root, P, K> Asked<'_, S, F, E, P, K> {
    /// Pulls up to `most` items, the first with the number `next`; more than one only if they are at hand.
    pub(super) fn pull(&mut self, next: usize, most: usize, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut left = most;
        while let Some(source) = &mut self.source {
            if left == 0 {
                break;
            }
            match panics::catch(|| {
                (left == most || source.at_hand() > 0).then(|| source.as_mut().poll_item(cx))
            }) {
                Ok(Some(Poll::Ready(Some(item)))) => {
                    self.tray.push((next + self.gave, item));
                    self.gave += 1;
                    left -= 1;
                }
                Ok(Some(Poll::Ready(None))) => {
                    if let Err(payload) = panics::catch(|| self.source = None) {
                        self.hub.docket.panicked("the map's source", payload);
                    }
                }
                Ok(Some(Poll::Pending)) if left == most => return Poll::Pending,
                Ok(None | Some(Poll::Pending)) => break,
                Err(payload) => {
                    self.hub.docket.panicked("the map's source", payload);
                    panics::drop_quietly(self.source.take());
                }
            }
        }
        Poll::Ready(())
    }
}

impl<S: Source, F, E: Root, P, K> Drop for Asked<'_, S, F, E, P, K> {
    fn drop(&mut self) {
        self.hub.shelf.lock().put_back(self.source.take(), self.gave);
    }
}
