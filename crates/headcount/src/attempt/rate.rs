//! So many calls a second, of all members together.
//!
//! `governor` counts; what time it is it is told from here, by the clock of the contexts, so that paused and driven time
//! hold for rates as well.

use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use governor::clock::Clock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::gate::Gate;
use crate::context::{Cancelled, Context};
use crate::time;
use crate::wait::lock::Lock;

/// Calls may come in bursts of as many as fall into this time, since no timer is finer.
const BURSTS_PER_SECOND: u32 = 100;

#[derive(Clone)]
pub(super) struct Rate(Arc<Inner>);

struct Inner {
    quota: Quota,
    /// Made at the first call, whose time is the beginning.
    limiter: OnceLock<Limiter>,
    told: Told,
    gate: Gate,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Told>;

/// A clock that is told what time it is.
#[derive(Clone)]
struct Told(Arc<Lock<Instant>>);

impl Clock for Told {
    type Instant = Instant;

    fn now(&self) -> Instant {
        *self.0.lock()
    }
}

impl Rate {
    #[track_caller]
    pub(super) fn new(per_second: u32) -> Self {
        let Some(calls) = NonZeroU32::new(per_second) else {
            panic!("a rate of 0 calls a second would never let one through")
        };
        let burst = NonZeroU32::new(per_second / BURSTS_PER_SECOND).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(calls).allow_burst(burst);
        let told = Told(Arc::new(Lock::new(time::now())));
        Self(Arc::new(Inner { quota, limiter: OnceLock::new(), told, gate: Gate::default() }))
    }

    /// Lets a call through, or says how long to wait before it asks again.
    fn try_pass(&self, ctx: &Context) -> Result<(), Duration> {
        let Inner { quota, limiter, told, .. } = &*self.0;
        let mut now = ctx.now();
        let limiter = limiter.get_or_init(|| {
            *told.0.lock() = now;
            RateLimiter::direct_with_clock(*quota, told.clone())
        });
        let mut latest = told.0.lock();
        // Of two threads the later time holds.
        now = now.max(*latest);
        *latest = now;
        drop(latest);
        // A timer may be early by less than it can tell.
        limiter.check().map_err(|not_yet| not_yet.wait_time_from(now).max(Duration::from_micros(1)))
    }

    pub(super) async fn pass_async(&self, ctx: &Context) -> Result<(), Cancelled> {
        let _inside = self.0.gate.enter_async(ctx).await?;
        while let Err(wait) = self.try_pass(ctx) {
            ctx.sleep_async(wait).await?;
        }
        ctx.check()
    }

    pub(super) fn pass(&self, ctx: &Context) -> Result<(), Cancelled> {
        let _inside = self.0.gate.enter(ctx)?;
        while let Err(wait) = self.try_pass(ctx) {
            ctx.sleep(wait)?;
        }
        ctx.check()
    }
}
