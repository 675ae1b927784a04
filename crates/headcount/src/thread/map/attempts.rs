//! Items that are tried again, or paced, on threads.

use super::{Map, MapResults};
use crate::attempt::{Attempts, Unfinished, threads};
use crate::context::{Cancelled, Context};
use crate::group::{FailFast, FromMember, GroupError, Policy, Root};
use crate::map::attempts::{MapAttempts, attempts};

attempts! { impl[I, E, P] Map<I, E, P>, error: E }

impl<I, E, P> Map<I, E, P> {
    /// Each item has so much time; see [`MapAttempts::timeout_each`](crate::MapAttempts::timeout_each).
    #[track_caller]
    pub fn timeout_each(self, timeout: std::time::Duration) -> MapAttempts<Self, E, false>
    where
        E: FromMember<Cancelled>,
    {
        MapAttempts::<Self, E, false>::new(self).timeout_each(timeout)
    }
}

/// Writes the ways to run such a map; `$item` may be called for as `$called` says.
macro_rules! runs {
    ($again:literal, $body:ident $(, $clone:ident)?) => {
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
                let Self { map, attempts } = self;
                map.run(|ctx, item| $body(&attempts, &f, ctx, item))
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
                let Self { map, attempts } = self;
                map.for_each(|ctx, item| $body(&attempts, &f, ctx, item))
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
                let Self { map, attempts } = self;
                map.fold(init, |ctx, item| $body(&attempts, &f, ctx, item), add)
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
                let Self { map, attempts } = self;
                map.stream(|ctx, item| $body(&attempts, &f, ctx, item), body)
            }
        }
    };
}

runs! { true, again, Clone }
runs! { false, once }

fn again<T: Clone, U, X, E: Root + FromMember<X>>(
    attempts: &Attempts<E>,
    f: &impl Fn(&Context, T) -> Result<U, X>,
    ctx: &Context,
    item: T,
) -> Result<U, Unfinished<E>> {
    threads::attempt(attempts, ctx, &mut |ctx| f(ctx, item.clone()).map_err(E::from_member))
}

fn once<T, U, X, E: Root + FromMember<X>>(
    attempts: &Attempts<E>,
    f: &impl Fn(&Context, T) -> Result<U, X>,
    ctx: &Context,
    item: T,
) -> Result<U, Unfinished<E>> {
    let mut item = Some(item);
    threads::once(attempts, ctx, &mut |ctx| {
        let item = item.take().unwrap_or_else(|| unreachable!("called once"));
        f(ctx, item).map_err(E::from_member)
    })
}
