//! The workers: what each does from its first item to its last, as a thread or as a task.
//!
//! A worker ends when its input is over; when nobody takes its output any more, and then it lets go of its input, so that
//! those above it end as well; when its context is cancelled; or with an error. Whichever it is, its ends of the belts are
//! dropped with it, and that closes one and leaves the other.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::belt::{Pusher, Refused, Taken, Taker};
use super::carrier::Carrier;
use super::pace::Pace;
use super::report::Record;
use super::seat::Seat;
use super::step::Step;
use crate::context::{Cancelled, Context, OnCancel};
use crate::group::{BoxError, FromMember};

/// A member of the pipeline's group.
pub trait Job: Send {
    #[doc(hidden)]
    fn work<C: Carrier>(self, ctx: Context) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// Why a worker cannot go on.
#[derive(Debug)]
pub enum Halt {
    /// There is no room for the item that it holds. All others are final.
    NoRoom,
    /// Nobody takes what it hands on any more: enough is known.
    Gone,
    /// All are to end.
    Cancelled(Cancelled),
    /// It failed.
    Failed(BoxError),
}

/// How a member ends that could not go on.
pub(super) fn end(halted: Result<(), Halt>) -> Result<(), BoxError> {
    match halted {
        Ok(()) | Err(Halt::Gone | Halt::NoRoom) => Ok(()),
        Err(Halt::Failed(error)) => Err(error),
        Err(Halt::Cancelled(why)) => Err(BoxError::new(why)),
    }
}

/// Has a worker called when its context is cancelled.
pub(super) fn call_when_cancelled(ctx: &Context, seat: &Arc<Seat>) -> OnCancel {
    let seat = Arc::clone(seat);
    ctx.on_cancel_at_once(move |_| seat.call())
}

/// Where a worker puts what it hands on.
#[derive(Debug)]
pub struct Out<T> {
    pub(super) pusher: Pusher<T>,
    seat: Arc<Seat>,
    /// The item that there was no room for.
    held: Option<T>,
    pub(super) given: usize,
    pub(super) blocked: Duration,
}

impl<T: Send> Out<T> {
    pub(super) fn new(pusher: Pusher<T>, seat: &Arc<Seat>) -> Self {
        Self { pusher, seat: Arc::clone(seat), held: None, given: 0, blocked: Duration::ZERO }
    }

    /// Hands an item on. If there is no room it is held, and [`make_room`](Self::make_room) must come next.
    #[inline]
    pub(super) fn put(&mut self, item: T) -> Result<(), Halt> {
        match self.pusher.push(item) {
            Ok(()) => {
                self.given += 1;
                Ok(())
            }
            Err(Refused::Full(item)) => {
                self.held = Some(item);
                Err(Halt::NoRoom)
            }
            Err(Refused::Gone(_)) => Err(Halt::Gone),
        }
    }

    /// If this was what `halted` it, waits until the held item is handed on.
    pub(super) async fn make_room<C: Carrier>(&mut self, ctx: &Context, halted: Halt) -> Result<(), Halt> {
        let Halt::NoRoom = halted else { return Err(halted) };
        let since = Instant::now();
        let mut ended = Ok(());
        while let Some(item) = self.held.take() {
            ended = self.put(item);
            if !matches!(ended, Err(Halt::NoRoom)) {
                break;
            }
            // A cancellation from here on finds the seat, and then this looks again.
            if let Err(why) = ctx.check() {
                ended = Err(Halt::Cancelled(why));
                break;
            }
            C::sit(&self.seat).await;
        }
        self.blocked += since.elapsed();
        ended
    }
}

/// Where a worker gets its items.
pub(super) struct In<T> {
    taker: Taker<T>,
    seat: Arc<Seat>,
    pub(super) hand: VecDeque<T>,
    pace: Pace,
    record: Arc<Record>,
    /// How many it had in its hand.
    taken: usize,
}

impl<T> In<T> {
    pub(super) fn new(taker: Taker<T>, seat: &Arc<Seat>, most: usize, record: Arc<Record>) -> Self {
        let (seat, pace) = (Arc::clone(seat), Pace::new(most));
        Self { taker, seat, hand: VecDeque::new(), pace, record, taken: 0 }
    }

    /// Takes the next batch in hand, with its number; nothing if there will be none. `gone` tells whether there is any use in
    /// taking more.
    pub(super) async fn next<C: Carrier>(
        &mut self,
        ctx: &Context,
        gone: impl Fn() -> bool + Send,
    ) -> Result<Option<Option<u64>>, Halt> {
        ctx.check().map_err(Halt::Cancelled)?;
        // Asked here and not only when an item is refused: a stage may take items for ever and hand on none.
        if gone() {
            return Err(Halt::Gone);
        }
        let most = self.pace.most();
        let mut number = self.taker.try_take(most, &mut self.hand);
        if number.is_none() {
            let mut times = 0;
            while number.is_none() && C::linger(times).await {
                number = self.taker.try_take(most, &mut self.hand);
                times += 1;
            }
            let number = match number {
                Some(number) => Ok(Some(number)),
                None => self.wait::<C>(ctx, gone).await,
            };
            self.pace.waited(&self.record);
            self.taken = self.hand.len();
            return number;
        }
        self.taken = self.hand.len();
        Ok(number)
    }

    #[cold]
    async fn wait<C: Carrier>(
        &mut self,
        ctx: &Context,
        gone: impl Fn() -> bool + Send,
    ) -> Result<Option<Option<u64>>, Halt> {
        loop {
            match self.taker.take(self.pace.most(), &mut self.hand) {
                Taken::Items(number) => return Ok(Some(number)),
                Taken::Over => return Ok(None),
                Taken::Nothing => {}
            }
            // Whatever comes from here on calls the seat: items, the close, the leaving of those below, a cancellation.
            ctx.check().map_err(Halt::Cancelled)?;
            if gone() {
                return Err(Halt::Gone);
            }
            C::sit(&self.seat).await;
        }
    }

    /// The batch is done, or has been left in the middle. True if it is time to let others run.
    fn done(&mut self, given: usize, blocked: Duration) -> bool {
        let taken = mem::take(&mut self.taken) - self.hand.len();
        self.pace.was_blocked(blocked);
        self.pace.done(taken, given, &self.record)
    }

    /// The same for one who hands on.
    pub(super) fn done_to<U>(&mut self, out: &mut Out<U>) -> bool {
        self.done(mem::take(&mut out.given), mem::take(&mut out.blocked))
    }
}

/// One worker of a stage.
pub(super) struct Worker<T, S: Step<T>> {
    pub(super) step: Arc<S>,
    pub(super) taker: Taker<T>,
    pub(super) pusher: Pusher<S::Out>,
    pub(super) seat: Arc<Seat>,
    pub(super) record: Arc<Record>,
    /// The most that it may take at once.
    pub(super) most: usize,
}

impl<T: Send, S: Step<T>> Job for Worker<T, S> {
    async fn work<C: Carrier>(self, ctx: Context) -> Result<(), BoxError> {
        let Self { step, taker, pusher, seat, record, most } = self;
        let _called = call_when_cancelled(&ctx, &seat);
        let mut out = Out::new(pusher, &seat);
        let mut input = In::new(taker, &seat, most, record);
        let mut rest = S::Rest::default();
        end(loop {
            let pusher = &out.pusher;
            let number = match input.next::<C>(&ctx, || pusher.is_gone()).await {
                Ok(Some(number)) => number,
                Ok(None) => break Ok(()),
                Err(halt) => break Err(halt),
            };
            out.pusher.begin_run(number);
            let halted = loop {
                match step.go_on(&ctx, &mut rest, &mut input.hand, &mut out) {
                    Ok(()) => break Ok(()),
                    Err(halt) => match out.make_room::<C>(&ctx, halt).await {
                        Ok(()) => {}
                        Err(halt) => break Err(halt),
                    },
                }
            };
            out.pusher.end_run();
            let tired = input.done_to(&mut out);
            if halted.is_err() {
                break halted;
            }
            if tired {
                C::breathe().await;
            }
        })
    }
}

/// One worker of a stage whose items are awaited, one by one.
pub(super) struct Awaiter<T, U, F> {
    pub(super) f: Arc<F>,
    pub(super) taker: Taker<T>,
    pub(super) pusher: Pusher<U>,
    pub(super) seat: Arc<Seat>,
    pub(super) record: Arc<Record>,
}

impl<T, U, X, F, Fut> Job for Awaiter<T, U, F>
where
    T: Send,
    U: Send,
    F: Fn(Context, T) -> Fut + Send + Sync,
    Fut: Future<Output = Result<U, X>> + Send,
    BoxError: FromMember<X>,
{
    async fn work<C: Carrier>(self, ctx: Context) -> Result<(), BoxError> {
        let Self { f, taker, pusher, seat, record } = self;
        let _called = call_when_cancelled(&ctx, &seat);
        let mut out = Out::new(pusher, &seat);
        // Others may be idle while it awaits one, so it takes no second one.
        let mut input = In::new(taker, &seat, 1, record);
        end(loop {
            let pusher = &out.pusher;
            let number = match input.next::<C>(&ctx, || pusher.is_gone()).await {
                Ok(Some(number)) => number,
                Ok(None) => break Ok(()),
                Err(halt) => break Err(halt),
            };
            out.pusher.begin_run(number);
            let Some(item) = input.hand.pop_front() else { continue };
            let item = f(ctx.clone(), item).await.map_err(|error| Halt::Failed(BoxError::from_member(error)));
            let mut halted = item.and_then(|item| out.put(item));
            if let Err(halt) = halted {
                halted = out.make_room::<C>(&ctx, halt).await;
            }
            out.pusher.end_run();
            let tired = input.done_to(&mut out);
            if halted.is_err() {
                break halted;
            }
            if tired {
                C::breathe().await;
            }
        })
    }
}

/// Gives `sink` every item until there are no more, or until it has enough; then what it said.
pub(super) async fn drain<C: Carrier, T, B>(
    taker: Taker<T>,
    seat: &Arc<Seat>,
    record: Arc<Record>,
    ctx: &Context,
    sink: &mut impl FnMut(T) -> ControlFlow<B>,
) -> Result<Option<B>, Cancelled> {
    let _called = call_when_cancelled(ctx, seat);
    let mut input = In::new(taker, seat, usize::MAX, record);
    loop {
        match input.next::<C>(ctx, || false).await {
            Ok(Some(_)) => {}
            Err(Halt::Cancelled(why)) => return Err(why),
            Ok(None) | Err(_) => return Ok(None),
        }
        let mut enough = None;
        loop {
            // Here too, and not only before each batch: those in hand may take longer than they should have.
            ctx.check()?;
            let Some(item) = input.hand.pop_front() else { break };
            if let ControlFlow::Break(said) = sink(item) {
                enough = Some(said);
                break;
            }
        }
        let tired = input.done(0, Duration::ZERO);
        if enough.is_some() {
            return Ok(enough);
        }
        if tired {
            C::breathe().await;
        }
    }
}
