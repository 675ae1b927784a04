//! One member, as its task polls it: begun at its first poll, told off when its page is, and counted back in after
//! everything of it is gone, on every way out.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use crate::context::Context;
use crate::group::core::{Core, Kind, SeatOf};
use crate::group::ending::{Ending, Riders, finish};
use crate::group::ending::{context, why_cancelled};
use crate::group::panics::{self, Payload};
use crate::group::settle::{Hand, Settle};
use crate::group::{Policy, Root, who};
use crate::who::threads::Pause;

pin_project! {
    /// A member's future, from its first poll on.
    #[project = StageProjection]
    #[project_replace = StageOwned]
    enum Stage<F, Fut> {
        Unbegun { f: F },
        Running { #[pin] future: Fut },
        Over,
    }
}

pin_project! {
    /// A member, from being registered to being counted back in.
    pub(crate) struct Attended<T, E, P, K, F, Fut, S>
    where
        E: Root,
        P: Policy<T, E>,
        K: Kind,
        Core<T, E, P, K>: Riders,
        S: Hand,
    {
        seat: Option<SeatOf<T, E, P, K>>,
        // Nothing, for most members: what is in every one of them is in every task.
        settle: S,
        #[pin]
        stage: Stage<F, Fut>,
        errors: PhantomData<fn() -> E>,
    }

    impl<T, E, P, K, F, Fut, S> PinnedDrop for Attended<T, E, P, K, F, Fut, S>
    where
        E: Root,
        P: Policy<T, E>,
        K: Kind,
        Core<T, E, P, K>: Riders,
        S: Hand,
    {
        fn drop(this: Pin<&mut Self>) {
            // Dropped by its executor, or out of the queue.
            let this = this.project();
            let Some(seat) = this.seat.take() else { return };
            let unbegun = matches!(*this.stage, Stage::Unbegun { .. });
            let why = why_cancelled(&seat, this.settle.hand()).filter(|_| unbegun);
            let ending = match (clear(this.stage), why) {
                (Err(payload), _) => Ending::Panicked(payload),
                (Ok(()), Some(why)) => Ending::Unbegun(why),
                (Ok(()), None) => called_off(&seat),
            };
            finish(seat, ending, this.settle.take_hand());
        }
    }
}

impl<T, E, P, K, F, Fut, S> Attended<T, E, P, K, F, Fut, S>
where
    E: Root,
    P: Policy<T, E>,
    K: Kind,
    Core<T, E, P, K>: Riders,
    S: Hand,
{
    pub(crate) fn new(seat: SeatOf<T, E, P, K>, settle: S, f: F) -> Self {
        let stage = Stage::Unbegun { f };
        Self { seat: Some(seat), settle, stage, errors: PhantomData }
    }
}

impl<T, E, P, K, F, Fut, S> Future for Attended<T, E, P, K, F, Fut, S>
where
    E: Root,
    P: Policy<T, E>,
    K: Kind,
    Core<T, E, P, K>: Riders,
    S: Hand,
    F: FnOnce(Context) -> Fut,
    Fut: Future,
    S: Settle<T, E, Fut::Output>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(seat) = this.seat.as_ref() else { return Poll::Ready(()) };
        let here = seat.here();
        let inside = who::enter(here);
        seat.pauses(Pause::None);
        let watched = seat.watched.enter();
        let polled = match begin(seat, this.settle.hand(), this.stage.as_mut()) {
            Ok(()) => step(seat, this.stage.as_mut(), this.settle, cx),
            Err(ending) => Poll::Ready(ending),
        };
        let Poll::Ready(ending) = polled else {
            seat.note_waits(inside.left());
            seat.pauses(who::pending::said_by(here));
            return Poll::Pending;
        };
        // G1: the future is gone before the seat ends. If its destructor panics, that is what came of the member.
        let ending = match clear(this.stage) {
            Ok(()) => ending,
            // Unless it had panicked already: the first payload counts.
            Err(payload) if matches!(ending, Ending::Panicked(_)) => {
                panics::drop_quietly(payload);
                ending
            }
            Err(payload) => {
                panics::drop_quietly(ending);
                Ending::Panicked(payload)
            }
        };
        seat.note_waits(inside.left());
        drop((watched, inside));
        if let Some(seat) = this.seat.take() {
            finish(seat, ending, this.settle.take_hand());
        }
        Poll::Ready(())
    }
}

/// Calls the member's closure, unless that was done, or need not be because the member is cancelled.
fn begin<T, E, P, K, F, Fut>(
    seat: &SeatOf<T, E, P, K>,
    hand: Option<&Context>,
    mut stage: Pin<&mut Stage<F, Fut>>,
) -> Result<(), Ending<T, E>>
where
    P: Policy<T, E>,
    K: Kind,
    F: FnOnce(Context) -> Fut,
{
    if !matches!(*stage, Stage::Unbegun { .. }) {
        return Ok(());
    }
    let ctx = context(seat, hand);
    if let Some(why) = ctx.cancelled_because() {
        return Err(Ending::Unbegun(why));
    }
    seat.begin();
    let StageOwned::Unbegun { f } = stage.as_mut().project_replace(Stage::Over) else { return Ok(()) };
    let future = panics::catch(|| f(ctx.clone())).map_err(Ending::Panicked)?;
    stage.project_replace(Stage::Running { future });
    Ok(())
}

/// Polls the member's future once.
fn step<T, E, P, K, F, Fut, S>(
    seat: &SeatOf<T, E, P, K>,
    stage: Pin<&mut Stage<F, Fut>>,
    settle: &mut S,
    cx: &mut TaskContext<'_>,
) -> Poll<Ending<T, E>>
where
    P: Policy<T, E>,
    K: Kind,
    Fut: Future,
    S: Settle<T, E, Fut::Output>,
{
    if seat.is_called_off() {
        return Poll::Ready(called_off(seat));
    }
    let StageProjection::Running { future } = stage.project() else { return Poll::Ready(called_off(seat)) };
    match panics::catch(|| future.poll(cx)) {
        Ok(Poll::Ready(output)) => {
            // Turning an error into the group's may run foreign code.
            Poll::Ready(panics::catch(|| settle.settle(output)).unwrap_or_else(Ending::Panicked))
        }
        Ok(Poll::Pending) if seat.park(cx.waker()) => Poll::Pending,
        Ok(Poll::Pending) => Poll::Ready(called_off(seat)),
        Err(payload) => Poll::Ready(Ending::Panicked(payload)),
    }
}

/// The end of a member that is dropped where it stands.
fn called_off<T, E, P: Policy<T, E>, K: Kind>(seat: &SeatOf<T, E, P, K>) -> Ending<T, E> {
    if seat.has_not_heeded() { Ending::Aborted } else { Ending::Dropped }
}

/// Drops the future, or the closure, where it stands.
fn clear<F, Fut>(mut stage: Pin<&mut Stage<F, Fut>>) -> Result<(), Payload> {
    panics::catch(|| stage.set(Stage::Over))
}
