//! Members whose value has a type of its own.

use std::fmt;
use std::sync::Arc;

use super::FromMember;
use super::ending::Ending;
use super::panics;
use super::settle::{Hand, Receive, Settle, settle_with};
use crate::wait::lock::Lock;

/// The value of a member that was forked ([task](crate::task::Spawner::fork), [thread](crate::thread::Spawner::fork)), to be
/// taken once it is over.
///
/// A value whose `Fork` was dropped before is dropped by the member, quietly: a panic of its destructor is printed, and is
/// nobody's failure.
///
/// # Examples
///
/// Two services at once; if one fails the other is cancelled:
///
/// ```
/// use headcount::{Context, GroupError, task};
///
/// # async fn price(_: &Context) -> Result<u32, std::io::Error> { Ok(995) }
/// # async fn stock(_: &Context) -> Result<String, std::io::Error> { Ok("plenty".into()) }
/// async fn offer(ctx: &Context) -> Result<Option<(u32, String)>, GroupError> {
///     let group = task::Group::<()>::new(ctx);
///     let price = group.fork(|ctx| async move { price(&ctx).await });
///     let stock = group.fork(|ctx| async move { stock(&ctx).await });
///     group.wait().await?;
///     Ok(price.take().zip(stock.take()))
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(offer(&Context::background()).await.unwrap(), Some((995, "plenty".to_owned())));
/// # }
/// ```
#[must_use = "a fork's value is only to be had here"]
pub struct Fork<U>(Arc<Lock<Option<U>>>);

impl<U> Fork<U> {
    pub(crate) fn new() -> (Self, Forked<U>) {
        let place = Arc::new(Lock::new(None));
        (Self(Arc::clone(&place)), Forked(Some(place)))
    }

    /// The member's value; nothing if it has not succeeded, or not yet.
    #[must_use]
    pub fn take(self) -> Option<U> {
        self.0.lock().take()
    }
}

impl<U> fmt::Debug for Fork<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fork").field("ready", &self.0.lock().is_some()).finish()
    }
}

/// Where a forked member leaves its value.
pub(crate) struct Forked<U>(Option<Arc<Lock<Option<U>>>>);

impl<U> Hand for Forked<U> {}

impl<T, E, U> Receive<T, E, U> for Forked<U> {
    fn receive(&mut self, value: U) -> Ending<T, E> {
        let Some(place) = self.0.take() else { unreachable!("a member has one value") };
        let before = place.lock().replace(value);
        debug_assert!(before.is_none(), "the place is nobody else's");
        // G1: if the `Fork` is gone the value goes here, while the member is still out, and as any value that nobody wants:
        // its destructor is foreign code, and may panic.
        panics::drop_quietly((before, place));
        Ending::Forked
    }
}

impl<T, E, U, X> Settle<T, E, Result<U, X>> for Forked<U>
where
    E: FromMember<X>,
{
    fn settle(&mut self, output: Result<U, X>) -> Ending<T, E> {
        settle_with(self, output)
    }
}
