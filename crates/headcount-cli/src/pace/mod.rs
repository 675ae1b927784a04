//! Pace: whether the next member may start now, or what it has to wait for.
//!
//! It is asked by each member before its attempt begins, and by nobody when no flag of pace was given and no `make` shares its
//! tokens out: for a child ([`Pace::admit`]), for a transfer ([`Pace::admit_task`]). One asks at a
//! time, so that what the first takes is not counted as there by the second. In this order:
//!
//! 1. the machine: load ([`machine`]) and memory are as asked, and looked at anew until they are;
//! 2. a token of the jobserver ([`jobserver`]), if there is one: last of all that can take long, because others wait for it;
//! 3. the time since the last start ([`rate`]), stamped now that nothing is in the way.
//!
//! Any stop ends all waiting. Who waits takes no thread, but for the one who waits for a token.

pub(crate) mod control;
mod jobserver;
mod machine;
mod rate;

use std::future::Future;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use headcount::{Cancelled, Context};
use tokio::sync::{Mutex, OwnedMutexGuard};

pub(crate) use jobserver::{Jobserver, Token};

use crate::args::PaceArgs;
use crate::hands::aside;
use crate::latch::Latch;
use crate::refusal::Refusal;
use machine::Machine;
use rate::Spacing;

/// How soon the machine is looked at again.
const LOOK: Duration = Duration::from_millis(100);

/// How long somebody waits for the machine before that is said, and how long until it is said again.
const SAY: Duration = Duration::from_secs(2);
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Nothing when nobody ever waits.
    gate: Option<Arc<Mutex<Gate>>>,
    jobserver: Option<Arc<Jobserver>>,
    /// Closed at the first stop.
    draining: Arc<Latch>,
}

#[derive(Debug)]
struct Gate {
    machine: Machine,
    spacing: Option<Spacing>,
    said: Option<Instant>,
}

/// A place in the queue before the gate. They ask in the order in which they queued.
pub(crate) struct Place(Queued);

enum Queued {
    /// There is no gate.
    Free,
    First(OwnedMutexGuard<Gate>),
    Waiting(Pin<Box<dyn Future<Output = OwnedMutexGuard<Gate>> + Send>>),
}

/// Leave to run. What was taken for it is given back with it.
#[derive(Debug)]
pub(crate) struct Permit {
    token: Option<Token>,
}

impl Permit {
    /// The byte that is owed to the jobserver for it.
    pub(crate) fn token(&self) -> Option<u8> {
        self.token.as_ref()?.owed()
    }
}

impl Pace {
    pub(crate) fn new(
        args: &PaceArgs,
        jobserver: Option<Jobserver>,
        draining: Arc<Latch>,
    ) -> Result<Self, Refusal> {
        let machine = Machine::new(args)?;
        let spacing = args.rate.map(|rate| Spacing::new(rate.period));
        let asks = machine.asks() || spacing.is_some() || jobserver.is_some();
        let gate = asks.then(|| Arc::new(Mutex::new(Gate { machine, spacing, said: None })));
        Ok(Self { gate, jobserver: jobserver.map(Arc::new), draining })
    }

    /// Whether anybody ever waits.
    pub(crate) fn is_asked(&self) -> bool {
        self.gate.is_some()
    }

    /// Where tokens go back to, for somebody else to do that.
    pub(crate) fn tokens(&self) -> Option<OwnedFd> {
        self.jobserver.as_ref()?.giving_back().ok()
    }

    /// Queues a member that is going to ask. Done when it is launched: who is looked after first then is anybody's guess.
    pub(crate) fn queue(&self) -> Place {
        let Some(gate) = &self.gate else { return Place(Queued::Free) };
        let mut waiting = Box::pin(Arc::clone(gate).lock_owned());
        // It queues when it is asked first.
        match waiting.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            Poll::Ready(gate) => Place(Queued::First(gate)),
            Poll::Pending => Place(Queued::Waiting(waiting)),
        }
    }

    /// Waits until the member may start; nothing when it may not any more. `say` is told what is waited for.
    pub(crate) async fn admit(&self, place: Place, ctx: &Context, say: impl Fn(&str)) -> Option<Permit> {
        let mut gate = match place.0 {
            Queued::Free => return Some(Permit { token: None }),
            Queued::First(gate) => gate,
            Queued::Waiting(gate) => gate.await,
        };
        gate.wait_for_machine(ctx, say).await.ok()?;
        let token = match &self.jobserver {
            Some(jobserver) => Some(self.token(jobserver).await?),
            None => None,
        };
        gate.wait_for_rate(ctx).await.ok()?;
        Some(Permit { token })
    }

    async fn token(&self, jobserver: &Arc<Jobserver>) -> Option<Token> {
        if self.draining.is_closed() {
            return None;
        }
        if let Some(token) = Jobserver::try_take(jobserver) {
            return Some(token);
        }
        // Whoever has one may keep it for hours.
        let (jobserver, draining) = (Arc::clone(jobserver), Arc::clone(&self.draining));
        aside("token", move || Jobserver::take(&jobserver, &draining)).await?
    }

    /// The same for a member that has no process. Of a jobserver's tokens it takes none: they are for what keeps a core busy.
    pub(crate) async fn admit_task(&self, ctx: &Context, say: impl Fn(&str)) -> Result<(), Cancelled> {
        let Some(gate) = &self.gate else { return ctx.check() };
        let mut gate = ctx.run_async(gate.lock()).await?;
        gate.wait_for_machine(ctx, say).await?;
        gate.wait_for_rate(ctx).await
    }
}

impl Gate {
    /// Waits until the machine has nothing against another start. Says so if somebody has waited for it for long.
    async fn wait_for_machine(&mut self, ctx: &Context, say: impl Fn(&str)) -> Result<(), Cancelled> {
        if !self.machine.asks() {
            return Ok(());
        }
        let since = Instant::now();
        while let Some(why) = self.machine.objects() {
            let long = since.elapsed() >= SAY && self.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN);
            if long {
                self.said = Some(Instant::now());
                say(&format!("headcount: the next member waits: {why}\n"));
            }
            ctx.sleep_async(LOOK).await?;
        }
        Ok(())
    }

    /// Waits until enough time has gone by since the last start, and begins to count anew.
    async fn wait_for_rate(&mut self, ctx: &Context) -> Result<(), Cancelled> {
        if let Some(spacing) = &mut self.spacing {
            ctx.sleep_async(spacing.left(Instant::now())).await?;
            spacing.stamp(Instant::now());
        }
        ctx.check()
    }
}
