//! Running members of groups that others registered, each as a child of ours, with the care that `headcount run` takes on one
//! machine: by the same rooms, which start, attend and end children.
//!
//! Who is run, and whether it counts, is the business of [`headcount_cluster::Worker`]. It calls [`Yard::run`] for each attempt, on a
//! task of its runtime; the child is carried by our hands, as children are. What connects the two is a channel one way, and the
//! child's seat the other way: when the attempt's context is cancelled the child is told to end, and killed after its grace. So
//! it is when the call is dropped: whatever becomes of a call, its child does not outlive it for long, and a slot is free only when
//! nobody sits in it.

mod haul;
mod watch;

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headcount::Context;
use headcount::task::Spawn;
use headcount_cluster::{Failure, Job};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::sleep;

pub(crate) use haul::Keep;
use haul::{Haul, Weighed};
pub(crate) use watch::Watch;

use crate::engine::{Answer, Order, VARIABLE, Word};
use crate::hands::Hands;
use crate::ledger::End;
use crate::legible;
use crate::locked;
use crate::outcome::{Outcome, judge, timed_out, why_not_started};
use crate::output::Printer;
use crate::process::{Launcher, Limit, Pause, Running, Seat, Sitter, Start, Step};
use crate::template::Values;
use crate::tries::Miss;

/// How soon a kill is repeated.
const AGAIN: Duration = Duration::from_millis(50);

/// Where a child finds which group it is of, and which attempt at its member it is.
const GROUP: &str = "HEADCOUNT_GROUP";
const ATTEMPT: &str = "HEADCOUNT_ATTEMPT";

/// What all members that run here share.
pub(crate) struct Yard {
    pub(crate) launcher: Launcher,
    pub(crate) seats: Vec<Seat>,
    pub(crate) pause: Pause,
    pub(crate) printer: Printer,
    /// What this worker is called.
    pub(crate) name: String,
    pub(crate) quiet: bool,
    began: Instant,
    keep: Arc<Keep>,
    hands: Box<dyn Spawn>,
    /// Slots that nobody sits in, as many as the semaphore has permits.
    free: Mutex<Vec<usize>>,
    room: Arc<Semaphore>,
}

/// What a yard is made of.
pub(crate) struct Parts<'a> {
    pub(crate) launcher: Launcher,
    pub(crate) printer: Printer,
    pub(crate) hands: &'a Hands,
    pub(crate) jobs: usize,
    pub(crate) name: String,
    pub(crate) keep: Keep,
    pub(crate) quiet: bool,
}

/// A slot that was taken. Dropping it gives it back.
struct Slot {
    yard: Arc<Yard>,
    number: usize,
    /// Behind the number: it is there when the permit is.
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        locked(&self.yard.free).push(self.number);
    }
}

/// The child of an attempt, as its call holds it. Dropping it ends the child.
struct Hold {
    yard: Arc<Yard>,
    slot: usize,
    /// Read and written under the seat's lock by who starts the child, so that a stop either finds it or is seen by it.
    stopped: Arc<AtomicBool>,
}

impl Hold {
    fn seat(&self) -> &Seat {
        &self.yard.seats[self.slot]
    }

    fn terminate(&self) {
        // SeqCst: see the field; who starts the child looks with the seat's lock in hand, which is taken next.
        self.stopped.store(true, Ordering::SeqCst);
        self.seat().terminate();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // SeqCst: as above. When the child has ended the seat is empty, and the slot still ours.
        self.stopped.store(true, Ordering::SeqCst);
        self.seat().kill();
    }
}

/// How an attempt ended, and what it printed.
struct Back {
    outcome: Outcome,
    haul: Haul,
    pid: Option<i32>,
    /// Kept until the call is over.
    _slot: Slot,
}

impl fmt::Debug for Yard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yard")
            .field("name", &self.name)
            .field("jobs", &self.seats.len())
            .finish_non_exhaustive()
    }
}

impl Yard {
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let Parts { launcher, printer, hands, jobs, name, keep, quiet } = parts;
        Self {
            launcher,
            seats: (0..jobs).map(|_| Seat::default()).collect(),
            pause: Pause::default(),
            printer,
            name,
            quiet,
            began: Instant::now(),
            keep: Arc::new(keep),
            hands: Box::new(hands.executor()),
            // The lowest is taken first.
            free: Mutex::new((0..jobs).rev().collect()),
            room: Arc::new(Semaphore::new(jobs)),
        }
    }

    /// How many members run.
    fn running(&self) -> usize {
        self.seats.iter().filter(|seat| seat.lock().is_some()).count()
    }

    /// Who runs here, one a line, below a line that counts them.
    fn roll_call(&self) -> String {
        let mut text = format!("headcount: {} running on {}\n", self.running(), self.name);
        for seat in &self.seats {
            if let Some(sitter) = &*seat.lock() {
                let Sitter { number, label, group, since, tail, .. } = sitter;
                let age = since.elapsed().as_secs_f64();
                // Writing to a String cannot fail.
                let _ = write!(text, "  #{number}  {label}  pid {group}  {age:.1} s");
                tail.lines(1).iter().for_each(|line| _ = write!(text, "  {line}"));
                text.push('\n');
            }
        }
        text
    }

    /// A note for people, unless they want none.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.printer.note(text);
        }
    }

    /// Runs an attempt, and says what its worker is to say of it.
    pub(crate) async fn run(self: Arc<Self>, ctx: Context, job: Job) -> Result<Vec<u8>, Failure> {
        let order = match Order::read(&job.args) {
            Ok(order) => Arc::new(order),
            Err(why) => return Err(Failure::for_good(self.unread(&job, why))),
        };
        let slot = Self::take(&self).await;
        let number = slot.number;
        let stopped = Arc::new(AtomicBool::new(false));
        let (tell, mut told) = oneshot::channel();
        let haul = Haul::new(&job, order.most, Arc::clone(&self.keep));
        let member = legible::one_line(job.member.id().as_bytes());
        let errand = Errand {
            order: Arc::clone(&order),
            remaining: ctx.remaining(),
            env: [(GROUP, job.group.to_string()), (ATTEMPT, job.attempt.to_string())],
            stopped: Arc::clone(&stopped),
            member,
        };
        self.hands.spawn(Box::pin(async move {
            let back = errand.run(slot, haul).await;
            // Nobody is there any more if the call was dropped: then the slot is free now.
            let _ = tell.send(back);
        }));
        // Declared behind what it is told by: it is dropped before, so the slot is still taken when it ends the child.
        let hold = Hold { yard: Arc::clone(&self), slot: number, stopped };
        let back = tokio::select! {
            back = &mut told => back,
            _ = ctx.wait_async() => {
                hold.terminate();
                end(&hold, &mut told, order.grace()).await
            }
        };
        let Ok(back) = back else {
            return Err(Failure::new(self.unread(&job, "what ran it here broke down".into())));
        };
        drop(hold);
        self.report(&job, &order, number, back)
    }

    /// A slot. There is one as soon as those that were stopped have ended.
    async fn take(yard: &Arc<Self>) -> Slot {
        let permit = Arc::clone(&yard.room).acquire_owned().await;
        // It is never closed, and there are as many numbers as permits.
        let permit = permit.unwrap_or_else(|_| unreachable!("the room is never closed"));
        let number = locked(&yard.free).pop().unwrap_or_default();
        Slot { yard: Arc::clone(yard), number, _permit: permit }
    }

    /// What is said of a member that could not be run at all.
    fn unread(&self, job: &Job, why: String) -> Vec<u8> {
        let mut answer =
            Answer::new(&self.name, 0, job.attempt, crate::record::Finish::Unknown, Duration::ZERO);
        answer.how = why;
        answer.write(&[], &[])
    }

    fn report(&self, job: &Job, order: &Order, slot: usize, back: Back) -> Result<Vec<u8>, Failure> {
        let Back { outcome, haul, pid, .. } = back;
        let Outcome { end, miss, how, took, last_lines, finish, .. } = outcome;
        let mut answer = Answer::new(&self.name, slot + 1, job.attempt, finish, took);
        answer.ended(self.began.elapsed());
        (answer.pid, answer.how, answer.last_lines, answer.bytes) = (pid, how, last_lines, haul.bytes());
        match haul.weigh() {
            Weighed::Light(out, err) => {
                let body = answer.write(&out, &err);
                match end {
                    End::Done => Ok(body),
                    _ => Err(Failure { why: body, again: order.retry_on().is(miss) }),
                }
            }
            // Whatever it has done: nobody would see what it printed, and the next attempt would print as much.
            Weighed::Heavy(why) => {
                let ended = if answer.how.is_empty() { String::new() } else { format!("{}; ", answer.how) };
                answer.how = format!("{ended}{why}");
                let told = format!(
                    "headcount: member {}: {}\n",
                    legible::one_line(job.member.id().as_bytes()),
                    answer.how
                );
                self.note(&told);
                Err(Failure::for_good(answer.write(&[], &[])))
            }
        }
    }
}

/// Waits for a child that was told to end, and kills it after the grace.
async fn end(
    hold: &Hold,
    told: &mut oneshot::Receiver<Back>,
    grace: Duration,
) -> Result<Back, oneshot::error::RecvError> {
    tokio::select! {
        back = &mut *told => return back,
        () = sleep(grace) => {}
    }
    loop {
        hold.seat().kill();
        tokio::select! {
            back = &mut *told => return back,
            () = sleep(AGAIN) => {}
        }
    }
}

/// An attempt, as the hands have it.
struct Errand {
    order: Arc<Order>,
    /// What is left of the group's time.
    remaining: Option<Duration>,
    env: [(&'static str, String); 2],
    stopped: Arc<AtomicBool>,
    /// As it is told to people.
    member: String,
}

impl Errand {
    /// Starts the child and sees to it until it has ended.
    async fn run(&self, slot: Slot, mut haul: Haul) -> Back {
        let (yard, order) = (Arc::clone(&slot.yard), &self.order);
        let columns = Word::bytes(&order.columns);
        let filled =
            order.template().fill(Values { columns: &columns, number: order.number, slot: slot.number + 1 });
        let words = match filled {
            Ok(words) => words,
            Err(error) => {
                let outcome = Outcome::unstarted(End::Failed, error.to_string(), Vec::new());
                return Back { outcome, haul, pid: None, _slot: slot };
            }
        };
        let running = match self.launch(&slot, &words, legible::one_line(&columns.join(&b' '))) {
            Ok(running) => running,
            Err(outcome) => {
                return Back { outcome: Outcome { words, ..*outcome }, haul, pid: None, _slot: slot };
            }
        };
        let pid = Some(running.group().as_raw_nonzero().get());
        let seat = &yard.seats[slot.number];
        let mut limit = Limit::new(order.timeout(), order.grace(), &yard.pause);
        let mut child = running.attended(true);
        let ended = loop {
            match child.next(seat, &mut limit).await {
                Step::Late => {
                    let what = timed_out(order.timeout());
                    yard.note(&format!("headcount: member {} {what}\n", self.member));
                }
                Step::Speaks(stream) => child.read(stream, seat, |bytes| haul.take(stream, bytes)),
                Step::Ended(ended) => break ended,
            }
        };
        let outcome = judge(&ended, words, order.timeout());
        Back { outcome, haul, pid, _slot: slot }
    }

    /// Starts the child and seats it, in one: who stops it finds it there, or it sees the stop.
    fn launch(&self, slot: &Slot, words: &[OsString], label: String) -> Result<Running, Box<Outcome>> {
        let (yard, order) = (&slot.yard, &self.order);
        let folder = order.folder.as_ref().map(Word::os);
        let folder = folder.as_deref().map(Path::new);
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            let shown = legible::one_line(folder.as_os_str().as_bytes());
            let why = format!(
                "its folder {shown} is not on the worker's machine (--workdir worker runs it in the worker's own)"
            );
            return Err(Box::new(Outcome::unstarted(End::Failed, why, Vec::new())));
        }
        // Whoever runs here has no business with the engine, unless it was handed on by name.
        let mut env = vec![(OsString::from(VARIABLE), None)];
        env.extend(order.env.iter().map(|(name, value)| (name.os(), Some(value.os()))));
        env.extend(self.env.iter().map(|(name, value)| ((*name).into(), Some(value.into()))));
        let left = self.remaining.into_iter().chain(order.timeout()).min();
        let _going = yard.pause.pass();
        let mut seat = yard.seats[slot.number].lock();
        // SeqCst: see `Hold`.
        if self.stopped.load(Ordering::SeqCst) {
            return Err(Box::new(Outcome::unstarted(End::Cancelled, "never started".into(), Vec::new())));
        }
        match yard.launcher.start(slot.number, None, Start { words, left, folder, env: &env }) {
            Ok(running) => {
                *seat = Some(Sitter::new(&running, order.number, label));
                Ok(running)
            }
            Err(error) => {
                let (end, why) = why_not_started(&error);
                // What the member itself is to blame for would be so again.
                let miss = if end == End::Lost { Miss::Starved } else { Miss::Hopeless };
                let how = format!("it could not be started: {why}");
                Err(Box::new(Outcome { miss, ..Outcome::unstarted(end, how, Vec::new()) }))
            }
        }
    }
}
