//! One batch: what its members, the watch and the main thread share.
//!
//! Lock order: `intake`, then `ledger`; the pause, then a seat, then nothing. The printer and the account are taken alone. The journal is
//! written with no lock held but the intake's: it may be a slow disk.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::input::{Columns, Source};
use crate::intake::Intake;
use crate::journal::{Journal, JournalError};
use crate::ledger::{Attempt, End, Event, Ledger, Number, Over, State, StepError, Verdict};
use crate::locked;
use crate::output::{Pages, PrintError, Printer};
use crate::pace::Pace;
use crate::pace::control::Control;
use crate::process::{Launcher, Pause, Seat};
use crate::progress::Slowest;
use crate::record::{Happening, Record, Whose};
use crate::resume::Book;
use crate::roll::Roll;
use crate::stop::{Stop, Strength};
use crate::template::Template;
use crate::tries::Tries;
use crate::waits::Waits;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) template: Template,
    pub(crate) launcher: Launcher,
    pub(crate) intake: Mutex<Intake>,
    pub(crate) total: Option<u64>,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) journal: Option<Journal>,
    pub(crate) tries: Tries,
    /// Those between two attempts, where there may be more than one.
    pub(crate) waits: Option<Waits>,
    /// One a lane.
    pub(crate) seats: Vec<Seat>,
    pub(crate) pause: Pause,
    pub(crate) printer: Printer,
    pub(crate) account: Mutex<Account>,
    pub(crate) stop: Arc<Stop>,
    lanes: Mutex<Lanes>,
    /// How many members may run at once. There are at least as many seats.
    allowed: AtomicUsize,
    pub(crate) pace: Pace,
    /// Where that number is read again while they run.
    pub(crate) control: Option<Control>,
    pub(crate) roll: Roll,
    pub(crate) record: Arc<Record>,
    pub(crate) times: Times,
    /// Something went wrong that is no member's fault: output that could not be printed.
    pub(crate) trouble: AtomicBool,
    pub(crate) quiet: bool,
}

/// The times that were given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// For each member.
    pub(crate) timeout: Option<Duration>,
    /// For all.
    pub(crate) deadline: Option<Duration>,
    /// Between TERM and KILL.
    pub(crate) grace: Duration,
}

/// Which slots have a lane.
#[derive(Debug, Default)]
struct Lanes {
    open: Vec<bool>,
    count: usize,
}

impl Lanes {
    /// Opens the lowest that is free, if there are fewer than `most`, and it is below.
    fn open(&mut self, most: usize) -> Option<usize> {
        if self.count >= most {
            return None;
        }
        let free = self.open.iter().position(|open| !open).unwrap_or(self.open.len());
        if free >= most {
            return None;
        }
        if free == self.open.len() {
            self.open.push(true);
        } else {
            self.open[free] = true;
        }
        self.count += 1;
        Some(free)
    }

    fn close(&mut self, slot: usize) {
        self.open[slot] = false;
        self.count -= 1;
    }
}

/// What a batch is made of.
pub(crate) struct Parts {
    pub(crate) template: Template,
    pub(crate) launcher: Launcher,
    pub(crate) source: Box<dyn Source>,
    pub(crate) book: Book,
    pub(crate) tries: Tries,
    pub(crate) jobs: usize,
    /// So many may be allowed to run at once at some time: as many as `jobs`, or more.
    pub(crate) seats: usize,
    pub(crate) pace: Pace,
    pub(crate) control: Option<Control>,
    pub(crate) printer: Printer,
    pub(crate) stop: Arc<Stop>,
    pub(crate) record: Arc<Record>,
    pub(crate) times: Times,
    pub(crate) quiet: bool,
}

/// A member that is out, and its input.
#[derive(Debug)]
pub(crate) struct Member {
    batch: Arc<Batch>,
    pub(crate) number: Number,
    /// The so many-th that was taken in by this process, from 1: its turn to be printed.
    pub(crate) turn: u64,
    pub(crate) columns: Columns,
    pub(crate) label: String,
    /// What its attempts have written so far.
    pub(crate) pages: Option<Pages>,
    /// How its last attempt ended, in words, and how long it took.
    pub(crate) missed: Option<(String, Duration)>,
    /// Its output is where it belongs.
    pub(crate) printed: bool,
}

impl Drop for Member {
    /// One that never began has nothing to print, and must not hold up those behind it.
    fn drop(&mut self) {
        if !self.printed {
            let mut pages = self.pages.take().unwrap_or_else(|| {
                let mut blank = Pages::default();
                blank.begin(self.turn, None);
                blank
            });
            if let Err(error) = self.batch.printer.finish_here(&mut pages, false) {
                self.batch.output_failed(&self.label, &error);
            }
            self.tell_dropped();
        }
    }
}

impl Member {
    pub(crate) fn new(batch: Arc<Batch>, number: Number, turn: u64, columns: Columns, label: String) -> Self {
        Self { batch, number, turn, columns, label, pages: None, missed: None, printed: false }
    }

    /// For the record.
    pub(crate) fn whose(&self) -> Whose<'_> {
        Whose { number: self.number, columns: &self.columns }
    }

    /// Tells what the ledger will say of one that comes to no other end.
    fn tell_dropped(&self) {
        let record = &self.batch.record;
        if record.is_on() {
            let stood = locked(&self.batch.ledger).state(self.number);
            let end = if let Some(State::Running(_)) = stood { End::Lost } else { End::Cancelled };
            record.tell(&Happening::Ended { whose: self.whose(), end });
        }
    }
}

impl Batch {
    pub(crate) fn new(parts: Parts) -> Self {
        let Book { ledger, journal, backlog, account } = parts.book;
        let total = ledger.total();
        parts.stop.tells(Arc::clone(&parts.record));
        Self {
            template: parts.template,
            launcher: parts.launcher,
            intake: Mutex::new(Intake::new(backlog, parts.source)),
            total,
            ledger: Mutex::new(ledger),
            journal,
            waits: (parts.tries.retries > 0).then(Waits::default),
            tries: parts.tries,
            seats: (0..parts.seats).map(|_| Seat::default()).collect(),
            pause: Pause::default(),
            printer: parts.printer,
            account: Mutex::new(account),
            stop: parts.stop,
            lanes: Mutex::default(),
            allowed: AtomicUsize::new(parts.jobs),
            pace: parts.pace,
            control: parts.control,
            roll: Roll::default(),
            record: parts.record,
            times: parts.times,
            trouble: AtomicBool::new(false),
            quiet: parts.quiet,
        }
    }

    /// The slot of a lane that may be opened: as long as there are fewer than may run at once, and no more than there
    /// may be inputs.
    pub(crate) fn open_lane(&self) -> Option<usize> {
        let total = self.total.and_then(|total| usize::try_from(total).ok()).unwrap_or(usize::MAX);
        let mut lanes = locked(&self.lanes);
        // Relaxed: written under this lock.
        let most = self.allowed.load(Ordering::Relaxed).min(total);
        lanes.open(most)
    }

    /// Whether the lane of this slot is one too many since fewer may run, and is closed now. Those that stay have all slots below the
    /// limit. Nobody is closed while members wait for another attempt: each of them counts on the lane it came with.
    pub(crate) fn closes_lane(&self, slot: usize) -> bool {
        // Relaxed: who sees the old limit runs one member more.
        if slot < self.allowed.load(Ordering::Relaxed)
            || self.waits.as_ref().is_some_and(|waits| !waits.queue().is_empty())
        {
            return false;
        }
        let mut lanes = locked(&self.lanes);
        // Relaxed: under the lock it is the last that was allowed, so that who raises the limit finds this lane or its place.
        let closes = slot >= self.allowed.load(Ordering::Relaxed);
        if closes {
            lanes.close(slot);
        }
        closes
    }

    /// From now on so many may run at once, or as many as there are seats. Says how many. Nobody is stopped for that.
    pub(crate) fn allow(&self, jobs: usize) -> usize {
        let jobs = jobs.clamp(1, self.seats.len());
        let _lanes = locked(&self.lanes);
        // Relaxed: as above.
        self.allowed.store(jobs, Ordering::Relaxed);
        jobs
    }

    /// Writes into the journal, then into the ledger, that a member begins its next attempt. Nothing if it cannot be
    /// written down, and so must not begin.
    pub(crate) fn begin(&self, member: Number) -> Option<Attempt> {
        let attempt = self.allowed(locked(&self.ledger).next_attempt(member))?;
        if !self.note_down(Event::Started { member, attempt }) {
            return None;
        }
        self.allowed(locked(&self.ledger).start(member))
    }

    /// The same of a member's end; does what the policy says. True if the batch goes on.
    pub(crate) fn end(&self, member: Number, attempt: Attempt, end: End) -> bool {
        self.note_down(Event::Ended { member, attempt, end });
        let ended = locked(&self.ledger).end(member, attempt, end);
        self.allowed(ended).is_none_or(|verdict| self.heed(verdict))
    }

    /// The same of a member that does not run and never will.
    pub(crate) fn cancel(&self, member: Number) -> bool {
        self.note_down(Event::Cancelled { member });
        let cancelled = locked(&self.ledger).cancel(member);
        self.allowed(cancelled).is_none_or(|verdict| self.heed(verdict))
    }

    /// The same of an attempt behind which there is another.
    pub(crate) fn enter_put_off(&self, member: Number, attempt: Attempt) -> bool {
        self.note_down(Event::PutOff { member, attempt });
        let put_off = locked(&self.ledger).put_off(member, attempt);
        self.allowed(put_off).is_some()
    }

    /// The same of the end of the inputs: all that are registered are all there are.
    pub(crate) fn seal(&self) -> Result<Verdict, StepError> {
        let mut ledger = locked(&self.ledger);
        let (total, sealed) = (ledger.last(), ledger.total());
        if sealed.is_none() && self.journal.is_some() {
            // Nobody registers meanwhile: who seals has the intake.
            drop(ledger);
            self.note_down(Event::Sealed { total });
            self.sync_journal();
            ledger = locked(&self.ledger);
        }
        ledger.seal(total)
    }

    /// A step that the rules do not allow is a fault of ours.
    fn allowed<T>(&self, step: Result<T, StepError>) -> Option<T> {
        debug_assert!(step.is_ok(), "a rule of the ledger was broken: {:?}", step.as_ref().err());
        step.ok()
    }

    /// Writes into the journal, if there is one. False if it takes no more.
    fn note_down(&self, event: Event) -> bool {
        let Some(journal) = &self.journal else { return true };
        journal.event(event).map_err(|error| self.journal_failed(&error)).is_ok()
    }

    pub(crate) fn sync_journal(&self) {
        if let Some(Err(error)) = self.journal.as_ref().map(Journal::sync) {
            self.journal_failed(&error);
        }
    }

    /// Nothing more is written down.
    pub(crate) fn close_journal(&self) {
        if let Some(Err(error)) = self.journal.as_ref().map(Journal::close) {
            self.journal_failed(&error);
        }
    }

    /// The journal takes no more: stops the batch, because what is done from now on would be done again.
    pub(crate) fn journal_failed(&self, error: &JournalError) {
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

    /// Stops the batch for something that is no member's fault.
    fn stop_for_trouble(&self, what: &'static str) {
        // Relaxed: read by the main thread after the group's end, which orders it.
        self.trouble.store(true, Ordering::Relaxed);
        if self.stop.strength() < Strength::Terminate {
            locked(&self.account).stopped_for(what);
        }
        self.stop.raise(Strength::Terminate, what);
    }

    /// Does what the policy says. True if the batch goes on.
    pub(crate) fn heed(&self, verdict: Verdict) -> bool {
        let Verdict::StopTheRest(over) = verdict else { return true };
        self.stop_for(over);
        false
    }

    /// The policy's stop. Asked for here and not only by the group's end, because a group that is being drained is
    /// over already.
    fn stop_for(&self, over: Over) {
        if self.stop.strength() < Strength::Terminate {
            locked(&self.account).stopped_by(over);
            // The others are stopped for what was written down last.
            self.sync_journal();
        }
        self.stop.raise(Strength::Terminate, &over.to_string());
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

    /// From now on somebody ends the members if we cannot.
    pub(crate) fn begin_guard(&self) {
        let begun = {
            let _going = self.pause.pass();
            self.launcher.guard.begin(self.pace.tokens())
        };
        if let Err(error) = begun {
            if !self.quiet {
                self.printer.note(&format!(
                    "headcount: there is no guard ({error}); should headcount be killed with -9, its members run on\n"
                ));
            }
        }
    }

    /// How many members are out.
    pub(crate) fn out(&self) -> u64 {
        locked(&self.ledger).tally().running
    }

    /// Who is out, and who waits for another attempt.
    pub(crate) fn roll_call(&self) -> String {
        self.roll.call(&self.seats) + &self.waiting_lines()
    }

    /// The deadline, if the batch was stopped for it.
    pub(crate) fn late(&self) -> Option<Duration> {
        self.times.deadline.filter(|_| self.stop.is_late())
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
