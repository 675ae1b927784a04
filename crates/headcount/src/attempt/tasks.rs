//! Attempts of a body that is awaited.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};

use super::{Attempts, Hedge, Unfinished};
use crate::context::Context;
use crate::group::{FromMember, Root};

/// Calls `body` as often as `attempts` says.
///
/// # Cancel safety
///
/// What is being awaited is dropped with it.
pub(crate) async fn attempt<F, Fut, U, E>(
    attempts: &Attempts<E>,
    ctx: &Context,
    body: F,
) -> Result<U, Unfinished<E>>
where
    F: Fn(Context) -> Fut,
    Fut: Future<Output = Result<U, E>>,
    E: Root,
{
    #[cfg(feature = "retry")]
    if let Some(retry) = &attempts.retry {
        let mut delays = retry.delays();
        loop {
            let error = match hedged(attempts, ctx, &body).await {
                Err(Unfinished::Failed(error)) => error,
                end => return end,
            };
            // An error that comes after the cancellation is mostly its consequence; its group sorts that out.
            if ctx.is_cancelled() || !retry.is_worth(error.as_error()) {
                return Err(Unfinished::Failed(error));
            }
            let Some(delay) = delays.next() else { return Err(Unfinished::Failed(error)) };
            drop(error);
            ctx.sleep_async(delay).await.map_err(Unfinished::Cancelled)?;
        }
    }
    hedged(attempts, ctx, &body).await
}

/// One attempt: a call, and another one if that takes too long; the first value counts, or the first failure if both fail.
async fn hedged<F, Fut, U, E>(attempts: &Attempts<E>, ctx: &Context, body: &F) -> Result<U, Unfinished<E>>
where
    F: Fn(Context) -> Fut,
    Fut: Future<Output = Result<U, E>>,
    E: Root,
{
    let Some(Hedge { after, .. }) = attempts.hedge else { return once(attempts, ctx, body).await };
    // Each has a context of its own, so that the one that is not needed any more knows it while it is dropped.
    let (first_ctx, _first) = ctx.with_cancel();
    let (second_ctx, _second) = ctx.with_cancel();
    let mut first = pin!(once(attempts, &first_ctx, body));
    let mut pause = pin!(ctx.sleep_async(after));
    let mut second = pin!(once(attempts, &second_ctx, body));
    let (mut state, mut failure) = (Later::Paused, None);
    poll_fn(|cx| {
        if failure.is_none() || state == Later::Failed {
            match first.as_mut().poll(cx) {
                Poll::Ready(Err(error)) if state == Later::Running => failure = Some(error),
                // A failure before the hedge began is the attempt's, and one after it has failed too.
                Poll::Ready(end) => return Poll::Ready(end.map_err(|error| failure.take().unwrap_or(error))),
                Poll::Pending => {}
            }
        }
        if state == Later::Paused {
            state = match pause.as_mut().poll(cx) {
                Poll::Ready(Ok(())) => Later::Running,
                // The first call is told as well, and its end says more.
                Poll::Ready(Err(_)) => Later::Needless,
                Poll::Pending => return Poll::Pending,
            };
        }
        if state == Later::Running {
            match second.as_mut().poll(cx) {
                Poll::Ready(Ok(value)) => return Poll::Ready(Ok(value)),
                Poll::Ready(Err(error)) => match failure.take() {
                    Some(first) => return Poll::Ready(Err(first)),
                    None => (state, failure) = (Later::Failed, Some(error)),
                },
                Poll::Pending => {}
            }
        }
        Poll::Pending
    })
    .await
}

/// How the second call stands.
#[derive(PartialEq, Eq)]
enum Later {
    Paused,
    Running,
    /// It failed while the first is still under way.
    Failed,
    /// All is cancelled.
    Needless,
}

/// One call of the body, in its turn and its time.
async fn once<F, Fut, U, E>(attempts: &Attempts<E>, ctx: &Context, body: &F) -> Result<U, Unfinished<E>>
where
    F: Fn(Context) -> Fut,
    Fut: Future<Output = Result<U, E>>,
    E: Root,
{
    turn(attempts, ctx).await?;
    in_time(attempts, ctx, body).await
}

/// A call of a body, boxed.
type Call<U, E> = Pin<Box<dyn Future<Output = Result<U, E>> + Send>>;

/// A body bound to its attempts. All boxed, so that what is made of it is compiled once for each type of value, and not for
/// each body.
pub(crate) type Bound<U, E> =
    Box<dyn FnOnce(Context) -> Pin<Box<dyn Future<Output = Result<U, Unfinished<E>>> + Send>> + Send>;

/// Binds a body that can be called only once.
pub(crate) fn bind_once<F, Fut, U, X, E>(attempts: Arc<Attempts<E>>, body: F) -> Bound<U, E>
where
    F: FnOnce(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<U, X>> + Send + 'static,
    U: 'static,
    E: Root + FromMember<X>,
{
    once_bound(attempts, Box::new(move |ctx| boxed(body(ctx))))
}

/// Binds a body that can be called again.
pub(crate) fn bind<F, Fut, U, X, E>(attempts: Arc<Attempts<E>>, body: F) -> Bound<U, E>
where
    F: Fn(Context) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<U, X>> + Send + 'static,
    U: Send + 'static,
    E: Root + Send + FromMember<X>,
{
    again_bound(attempts, Box::new(move |ctx| boxed(body(ctx))))
}

fn boxed<Fut, U, X, E>(call: Fut) -> Call<U, E>
where
    Fut: Future<Output = Result<U, X>> + Send + 'static,
    E: FromMember<X>,
{
    Box::pin(async move { call.await.map_err(E::from_member) })
}

fn once_bound<U: 'static, E: Root>(
    attempts: Arc<Attempts<E>>,
    body: Box<dyn FnOnce(Context) -> Call<U, E> + Send>,
) -> Bound<U, E> {
    Box::new(move |ctx| Box::pin(async move { once_only(&attempts, &ctx, body).await }))
}

fn again_bound<U: Send + 'static, E: Root + Send>(
    attempts: Arc<Attempts<E>>,
    body: Box<dyn Fn(Context) -> Call<U, E> + Send + Sync>,
) -> Bound<U, E> {
    Box::new(move |ctx| Box::pin(async move { attempt(&attempts, &ctx, body).await }))
}

/// One call of a body that can be called only once, in its turn and its time.
pub(crate) async fn once_only<F, Fut, U, E>(
    attempts: &Attempts<E>,
    ctx: &Context,
    body: F,
) -> Result<U, Unfinished<E>>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = Result<U, E>>,
    E: Root,
{
    turn(attempts, ctx).await?;
    in_time(attempts, ctx, body).await
}

/// Waits for the call's place in the rate.
async fn turn<E>(attempts: &Attempts<E>, ctx: &Context) -> Result<(), Unfinished<E>> {
    #[cfg(feature = "rate")]
    if let Some(rate) = &attempts.rate {
        return rate.pass_async(ctx).await.map_err(Unfinished::Cancelled);
    }
    let _ = (attempts, ctx);
    Ok(())
}

/// Calls the body, and gives it no more time than it has.
async fn in_time<F, Fut, U, E>(attempts: &Attempts<E>, ctx: &Context, body: F) -> Result<U, Unfinished<E>>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = Result<U, E>>,
    E: Root,
{
    let Some(timeout) = &attempts.timeout else {
        return body(ctx.clone()).await.map_err(Unfinished::Failed);
    };
    let own = timeout.below(ctx);
    let mut call = pin!(body(own.clone()));
    // Not `run_async`: when the context itself is cancelled the body is given the chance to heed it.
    let mut expiry = pin!(own.wait_async());
    poll_fn(|cx| {
        if let Poll::Ready(output) = call.as_mut().poll(cx) {
            return Poll::Ready(output.map_err(Unfinished::Failed));
        }
        if ctx.is_cancelled() {
            return Poll::Pending;
        }
        let why = ready!(expiry.as_mut().poll(cx));
        // Of the two that may have come at once, the cancellation.
        if ctx.is_cancelled() {
            return Poll::Pending;
        }
        Poll::Ready(Err(Unfinished::Failed((timeout.expired)(why))))
    })
    .await
}
