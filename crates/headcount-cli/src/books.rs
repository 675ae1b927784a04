//! The books of a batch: what is kept of its members by every subcommand that has some, whatever a member is.
//!
//! A change of state is written into the journal, then into the ledger, which says whether the batch goes on; if it does
//! not, why goes into the account, and the rest is stopped. Whatever else ends a batch before its members (the deadline, a
//! journal or an output that cannot be written) is seen to here too, and so is its end.
//!
//! Lock order: the ledger, the account and the printer are each taken alone, and none of them while the journal is written,
//! which may be on a slow disk. Whoever takes inputs in may hold what makes it the only one.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headcount::{Context, OnCancel};

use crate::account::{Account, TheEnd, Unread};
use crate::exit::{self, Ending};
use crate::input::{Columns, InputError};
use crate::journal::{Journal, JournalError};
use crate::ledger::{Attempt, End, Event, Ledger, Number, Outcome, Over, StepError, Verdict};
use crate::locked;
use crate::output::{PrintError, Printer};
use crate::record::Record;
use crate::resume::Book;
use crate::signal::Signals;
use crate::stop::{Stop, Strength};

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) ledger: Mutex<Ledger>,
    journal: Option<Journal>,
    pub(crate) account: Mutex<Account>,
    pub(crate) printer: Printer,
    pub(crate) stop: Arc<Stop>,
    pub(crate) record: Arc<Record>,
    /// How many inputs there are, where that is known.
    pub(crate) total: Option<u64>,
    deadline: Option<Deadline>,
    /// Only what members print, and errors.
    pub(crate) quiet: bool,
    /// Something went wrong that is no member's fault: output that could not be printed.
    trouble: AtomicBool,
}

/// Time for the whole batch.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    time: Duration,
    /// Nothing beyond the end of time.
    ends: Option<Instant>,
}

/// While it is kept, the batch is stopped when its time is up.
#[derive(Debug)]
pub(crate) struct Alarm {
    _call: OnCancel,
    // A context that nobody has rings no more.
    _context: Context,
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

/// Why nothing more comes, although there is more.
#[derive(Debug)]
pub(crate) enum Dry {
    Input(InputError),
    /// The inputs are not those that are in the books already.
    Step(StepError),
    /// One does not fit into the journal.
    TooLong(JournalError),
    /// The engine takes no more: why, and what would help.
    Engine(String, &'static str),
}

impl Books {
    pub(crate) fn new(
        book: Book,
        printer: Printer,
        stop: Arc<Stop>,
        record: Record,
        deadline: Option<Duration>,
        quiet: bool,
    ) -> Self {
        let Book { ledger, journal, account } = book;
        let record = Arc::new(record);
        stop.tells(Arc::clone(&record));
        Self {
            total: ledger.total(),
            ledger: Mutex::new(ledger),
            journal,
            account: Mutex::new(account),
            printer,
            stop,
            record,
            deadline: deadline.map(|time| Deadline { time, ends: Instant::now().checked_add(time) }),
            quiet,
            trouble: AtomicBool::new(false),
        }
    }

    /// A note for people, unless they want none.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.printer.note(text);
        }
    }
}

/// What becomes of members.
impl Books {
    /// Writes a new member down, then counts it out. Only who takes inputs in does.
    pub(crate) fn register(&self, columns: &Columns) -> Result<Number, Dry> {
        if let Some(journal) = &self.journal {
            match journal.registered(columns) {
                Ok(()) => {}
                Err(error @ JournalError::TooLong) => return Err(Dry::TooLong(error)),
                // It is counted all the same. It will not be started, because that cannot be written down either.
                Err(error) => self.journal_failed(&error),
            }
        }
        locked(&self.ledger).register().map_err(Dry::Step)
    }

    /// Writes down that a member begins its next attempt. Nothing if it cannot be written down, and so must not begin.
    pub(crate) fn begin(&self, member: Number) -> Option<Attempt> {
        let next = locked(&self.ledger).next_attempt(member);
        let attempt = allowed(next)?;
        if !self.note_down(Event::Started { member, attempt }) {
            return None;
        }
        let started = locked(&self.ledger).start(member);
        allowed(started)
    }

    /// The same of a member's end; does what the policy says. True if the batch goes on.
    pub(crate) fn end(&self, member: Number, attempt: Attempt, end: End) -> bool {
        self.note_down(Event::Ended { member, attempt, end });
        let ended = locked(&self.ledger).end(member, attempt, end);
        allowed(ended).is_none_or(|verdict| self.heed(verdict))
    }

    /// The same of a member that does not run and never will.
    pub(crate) fn cancel(&self, member: Number) -> bool {
        self.note_down(Event::Cancelled { member });
        let cancelled = locked(&self.ledger).cancel(member);
        allowed(cancelled).is_none_or(|verdict| self.heed(verdict))
    }

    /// The same of an attempt behind which there is another. True if there may be.
    pub(crate) fn put_off(&self, member: Number, attempt: Attempt) -> bool {
        self.note_down(Event::PutOff { member, attempt });
        let put_off = locked(&self.ledger).put_off(member, attempt);
        allowed(put_off).is_some()
    }

    /// The same of the end of the inputs: all that are registered are all there are. The verdict is still to be heeded.
    pub(crate) fn seal(&self) -> Result<Verdict, StepError> {
        let (total, sealed) = {
            let ledger = locked(&self.ledger);
            (ledger.last(), ledger.total())
        };
        if sealed.is_none() {
            // Nobody registers meanwhile: who seals takes in.
            self.note_down(Event::Sealed { total });
            self.sync_journal();
        }
        locked(&self.ledger).seal(total)
    }

    /// The rest of the input cannot be had: says why, and begins no more.
    pub(crate) fn run_dry(&self, why: &Dry) {
        let next = locked(&self.ledger).last() + 1;
        let rest = "what was read so far is in order";
        let (what, hint) = match why {
            Dry::Input(error @ InputError::TooLong) => {
                (error.to_string(), "is the separator right? -0 is for NUL, the default is line breaks")
            }
            Dry::Input(error) => (error.to_string(), rest),
            Dry::TooLong(error) => (format!("it does not fit into the journal: {error}"), rest),
            Dry::Engine(what, hint) => (what.clone(), *hint),
            Dry::Step(error) => {
                (format!("the inputs are not those of the journal: {error}"), "resume with the same inputs")
            }
        };
        self.printer.note(&format!(
            "headcount: input {next}: {what}\nhint: {hint}; the members before it are run to their end\n"
        ));
        self.stop.raise(Strength::Drain, "the rest of the input cannot be read");
    }

    /// Does what the policy says. True if the batch goes on.
    pub(crate) fn heed(&self, verdict: Verdict) -> bool {
        let Verdict::StopTheRest(over) = verdict else { return true };
        self.stop_for(over);
        false
    }

    /// The policy's stop. Asked for here and not only by a group's end, because a group that is being drained is over
    /// already.
    fn stop_for(&self, over: Over) {
        if self.stop.strength() < Strength::Terminate {
            locked(&self.account).stopped_by(over);
            // The others are stopped for what was written down last.
            self.sync_journal();
        }
        self.stop.raise(Strength::Terminate, &over.to_string());
    }
}

/// A step that the rules do not allow is a fault of ours.
fn allowed<T>(step: Result<T, StepError>) -> Option<T> {
    debug_assert!(step.is_ok(), "a rule of the ledger was broken: {:?}", step.as_ref().err());
    step.ok()
}

/// What stops a batch besides its members.
impl Books {
    /// Writes into the journal, if there is one. False if it takes no more.
    fn note_down(&self, event: Event) -> bool {
        let Some(journal) = &self.journal else { return true };
        journal.event(event).map_err(|error| self.journal_failed(&error)).is_ok()
    }

    fn sync_journal(&self) {
        if let Some(Err(error)) = self.journal.as_ref().map(Journal::sync) {
            self.journal_failed(&error);
        }
    }

    /// Nothing more is written down.
    fn close_journal(&self) {
        if let Some(Err(error)) = self.journal.as_ref().map(Journal::close) {
            self.journal_failed(&error);
        }
    }

    /// The journal takes no more: stops the batch, because what is done from now on would be done again.
    fn journal_failed(&self, error: &JournalError) {
        // Before anything is said, which may take a while: whoever is told nothing else goes on meanwhile.
        self.stop_for_trouble("the journal, which cannot be written");
        let Some(journal) = self.journal.as_ref().filter(|_| !matches!(error, JournalError::Broken)) else {
            return;
        };
        let shown = journal.shown();
        self.printer.note(&format!(
            "headcount: the journal {shown} cannot be written: {error}\nhint: free some space there and go on with \
             --resume; what ends from now on is not in the journal and will be run again\n"
        ));
    }

    /// Output could not be printed: stops the batch, quietly where it is nobody's fault.
    pub(crate) fn output_failed(&self, label: &str, error: &PrintError) {
        match error {
            // Said before, by whoever abandoned it.
            PrintError::Abandoned => {}
            PrintError::Closed => {
                self.stop.die_by(signal_hook::consts::SIGPIPE);
                self.stop.abandoned.close();
                self.stop.raise(Strength::Terminate, "nobody reads the output");
            }
            PrintError::Write(..) | PrintError::Spool(_) => {
                let hint = match error {
                    PrintError::Spool(_) => "free some space there, or set TMPDIR to a roomier folder",
                    _ => "is the disk full, or the output closed?",
                };
                self.printer.note(&format!("headcount: member {label}: {error}\nhint: {hint}\n"));
                self.stop_for_trouble("the output, which cannot be printed");
            }
        }
    }

    /// Stops the batch for something that is no member's fault.
    pub(crate) fn stop_for_trouble(&self, what: impl Into<Cow<'static, str>>) {
        let what = what.into();
        // Relaxed: read by the main thread when everyone is back, which orders it.
        self.trouble.store(true, Ordering::Relaxed);
        if self.stop.strength() < Strength::Terminate {
            locked(&self.account).stopped_for(what.clone());
        }
        self.stop.raise(Strength::Terminate, &what);
    }

    /// Sets the alarm for the deadline. It is a stop like others, and cancels nobody by itself: so it is known before
    /// its consequences, and a batch that ended for it says so. `tell` is to call [`tell_late`](Self::tell_late).
    pub(crate) fn alarm(&self, tell: impl FnOnce() + Send + 'static) -> Option<Alarm> {
        let context = Context::background().with_deadline(self.deadline?.ends?);
        let stop = Arc::clone(&self.stop);
        let call = context.on_cancel(move |_| stop.be_late(tell));
        Some(Alarm { _call: call, _context: context })
    }

    /// How much time is left until the deadline.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        Some(self.deadline?.ends?.saturating_duration_since(Instant::now()))
    }

    /// The deadline, if the batch was stopped for it.
    fn late(&self) -> Option<Duration> {
        self.deadline.filter(|_| self.stop.is_late()).map(|deadline| deadline.time)
    }

    /// Says that the deadline has passed, and for whom it was too early.
    pub(crate) fn tell_late(&self, roll_call: impl FnOnce() -> String) {
        if let Some(Deadline { time, .. }) = self.deadline.filter(|_| !self.quiet) {
            let roll_call = roll_call();
            self.printer.note(&format!("headcount: the deadline of {time:?} has passed\n{roll_call}"));
        }
    }

    /// Gives the output up if its reader has taken nothing for so long, counted from when members were told to end.
    pub(crate) fn give_up_output(&self, told: Instant, patience: Duration) {
        let Some(stalled) = self.printer.sheet().stalled() else { return };
        if self.stop.abandoned.is_closed() || stalled.max(told).elapsed() < patience {
            return;
        }
        // Said first: once the output is given up, the command may end at any moment.
        let seconds = patience.as_secs_f64();
        self.note(&format!(
            "headcount: the output was not read for {seconds} s; the rest of it is given up\n"
        ));
        self.stop.abandoned.close();
    }

    /// Everyone is back: accounts for them and finds the ending. `remark` is what the subcommand has to say to the counts.
    pub(crate) fn conclude(
        &self,
        signals: &Signals,
        ran: Ran,
        unread: impl FnOnce() -> Unread,
        remark: Option<String>,
    ) -> Ending {
        let (tally, outcome, own) = {
            let mut ledger = locked(&self.ledger);
            (ledger.close(), ledger.outcome(), ledger.remark())
        };
        self.close_journal();
        let signal = self.stop.signal().or_else(|| signals.caught());
        let late = self.late();
        if !self.quiet && signal != Some(signal_hook::consts::SIGPIPE) {
            let signal_first = self.stop.is_signal_first();
            let remarks = own.into_iter().chain(remark).collect();
            let end = TheEnd { unread: unread(), signal, signal_first, late, remarks };
            // Nobody is left to tell that it could not be told.
            let _ = locked(&self.account).print(&tally, &end, &self.printer);
        }
        // Relaxed: everyone is back.
        let trouble = self.trouble.load(Ordering::Relaxed);
        let ending = match (signal, outcome) {
            (Some(signal), _) => Ending::Signal(signal),
            _ if late.is_some() => Ending::Code(exit::DEADLINE),
            _ if tally.lost > 0 || ran == Ran::Dry => Ending::Code(exit::LOST),
            (_, Outcome::QuorumMissed) => Ending::Code(exit::QUORUM),
            (_, Outcome::Failed) => Ending::Code(exit::FAILED),
            (_, Outcome::Well) if trouble => Ending::Code(exit::FAILED),
            (_, Outcome::Well) => Ending::Code(exit::OK),
        };
        let (ending, faults) = self.record.close(&tally, ending);
        for fault in faults {
            self.printer.note(&format!(
                "headcount: {fault}\nhint: the members and their account are not touched by that\n"
            ));
        }
        ending
    }
}
