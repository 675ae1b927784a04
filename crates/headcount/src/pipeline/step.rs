//! What a stage does to one item, and what comes of it: one item, one or none, or many.
//!
//! A step goes through a whole batch in one plain loop and comes back when it must wait. An async call for each item
//! would be simpler to write, and was measured to make the whole pipeline three times as slow.

use std::collections::VecDeque;
use std::marker::PhantomData;

use super::worker::{Halt, Out};
use crate::context::Context;
use crate::group::{BoxError, FromMember};

/// What a stage does. Sealed: the ways are those that [`Pipeline`](super::Pipeline) has methods for.
pub trait Step<T>: Send + Sync {
    /// What it hands on.
    type Out: Send;

    /// What is left of an item when there was no room for all that comes of it.
    #[doc(hidden)]
    type Rest: Default + Send;

    /// Goes through the batch in hand; an error if it cannot go on. When that was for want of room it is called again.
    #[doc(hidden)]
    fn go_on(
        &self,
        ctx: &Context,
        rest: &mut Self::Rest,
        hand: &mut VecDeque<T>,
        out: &mut Out<Self::Out>,
    ) -> Result<(), Halt>;
}

/// The next item in hand. None is begun after a cancellation: those in hand may take longer than they should have.
#[inline]
fn next<T>(ctx: &Context, hand: &mut VecDeque<T>) -> Result<Option<T>, Halt> {
    ctx.check().map_err(Halt::Cancelled)?;
    Ok(hand.pop_front())
}

fn failed<X>(error: X) -> Halt
where
    BoxError: FromMember<X>,
{
    Halt::Failed(BoxError::from_member(error))
}

type Types<T> = PhantomData<fn() -> T>;

/// One item for each.
#[derive(Debug)]
pub struct Map<F, R>(pub(super) F, pub(super) Types<R>);

impl<T, U, X, F> Step<T> for Map<F, Result<U, X>>
where
    U: Send,
    F: Fn(&Context, T) -> Result<U, X> + Send + Sync,
    BoxError: FromMember<X>,
{
    type Out = U;
    type Rest = ();

    fn go_on(
        &self,
        ctx: &Context,
        (): &mut (),
        hand: &mut VecDeque<T>,
        out: &mut Out<U>,
    ) -> Result<(), Halt> {
        while let Some(item) = next(ctx, hand)? {
            out.put((self.0)(ctx, item).map_err(failed)?)?;
        }
        Ok(())
    }
}

/// One item, or none.
#[derive(Debug)]
pub struct FilterMap<F, R>(pub(super) F, pub(super) Types<R>);

impl<T, U, X, F> Step<T> for FilterMap<F, Result<Option<U>, X>>
where
    U: Send,
    F: Fn(&Context, T) -> Result<Option<U>, X> + Send + Sync,
    BoxError: FromMember<X>,
{
    type Out = U;
    type Rest = ();

    fn go_on(
        &self,
        ctx: &Context,
        (): &mut (),
        hand: &mut VecDeque<T>,
        out: &mut Out<U>,
    ) -> Result<(), Halt> {
        while let Some(item) = next(ctx, hand)? {
            if let Some(item) = (self.0)(ctx, item).map_err(failed)? {
                out.put(item)?;
            }
        }
        Ok(())
    }
}

/// Any number of items.
#[derive(Debug)]
pub struct FlatMap<F, R>(pub(super) F, pub(super) Types<R>);

/// What the rest of an item is: the iterator that it has become.
#[derive(Debug)]
pub struct Half<I>(Option<I>);

impl<I> Default for Half<I> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T, I, X, F> Step<T> for FlatMap<F, Result<I, X>>
where
    I: IntoIterator<IntoIter: Send, Item: Send>,
    F: Fn(&Context, T) -> Result<I, X> + Send + Sync,
    BoxError: FromMember<X>,
{
    type Out = I::Item;
    type Rest = Half<I::IntoIter>;

    fn go_on(
        &self,
        ctx: &Context,
        rest: &mut Half<I::IntoIter>,
        hand: &mut VecDeque<T>,
        out: &mut Out<I::Item>,
    ) -> Result<(), Halt> {
        loop {
            if let Some(items) = &mut rest.0 {
                // One item may become endlessly many, so that a cancellation must be seen in between.
                for item in items {
                    out.put(item)?;
                    ctx.check().map_err(Halt::Cancelled)?;
                }
                rest.0 = None;
            }
            let Some(item) = next(ctx, hand)? else { return Ok(()) };
            rest.0 = Some((self.0)(ctx, item).map_err(failed)?.into_iter());
        }
    }
}
