//! One member, as its task polls it: begun at its first poll, told off when its page is, and counted back in after
//! everything of it is gone, on every way out.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use crate::context::{Cancelled, Context};
use crate::group::core::{Core, Kind, SeatOf};
use crate::group::ending::{Ending, leave};
use crate::group::panics::{self, Payload};
use crate::group::who::{self, Here};
use crate::group::{Policy, Raise, Root};

/// What a kind of group does when a member has ended that holds no slot and is counted against the limit.
pub(crate) trait Riders {
    /// It gives back the slot that it never took.
    fn rider_left(self: &Arc<Self>);
}

/// What a member's output comes to.
pub(crate) trait Settle<T, E, O> {
    fn settle(&mut self, output: O) -> Ending<T, E>;
}

/// A member's own context, if it has one that can be cancelled by hand.
pub(crate) trait Hand {
    fn hand(&self) -> Option<&Context> {
        None
    }
}

/// The output is the group's own kind of result.
#[derive(Debug)]
pub(crate) struct Plain;

impl Hand for Plain {}

/// As [`Plain`], of a member that has a context of its own.
pub(crate) struct WithHand(pub(crate) Context);

impl Hand for WithHand {
    fn hand(&self) -> Option<&Context> {
        Some(&self.0)
    }
}

impl<T, E, X: Raise<E>> Settle<T, E, Result<T, X>> for WithHand {
    fn settle(&mut self, output: Result<T, X>) -> Ending<T, E> {
        Plain.settle(output)
    }
}

impl<T, E, X: Raise<E>> Settle<T, E, Result<T, X>> for Plain {
    fn settle(&mut self, output: Result<T, X>) -> Ending<T, E> {
        match output {
            Ok(value) => Ending::Value(value),
            Err(error) => Ending::Error(error.raise()),
        }
    }
}

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
                (Ok(()), None) => Ending::Aborted,
            };
            finish(seat, ending, this.settle.hand());
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
        let inside = who::enter(here(seat));
        let polled = match begin(seat, this.settle.hand(), this.stage.as_mut()) {
            Ok(()) => step(seat, this.stage.as_mut(), this.settle, cx),
            Err(ending) => Poll::Ready(ending),
        };
        let Poll::Ready(ending) = polled else { return Poll::Pending };
        // G1: the future is gone before the seat ends. If its destructor panics, that is what came of the member.
        let ending = match clear(this.stage) {
            Ok(()) => ending,
            Err(payload) => {
                panics::drop_quietly(ending);
                Ending::Panicked(payload)
            }
        };
        drop(inside);
        if let Some(seat) = this.seat.take() {
            finish(seat, ending, this.settle.hand());
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
        return Poll::Ready(Ending::Aborted);
    }
    let StageProjection::Running { future } = stage.project() else { return Poll::Ready(Ending::Aborted) };
    match panics::catch(|| future.poll(cx)) {
        Ok(Poll::Ready(output)) => {
            // Turning an error into the group's may run foreign code.
            Poll::Ready(panics::catch(|| settle.settle(output)).unwrap_or_else(Ending::Panicked))
        }
        Ok(Poll::Pending) if seat.park(cx.waker()) => Poll::Pending,
        Ok(Poll::Pending) => Poll::Ready(Ending::Aborted),
        Err(payload) => Poll::Ready(Ending::Panicked(payload)),
    }
}

/// Drops the future, or the closure, where it stands.
fn clear<F, Fut>(mut stage: Pin<&mut Stage<F, Fut>>) -> Result<(), Payload> {
    panics::catch(|| stage.set(Stage::Over))
}

fn context<'s, T, E, P: Policy<T, E>, K: Kind>(
    seat: &'s SeatOf<T, E, P, K>,
    hand: Option<&'s Context>,
) -> &'s Context {
    hand.unwrap_or(&seat.page().ctx)
}

/// Why a member is cancelled that is gone before it began. Its group may have been cancelled only just now: then those who
/// queue are sent home while the cancellation is on its way down to the pages.
pub(super) fn why_cancelled<T, E, P: Policy<T, E>, K: Kind>(
    seat: &SeatOf<T, E, P, K>,
    hand: Option<&Context>,
) -> Option<Cancelled> {
    context(seat, hand).cancelled_because().or_else(|| seat.page().core.ctx.cancelled_because())
}

/// Who polls.
pub(super) fn here<T, E, P: Policy<T, E>, K: Kind>(seat: &SeatOf<T, E, P, K>) -> Here {
    Here { group: seat.page().core.id, number: seat.index() as u64 + 1, place: seat.place() }
}

/// Ends the seat, and gives back what it held.
pub(super) fn finish<T, E, P, K>(seat: SeatOf<T, E, P, K>, ending: Ending<T, E>, hand: Option<&Context>)
where
    E: Root,
    P: Policy<T, E>,
    K: Kind,
    Core<T, E, P, K>: Riders,
{
    let core = &seat.page().core;
    let asked = core.end(&seat, ending, hand);
    if asked.is_rider() {
        core.rider_left();
    }
    leave(seat);
}
