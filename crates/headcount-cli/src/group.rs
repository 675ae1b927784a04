//! The batch as one group of threads: its limit is the number of jobs, and its context is what stops it.
//!
//! A *lane* is what one member after the other runs in: a slot, a seat and buffers. It goes from hand to hand: a turn
//! takes in an input and launches its member with the lane, and the member's last act is to launch the lane's next
//! turn. Each waits in the group's queue for a moment only, and the thread that ended the one goes on with the other,
//! so that nothing is handed from thread to thread. Waiting for an input may take for ever, so it is never done by a
//! member: a member that has ended is judged at once. Only where an input lies ready does it save the lane the turn.
//!
//! There are never more lanes than members: the first is opened with the batch, and a turn that got an input opens
//! another and takes in the next for it, as long as there may be more. It holds one slot meanwhile, which is that of
//! the lane it has in hand.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use headcount::{Context, Ended, Outcome, Panics, Policy, Verdict, thread};

use crate::args::Jobs;
use crate::batch::{Batch, Member};
use crate::lane::{After, Lane};
use crate::ledger;
use crate::locked;
use crate::pace::control::{self, Control};
use crate::process::guard::UNGUARDED;
use crate::progress::Progress;
use crate::roll;
use crate::stop::Strength;

/// Enough for what a member's thread does, and little when there are many.
const STACK: usize = 256 * 1024;

/// Within this time the first thread has begun, or there will be none.
const BEGIN: Duration = Duration::from_secs(1);

/// The ledger's verdict, as the group asks for it.
#[derive(Debug)]
struct Verdicts(Arc<Batch>);

impl Policy<(), Infallible> for Verdicts {
    const KEEPS: bool = false;
    type Output = ();

    fn judge(&mut self, _: &Outcome<'_, (), Infallible>) -> Verdict {
        match locked(&self.0.books.ledger).verdict() {
            ledger::Verdict::Continue => Verdict::Continue,
            ledger::Verdict::StopTheRest(_) => Verdict::Finish,
        }
    }

    fn output(self, _: Ended<(), Infallible>) {}
}

type Spawner<'scope, 'env> = thread::Spawner<'scope, 'env, (), Infallible, Verdicts>;

/// Runs the batch to its end, telling how far it is.
pub(crate) fn run(batch: &Arc<Batch>, ctx: &Context, progress: &mut Progress) {
    let scope = thread::Scope::typed_with_policy(ctx, Verdicts(Arc::clone(batch)))
        .named("batch")
        .limit(batch.seats.len())
        .stack_size(STACK)
        .panics(Panics::AsError);
    scope.run(|group| {
        batch.roll.open(group.roll());
        let (stop, waiting) = (Arc::clone(&batch.books.stop), Arc::clone(batch));
        let _over = group.context().on_cancel(move |why| {
            // Whoever asked for a stop cancelled the context with it.
            if !stop.is_asked() {
                stop.raise(Strength::Terminate, &why.to_string());
            }
            if let Some(waits) = &waiting.waits {
                waits.wake();
            }
        });
        let crew = Crew { group: group.spawner(), batch };
        crew.clone().open();
        match &batch.control {
            None => tell(group, batch, progress),
            Some(control) => std::thread::scope(|threads| {
                // Closed also when the telling breaks down: the scope waits for the other thread.
                let _closed = Closing(control);
                threads.spawn(move || control.serve(|read| crew.limit(read)));
                tell(group, batch, progress);
            }),
        }
    });
    batch.settle_waits();
}

struct Closing<'a>(&'a Control);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The group's threads as the members see them.
#[derive(Clone)]
struct Crew<'scope, 'env> {
    group: Spawner<'scope, 'env>,
    batch: &'env Arc<Batch>,
}

impl<'scope, 'env> Crew<'scope, 'env> {
    /// The first lane.
    fn open(self) {
        if let Some(lane) = self.new_lane() {
            self.turn(lane);
        }
    }

    /// The limit as the control file has it now. The group's own limit stays at the number of seats: it is the lanes that are
    /// fewer or more, so that slots stay below the limit and nobody who has an input in hand queues behind those who wait for one.
    fn limit(&self, read: Result<Option<Jobs>, String>) {
        let said = control::heed(read, |jobs| {
            let allowed = self.batch.allow(jobs);
            self.clone().open();
            allowed
        });
        self.batch.books.note(&said);
    }

    /// One more lane, if there may be one.
    fn new_lane(&self) -> Option<Lane> {
        let slot = self.batch.open_lane()?;
        Some(Lane::new(Arc::clone(self.batch), slot))
    }

    /// A turn at the input: for this lane, and for every new one as long as there may be one.
    fn turn(self, lane: Lane) {
        let group = self.group.clone();
        group.spawn(move |_| {
            let mut free = Some(lane);
            while let Some(lane) = free.take() {
                if let Some(member) = self.batch.next() {
                    self.clone().member(lane, member);
                    free = self.new_lane();
                }
            }
            headcount::ok(())
        });
    }

    fn member(self, mut lane: Lane, mut member: Member) {
        let group = self.group.clone();
        group.spawn_named(roll::name(member.number, &member.label), move |ctx| {
            match lane.run(&mut member, ctx) {
                After::Next if self.batch.closes_lane(lane.slot()) => return headcount::ok(()),
                After::Next => {}
                After::Again(attempt, wait) => self.batch.put_off(member, attempt, wait),
                After::Over => return headcount::ok(()),
            }
            match self.batch.next_at_once() {
                Some(next) => self.member(lane, next),
                None => self.turn(lane),
            }
            headcount::ok(())
        });
    }
}

/// Tells how far it is until nobody is out.
fn tell(group: &Spawner<'_, '_>, batch: &Batch, progress: &mut Progress) {
    if group.wait_idle_timeout(UNGUARDED).is_ok() {
        return;
    }
    batch.begin_guard();
    let first = progress.interval().min(BEGIN);
    if group.wait_idle_timeout(first.saturating_sub(UNGUARDED)).is_ok() {
        return;
    }
    // The first turn is still queued.
    if group.running() == 0 && locked(&batch.books.ledger).tally().registered == 0 {
        batch.books.note("headcount: no thread could be started; going on one by one\n");
        // When this returns the calling thread does the work.
        return;
    }
    let mut wait = progress.interval().saturating_sub(first);
    while group.wait_idle_timeout(wait).is_err() {
        let tally = locked(&batch.books.ledger).tally();
        if let Some(line) = progress.tell(&tally, batch.slowest().as_ref(), batch.books.printer.sheet()) {
            batch.books.printer.note(&line);
        }
        wait = progress.interval();
    }
    progress.clear();
}
