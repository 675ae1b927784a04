//! What all transfers, the watch and the main thread share.
//!
//! Lock order: the ledger, the account, the printer and the list of transfers are each taken alone.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::sync::Semaphore;

use super::folder::Folder;
use super::host::Hosts;
use super::part::PART;
use super::sums::Sums;
use super::transfer::Transfer;
use super::trouble::Trouble;
use crate::account::{Account, Stopped};
use crate::args::Exists;
use crate::input::Columns;
use crate::journal::{Journal, JournalError};
use crate::ledger::{Attempt, End, Event, Ledger, Number, Over, StepError, Verdict};
use crate::locked;
use crate::output::{PrintError, Printer, Stream};
use crate::pace::Pace;
use crate::pace::control::Control;
use crate::process::Pause;
use crate::record::Record;
use crate::stop::{Stop, Strength};
use crate::tries::Tries;

/// Beyond those that run so many may wait for their hosts, or for their next attempts.
const AHEAD: usize = 1000;

/// Everyone's roll is not called again so soon after a timeout.
const SOON: Duration = Duration::from_secs(1);

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) jobs: usize,
    /// So many may be allowed to run at once at some time: as many as `jobs`, or more.
    pub(crate) most: usize,
    pub(crate) exists: Exists,
    pub(crate) max_body: Option<u64>,
    pub(crate) tries: Tries,
    pub(crate) stall: Duration,
    pub(crate) connect: Duration,
    pub(crate) timeout: Option<Duration>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) tag: bool,
    pub(crate) quiet: bool,
}

/// What a batch is made of.
pub(crate) struct Parts {
    pub(crate) client: Client,
    pub(crate) folder: Folder,
    pub(crate) sums: Option<Sums>,
    pub(crate) per_host: Option<usize>,
    pub(crate) ledger: Ledger,
    pub(crate) journal: Option<Journal>,
    pub(crate) account: Account,
    pub(crate) printer: Printer,
    pub(crate) stop: Arc<Stop>,
    pub(crate) record: Arc<Record>,
    pub(crate) pace: Pace,
    pub(crate) control: Option<Control>,
    pub(crate) rules: Rules,
}

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(super) client: Client,
    pub(super) folder: Folder,
    pub(super) sums: Option<Sums>,
    pub(super) hosts: Hosts,
    pub(crate) ledger: Mutex<Ledger>,
    journal: Option<Journal>,
    pub(crate) account: Mutex<Account>,
    pub(crate) printer: Printer,
    pub(crate) stop: Arc<Stop>,
    pub(crate) record: Arc<Record>,
    pub(super) pace: Pace,
    pub(super) control: Option<Control>,
    pub(super) pause: Pause,
    pub(crate) rules: Rules,
    pub(crate) total: Option<u64>,
    /// The slots of attempts that run, for the record: from 1.
    slots: Mutex<BTreeSet<usize>>,
    /// Those that are out.
    pub(super) transfers: Mutex<BTreeMap<Number, Arc<Transfer>>>,
    /// Room for those that may be out. Closed when there will be no more.
    pub(super) room: Arc<Semaphore>,
    /// How many bytes came in all.
    pub(super) bytes: AtomicU64,
    /// Files that were there before and were kept.
    pub(crate) were_there: AtomicU64,
    /// Something went wrong that is no member's fault.
    pub(crate) trouble: AtomicBool,
    /// When the roll was called for a timeout.
    called: Mutex<Option<Instant>>,
}

impl Desk {
    pub(crate) fn new(parts: Parts) -> Self {
        parts.stop.tells(Arc::clone(&parts.record));
        Self {
            client: parts.client,
            folder: parts.folder,
            sums: parts.sums,
            hosts: Hosts::new(parts.per_host),
            total: parts.ledger.total(),
            ledger: Mutex::new(parts.ledger),
            journal: parts.journal,
            account: Mutex::new(parts.account),
            printer: parts.printer,
            stop: parts.stop,
            record: parts.record,
            pace: parts.pace,
            control: parts.control,
            pause: Pause::default(),
            room: Arc::new(Semaphore::new(
                parts.rules.most.saturating_add(AHEAD).min(Semaphore::MAX_PERMITS),
            )),
            rules: parts.rules,
            slots: Mutex::default(),
            transfers: Mutex::default(),
            bytes: AtomicU64::new(0),
            were_there: AtomicU64::new(0),
            trouble: AtomicBool::new(false),
            called: Mutex::default(),
        }
    }

    /// Writes a new member down, then counts it out. Only who takes in does.
    pub(super) fn register(&self, columns: &Columns) -> Result<Number, String> {
        if let Some(journal) = &self.journal {
            match journal.registered(columns) {
                Err(error @ JournalError::TooLong) => {
                    return Err(format!("it does not fit into the journal: {error}"));
                }
                // It is counted all the same. It will not be started, because that cannot be written down either.
                Err(error) => self.journal_failed(&error),
                Ok(()) => {}
            }
        }
        let registered = locked(&self.ledger).register();
        registered.map_err(|error| format!("the inputs are not those of the journal: {error}"))
    }

    /// Writes down that a member begins its next attempt. Nothing if it cannot be written down, and so must not begin.
    pub(super) fn begin(&self, member: Number) -> Option<Attempt> {
        let next = locked(&self.ledger).next_attempt(member);
        let attempt = allowed(next)?;
        if !self.note_down(Event::Started { member, attempt }) {
            return None;
        }
        let started = locked(&self.ledger).start(member);
        allowed(started)
    }

    /// A slot that nobody has. Only a record wants to know.
    pub(super) fn take_slot(&self) -> usize {
        if !self.record.is_on() {
            return 0;
        }
        let mut slots = locked(&self.slots);
        let free = (1..).find(|slot| !slots.contains(slot)).unwrap_or_default();
        slots.insert(free);
        free
    }

    pub(super) fn free_slot(&self, slot: usize) {
        if slot > 0 {
            locked(&self.slots).remove(&slot);
        }
    }

    /// The same of an attempt behind which there is another.
    pub(super) fn put_off(&self, member: Number, attempt: Attempt) {
        self.note_down(Event::PutOff { member, attempt });
        let put_off = locked(&self.ledger).put_off(member, attempt);
        allowed(put_off);
    }

    /// The same of a member's end; does what the policy says.
    pub(super) fn end(&self, member: Number, attempt: Attempt, end: End) {
        self.note_down(Event::Ended { member, attempt, end });
        let ended = locked(&self.ledger).end(member, attempt, end);
        if let Some(verdict) = allowed(ended) {
            self.heed(verdict);
        }
    }

    /// The same of a member that does not run and never will.
    pub(super) fn cancel(&self, member: Number) {
        self.note_down(Event::Cancelled { member });
        let cancelled = locked(&self.ledger).cancel(member);
        if let Some(verdict) = allowed(cancelled) {
            self.heed(verdict);
        }
    }

    /// The same of the end of the inputs: all that are registered are all there are.
    pub(super) fn seal(&self) {
        let (total, sealed) = {
            let ledger = locked(&self.ledger);
            (ledger.last(), ledger.total())
        };
        if sealed.is_none() {
            // Nobody registers meanwhile: who seals takes in.
            self.note_down(Event::Sealed { total });
            self.sync_journal();
        }
        let sealed = locked(&self.ledger).seal(total);
        if let Some(verdict) = allowed(sealed) {
            self.heed(verdict);
        }
    }

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
    pub(crate) fn close_journal(&self) {
        if let Some(Err(error)) = self.journal.as_ref().map(Journal::close) {
            self.journal_failed(&error);
        }
    }

    /// The journal takes no more: stops the batch, because what is done from now on would be done again.
    fn journal_failed(&self, error: &JournalError) {
        // Before anything is said, which may take a while: whoever is told nothing else goes on meanwhile.
        // Relaxed: read by the main thread when all is over.
        self.trouble.store(true, Ordering::Relaxed);
        self.stop.raise(Strength::Terminate, "the journal cannot be written");
        let Some(journal) = self.journal.as_ref().filter(|_| !matches!(error, JournalError::Broken)) else {
            return;
        };
        self.printer.note(&format!(
            "headcount: the journal {} cannot be written: {error}\nhint: free some space there and go on with --resume\n",
            journal.shown()
        ));
    }

    fn heed(&self, verdict: Verdict) {
        if let Verdict::StopTheRest(over) = verdict {
            // The others are stopped for what was written down last.
            self.sync_journal();
            self.stop_for(over);
        }
    }

    fn stop_for(&self, over: Over) {
        if self.stop.strength() < Strength::Terminate {
            locked(&self.account).stopped_by(over);
        }
        self.stop.raise(Strength::Terminate, &over.to_string());
    }

    /// Prints where a complete file is.
    pub(super) fn print_name(&self, transfer: &Transfer) {
        let mut line = Vec::new();
        if self.rules.tag {
            line.extend_from_slice(transfer.address.shown.as_bytes());
            line.push(b'\t');
        }
        line.extend_from_slice(self.folder.path(&transfer.name).as_os_str().as_bytes());
        line.push(b'\n');
        if let Err(error) = self.printer.print(Stream::Out, &line) {
            self.output_failed(&transfer.address.shown, &error);
        }
    }

    /// A name could not be printed. The file is there all the same; the batch is stopped, quietly where it is nobody's fault.
    fn output_failed(&self, label: &str, error: &PrintError) {
        match error {
            // Said before, by whoever abandoned it.
            PrintError::Abandoned => {}
            PrintError::Closed => {
                self.stop.die_by(signal_hook::consts::SIGPIPE);
                self.stop.abandoned.close();
                self.stop.raise(Strength::Terminate, "nobody reads the output");
            }
            PrintError::Write(..) | PrintError::Spool(_) => {
                let hint = "is the disk full, or the output closed?";
                self.printer.note(&format!("headcount: member {label}: {error}\nhint: {hint}\n"));
                // Relaxed: read by the main thread when all is over.
                self.trouble.store(true, Ordering::Relaxed);
                self.stop.raise(Strength::Terminate, "the output cannot be printed");
            }
        }
    }

    /// Nothing more can be stored: the others would fail too.
    pub(super) fn cannot_store(&self, transfer: &Transfer, trouble: &Trouble) {
        let Trouble { what, hint, .. } = trouble;
        let shown = &transfer.address.shown;
        self.printer.note(&format!("headcount: member {}: {what}: {shown}\nhint: {hint}\n", transfer.number));
        self.stop.raise(Strength::Terminate, "files cannot be stored");
    }

    /// What there is of a file that is not complete, if it can be gone on with.
    pub(super) fn kept(&self, name: &str) -> Option<String> {
        let part = format!("{name}{PART}");
        let bytes = self.folder.path(&part).symlink_metadata().ok()?.len();
        Some(format!("{bytes} bytes in {}", self.folder.shown(&part)))
    }

    /// Writes down a transfer that was stopped before its end, and what had gone wrong before.
    pub(super) fn add_stopped(&self, transfer: &Transfer, before: Option<&str>) {
        let kept = self.kept(&transfer.name).map(|kept| format!("kept {kept}"));
        let told: Vec<_> = [kept, before.map(str::to_owned)].into_iter().flatten().collect();
        let how = if told.is_empty() { "ended".into() } else { format!("ended ({})", told.join("; ")) };
        let (number, label, took) = (transfer.number, &transfer.address.shown, transfer.since.elapsed());
        let stopped = Stopped { number, label, how: &how, attempt: "", took, last_lines: &[] };
        locked(&self.account).add_stopped(&stopped, &self.printer);
    }

    /// A note for people, unless they want none.
    pub(super) fn note(&self, text: &str) {
        if !self.rules.quiet {
            self.printer.note(text);
        }
    }

    /// An attempt's time is up: says so, and who else is out.
    pub(super) fn report_late(&self, transfer: &Transfer) {
        let timeout = self.rules.timeout.unwrap_or_default();
        let mut called = locked(&self.called);
        let soon = called.is_some_and(|called| called.elapsed() < SOON);
        if !soon {
            *called = Some(Instant::now());
        }
        drop(called);
        let roll_call = if soon { line(transfer) } else { self.roll_call() };
        let Transfer { number, address, .. } = transfer;
        self.note(&format!(
            "headcount: member {number} timed out after {timeout:?}: {}\n{roll_call}",
            address.shown
        ));
    }

    /// Who is out, one a line, below a line that counts them.
    pub(super) fn roll_call(&self) -> String {
        let transfers: Vec<_> = locked(&self.transfers).values().map(Arc::clone).collect();
        let mut text = format!("headcount: {} still out\n", transfers.len());
        text.extend(transfers.iter().map(|transfer| line(transfer)));
        text
    }

    /// How many transfers are out.
    pub(super) fn out(&self) -> usize {
        locked(&self.transfers).len()
    }

    /// The deadline, if the batch was stopped for it.
    pub(crate) fn late(&self) -> Option<Duration> {
        self.rules.deadline.filter(|_| self.stop.is_late())
    }
}

/// A step that the rules do not allow is a fault of ours.
fn allowed<T>(step: Result<T, StepError>) -> Option<T> {
    debug_assert!(step.is_ok(), "a rule of the ledger was broken: {:?}", step.as_ref().err());
    step.ok()
}

fn line(transfer: &Transfer) -> String {
    let age = transfer.since.elapsed().as_secs_f64();
    format!("  {}  {age:.1} s  {}\n", transfer.title(), transfer.state())
}
