//! Attempts of a body that blocks.

use std::sync::Arc;

use super::{Attempts, Unfinished};
use crate::context::Context;
use crate::group::{FromMember, Root};

/// Calls `body` as often as `attempts` says. A call is never cut short: a body has to heed the context that it is given, whose
/// deadline is that of the call.
pub(crate) fn attempt<U, E: Root>(
    attempts: &Attempts<E>,
    ctx: &Context,
    body: &mut dyn FnMut(&Context) -> Result<U, E>,
) -> Result<U, Unfinished<E>> {
    #[cfg(feature = "retry")]
    if let Some(retry) = &attempts.retry {
        let mut delays = retry.delays();
        loop {
            let error = match once(attempts, ctx, body) {
                Err(Unfinished::Failed(error)) => error,
                end => return end,
            };
            // An error that comes after the cancellation is mostly its consequence; its group sorts that out.
            if ctx.is_cancelled() || !retry.is_worth(error.as_error()) {
                return Err(Unfinished::Failed(error));
            }
            let Some(delay) = delays.next() else { return Err(Unfinished::Failed(error)) };
            drop(error);
            ctx.sleep(delay).map_err(Unfinished::Cancelled)?;
        }
    }
    once(attempts, ctx, body)
}

/// One call of the body, in its turn.
pub(crate) fn once<U, E: Root>(
    attempts: &Attempts<E>,
    ctx: &Context,
    body: &mut dyn FnMut(&Context) -> Result<U, E>,
) -> Result<U, Unfinished<E>> {
    #[cfg(feature = "rate")]
    if let Some(rate) = &attempts.rate {
        rate.pass(ctx).map_err(Unfinished::Cancelled)?;
    }
    match &attempts.timeout {
        Some(timeout) => body(&timeout.below(ctx)).map_err(Unfinished::Failed),
        None => body(ctx).map_err(Unfinished::Failed),
    }
}

/// A body bound to its attempts. Boxed, so that what is made of it is compiled once for each type of value, and not for each
/// body.
pub(crate) type Bound<'s, U, E> = Box<dyn FnOnce(&Context) -> Result<U, Unfinished<E>> + Send + 's>;

/// Binds a body that can be called only once.
pub(crate) fn bind_once<'s, F, U, X, E>(attempts: Arc<Attempts<E>>, body: F) -> Bound<'s, U, E>
where
    F: FnOnce(&Context) -> Result<U, X> + Send + 's,
    E: Root + FromMember<X>,
{
    Box::new(move |ctx| {
        let mut body = Some(body);
        once(&attempts, ctx, &mut |ctx| {
            let body = body.take().unwrap_or_else(|| unreachable!("called once"));
            body(ctx).map_err(E::from_member)
        })
    })
}

/// Binds a body that can be called again.
pub(crate) fn bind<'s, F, U, X, E>(attempts: Arc<Attempts<E>>, mut body: F) -> Bound<'s, U, E>
where
    F: FnMut(&Context) -> Result<U, X> + Send + 's,
    E: Root + FromMember<X>,
{
    Box::new(move |ctx| attempt(&attempts, ctx, &mut |ctx| body(ctx).map_err(E::from_member)))
}
