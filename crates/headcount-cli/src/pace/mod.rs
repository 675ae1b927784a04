//! Pace: whether the next member may start now, or what it has to wait for.
//!
//! It is asked by each member before its attempt begins, and by nobody when no flag of pace was given and no `make` shares its
//! tokens out: by the thread of a child ([`Pace::admit`]), by the task of a transfer ([`Pace::admit_task`]). One asks at a
//! time, so that what the first takes is not counted as there by the second. In this order:
//!
//! 1. the machine: load ([`machine`]) and memory are as asked, and looked at anew until they are;
//! 2. a token of the jobserver ([`jobserver`]), if there is one: last of all that can take long, because others wait for it;
//! 3. the time since the last start ([`rate`]), stamped now that nothing is in the way.
//!
//! Any stop ends all waiting.

pub(crate) mod control;
mod jobserver;
mod machine;
mod rate;

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headcount::{Cancelled, Context};

pub(crate) use jobserver::{Jobserver, Token};

use crate::args::PaceArgs;
use crate::latch::Latch;
use crate::locked;
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
    gate: Option<Mutex<Gate>>,
    /// Whose turn it is, among tasks. The gate is locked by them for moments only: no thread of theirs may be held up.
    turn: tokio::sync::Mutex<()>,
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
        let gate = asks.then(|| Mutex::new(Gate { machine, spacing, said: None }));
        Ok(Self { gate, turn: Default::default(), jobserver: jobserver.map(Arc::new), draining })
    }

    /// Whether anybody ever waits.
    pub(crate) fn is_asked(&self) -> bool {
        self.gate.is_some()
    }

    /// Where tokens go back to, for somebody else to do that.
    pub(crate) fn tokens(&self) -> Option<OwnedFd> {
        self.jobserver.as_ref()?.giving_back().ok()
    }

    /// Waits until the next member may start; nothing when none may any more. `say` is told what is waited for.
    pub(crate) fn admit(&self, ctx: &Context, say: impl Fn(&str)) -> Option<Permit> {
        let Some(gate) = &self.gate else { return Some(Permit { token: None }) };
        let mut gate = locked(gate);
        let since = Instant::now();
        while let Some(wait) = gate.machine_objects(since, &say) {
            ctx.sleep(wait).ok()?;
        }
        let token = match &self.jobserver {
            Some(jobserver) => Some(Jobserver::take(jobserver, &self.draining)?),
            None => None,
        };
        if let Some(spacing) = &mut gate.spacing {
            ctx.sleep(spacing.left(Instant::now())).ok()?;
            spacing.stamp(Instant::now());
        }
        ctx.check().ok()?;
        Some(Permit { token })
    }

    /// The same for a member that is a task. Of a jobserver's tokens it takes none: they are for what keeps a core busy.
    pub(crate) async fn admit_task(&self, ctx: &Context, say: impl Fn(&str)) -> Result<(), Cancelled> {
        let Some(gate) = &self.gate else { return ctx.check() };
        let _turn = ctx.run_async(self.turn.lock()).await?;
        let since = Instant::now();
        loop {
            let objection = locked(gate).machine_objects(since, &say);
            let Some(wait) = objection else { break };
            ctx.sleep_async(wait).await?;
        }
        let left = locked(gate).spacing.as_ref().map(|spacing| spacing.left(Instant::now()));
        if let Some(left) = left {
            ctx.sleep_async(left).await?;
            locked(gate).spacing.iter_mut().for_each(|spacing| spacing.stamp(Instant::now()));
        }
        ctx.check()
    }
}

impl Gate {
    /// How long to wait before the machine is looked at again; nothing when it has nothing against another start. Says so if
    /// somebody has waited for it for long.
    fn machine_objects(&mut self, since: Instant, say: impl Fn(&str)) -> Option<Duration> {
        if !self.machine.asks() {
            return None;
        }
        let why = self.machine.objects()?;
        let long = since.elapsed() >= SAY && self.said.is_none_or(|said| said.elapsed() >= SAY_AGAIN);
        if long {
            self.said = Some(Instant::now());
            say(&format!("headcount: the next member waits: {why}\n"));
        }
        Some(LOOK)
    }
}
