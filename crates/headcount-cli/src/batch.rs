//! One batch: what its workers, the watch and the main thread share.
//!
//! Lock order: `intake`, then `ledger`; a seat, then nothing. The printer and the account are taken alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use headcount::{Token, WaitGroup};

use crate::account::{Account, Unread};
use crate::input::{Columns, InputError, Source};
use crate::ledger::{End, Ledger, Number, Policy, Verdict};
use crate::legible;
use crate::locked;
use crate::output::{PrintError, Printer};
use crate::process::{Launcher, Seat};
use crate::progress::Slowest;
use crate::stop::{Stop, Strength};
use crate::template::Template;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) template: Template,
    pub(crate) launcher: Launcher,
    intake: Mutex<Intake>,
    pub(crate) total: Option<u64>,
    pub(crate) ledger: Mutex<Ledger>,
    /// One a worker.
    pub(crate) seats: Vec<Seat>,
    pub(crate) printer: Printer,
    pub(crate) account: Mutex<Account>,
    pub(crate) stop: Arc<Stop>,
    /// The members that are out, by name. The number of each in the roll call is its number in the ledger.
    pub(crate) members: WaitGroup,
    /// The workers.
    pub(crate) crew: WaitGroup,
    /// Something went wrong that is no member's fault: output that could not be printed.
    pub(crate) trouble: AtomicBool,
    pub(crate) quiet: bool,
}

/// What a batch is made of.
pub(crate) struct Parts {
    pub(crate) template: Template,
    pub(crate) launcher: Launcher,
    pub(crate) source: Box<dyn Source>,
    pub(crate) policy: Policy,
    pub(crate) jobs: usize,
    pub(crate) printer: Printer,
    pub(crate) stop: Arc<Stop>,
    pub(crate) quiet: bool,
}

/// Where inputs are taken in, one at a time.
struct Intake {
    source: Box<dyn Source>,
    ended: Option<Ran>,
    /// The source has been asked after the end, and is not asked any more.
    asked_again: bool,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// How the input came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// The last one was read.
    Out,
    /// The rest was left unread because of a stop.
    Unread,
    /// The rest could not be read.
    Dry,
}

/// A member that is out: its input, and the token that counts it.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) number: Number,
    pub(crate) columns: Columns,
    pub(crate) label: String,
    /// Dropped last: only then is the member back.
    _out: Token,
}

impl Batch {
    pub(crate) fn new(parts: Parts) -> Self {
        let total = parts.source.total();
        Self {
            template: parts.template,
            launcher: parts.launcher,
            intake: Mutex::new(Intake { source: parts.source, ended: None, asked_again: false }),
            total,
            ledger: Mutex::new(Ledger::new(parts.policy)),
            seats: (0..parts.jobs).map(|_| Seat::default()).collect(),
            printer: parts.printer,
            account: Mutex::default(),
            stop: parts.stop,
            members: WaitGroup::new(),
            crew: WaitGroup::new(),
            trouble: AtomicBool::new(false),
            quiet: parts.quiet,
        }
    }

    /// Takes in the next input and counts its member out.
    pub(crate) fn next(&self) -> Option<Member> {
        let mut intake = locked(&self.intake);
        if intake.ended.is_some() {
            return None;
        }
        if self.stop.is_asked() {
            intake.ended = Some(Ran::Unread);
            return None;
        }
        match intake.source.next() {
            Ok(Some(columns)) => {
                let label = legible::one_line(&columns.join(&b' '));
                let number = locked(&self.ledger).register();
                // Under the lock of the intake, so that the roll call numbers members as the ledger does.
                let out = self.members.add_named(label.clone());
                Some(Member { number, columns, label, _out: out })
            }
            Ok(None) => {
                intake.ended = Some(Ran::Out);
                None
            }
            Err(InputError::Stopped) => {
                intake.ended = Some(Ran::Unread);
                intake.asked_again = true;
                None
            }
            Err(error) => {
                intake.ended = Some(Ran::Dry);
                let next = locked(&self.ledger).tally().registered + 1;
                self.printer.note(&format!(
                    "headcount: input {next}: {error}\nhint: {}; the members before it are run to their end\n",
                    match error {
                        InputError::TooLong => "is the separator right? -0 is for NUL, the default is line breaks",
                        _ => "what was read so far is in order",
                    }
                ));
                self.stop.raise(Strength::Drain);
                None
            }
        }
    }

    /// How the input ended; unread when nobody has come to its end.
    pub(crate) fn input_ran(&self) -> Ran {
        locked(&self.intake).ended.unwrap_or(Ran::Unread)
    }

    /// Whether inputs were left that nobody has seen. Asked when the crew has gone, because it may take one in.
    pub(crate) fn unread(&self) -> Unread {
        if self.total.is_some() {
            // They are counted, as never begun.
            return Unread::Nothing;
        }
        let mut intake = locked(&self.intake);
        match intake.ended {
            Some(Ran::Out) => Unread::Nothing,
            Some(Ran::Dry) => Unread::Something,
            Some(Ran::Unread) if intake.asked_again => Unread::Perhaps,
            Some(Ran::Unread) | None => {
                intake.asked_again = true;
                // What was read ahead is there, and beyond that a stopped input gives nothing: this never waits.
                match intake.source.next() {
                    Ok(Some(_)) | Err(InputError::TooLong) => Unread::Something,
                    Ok(None) => Unread::Nothing,
                    Err(_) => Unread::Perhaps,
                }
            }
        }
    }

    /// Writes a member's end into the ledger and does what the policy says.
    pub(crate) fn end(&self, member: Number, end: End) {
        let verdict = locked(&self.ledger).end(member, end);
        match verdict {
            Ok(Verdict::Continue) => {}
            Ok(Verdict::StopTheRest) => {
                if self.stop.strength() < Strength::Terminate {
                    locked(&self.account).stopped_by(member);
                }
                self.stop.raise(Strength::Terminate);
            }
            Err(error) => debug_assert!(false, "the crew broke a rule of the ledger: {error}"),
        }
    }

    /// Output could not be printed: stops the batch, quietly where it is nobody's fault.
    pub(crate) fn output_failed(&self, label: &str, error: &PrintError) {
        match error {
            // Said before, by whoever abandoned it.
            PrintError::Abandoned => {}
            PrintError::Closed => {
                self.stop.die_by(signal_hook::consts::SIGPIPE);
                self.stop.abandoned.close();
                self.stop.raise(Strength::Terminate);
            }
            PrintError::Write(..) | PrintError::Spool(_) => {
                let hint = match error {
                    PrintError::Spool(_) => "free some space there, or set TMPDIR to a roomier folder",
                    _ => "is the disk full, or the output closed?",
                };
                self.printer.note(&format!("headcount: member {label}: {error}\nhint: {hint}\n"));
                // Relaxed: read by the main thread after the crew's wait, which orders it.
                self.trouble.store(true, Ordering::Relaxed);
                self.stop.raise(Strength::Terminate);
            }
        }
    }

    /// The member that has been running longest.
    pub(crate) fn slowest(&self) -> Option<Slowest> {
        let now = Instant::now();
        let ages = self.seats.iter().filter_map(|seat| {
            let seat = seat.lock();
            let sitter = seat.as_ref()?;
            Some((now.saturating_duration_since(sitter.since), sitter.label.clone()))
        });
        ages.max_by_key(|(age, _)| *age).map(|(age, label)| Slowest { label, age })
    }
}
