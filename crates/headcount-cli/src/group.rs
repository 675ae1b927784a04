//! The batch as one group of tasks: its limit is the number of jobs, and its context is what stops it.
//!
//! A *lane* is what one member after the other runs in: a slot, a seat and pages. It is a place and no thread; a few
//! [`hands`](crate::hands) carry all of them. A lane goes from member to member: a member's last act is to launch the next one with its
//! lane, which then waits in the group's queue for a moment only, and whoever ended the one goes on with the other.
//!
//! Waiting for an input may take for ever, so it is never done by a member: a member that has ended is judged at once. Only
//! where an input lies ready does its lane go on with it. Otherwise the lane *rests*, and a *turn* is called, if there is none:
//! it takes in an input for each lane that rests, and for each that may still be opened, on a thread of its own where it has to wait.
//! There are two turns where members may be tried again, because one may be reading when somebody's wait is over.
//!
//! There are never more lanes than members: the first is opened with the batch, and a turn that got an input opens
//! another and takes in the next for it, as long as there may be more. It holds one slot meanwhile, which is that of
//! the lane it has in hand.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount::{Context, Ended, Outcome, Panics, Policy, Verdict, task};

use crate::args::Jobs;
use crate::batch::{Batch, Member};
use crate::hands::{Hands, aside, wait_here, wait_here_for};
use crate::lane::{After, Lane};
use crate::ledger;
use crate::locked;
use crate::pace::control::{self, Control};
use crate::process::guard::UNGUARDED;
use crate::progress::Progress;
use crate::roll;
use crate::stop::Strength;

/// The ledger's verdict, as the group asks for it.
#[derive(Debug)]
pub(crate) struct Verdicts(Arc<Batch>);

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

/// The batch's group, for those who launch in it or ask it.
pub(crate) type Spawner = task::Spawner<(), Infallible, Verdicts>;

/// Runs the batch to its end, telling how far it is.
pub(crate) fn run(batch: &Arc<Batch>, hands: &Hands, ctx: &Context, progress: &mut Progress) {
    let group = task::Group::typed_with_policy(ctx, Verdicts(Arc::clone(batch)))
        .named("batch")
        .limit(batch.seats.len())
        // Whoever is stopped ends by itself, when its child has.
        .grace(Duration::MAX)
        .panics(Panics::AsError)
        .on(hands.executor());
    batch.roll.open(group.spawner());
    let (stop, waiting) = (Arc::clone(&batch.books.stop), Arc::clone(batch));
    let over = group.context().on_cancel(move |why| {
        // Whoever asked for a stop cancelled the context with it.
        if !stop.is_asked() {
            stop.raise(Strength::Terminate, &why.to_string());
        }
        if let Some(waits) = &waiting.waits {
            waits.wake();
        }
    });
    let crew = Crew { group: group.spawner(), batch: Arc::clone(batch), resting: Arc::default() };
    crew.call_turn();
    match &batch.control {
        None => tell(&crew, progress),
        Some(control) => std::thread::scope(|threads| {
            // Closed also when the telling breaks down: the scope waits for the other thread.
            let _closed = Closing(control);
            threads.spawn(|| control.serve(|read| crew.limit(read)));
            tell(&crew, progress);
        }),
    }
    // Its end is no stop.
    drop((over, crew));
    wait_here(group.wait());
    batch.settle_waits();
}

struct Closing<'a>(&'a Control);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What a member needs to launch the next one.
#[derive(Clone)]
struct Crew {
    group: Spawner,
    batch: Arc<Batch>,
    resting: Arc<Mutex<Resting>>,
}

/// Lanes that have nothing to run. While there is one, there is a turn: both are looked at under one lock, within which lanes
/// are opened and closed.
#[derive(Default)]
struct Resting {
    lanes: Vec<Lane>,
    turns: usize,
}

impl Crew {
    /// The limit as the control file has it now. The group's own limit stays at the number of seats: it is the lanes that are
    /// fewer or more, so that slots stay below the limit and nobody who has an input in hand queues behind those who wait for one.
    fn limit(&self, read: Result<Option<Jobs>, String>) {
        let said = control::heed(read, |jobs| {
            let allowed = self.batch.allow(jobs);
            self.call_turn();
            allowed
        });
        self.batch.books.note(&said);
    }

    /// The lane has nothing to run.
    fn rest(&self, lane: Lane) {
        locked(&self.resting).lanes.push(lane);
        self.call_turn();
    }

    /// Somebody takes in inputs for lanes that rest, and for those that may be opened.
    fn call_turn(&self) {
        let most = if self.batch.waits.is_some() { 2 } else { 1 };
        let mut resting = locked(&self.resting);
        if resting.turns >= most {
            // It looks again before it ends.
            return;
        }
        resting.turns += 1;
        drop(resting);
        let crew = self.clone();
        self.group.spawn(move |_| async move {
            crew.turn().await;
            headcount::ok(())
        });
    }

    /// A lane for the next input; otherwise the turn is over.
    fn lane(&self, opens: bool) -> Option<Lane> {
        let mut resting = locked(&self.resting);
        while let Some(lane) = resting.lanes.pop() {
            if !self.batch.closes_lane(lane.slot()) {
                return Some(lane);
            }
        }
        let slot = if opens { self.batch.open_lane() } else { None };
        if slot.is_none() {
            resting.turns -= 1;
        }
        Some(Lane::new(Arc::clone(&self.batch), slot?))
    }

    /// A turn at the input, as long as none has to be waited for.
    async fn turn(self) {
        let mut opens = true;
        while let Some(lane) = self.lane(opens) {
            if let Some(member) = self.batch.next_at_once() {
                self.member(lane, member);
            } else if self.batch.has_no_next() {
                opens = false;
            } else {
                aside("intake", move || self.wait_for_inputs(lane)).await;
                return;
            }
        }
    }

    /// The rest of a turn, on a thread that may sleep.
    fn wait_for_inputs(&self, lane: Lane) {
        let mut opens = true;
        let mut free = Some(lane);
        while let Some(lane) = free {
            match self.batch.next() {
                Some(member) => self.member(lane, member),
                None => opens = false,
            }
            free = self.lane(opens);
        }
    }

    fn member(&self, mut lane: Lane, mut member: Member) {
        let crew = self.clone();
        let place = self.batch.pace.queue();
        self.group.spawn_named(roll::name(member.number, &member.label), move |ctx| async move {
            match lane.run(&mut member, place, &ctx).await {
                After::Next if crew.batch.closes_lane(lane.slot()) => return headcount::ok(()),
                After::Next => {}
                After::Again(attempt, wait) => crew.batch.put_off(member, attempt, wait),
                After::Over => return headcount::ok(()),
            }
            match crew.batch.next_at_once() {
                Some(next) => crew.member(lane, next),
                None if crew.batch.has_no_next() => {}
                None => crew.rest(lane),
            }
            headcount::ok(())
        });
    }

    /// Whether everybody is back within this time.
    fn is_idle_within(&self, time: Duration) -> bool {
        wait_here_for(self.group.wait_idle(), time).is_some()
    }
}

/// Tells how far it is until nobody is out.
fn tell(crew: &Crew, progress: &mut Progress) {
    let batch = &crew.batch;
    if crew.is_idle_within(UNGUARDED) {
        return;
    }
    batch.begin_guard();
    let mut wait = progress.interval().saturating_sub(UNGUARDED);
    while !crew.is_idle_within(wait) {
        let tally = locked(&batch.books.ledger).tally();
        if let Some(line) = progress.tell(&tally, batch.slowest().as_ref(), batch.books.printer.sheet()) {
            batch.books.printer.note(&line);
        }
        wait = progress.interval();
    }
    progress.clear();
}
