//! Maps on the caller's own task: what [`Map`]'s futures do.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use super::drive::Drive;
use super::gather::{Folded, Gather, Late, Order, Punctual, Taker};
use super::source::Source;
use super::{Each, Map};
use crate::context::Context;
use crate::group::settle::{Plain, Settle};
use crate::group::{FailFast, FromMember, GroupError, Policy, Root};
use crate::map::docket::Docket;
use crate::map::spool::Spool;
use crate::who;

/// How many members are out at once if nobody says another number.
pub(super) const LIMIT: usize = 64;

/// How long members that are cancelled have to end by themselves.
const GRACE: Duration = Duration::from_secs(5);

/// How many times its limit a map that folds in order pulls ahead of the item whose turn it is.
pub(super) const AHEAD: usize = 4;

impl<S, E, P> Map<S, E, P>
where
    S: Source,
    E: Root,
{
    /// Runs `f` with every item, and gives what the policy makes of the results: by default the values in the order of the
    /// items, or the first error, which cancels the rest.
    ///
    /// `f` is given a [`Context`] of the map, and an item. It may borrow, and so may the future that it returns.
    ///
    /// # Errors
    ///
    /// With the default policy a [`GroupError`]: which item failed, and why. Items that have not been pulled when the map is
    /// cancelled are left where they are; one of them stands for all in the [`Tally`](crate::Tally).
    ///
    /// # Panics
    ///
    /// When awaited, with the payload of the first item that panicked, unchanged, once everyone is over; see
    /// [`panics`](Self::panics). A panic of the source goes on in any case. And if a member of a group awaits it in a way
    /// that could never end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops its members where they stand; nothing stays behind.
    ///
    /// # Memory ordering
    ///
    /// What was done before a member was woken is visible to its next poll.
    ///
    /// # Cost
    ///
    /// No allocation an item, but for the vector of the results.
    pub async fn run<F, Fut, T, X>(self, mut f: F) -> P::Output
    where
        F: FnMut(Context, S::Item) -> Fut,
        Fut: Future<Output = Result<T, X>>,
        E: FromMember<X>,
        P: Policy<T, E>,
    {
        let Self { source, settings, each } = self;
        let limit = settings.limit.unwrap_or(LIMIT);
        let docket = Docket::open(settings);
        let mut spool = Spool::new(P::KEEPS);
        let order = Order { kept: P::KEEPS, ahead: usize::MAX };
        run(&docket, source, limit, each, &mut f, &mut spool, order).await;
        docket.conclude(vec![spool])
    }
}

impl<S, E> Map<S, E, FailFast>
where
    S: Source,
    E: Root,
{
    /// Runs `f` with every item where it has nothing to return. The first error cancels the rest.
    ///
    /// As [`run`](Self::run) in all else. Over an endless source its memory stays as it is.
    ///
    /// # Errors
    ///
    /// [`GroupError`]: which item failed, and why.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::task;
    ///
    /// # async fn warm_up(page: &str) -> Result<(), std::io::Error> { let _ = page; Ok(()) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let pages = [String::from("home"), String::from("about us")];
    /// task::map(&pages).limit(10).for_each(|_ctx, page| warm_up(page)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn for_each<F, Fut, X>(self, f: F) -> Result<(), GroupError<E>>
    where
        F: FnMut(Context, S::Item) -> Fut,
        Fut: Future<Output = Result<(), X>>,
        E: FromMember<X>,
    {
        self.as_finished().fold((), f, |(), ()| ()).await
    }

    /// Folds the members' values into one, beginning with `init`, in the order of the items; or, after
    /// [`as_finished`](Self::as_finished), as they come.
    ///
    /// In order, values that come before their turn wait for it, and a slow item holds the others back: no more than four times the limit
    /// are pulled ahead of it. So the memory of a fold over an endless source stays as it is.
    ///
    /// # Errors
    ///
    /// [`GroupError`]: which item failed, and why. What was folded so far is dropped.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run); a panic of `fold` goes on in any case.
    ///
    /// # Cancel safety
    ///
    /// As [`run`](Self::run).
    ///
    /// # Examples
    ///
    /// ```
    /// use headcount::{ok, task};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), headcount::GroupError> {
    /// let squares = task::map(1..=9).fold(0, |_ctx, n| async move { ok(n * n) }, |sum, n| sum + n);
    /// assert_eq!(squares.await?, 285);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn fold<A, F, Fut, T, X, G>(self, init: A, mut f: F, fold: G) -> Result<A, GroupError<E>>
    where
        F: FnMut(Context, S::Item) -> Fut,
        Fut: Future<Output = Result<T, X>>,
        G: FnMut(A, T) -> A,
        E: FromMember<X>,
    {
        let Self { source, settings, each } = self;
        let limit = settings.limit.unwrap_or(LIMIT);
        let order = Order { kept: !settings.as_finished, ahead: limit.saturating_mul(AHEAD) };
        let docket = Docket::open(settings);
        let mut folded = Folded { sum: Some(init), fold, count: Spool::new(false) };
        run(&docket, source, limit, each, &mut f, &mut folded, order).await;
        docket.conclude::<()>(vec![folded.count])?;
        Ok(folded.sum.unwrap_or_else(|| unreachable!("a fold that panicked has been resumed")))
    }
}

/// Runs the members to their end, on the task that polls this.
async fn run<S, F, Fut, T, E, P, K>(
    docket: &Docket<E, P>,
    source: S,
    limit: usize,
    each: Option<Each<E>>,
    f: &mut F,
    taker: K,
    order: Order,
) where
    S: Source,
    F: FnMut(Context, S::Item) -> Fut,
    Fut: Future,
    Plain: Settle<T, E, Fut::Output>,
    E: Root,
    P: Policy<T, E>,
    K: Taker<T>,
{
    let waiting = who::wait_for(docket.id, || docket.title.clone());
    let _waiting = waiting.unwrap_or_else(|cycle| panic!("map {cycle}"));
    let ctx = &docket.ctx;
    match each {
        None => {
            let start = |item| f(ctx.clone(), item);
            let ends = Gather::new(docket, Plain, taker, order);
            drive(docket, Drive::new(source, start, limit, ends, docket)).await;
        }
        Some(Each { timeout, late }) => {
            let start = |item| {
                let own = ctx.with_timeout(timeout);
                punctual(ctx.clone(), own.clone(), f(own, item))
            };
            let ends = Gather::new(docket, Late(late), taker, order);
            drive(docket, Drive::new(source, start, limit, ends, docket)).await;
        }
    }
}

/// Runs it; and when it is cancelled for as long as its members have to end by themselves.
async fn drive<T, S, F, Fut, E, P, K>(docket: &Docket<E, P>, drive: Drive<'_, S, F, Fut, E, P, K>)
where
    S: Source,
    F: FnMut(S::Item) -> Fut,
    Fut: Future,
    K: super::drive::Ends<Fut::Output>,
    E: Root,
    P: Policy<T, E>,
{
    let mut drive = pin!(drive);
    if docket.ctx.run_part(drive.as_mut()).await.is_err() {
        let patience = Context::background().with_timeout(GRACE);
        if patience.run_part(drive.as_mut()).await.is_err() {
            drive.as_mut().call_off();
            drive.as_mut().await;
        }
    }
    if let Some(next) = drive.as_mut().close() {
        docket.unbegun::<T>(next, 1);
    }
}

/// A member with a time limit of its own, which the context `own` keeps.
pub(super) async fn punctual<F: Future>(map: Context, own: Context, future: F) -> Punctual<F::Output> {
    let mut future = pin!(future);
    let late = match own.run_part(future.as_mut()).await {
        Ok(output) => return Ok(output),
        Err(late) => late,
    };
    if late.is_deadline() && is_own(&map, &own) {
        return Err(late);
    }
    // The map is cancelled: the member may end by itself for a while.
    Ok(future.await)
}

/// Whether it is the member's own deadline that has expired, and not that of the map.
fn is_own(map: &Context, own: &Context) -> bool {
    !map.is_cancelled() && map.deadline().is_none_or(|end| own.deadline().is_some_and(|own| own < end))
}
