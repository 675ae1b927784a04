//! A branch: what passes there goes to a sink beside the pipeline as well.
//!
//! Two workers: one hands every item on and a clone of it to the branch, the other gives the branch's closure what comes. A
//! branch ends there. If it came back the pipeline would be a graph, and bounded hand-offs can be full in a circle.

use std::marker::PhantomData;
use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::belt::{Belt, Pusher, Taker};
use super::carrier::Carrier;
use super::chain::{Below, Chain, Crew, OnThreads, Post, opaque};
use super::report::Record;
use super::seat::Seat;
use super::worker::{In, Job, Out, call_when_cancelled, drain, end};
use crate::context::Context;
use crate::group::{BoxError, FromMember};
use crate::roll::Name;

opaque! { Tee<C, F, X> }

/// A branch: what passes here goes to a sink beside the pipeline as well.
pub struct Tee<C, F, X> {
    pub(super) above: C,
    pub(super) f: F,
    pub(super) post: Post,
    pub(super) error: PhantomData<fn() -> X>,
}

impl<C, F, X> Chain for Tee<C, F, X>
where
    C: Chain<Item: Clone>,
    F: FnMut(&Context, C::Item) -> Result<(), X> + Send,
    BoxError: FromMember<X>,
{
    type Item = C::Item;

    fn hire<'a, W: Crew<'a>>(self, crew: &W, below: Below) -> Arc<Belt<C::Item>>
    where
        Self: 'a,
    {
        let Self { above, f, post, .. } = self;
        let on = post.belt(below);
        let beside = post.belt::<C::Item>(Below { takers: 1, numbered: false });
        let input = above.hire(crew, Below { takers: 1, numbered: false });
        let name = Name::from(format!("{} (tee)", post.name));
        let record = crew.meter().add(name.clone(), 1);
        let seat = Arc::<Seat>::default();
        let fork = Fork {
            taker: input.taker(0, &seat),
            on: on.pusher(0, &seat),
            branch: beside.pusher(0, &seat),
            seat,
            record,
        };
        let seat = Arc::<Seat>::default();
        let record = crew.meter().add(post.name.clone(), 1);
        let branch = Branch { taker: beside.taker(0, &seat), f, seat, record };
        crew.launch(name, post.place, fork);
        crew.launch(post.name, post.place, branch);
        on
    }

    fn post(&mut self) -> &mut Post {
        &mut self.post
    }
}

impl<C, F, X> OnThreads for Tee<C, F, X>
where
    C: OnThreads<Item: Clone>,
    F: FnMut(&Context, C::Item) -> Result<(), X> + Send,
    BoxError: FromMember<X>,
{
}

/// Hands every item on, and a clone of it to a branch.
struct Fork<T> {
    taker: Taker<T>,
    on: Pusher<T>,
    branch: Pusher<T>,
    seat: Arc<Seat>,
    record: Arc<Record>,
}

impl<T: Clone + Send> Job for Fork<T> {
    async fn work<C: Carrier>(self, ctx: Context) -> Result<(), BoxError> {
        let Self { taker, on, branch, seat, record } = self;
        let _called = call_when_cancelled(&ctx, &seat);
        let (mut on, mut branch) = (Out::new(on, &seat), Out::new(branch, &seat));
        let mut input = In::new(taker, &seat, usize::MAX, record);
        end(loop {
            let pusher = &on.pusher;
            match input.next::<C>(&ctx, || pusher.is_gone()).await {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(halt) => break Err(halt),
            }
            let mut halted = Ok(());
            while let Some(item) = input.hand.pop_front() {
                halted = branch.put(item.clone());
                if let Err(halt) = halted {
                    halted = branch.make_room::<C>(&ctx, halt).await;
                }
                if halted.is_ok() {
                    halted = on.put(item);
                }
                if let Err(halt) = halted {
                    halted = on.make_room::<C>(&ctx, halt).await;
                }
                if halted.is_err() {
                    break;
                }
            }
            on.blocked += mem::take(&mut branch.blocked);
            let tired = input.done_to(&mut on);
            if halted.is_err() {
                break halted;
            }
            if tired {
                C::breathe().await;
            }
        })
    }
}

/// The end of a branch.
struct Branch<T, F> {
    taker: Taker<T>,
    f: F,
    seat: Arc<Seat>,
    record: Arc<Record>,
}

impl<T, X, F> Job for Branch<T, F>
where
    T: Send,
    F: FnMut(&Context, T) -> Result<(), X> + Send,
    BoxError: FromMember<X>,
{
    async fn work<C: Carrier>(self, ctx: Context) -> Result<(), BoxError> {
        let Self { taker, mut f, seat, record } = self;
        let mut sink = |item| match f(&ctx, item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(BoxError::from_member(error)),
        };
        match drain::<C, _, _>(taker, &seat, record, &ctx, &mut sink).await {
            Ok(None) => Ok(()),
            Ok(Some(error)) => Err(error),
            Err(why) => Err(BoxError::new(why)),
        }
    }
}
