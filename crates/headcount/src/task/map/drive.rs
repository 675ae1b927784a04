//! The map as one future: pulls items while there is room, and polls the members that were woken.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::slab::Slab;
use super::source::Source;
use crate::group::Root;
use crate::group::panics::{self, Payload};
use crate::map::docket::Docket;
use crate::map::tab::Spot;
use crate::who;

/// How many polls of members make one poll of the map; then it lets the other tasks of its thread run. As many as Tokio's
/// resources allow a task before they do the same.
const IN_ONE_GO: usize = 128;

/// What is made of the members' ends.
pub(super) trait Ends<O> {
    /// Whether the item `next` may be pulled.
    fn have_room(&self, next: usize) -> bool;

    /// The member of this item has ended: with its output, or a panic.
    fn take(&mut self, index: usize, end: Result<O, Payload>);

    /// It was dropped where it stood.
    fn called_off(&mut self, index: usize, gone: Result<(), Payload>);

    /// The source has panicked: there are no further items.
    fn source_panicked(&mut self, payload: Payload);
}

pin_project! {
    /// The members of a map, and where they come from.
    pub(super) struct Drive<'d, S, F, Fut, E, P, K> {
        // Nothing once it is at its end.
        #[pin]
        source: Option<S>,
        start: F,
        slab: Slab<Fut>,
        ends: K,
        // The number of the next item.
        next: usize,
        // How many more waits have begun than ended inside those who are out; of most nothing is kept.
        waits: BTreeMap<usize, i32>,
        docket: &'d Docket<E, P>,
        // Where it says how many are out.
        spot: Arc<Spot>,
    }
}

impl<'d, S, F, Fut, E, P, K> Drive<'d, S, F, Fut, E, P, K>
where
    E: Root,
    S: Source,
    F: FnMut(S::Item) -> Fut,
    Fut: Future,
    K: Ends<Fut::Output>,
{
    pub(super) fn new(source: S, start: F, limit: usize, ends: K, docket: &'d Docket<E, P>) -> Self {
        let (spot, waits) = (docket.tab.spot_of_tasks(), BTreeMap::new());
        Self { source: Some(source), start, slab: Slab::new(limit), ends, next: 0, waits, docket, spot }
    }

    /// Drops the members that are out where they stand.
    pub(super) fn call_off(self: Pin<&mut Self>) {
        let this = self.project();
        this.slab.call_off(|(index, gone)| this.ends.called_off(index, gone));
        for (index, _) in std::mem::take(this.waits) {
            who::gone(this.docket.here(index));
        }
        this.spot.counts(0);
    }

    /// Lets go of the source, when all is over; the number of the next item, if there was one and the map was cancelled before it.
    pub(super) fn close(self: Pin<&mut Self>) -> Option<usize> {
        let mut this = self.project();
        let more = this.source.as_ref().as_pin_ref();
        let more = more.and_then(|source| panics::try_quietly(|| !source.is_over())).unwrap_or(false);
        if let Err(payload) = close(this.source.as_mut()) {
            this.ends.source_panicked(payload);
        }
        more.then_some(*this.next)
    }
}

/// Notes how many more waits have begun than ended inside the member while it had its turn; those that are left when it is over
/// end with it.
#[inline]
fn note_waits<E: Root, P>(
    waits: &mut BTreeMap<usize, i32>,
    more: i32,
    index: usize,
    over: bool,
    docket: &Docket<E, P>,
) {
    if more == 0 && waits.is_empty() {
        return;
    }
    let left = waits.remove(&index).unwrap_or(0) + more;
    match left {
        0 => {}
        _ if over => who::gone(docket.here(index)),
        _ => _ = waits.insert(index, left),
    }
}

/// Drops the source, whose destructor is foreign code.
fn close<S>(mut source: Pin<&mut Option<S>>) -> Result<(), Payload> {
    panics::catch(|| source.set(None))
}

impl<S, F, Fut, E, P, K> Future for Drive<'_, S, F, Fut, E, P, K>
where
    E: Root,
    S: Source,
    F: FnMut(S::Item) -> Fut,
    Fut: Future,
    K: Ends<Fut::Output>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut this = self.project();
        let mut pending = false;
        // Once for all items that have a turn in this poll: what is of one item alone is its number.
        let _crowd = who::enter_crowd(this.docket.here(0));
        for _ in 0..IN_ONE_GO {
            // One who was woken, and then one who is new, so that neither kind waits for the other to give out.
            let woken = this.slab.next_woken();
            if let Some((slot, index)) = woken.and_then(|slot| Some((slot, this.slab.item(slot)?))) {
                let turn = who::turn(this.docket.number(index));
                let end = this.slab.poll(slot);
                let waits = turn.left();
                drop(turn);
                note_waits(this.waits, waits, index, end.is_some(), this.docket);
                if let Some((index, end)) = end {
                    this.ends.take(index, end);
                }
            }
            let open = this.source.as_ref().is_some() && !this.docket.ctx.is_cancelled();
            if open && !pending && this.slab.has_room() && this.ends.have_room(*this.next) {
                let Some(source) = this.source.as_mut().as_pin_mut() else { continue };
                match panics::catch(|| source.poll_item(cx)) {
                    Ok(Poll::Ready(Some(item))) => {
                        let index = *this.next;
                        *this.next += 1;
                        this.docket.begun(index);
                        let turn = who::turn(this.docket.number(index));
                        let end = match panics::catch(|| (this.start)(item)) {
                            Ok(future) => {
                                let slot = this.slab.insert(index, future);
                                this.slab.poll(slot)
                            }
                            Err(payload) => Some((index, Err(payload))),
                        };
                        let waits = turn.left();
                        drop(turn);
                        note_waits(this.waits, waits, index, end.is_some(), this.docket);
                        if let Some((index, end)) = end {
                            this.ends.take(index, end);
                        }
                    }
                    Ok(Poll::Ready(None)) => {
                        if let Err(payload) = close(this.source.as_mut()) {
                            this.ends.source_panicked(payload);
                        }
                    }
                    // It wakes the whole map.
                    Ok(Poll::Pending) => pending = true,
                    Err(payload) => {
                        this.ends.source_panicked(payload);
                        // The first panic counts.
                        close(this.source.as_mut()).unwrap_or_else(panics::drop_quietly);
                    }
                }
                continue;
            }
            if woken.is_some() {
                continue;
            }
            if !open && this.slab.is_empty() {
                this.spot.counts(0);
                return Poll::Ready(());
            }
            this.spot.counts(this.slab.out());
            if this.slab.sleep(cx.waker()) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
