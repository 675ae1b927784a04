//! `headcount work`: runs members of groups that others registered, until it is told to end or there is nothing left.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use headcount::Context;
use headcount_cluster::{AttemptEnd, GroupId, Served, StoreError, Worker, WorkerEvent};

use super::opening::{Inspected, detach_stdin, no_start, stop_and_bell};
use crate::args::{Order, WorkArgs};
use crate::engine::{self, Address, Engine, HANDLER, Trouble, group_id};
use crate::exit::{self, Ending};
use crate::hands::Hands;
use crate::legible;
use crate::locked;
use crate::output::{Printer, Sheet};
use crate::process::{Launcher, Room, Seat, adopt_orphans};
use crate::refusal::Refusal;
use crate::signal::Signals;
use crate::stop::Strength;
use crate::work::{Keep, Parts, Watch, Yard};

/// The longest name an engine takes.
const LONGEST: usize = 512;

/// How often it is said that the engine does not answer.
const AGAIN: Duration = Duration::from_secs(30);

/// As good as for ever. Whoever has to be ended is ended by us, and not by being forgotten.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

pub(crate) fn run(args: &WorkArgs) -> Result<Ending, Refusal> {
    let groups = args.groups.iter().map(|group| group_id(group)).collect::<Result<Vec<_>, _>>()?;
    let name = args.name.clone().unwrap_or_else(|| format!("{}:{}", engine::host(), std::process::id()));
    if name.is_empty() || name.len() > LONGEST {
        return Err(Refusal::new(
            format!("--name has {} bytes, and a worker's name has 1 to {LONGEST}", name.len()),
            "leave it out for HOST:PID",
        ));
    }
    let place = Address::find(args.engine.engine.as_ref(), &args.engine.trust)?;
    let (stop, bell, rope) = stop_and_bell()?;
    detach_stdin()?;
    let mut room = Room::found();
    let jobs = jobs(args, &mut room)?;
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let hands = Hands::new(cores.min(jobs), jobs).map_err(|error| no_start("a thread", &error))?;
    let runtime = engine::runtime()?;
    let engine = match runtime.block_on(Engine::connect(place, args.engine.patience)) {
        Ok(engine) => engine,
        Err(trouble) => return Ok(trouble.end()),
    };
    let yard = Arc::new(Yard::new(Parts {
        launcher: Launcher::new(None, room),
        printer: Printer::new(Order::Done, false, Sheet::new(Arc::clone(&stop.abandoned))),
        hands: &hands,
        jobs,
        name,
        keep: Keep::new(args.keep.clone()),
        quiet: args.quiet,
    }));
    if let Err(error) = yard.launcher.guard.begin(None) {
        yard.note(&format!(
            "headcount: there is no guard ({error}); should headcount be killed with -9, its members run on\n"
        ));
    }
    let inspected = Inspected::begin();
    let signals = Arc::new(Signals::catch(&rope).map_err(|error| no_start("signals", &error))?);
    let (drained, drain) = Context::background().with_cancel();
    let (hurried, hurry) = Context::background().with_cancel();
    let watch = Watch {
        yard: Arc::clone(&yard),
        stop: Arc::clone(&stop),
        signals: Arc::clone(&signals),
        drain: Some(drain),
        hurry: Some(hurry),
    };
    watch.start(bell).map_err(|error| no_start("a thread", &error))?;
    let strays = adopt_orphans();
    let of = if groups.is_empty() { String::new() } else { format!(", for {}", listed(&groups)) };
    yard.note(&format!("headcount: worker {} on {}, {jobs} at once{of}\n", yard.name, engine.shown()));
    let worker = worker(args, &engine, &yard, &groups, &hurried);
    let served = runtime.block_on(worker.run(&drained));
    drop(inspected);
    // Empty, unless a call broke down; its child must not outlive us.
    yard.seats.iter().for_each(Seat::kill);
    yard.launcher.guard.dismiss();
    if stop.strength() >= Strength::Terminate {
        strays.kill();
    } else {
        for (pid, name) in strays.list() {
            yard.note(&format!(
                "headcount: left running in a session of its own, out of our reach: {name} (pid {pid})\n"
            ));
        }
    }
    Ok(conclude(&yard, &engine, served, stop.signal().or_else(|| signals.caught())))
}

/// How many run at once, when files can be had for so many.
fn jobs(args: &WorkArgs, room: &mut Room) -> Result<usize, Refusal> {
    let jobs = args.jobs.here();
    room.make(u64::try_from(jobs).unwrap_or(u64::MAX));
    match room.jobs().map(|room| usize::try_from(room).unwrap_or(usize::MAX)) {
        Some(room) if jobs > room => Err(Refusal::new(
            format!(
                "{jobs} jobs at once need more open files than this shell allows; there is room for {room}"
            ),
            "raise the limit with ulimit -n, or ask for fewer jobs with -j",
        )),
        _ => Ok(jobs),
    }
}

fn listed(groups: &[GroupId]) -> String {
    groups.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn worker(
    args: &WorkArgs,
    engine: &Engine,
    yard: &Arc<Yard>,
    groups: &[GroupId],
    hurried: &Context,
) -> Worker<headcount_cluster::Redis> {
    let runs = Arc::clone(yard);
    let mut worker = Worker::new(engine.store.clone())
        .named(yard.name.clone())
        .limit(yard.seats.len())
        .grace(args.drain.unwrap_or(FOR_EVER))
        .patience(FOR_EVER)
        .hurried_by(hurried)
        .handle_bytes(HANDLER, move |ctx, job| Arc::clone(&runs).run(ctx, job))
        .on_event(events(engine, yard));
    if !groups.is_empty() {
        worker = worker.groups(groups.iter().copied());
    }
    if args.until_idle {
        worker = worker.until_idle();
    }
    worker
}

/// What is said of what happens.
fn events(engine: &Engine, yard: &Arc<Yard>) -> impl Fn(&WorkerEvent) + Send + Sync + 'static {
    let (yard, place) = (Arc::clone(yard), engine.place().clone());
    let silent: Mutex<Option<Instant>> = Mutex::new(None);
    move |event| match event {
        WorkerEvent::EngineAway { error } => {
            let mut said = locked(&silent);
            if said.is_none_or(|said| said.elapsed() >= AGAIN) {
                *said = Some(Instant::now());
                let error = place.scrub(&legible::one_line(error.as_bytes()));
                yard.note(&format!("headcount: {place}: {error}; it is asked again\n"));
            }
        }
        WorkerEvent::Ended { group, token, how: AttemptEnd::Failed, .. } => {
            let member = legible::one_line(token.member.as_bytes());
            yard.note(&format!(
                "headcount: group {group}: member {member} failed (attempt {})\n",
                token.attempt
            ));
        }
        _ => {}
    }
}

fn conclude(yard: &Yard, engine: &Engine, served: Result<Served, StoreError>, signal: Option<i32>) -> Ending {
    match served {
        Ok(Served { done, failed, returned, stale, unheard, .. }) => {
            let ran = done + failed + returned + stale + unheard;
            let mut text = format!(
                "headcount: worker {} ran {ran}: {done} ok, {failed} failed, {returned} given back",
                yard.name
            );
            for (count, what) in
                [(stale, "run by others meanwhile"), (unheard, "of which the engine could not be told")]
            {
                if count > 0 {
                    text.push_str(&format!(", {count} {what}"));
                }
            }
            yard.note(&(text + "\n"));
            signal.map_or(Ending::Code(exit::OK), Ending::Signal)
        }
        Err(error) => {
            let trouble: Trouble = engine.trouble(&error);
            trouble.end()
        }
    }
}
