//! The groups: who takes addresses in, who makes attempts, who waits.
//!
//! A transfer goes back and forth between two groups of tasks. In *attempts*, whose limit is the number of jobs, it has a
//! slot; in *waits*, which has no limit, it waits for its host or for its next attempt and has none, so that it holds nobody
//! up. It enters the one before it leaves the other. The wait group counts transfers; the intake, a thread, has a token too.
//!
//! Three contexts stop them. `begin` is cancelled by any stop: who waits is not tried again. `work` is cancelled by a stop that
//! terminates: attempts end, and put away what they have. `kill` is cancelled by one that kills: nobody
//! is waited for any more.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::{Cancelled, Context, Discard, Panics, Token, WaitGroup, task};
use tokio::runtime::{Builder, Handle};
use tokio::sync::OwnedSemaphorePermit;

use super::desk::Desk;
use super::exchange::{self, within};
use super::listing::Secrets;
use super::transfer::{Doing, Job, Transfer};
use super::trouble::{Next, Trouble};
use super::view::View;
use crate::account::Unread;
use crate::books::{Dry, Ran};
use crate::input::{Columns, InputError, Source};
use crate::journal::Backlog;
use crate::ledger::{Number, Verdict};
use crate::locked;
use crate::pace::control::{self, Control};
use crate::record::Happening;
use crate::tries::Miss;

/// A server that wants to be left alone is, for this long.
const ALONE: Duration = Duration::from_secs(120);

/// A pause of this length is told of.
const LONG: Duration = Duration::from_secs(1);

/// Room is taken for so many at once: to be woken for each would take as long as a small file.
const ROOM: u32 = 256;

/// How long members that were called off may take to be gone.
const GONE: Duration = Duration::from_secs(1);

/// Where members come from: those that a journal knows and are not finished, then the list.
pub(crate) struct Inputs {
    pub(crate) backlog: Option<Backlog>,
    pub(crate) source: Box<dyn Source>,
    pub(crate) secrets: Arc<Secrets>,
}

/// The three contexts.
#[derive(Debug)]
pub(crate) struct Contexts {
    pub(crate) begin: Context,
    pub(crate) work: Context,
    pub(crate) kill: Context,
}

/// How the input ended, and whether there is more of it.
pub(crate) type Taken = (Ran, Unread);

type Group = task::Group<(), Infallible, Discard>;
type Spawner = task::Spawner<(), Infallible, Discard>;

struct Crew {
    attempts: Spawner,
    waits: Spawner,
    begin: Context,
}

/// Runs the batch to its end, telling how far it is.
pub(crate) fn run(
    desk: &Arc<Desk>,
    inputs: Inputs,
    contexts: &Contexts,
    view: &mut View,
) -> io::Result<Taken> {
    let runtime =
        Builder::new_multi_thread().worker_threads(workers()).thread_name("fetch").enable_all().build()?;
    let taken = runtime.block_on(async {
        let group = |context, name: &'static str| {
            Group::typed_with_policy(context, Discard)
                .named(name)
                .panics(Panics::AsError)
                .grace(desk.rules.grace)
        };
        let attempts = group(&contexts.work, "transfers").limit(desk.rules.jobs);
        let waits = group(&contexts.begin, "waiting transfers");
        let crew =
            Crew { attempts: attempts.spawner(), waits: waits.spawner(), begin: contexts.begin.clone() };
        let everyone = WaitGroup::new();
        let intake = Intake {
            desk: Arc::clone(desk),
            crew: Arc::new(crew),
            inputs,
            room: None,
            everyone: everyone.clone(),
        };
        let (token, runtime) = (everyone.add(), Handle::current());
        let limited =
            desk.control.is_some().then(|| obey(Arc::clone(desk), attempts.spawner())).transpose()?;
        let intake =
            std::thread::Builder::new().name("intake".into()).spawn(move || intake.run(&runtime, token))?;
        let killed = contexts.kill.run_async(until_all_are_back(&everyone, desk, view)).await.is_err();
        view.clear();
        drop((attempts, waits));
        drop(limited);
        if killed {
            // They have been called off with their groups.
            let _ = tokio::time::timeout(GONE, everyone.wait_async()).await;
        }
        // Without a token left the intake has ended, or it hangs on a file that gives nothing, which nobody waits for.
        let taken = if everyone.outstanding() == 0 { intake.join().ok() } else { None };
        io::Result::Ok(taken.unwrap_or((Ran::Unread, Unread::Perhaps)))
    });
    // What the system is asked meanwhile, such as names of hosts, need not be waited for.
    runtime.shutdown_background();
    taken
}

/// Closes the control file when it is dropped.
struct Obeying(Arc<Desk>);

impl Drop for Obeying {
    fn drop(&mut self) {
        self.0.control.iter().for_each(Control::close);
    }
}

/// Changes the limit as the control file says, each time it is asked for, on a thread of its own.
fn obey(desk: Arc<Desk>, attempts: Spawner) -> io::Result<Obeying> {
    let obeying = Obeying(Arc::clone(&desk));
    std::thread::Builder::new().name("control".into()).spawn(move || {
        let allow = |jobs: usize| {
            let allowed = jobs.clamp(1, desk.rules.most);
            attempts.set_limit(allowed);
            allowed
        };
        desk.control.iter().for_each(|file| file.serve(|read| desk.books.note(&control::heed(read, allow))));
    })?;
    Ok(obeying)
}

/// One thread keeps up with most networks. With TLS a few more help; but what they hand to each other costs more than it brings
/// while the system, whose share of a transfer is the larger one, has no core of its own.
fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 4))
}

async fn until_all_are_back(everyone: &WaitGroup, desk: &Desk, view: &mut View) {
    while tokio::time::timeout(view.interval(), everyone.wait_async()).await.is_err() {
        if let Some(line) = view.tell(desk) {
            desk.books.printer.note(&line);
        }
    }
}

impl Crew {
    /// A transfer's next step: an attempt, when its host has a place for it.
    fn enter(self: &Arc<Self>, mut job: Job) {
        if job.held_for().is_none() {
            let place = job.host.as_ref().map_or(Some(None), |host| host.try_place());
            if let Some(place) = place {
                job.place = place;
                return self.launch(job);
            }
        }
        let crew = Arc::clone(self);
        self.waits.spawn_named(job.transfer.title(), move |ctx| async move {
            if ctx.run_async(turn(&mut job)).await.is_ok() {
                crew.launch(job);
            }
            headcount::ok(())
        });
    }

    fn launch(self: &Arc<Self>, job: Job) {
        let crew = Arc::clone(self);
        job.transfer.does(Doing::Queued);
        self.attempts.spawn_named(job.transfer.title(), move |ctx| async move {
            crew.attempt(job, &ctx).await;
            headcount::ok(())
        });
    }

    async fn attempt(self: &Arc<Self>, mut job: Job, ctx: &Context) {
        if job.held_for().is_none() && self.admit(&job).await.is_err() {
            return;
        }
        if job.held_for().is_some() {
            // Since it was launched.
            job.place = None;
            return self.enter(job);
        }
        if !job.begin() {
            return;
        }
        let (desk, transfer) = (Arc::clone(&job.desk), Arc::clone(&job.transfer));
        let attempt = async {
            let attempt = exchange::attempt(&desk, &transfer);
            match desk.rules.timeout {
                None => attempt.await,
                Some(limit) => within(&desk.pause, limit, attempt).await.unwrap_or_else(|| {
                    desk.report_late(&transfer);
                    let what = format!("timed out after {limit:?}");
                    Err(Trouble::passing(
                        what,
                        "what is there of the file is kept; --timeout gives it more time",
                    ))
                }),
            }
        };
        match ctx.run_async(attempt).await {
            // It is dropped, and accounts for itself.
            Err(_) => {}
            Ok(Ok(stored)) => job.done(&stored),
            Ok(Err(trouble)) => self.again_or_fail(job, &trouble),
        }
    }

    /// Waits until the next transfer may start. Not when there will be no more.
    async fn admit(&self, job: &Job) -> Result<(), Cancelled> {
        let desk = &job.desk;
        if !desk.pace.is_asked() {
            return self.begin.check();
        }
        job.transfer.does(Doing::Paced);
        desk.pace.admit_task(&self.begin, |what| desk.books.note(what)).await
    }

    fn again_or_fail(self: &Arc<Self>, mut job: Job, trouble: &Trouble) {
        let attempt = job.transfer.attempt();
        let most = job.desk.rules.tries.most();
        let own = job.desk.rules.tries.again(attempt, Miss::Timeout);
        let wait = match trouble.next {
            Next::Never => return job.failed(trouble),
            // What was stale is gone, so this happens once for each time there is a part.
            Next::Anew if attempt <= most => Duration::ZERO,
            Next::Again(asked) => match own {
                Some(own) => pause(&job, own, asked),
                None => return job.failed(trouble),
            },
            Next::Anew => return job.failed(trouble),
        };
        job.failed_for_now(trouble);
        job.place = None;
        if wait.is_zero() {
            return self.enter(job);
        }
        let until = Instant::now() + wait;
        job.transfer.does(Doing::Pauses(until));
        let crew = Arc::clone(self);
        self.waits.spawn_named(job.transfer.title(), move |ctx| async move {
            if ctx.run_async(tokio::time::sleep_until(until.into())).await.is_ok() {
                crew.enter(job);
            }
            headcount::ok(())
        });
    }
}

/// Waits until the host is not to be left alone any more and has a place.
async fn turn(job: &mut Job) {
    let Some(host) = job.host.clone() else { return };
    loop {
        while let Some(left) = host.held_for() {
            job.transfer.does(Doing::Pauses(Instant::now() + left));
            tokio::time::sleep(left).await;
        }
        job.transfer.does(Doing::WaitsForHost);
        job.place = host.place().await;
        if host.held_for().is_none() {
            return;
        }
        job.place = None;
    }
}

/// How long to wait before the next attempt; a server that asks for more is left alone by all.
fn pause(job: &Job, own: Duration, asked: Option<Duration>) -> Duration {
    let Some(asked) = asked else { return own };
    let alone = asked.min(ALONE);
    let news = job.host.as_ref().is_some_and(|host| host.hold(alone));
    if news && alone >= LONG {
        let capped = if asked > alone { format!("; it is for {} s", alone.as_secs()) } else { String::new() };
        job.desk.books.note(&format!(
            "headcount: member {}: the server asks to be left alone for {} s{capped}: {}\n",
            job.transfer.number,
            asked.as_secs(),
            job.transfer.address.shown
        ));
    }
    own.max(alone)
}

/// Takes addresses in, in their order, as long as there is room.
struct Intake {
    desk: Arc<Desk>,
    crew: Arc<Crew>,
    inputs: Inputs,
    /// What it has taken and not given to a transfer yet.
    room: Option<OwnedSemaphorePermit>,
    everyone: WaitGroup,
}

impl Intake {
    /// `token` is dropped when there will be no more.
    fn run(mut self, runtime: &Handle, token: Token) -> Taken {
        let ran = loop {
            let Some(room) = self.room(runtime) else { break Ran::Unread };
            match self.take_in(room) {
                Ok(()) => {}
                Err(ran) => break ran,
            }
        };
        let taken = (ran, self.unread(ran));
        drop(token);
        taken
    }

    /// Room for one more; nothing when there will be no more.
    fn room(&mut self, runtime: &Handle) -> Option<OwnedSemaphorePermit> {
        if let Some(one) = self.room.as_mut().and_then(|room| room.split(1)) {
            return Some(one);
        }
        // There is always more than that in all. Closed by a stop.
        let room = runtime.block_on(Arc::clone(&self.desk.room).acquire_many_owned(ROOM)).ok()?;
        self.room.insert(room).split(1)
    }

    fn take_in(&mut self, room: OwnedSemaphorePermit) -> Result<(), Ran> {
        let desk = &self.desk;
        if desk.books.stop.is_asked() || locked(&desk.books.ledger).verdict() != Verdict::Continue {
            return Err(Ran::Unread);
        }
        if let Some(backlog) = &mut self.inputs.backlog {
            let known = backlog.next(&locked(&desk.books.ledger));
            match known {
                Ok(Some((number, columns))) => {
                    self.enter(number, &columns, room);
                    return Ok(());
                }
                Ok(None) => self.inputs.backlog = None,
                Err(error) => return Err(self.dry(&Dry::Input(InputError::Read(error)))),
            }
        }
        match self.inputs.source.next() {
            Ok(Some(columns)) => {
                let number = desk.books.register(&columns).map_err(|why| self.dry(&why))?;
                self.enter(number, &columns, room);
                Ok(())
            }
            Ok(None) => match desk.books.seal() {
                Ok(verdict) => {
                    desk.books.heed(verdict);
                    Err(Ran::Out)
                }
                Err(error) => Err(self.dry(&Dry::Step(error))),
            },
            Err(InputError::Stopped) => Err(Ran::Unread),
            Err(error) => Err(self.dry(&Dry::Input(error))),
        }
    }

    fn enter(&self, number: Number, columns: &Columns, room: OwnedSemaphorePermit) {
        let desk = &self.desk;
        let (address, name) = self.inputs.secrets.read(columns);
        let transfer = Arc::new(Transfer::new(number, address, name));
        desk.books.record.tell(&Happening::Registered(transfer.whose()));
        locked(&desk.transfers).insert(number, Arc::clone(&transfer));
        self.crew.enter(Job::new(Arc::clone(desk), transfer, room, self.everyone.add()));
    }

    /// The rest of the input cannot be had.
    fn dry(&self, why: &Dry) -> Ran {
        self.desk.books.run_dry(why);
        Ran::Dry
    }

    /// Whether there are inputs that nobody has seen.
    fn unread(&mut self, ran: Ran) -> Unread {
        match ran {
            Ran::Out => Unread::Nothing,
            Ran::Dry => Unread::Something,
            // They are counted, as never begun.
            Ran::Unread if self.desk.books.total.is_some() => Unread::Nothing,
            // What was read ahead is there; beyond that a stopped input gives nothing, and this never waits.
            Ran::Unread => match self.inputs.source.next() {
                Ok(Some(_)) | Err(InputError::TooLong) => Unread::Something,
                Ok(None) => Unread::Nothing,
                Err(_) => Unread::Perhaps,
            },
        }
    }
}
