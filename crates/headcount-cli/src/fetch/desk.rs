//! What all transfers, the watch and the main thread share.
//!
//! Lock order: the list of transfers, the slots, and what the books take ([`crate::books`]), are each taken alone.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::AtomicU64;
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
use crate::account::Stopped;
use crate::args::Exists;
use crate::books::Books;
use crate::ledger::Number;
use crate::locked;
use crate::output::Stream;
use crate::pace::Pace;
use crate::pace::control::Control;
use crate::process::Pause;
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
    pub(crate) grace: Duration,
    pub(crate) tag: bool,
}

/// What a batch is made of.
pub(crate) struct Parts {
    pub(crate) books: Books,
    pub(crate) client: Client,
    pub(crate) folder: Folder,
    pub(crate) sums: Option<Sums>,
    pub(crate) per_host: Option<usize>,
    pub(crate) pace: Pace,
    pub(crate) control: Option<Control>,
    pub(crate) rules: Rules,
}

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) books: Books,
    pub(super) client: Client,
    pub(super) folder: Folder,
    pub(super) sums: Option<Sums>,
    pub(super) hosts: Hosts,
    pub(super) pace: Pace,
    pub(super) control: Option<Control>,
    pub(super) pause: Pause,
    pub(crate) rules: Rules,
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
    /// When the roll was called for a timeout.
    called: Mutex<Option<Instant>>,
}

impl Desk {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            books: parts.books,
            client: parts.client,
            folder: parts.folder,
            sums: parts.sums,
            hosts: Hosts::new(parts.per_host),
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
            called: Mutex::default(),
        }
    }

    /// A slot that nobody has. Only a record wants to know.
    pub(super) fn take_slot(&self) -> usize {
        if !self.books.record.is_on() {
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

    /// Prints where a complete file is.
    pub(super) fn print_name(&self, transfer: &Transfer) {
        let mut line = Vec::new();
        if self.rules.tag {
            line.extend_from_slice(transfer.address.shown.as_bytes());
            line.push(b'\t');
        }
        line.extend_from_slice(self.folder.path(&transfer.name).as_os_str().as_bytes());
        line.push(b'\n');
        // The file is there all the same.
        if let Err(error) = self.books.printer.print(Stream::Out, &line) {
            self.books.output_failed(&transfer.address.shown, &error);
        }
    }

    /// Nothing more can be stored: the others would fail too.
    pub(super) fn cannot_store(&self, transfer: &Transfer, trouble: &Trouble) {
        let Trouble { what, hint, .. } = trouble;
        let shown = &transfer.address.shown;
        self.books
            .printer
            .note(&format!("headcount: member {}: {what}: {shown}\nhint: {hint}\n", transfer.number));
        self.books.stop_for_trouble("the files, which cannot be stored");
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
        let stopped = Stopped { number, label, how: &how, attempt: "", took: Some(took), last_lines: &[] };
        locked(&self.books.account).add_stopped(&stopped, &self.books.printer);
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
        self.books.note(&format!(
            "headcount: member {number} timed out after {timeout:?}: {}\n{roll_call}",
            address.shown
        ));
    }

    /// Who is out, one a line, below a line that counts them.
    pub(crate) fn roll_call(&self) -> String {
        let transfers: Vec<_> = locked(&self.transfers).values().map(Arc::clone).collect();
        let mut text = format!("headcount: {} still out\n", transfers.len());
        text.extend(transfers.iter().map(|transfer| line(transfer)));
        text
    }

    /// How many transfers are out.
    pub(super) fn out(&self) -> usize {
        locked(&self.transfers).len()
    }
}

fn line(transfer: &Transfer) -> String {
    let age = transfer.since.elapsed().as_secs_f64();
    format!("  {}  {age:.1} s  {}\n", transfer.title(), transfer.state())
}
