//! Items that are tried again, hedged, or paced, on tasks.

use std::future::Future;
use std::sync::Arc;

use super::source::Source;
use super::{Map, MapResults, Spawned};
use crate::attempt::{Attempts, Unfinished, tasks};
use crate::context::{Cancelled, Context};
use crate::group::{FailFast, FromMember, GroupError, Policy, Root};
use crate::map::attempts::{MapAttempts, attempts};

attempts! { impl[S, E, P] Map<S, E, P>, error: E }
attempts! { impl[S, E, P] Spawned<S, E, P>, error: E }

impl<S, E, P, const AGAIN: bool> MapAttempts<Map<S, E, P>, E, AGAIN> {
    /// As [`task::Map::spawned`](crate::task::Map::spawned).
    pub fn spawned(self) -> MapAttempts<Spawned<S, E, P>, E, AGAIN> {
        MapAttempts { map: self.map.spawned(), attempts: self.attempts }
    }
}

async fn again<T, F, Fut, U, X, E>(
    attempts: &Attempts<E>,
    f: &F,
    ctx: Context,
    item: T,
) -> Result<U, Unfinished<E>>
where
    T: Clone,
    F: Fn(Context, T) -> Fut,
    Fut: Future<Output = Result<U, X>>,
    E: Root + FromMember<X>,
{
    let body = |ctx| {
        let call = f(ctx, item.clone());
        async { call.await.map_err(E::from_member) }
    };
    tasks::attempt(attempts, &ctx, body).await
}

async fn once<T, F, Fut, U, X, E>(
    attempts: &Attempts<E>,
    f: &F,
    ctx: Context,
    item: T,
) -> Result<U, Unfinished<E>>
where
    F: Fn(Context, T) -> Fut,
    Fut: Future<Output = Result<U, X>>,
    E: Root + FromMember<X>,
{
    let body = |ctx| {
        let call = f(ctx, item);
        async { call.await.map_err(E::from_member) }
    };
    tasks::once_only(attempts, &ctx, body).await
}

/// Writes the ways to run such a map.
macro_rules! runs {
    ($again:literal, $body:ident $(, $clone:ident)?) => {
        impl<S, E, P> MapAttempts<Map<S, E, P>, E, $again>
        where
            S: Source $(<Item: $clone>)?,
            E: Root + FromMember<Cancelled>,
        {
            /// As [`task::Map::run`](crate::task::Map::run).
            pub async fn run<F, Fut, T, X>(self, f: F) -> P::Output
            where
                F: Fn(Context, S::Item) -> Fut,
                Fut: Future<Output = Result<T, X>>,
                E: FromMember<X>,
                P: Policy<T, E>,
            {
                let Self { map, attempts } = self;
                map.run(|ctx, item| $body(&attempts, &f, ctx, item)).await
            }
        }

        impl<S, E> MapAttempts<Map<S, E, FailFast>, E, $again>
        where
            S: Source $(<Item: $clone>)?,
            E: Root + FromMember<Cancelled>,
        {
            /// As [`task::Map::for_each`](crate::task::Map::for_each).
            ///
            /// # Errors
            ///
            /// As there.
            pub async fn for_each<F, Fut, X>(self, f: F) -> Result<(), GroupError<E>>
            where
                F: Fn(Context, S::Item) -> Fut,
                Fut: Future<Output = Result<(), X>>,
                E: FromMember<X>,
            {
                let Self { map, attempts } = self;
                map.for_each(|ctx, item| $body(&attempts, &f, ctx, item)).await
            }

            /// As [`task::Map::fold`](crate::task::Map::fold).
            ///
            /// # Errors
            ///
            /// As there.
            pub async fn fold<A, F, Fut, T, X, G>(self, init: A, f: F, fold: G) -> Result<A, GroupError<E>>
            where
                F: Fn(Context, S::Item) -> Fut,
                Fut: Future<Output = Result<T, X>>,
                G: FnMut(A, T) -> A,
                E: FromMember<X>,
            {
                let Self { map, attempts } = self;
                map.fold(init, |ctx, item| $body(&attempts, &f, ctx, item), fold).await
            }
        }

        impl<S, E, P> MapAttempts<Spawned<S, E, P>, E, $again>
        where
            S: Source<Item: Send $(+ $clone)? + 'static> + Send + 'static,
            S::Item: Sync,
            E: Root + Send + FromMember<Cancelled>,
            P: Send + 'static,
        {
            /// As [`task::Spawned::run`](crate::task::Spawned::run).
            pub async fn run<F, Fut, T, X>(self, f: F) -> P::Output
            where
                F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = Result<T, X>> + Send + 'static,
                T: Send + 'static,
                X: Send + 'static,
                E: FromMember<X>,
                P: Policy<T, E>,
            {
                let Self { map, attempts } = self;
                let bound = Arc::new((attempts, f));
                let body = move |ctx, item| {
                    let bound = Arc::clone(&bound);
                    async move { $body(&bound.0, &bound.1, ctx, item).await }
                };
                map.run(body).await
            }
        }

        impl<S, E> MapAttempts<Spawned<S, E, FailFast>, E, $again>
        where
            S: Source<Item: Send $(+ $clone)? + 'static> + Send + 'static,
            S::Item: Sync,
            E: Root + Send + FromMember<Cancelled>,
        {
            /// As [`task::Spawned::for_each`](crate::task::Spawned::for_each).
            ///
            /// # Errors
            ///
            /// As there.
            pub async fn for_each<F, Fut, X>(self, f: F) -> Result<(), GroupError<E>>
            where
                F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = Result<(), X>> + Send + 'static,
                X: Send + 'static,
                E: FromMember<X>,
            {
                let Self { map, attempts } = self;
                let bound = Arc::new((attempts, f));
                let body = move |ctx, item| {
                    let bound = Arc::clone(&bound);
                    async move { $body(&bound.0, &bound.1, ctx, item).await }
                };
                map.for_each(body).await
            }

            /// As [`task::Spawned::fold`](crate::task::Spawned::fold).
            ///
            /// # Errors
            ///
            /// As there.
            pub async fn fold<A, F, Fut, T, X, G>(self, init: A, f: F, fold: G) -> Result<A, GroupError<E>>
            where
                F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = Result<T, X>> + Send + 'static,
                T: Send + 'static,
                X: Send + 'static,
                E: FromMember<X>,
                G: FnMut(A, T) -> A,
            {
                let Self { map, attempts } = self;
                let bound = Arc::new((attempts, f));
                let body = move |ctx, item| {
                    let bound = Arc::clone(&bound);
                    async move { $body(&bound.0, &bound.1, ctx, item).await }
                };
                map.fold(init, body, fold).await
            }

            /// As [`task::Spawned::stream`](crate::task::Spawned::stream).
            pub fn stream<F, Fut, T, X>(self, f: F) -> MapResults<T, E>
            where
                F: Fn(Context, S::Item) -> Fut + Send + Sync + 'static,
                Fut: Future<Output = Result<T, X>> + Send + 'static,
                T: Send + 'static,
                X: Send + 'static,
                E: FromMember<X>,
            {
                let Self { map, attempts } = self;
                let bound = Arc::new((attempts, f));
                map.stream(move |ctx, item| {
                    let bound = Arc::clone(&bound);
                    async move { $body(&bound.0, &bound.1, ctx, item).await }
                })
            }
        }
    };
}

runs! { true, again, Clone }
runs! { false, once }
