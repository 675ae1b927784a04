//! Attempts of a body that blocks. When a second call is made, and by whom, is its group's business.

use std::sync::Arc;

use super::{Attempts, Unfinished};
use crate::context::Context;
use crate::group::{FromMember, Root};

/// Makes attempts until one succeeds, or is not worth another; `once` makes one. A call is never cut short: a body has to
/// heed the context that it is given, whose deadline is that of the call.
pub(crate) fn attempt<U, E: Root>(
    attempts: &Attempts<E>,
    ctx: &Context,
    once: &mut dyn FnMut() -> Result<U, Unfinished<E>>,
) -> Result<U, Unfinished<E>> {
    #[cfg(feature = "retry")]
    if let Some(retry) = &attempts.retry {
        let mut delays = retry.delays();
        loop {
            let error = match once() {
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
    let _ = (attempts, ctx);
    once()
}

/// One call of the body, in its turn.
pub(crate) fn once<U, E: Root>(
    attempts: &Attempts<E>,
    ctx: &Context,
    body: impl FnOnce(&Context) -> Result<U, E>,
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
    Box::new(move |ctx| once(&attempts, ctx, |ctx| body(ctx).map_err(E::from_member)))
}
