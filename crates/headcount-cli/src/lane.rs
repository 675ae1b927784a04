//! A lane: what one member after the other runs in, and how a member's child is seen to from start to end.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::Context;

use crate::account::{self, Failure, Stopped};
use crate::batch::{Batch, Member};
use crate::ledger::End;
use crate::legible;
use crate::locked;
use crate::output::{Pages, PrintError};
use crate::process::{Ended, Limit, News, Running, Sitter, Tail};
use crate::record::{Close, Finish, Happening};
use crate::signal;
use crate::stop::Strength;
use crate::template::Values;

/// As much as a pipe holds.
const BUFFER: usize = 64 * 1024;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Lane {
    batch: Arc<Batch>,
    /// Counted from 0.
    slot: usize,
    pages: Pages,
    buffer: Vec<u8>,
    /// The last member said little.
    terse: bool,
}

/// How a member ended, for the ledger and the account.
struct Outcome {
    end: End,
    how: String,
    words: Vec<OsString>,
    took: Duration,
    last_lines: Vec<String>,
    stopped: bool,
    /// A child was started for it.
    began: bool,
    /// For the record: it was tried, its process ended so, and wrote so much.
    tried: bool,
    finish: Finish,
    bytes: u64,
}

impl Outcome {
    /// It never ran.
    fn unstarted(end: End, how: String, words: Vec<OsString>) -> Self {
        Self {
            end,
            how,
            words,
            took: Duration::ZERO,
            last_lines: Vec::new(),
            stopped: false,
            began: false,
            tried: end != End::Cancelled,
            finish: Finish::Unknown,
            bytes: 0,
        }
    }
}

impl Lane {
    pub(crate) fn new(batch: Arc<Batch>, slot: usize) -> Self {
        Self { batch, slot, pages: Pages::default(), buffer: vec![0; BUFFER], terse: true }
    }

    /// Runs a member. True if the lane is to go on with the next one.
    pub(crate) fn run(&mut self, member: &mut Member, ctx: &Context) -> bool {
        let batch = &Arc::clone(&self.batch);
        let tag = batch.printer.tag(&member.columns);
        self.pages.begin(member.number, tag.as_deref());
        let mut outcome = self.outcome(member, ctx);
        if let Err(error) = batch.printer.finish(&mut self.pages, outcome.stopped) {
            self.unprinted(member, &error, &mut outcome);
        }
        member.printed = true;
        self.tell_end(member, &outcome);
        if matches!(outcome.end, End::Failed | End::Lost) {
            let failure = Failure {
                number: member.number,
                label: &member.label,
                words: &outcome.words,
                how: &outcome.how,
                took: outcome.took,
                last_lines: outcome.last_lines,
            };
            locked(&batch.account).add(&failure, &batch.printer);
        } else if outcome.end == End::Cancelled && outcome.began {
            let stopped = Stopped {
                number: member.number,
                label: &member.label,
                how: &outcome.how,
                took: outcome.took,
                last_lines: &outcome.last_lines,
            };
            locked(&batch.account).add_stopped(&stopped, &batch.printer);
        }
        batch.end(member.number, outcome.end)
    }

    /// Tells the record before the ledger, whose verdict may be a stop: that comes of this end and not before it.
    fn tell_end(&self, member: &Member, outcome: &Outcome) {
        let record = &self.batch.record;
        let whose = member.whose();
        if outcome.tried {
            let Outcome { end, finish, ref how, took, bytes, .. } = *outcome;
            let close = Close { end, finish, how, took, bytes, again: false };
            record.tell(&Happening::AttemptEnded { whose, attempt: 1, words: &outcome.words, close });
        }
        record.tell(&Happening::Ended { whose, end: outcome.end });
    }

    /// An attempt has begun: with this process, or with none because none could be started.
    fn tell_start(&self, member: &Member, words: &[OsString], pid: Option<i32>) {
        let (whose, slot) = (member.whose(), self.slot + 1);
        self.batch.record.tell(&Happening::Started { whose, attempt: 1, slot, pid, words });
    }

    /// A member whose output is not where it belongs has not done its work.
    fn unprinted(&self, member: &Member, error: &PrintError, outcome: &mut Outcome) {
        self.batch.output_failed(&member.label, error);
        if outcome.end == End::Done {
            outcome.end = match error {
                PrintError::Write(..) | PrintError::Spool(_) => End::Failed,
                PrintError::Closed | PrintError::Abandoned => End::Cancelled,
            };
            outcome.how = error.to_string();
        }
    }

    fn outcome(&mut self, member: &Member, ctx: &Context) -> Outcome {
        let batch = &self.batch;
        let values = Values { columns: &member.columns, number: member.number, slot: self.slot + 1 };
        let words = match batch.template.fill(values) {
            Ok(words) => words,
            Err(error) => {
                // It counts as an attempt: the input had its turn.
                self.enter_running(member);
                self.tell_start(member, &[], None);
                return Outcome::unstarted(End::Failed, error.to_string(), Vec::new());
            }
        };
        match self.launch(member, &words, ctx) {
            Launched::Runs(running) => {
                self.tell_start(member, &words, Some(running.group().as_raw_nonzero().get()));
                self.attend(member, running, words)
            }
            Launched::Refused => Outcome::unstarted(End::Cancelled, "never started".into(), words),
            Launched::Not(end, how) => {
                self.tell_start(member, &words, None);
                Outcome::unstarted(end, how, words)
            }
        }
    }

    fn enter_running(&self, member: &Member) {
        let step = locked(&self.batch.ledger).start(member.number);
        debug_assert!(step.is_ok(), "a member starts once: {step:?}");
    }

    /// Starts the child and seats it, in one: who signals the seats finds it there, or it sees the stop.
    fn launch(&self, member: &Member, words: &[OsString], ctx: &Context) -> Launched {
        let batch = &self.batch;
        let mut seat = batch.seats[self.slot].lock();
        if batch.stop.is_asked() {
            return Launched::Refused;
        }
        self.enter_running(member);
        let left = ctx.remaining().into_iter().chain(batch.times.timeout).min();
        match batch.launcher.start(self.slot, words, left) {
            Ok(running) => {
                *seat = Some(Sitter {
                    group: running.group(),
                    number: member.number,
                    label: member.label.clone(),
                    since: Instant::now(),
                    tail: Tail::default(),
                    told: false,
                    killed: false,
                    timed_out: false,
                });
                Launched::Runs(running)
            }
            Err(error) => {
                let (end, why) = why_not_started(&error);
                Launched::Not(end, format!("it could not be started: {why}"))
            }
        }
    }

    fn attend(&mut self, member: &Member, running: Running, words: Vec<OsString>) -> Outcome {
        let Self { batch, slot, pages, buffer, terse } = self;
        let seat = &batch.seats[*slot];
        let timeout = batch.times.timeout;
        let mut limit = Limit::new(timeout, batch.times.grace);
        let mut unprinted = None;
        let mut said = 0;
        let ended = running.attend(seat, &mut limit, buffer, terse, |news| match news {
            News::Late => report_late(batch, member),
            News::Said(stream, bytes) if unprinted.is_none() => {
                said += bytes.len() as u64;
                if let Err(error) = batch.printer.take(pages, stream, bytes) {
                    batch.output_failed(&member.label, &error);
                    unprinted = Some(error);
                }
            }
            News::Said(_, bytes) => said += bytes.len() as u64,
        });
        let mut outcome = judge(&ended, words, timeout);
        outcome.bytes = said;
        if let Some(error) = unprinted {
            self.batch.printer.forget(&mut self.pages);
            self.unprinted_while_running(&error, &mut outcome);
        }
        outcome
    }

    /// As [`Self::unprinted`], for what was said already.
    fn unprinted_while_running(&self, error: &PrintError, outcome: &mut Outcome) {
        let broken = matches!(error, PrintError::Write(..) | PrintError::Spool(_));
        // Its own stop is told to every member; for this one it is a consequence of the error.
        if broken && self.batch.stop.strength() >= Strength::Terminate {
            outcome.end = End::Failed;
            outcome.how = error.to_string();
        }
    }
}

/// A member's time is up: says so, and who else is out.
fn report_late(batch: &Batch, member: &Member) {
    if !batch.quiet {
        let (number, label) = (member.number, &member.label);
        let roll_call = batch.roll.call_for(number, &batch.seats);
        let what = timed_out(batch.times.timeout);
        batch.printer.note(&format!("headcount: member {number} {what}: {label}\n{roll_call}"));
    }
}

fn timed_out(timeout: Option<Duration>) -> String {
    format!("timed out after {:?}", timeout.unwrap_or_default())
}

enum Launched {
    Runs(Running),
    /// The batch is being stopped.
    Refused,
    Not(End, String),
}

/// What a child's end means.
fn judge(ended: &Ended, words: Vec<OsString>, timeout: Option<Duration>) -> Outcome {
    let told = ended.sitter.as_ref().is_some_and(|sitter| sitter.told);
    let (end, how) = match &ended.status {
        Err(error) => (End::Lost, format!("how it ended is not known: {error}")),
        // Whatever it made of that: it has not ended by itself.
        Ok(_) if ended.sitter.as_ref().is_some_and(|sitter| sitter.timed_out) => {
            (End::Failed, timed_out(timeout))
        }
        Ok(status) if status.success() => (End::Done, String::new()),
        Ok(status) if told => {
            let killed = ended.sitter.as_ref().is_some_and(|sitter| sitter.killed);
            (End::Cancelled, describe_stopped(*status, killed))
        }
        Ok(status) => (End::Failed, describe(*status)),
    };
    let took = ended.sitter.as_ref().map_or(Duration::ZERO, |sitter| sitter.since.elapsed());
    let last_lines = match &ended.sitter {
        Some(sitter) if end == End::Cancelled => account::few_last_lines(&sitter.tail),
        Some(sitter) if end != End::Done => account::last_lines(&sitter.tail),
        _ => Vec::new(),
    };
    Outcome {
        end,
        how,
        words,
        took,
        last_lines,
        stopped: told && end == End::Cancelled,
        began: true,
        tried: true,
        finish: ended.status.as_ref().map_or(Finish::Unknown, |status| finish(*status)),
        bytes: 0,
    }
}

fn finish(status: ExitStatus) -> Finish {
    match (status.code(), status.signal()) {
        (Some(code), _) => Finish::Code(code),
        (None, Some(signal)) => Finish::Signal(signal),
        (None, None) => Finish::Unknown,
    }
}

/// The end of a member that we told to end. A KILL that came from elsewhere is not claimed as ours.
fn describe_stopped(status: ExitStatus, killed: bool) -> String {
    match status.signal() {
        Some(signal_hook::consts::SIGTERM) => "terminated".into(),
        Some(signal_hook::consts::SIGKILL) if killed => "killed".into(),
        _ => format!("terminated ({})", describe(status)),
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => signal::name(number),
        (None, None) => legible::one_line(status.to_string().as_bytes()),
    }
}

/// Why a child was not started, and whether that is the member's failure or the machine's.
fn why_not_started(error: &std::io::Error) -> (End, String) {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => (End::Failed, "command not found".into()),
        Some(Errno::ACCESS) => (End::Failed, "it may not be executed".into()),
        Some(Errno::TOOBIG) => (End::Failed, "its arguments are too long for the system".into()),
        Some(Errno::NOEXEC) => {
            (End::Failed, "it is neither a program nor a script that names its interpreter (#!)".into())
        }
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
            (End::Lost, format!("{error} (fewer jobs, -j, need fewer resources)"))
        }
        None if error.kind() == std::io::ErrorKind::InvalidInput => (
            End::Failed,
            "an argument holds a NUL byte, which no argument can (are the inputs NUL-ended? -0)".into(),
        ),
        _ => (End::Failed, error.to_string()),
    }
}
