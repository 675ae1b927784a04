//! Items that are tried again, hedged, or paced, on threads.

use std::sync::Arc;
use std::time::Duration;

use super::super::hedger::Hedger;
use super::super::launch::{Launch, Threads};
use super::{Map, MapResults};
use crate::attempt::{Attempts, Unfinished, threads};
use crate::context::{Cancelled, Context};
use crate::group::{FailFast, FromMember, GroupError, Policy, Root};
use crate::map::attempts::{MapAttempts, attempts};

attempts! { impl[I, E, P] Map<I, E, P>, error: E }

impl<I, E, P> Map<I, E, P> {
    /// Each item has so much time; see [`MapAttempts::timeout_each`](crate::MapAttempts::timeout_each).
    #[track_caller]
    pub fn timeout_each(self, timeout: Duration) -> MapAttempts<Self, E, false>
    where
        E: FromMember<Cancelled>,
    {
        MapAttempts::<Self, E, false>::new(self).timeout_each(timeout)
    }
}

/// Runs a map whose items may be called for more than once: `$run` with `$body`. Its hedger's threads are joined before
/// this is over, and no call is made when `$run` is.
macro_rules! again {
    ($this:ident, $f:ident, |$map:ident, $body:ident| $run:expr) => {{
        let MapAttempts { map: $map, attempts } = $this;
        let (attempts, f) = (&attempts, &$f);
        std::thread::scope(|scope| {
            let hedger = attempts.hedge().map(|hedge| {
                let name = $map.settings.title.name().cloned();
                Hedger::open(&$map.settings.ctx, hedge, Threads::new(scope, name))
            });
            let (hedger, _until_here) = hedger.unzip();
            let $body = |ctx: &Context, item| again(attempts, f, hedger.as_ref(), ctx, item);
            $run
        })
    }};
}

/// The same for items that are called for once.
macro_rules! once {
    ($this:ident, $f:ident, |$map:ident, $body:ident| $run:expr) => {{
        let MapAttempts { map: $map, attempts } = $this;
        let $body = |ctx: &Context, item| once(&attempts, &$f, ctx, item);
        $run
    }};
}

/// Writes the ways to run such a map.
macro_rules! runs {
    ($again:literal, $with:ident $(, $clone:ident)?) => {
        impl<I, E, P> MapAttempts<Map<I, E, P>, E, $again>
        where
            I: Iterator<Item: Send $(+ $clone)?> + Send,
            E: Root + Send + FromMember<Cancelled>,
        {
            /// As [`thread::Map::run`](crate::thread::Map::run).
            pub fn run<F, U, X>(self, f: F) -> P::Output
            where
                F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
                U: Send,
                E: FromMember<X>,
                P: Policy<U, E>,
            {
                $with!(self, f, |map, call| map.run(call))
            }
        }

        impl<I, E> MapAttempts<Map<I, E, FailFast>, E, $again>
        where
            I: Iterator<Item: Send $(+ $clone)?> + Send,
            E: Root + Send + FromMember<Cancelled>,
        {
            /// As [`thread::Map::for_each`](crate::thread::Map::for_each).
            ///
            /// # Errors
            ///
            /// As there.
            pub fn for_each<F, X>(self, f: F) -> Result<(), GroupError<E>>
            where
                F: Fn(&Context, I::Item) -> Result<(), X> + Sync,
                E: FromMember<X>,
            {
                $with!(self, f, |map, call| map.for_each(call))
            }

            /// As [`thread::Map::fold`](crate::thread::Map::fold).
            ///
            /// # Errors
            ///
            /// As there.
            pub fn fold<A, F, U, X>(self, init: A, f: F, add: impl FnMut(A, U) -> A) -> Result<A, GroupError<E>>
            where
                F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
                U: Send,
                E: FromMember<X>,
            {
                $with!(self, f, |map, call| map.fold(init, call, add))
            }

            /// As [`thread::Map::stream`](crate::thread::Map::stream).
            ///
            /// # Errors
            ///
            /// As there.
            pub fn stream<F, U, X, R>(
                self,
                f: F,
                body: impl FnOnce(MapResults<'_, U>) -> R,
            ) -> Result<R, GroupError<E>>
            where
                F: Fn(&Context, I::Item) -> Result<U, X> + Sync,
                U: Send,
                E: FromMember<X>,
            {
                $with!(self, f, |map, call| map.stream(call, body))
            }
        }
    };
}

runs! { true, again, Clone }
runs! { false, once }

fn again<'scope, T, U, X, E, F, L>(
    attempts: &'scope Attempts<E>,
    f: &'scope F,
    hedger: Option<&Arc<Hedger<'scope, L>>>,
    ctx: &Context,
    item: T,
) -> Result<U, Unfinished<E>>
where
    T: Clone + Send + 'scope,
    U: Send + 'scope,
    E: Root + Send + FromMember<X> + 'scope,
    F: Fn(&Context, T) -> Result<U, X> + Sync,
    L: Launch<'scope>,
{
    threads::attempt(attempts, ctx, &mut || {
        let call = |item: T| move |ctx: &Context| once(attempts, f, ctx, item);
        let first = call(item.clone());
        match hedger {
            None => first(ctx),
            Some(hedger) => hedger.call(ctx, first, call(item.clone())),
        }
    })
}

fn once<T, U, X, E: Root + FromMember<X>>(
    attempts: &Attempts<E>,
    f: &impl Fn(&Context, T) -> Result<U, X>,
    ctx: &Context,
    item: T,
) -> Result<U, Unfinished<E>> {
    threads::once(attempts, ctx, |ctx| f(ctx, item).map_err(E::from_member))
}
