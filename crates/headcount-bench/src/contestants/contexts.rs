//! Contexts, tokens of cancellation, and the cheapest things that could do their jobs.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use headcount::{Canceller, Context};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Contestant, Role};
use crate::row::Row;
use crate::timing::crowd::{self, Crowd};
use crate::timing::wake_async::Threads;
use crate::timing::{contended, one_thread};

/// How deep the deep row asks.
const DEPTH: usize = 1000;

pub(super) const CONTESTANTS: &[Contestant] = &[
    Contestant {
        name: "headcount Context",
        role: Role::Ours,
        timings: &[
            (Row::AskOne, |effort| {
                let (ctx, _canceller) = Context::background().with_cancel();
                one_thread::alone(effort, || _ = black_box(black_box(&ctx).is_cancelled()))
            }),
            (Row::AskDeep, |effort| {
                let mut chain = vec![Context::background().with_cancel()];
                for _ in 1..DEPTH {
                    let next = chain[chain.len() - 1].0.with_cancel();
                    chain.push(next);
                }
                let deepest = &chain[DEPTH - 1].0;
                one_thread::alone(effort, || _ = black_box(black_box(deepest).is_cancelled()))
            }),
            (Row::AskTwo, |effort| {
                let (ctx, _canceller) = Context::background().with_cancel();
                contended::threads(effort, 2, |_| _ = black_box(black_box(&ctx).is_cancelled()))
            }),
            (Row::Child, |effort| {
                let (ctx, _canceller) = Context::background().with_cancel();
                one_thread::alone(effort, || drop(black_box(ctx.with_cancel())))
            }),
            (Row::CrowdOne, |effort| crowd::released::<Cancelled>(effort, Threads::One)),
            (Row::CrowdMany, |effort| crowd::released::<Cancelled>(effort, Threads::Many)),
        ],
    },
    Contestant {
        name: "tokio CancellationToken",
        role: Role::Peer,
        timings: &[
            (Row::AskOne, |effort| {
                let token = CancellationToken::new();
                one_thread::alone(effort, || _ = black_box(black_box(&token).is_cancelled()))
            }),
            (Row::AskDeep, |effort| {
                let mut chain = vec![CancellationToken::new()];
                for _ in 1..DEPTH {
                    let next = chain[chain.len() - 1].child_token();
                    chain.push(next);
                }
                let deepest = &chain[DEPTH - 1];
                one_thread::alone(effort, || _ = black_box(black_box(deepest).is_cancelled()))
            }),
            (Row::AskTwo, |effort| {
                let token = CancellationToken::new();
                contended::threads(effort, 2, |_| _ = black_box(black_box(&token).is_cancelled()))
            }),
            (Row::Child, |effort| {
                let token = CancellationToken::new();
                one_thread::alone(effort, || drop(black_box(token.child_token())))
            }),
            (Row::CrowdOne, |effort| crowd::released::<CancellationToken>(effort, Threads::One)),
            (Row::CrowdMany, |effort| crowd::released::<CancellationToken>(effort, Threads::Many)),
        ],
    },
    Contestant {
        name: "a load",
        role: Role::Floor,
        timings: &[
            (Row::AskOne, |effort| {
                let shared = Arc::new(AtomicU64::new(1));
                // Acquire, as `is_cancelled`: whoever sees a cancellation must see what led to it.
                one_thread::alone(effort, || _ = black_box(black_box(&shared).load(Ordering::Acquire) == 0))
            }),
            (Row::AskDeep, |effort| {
                let shared = Arc::new(AtomicU64::new(1));
                // Acquire, as `is_cancelled`: whoever sees a cancellation must see what led to it.
                one_thread::alone(effort, || _ = black_box(black_box(&shared).load(Ordering::Acquire) == 0))
            }),
            (Row::AskTwo, |effort| {
                let shared = Arc::new(AtomicU64::new(1));
                // Acquire, as above.
                let ask = |_| _ = black_box(black_box(&shared).load(Ordering::Acquire) == 0);
                contended::threads(effort, 2, ask)
            }),
        ],
    },
    Contestant {
        name: "an Arc made and dropped",
        role: Role::Floor,
        timings: &[(Row::Child, |effort| {
            one_thread::alone(effort, || drop(black_box(Arc::new(black_box([0_u64; 16])))))
        })],
    },
    Contestant {
        name: "notify_waiters",
        role: Role::Floor,
        timings: &[
            (Row::CrowdOne, |effort| crowd::released::<Arc<Notify>>(effort, Threads::One)),
            (Row::CrowdMany, |effort| crowd::released::<Arc<Notify>>(effort, Threads::Many)),
        ],
    },
];

/// A context with its canceller.
struct Cancelled(Context, Canceller);

impl Crowd for Cancelled {
    type Handle = Context;
    fn new() -> Self {
        let (ctx, canceller) = Context::background().with_cancel();
        Cancelled(ctx, canceller)
    }
    fn handle(&self) -> Context {
        self.0.clone()
    }
    async fn park(handle: Context) {
        handle.wait_async().await;
    }
    fn release(self) {
        self.1.cancel();
    }
}

impl Crowd for CancellationToken {
    type Handle = CancellationToken;
    fn new() -> Self {
        CancellationToken::new()
    }
    fn handle(&self) -> CancellationToken {
        self.clone()
    }
    async fn park(handle: CancellationToken) {
        handle.cancelled().await;
    }
    fn release(self) {
        self.cancel();
    }
}

impl Crowd for Arc<Notify> {
    type Handle = Arc<Notify>;
    fn new() -> Self {
        Arc::new(Notify::new())
    }
    fn handle(&self) -> Arc<Notify> {
        Arc::clone(self)
    }
    async fn park(handle: Arc<Notify>) {
        handle.notified().await;
    }
    fn release(self) {
        self.notify_waiters();
    }
}
