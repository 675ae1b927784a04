//! One transfer: what is known of it from outside while it is under way, and the member that it is.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headcount::Token;
use tokio::sync::OwnedSemaphorePermit;

use super::address::Address;
use super::desk::Desk;
use super::exchange::Stored;
use super::host::{Host, Place};
use super::trouble::Trouble;
use crate::input::Columns;
use crate::ledger::{Attempt, End, Number};
use crate::locked;
use crate::record::{Close, Finish, Happening, Whose};

/// So many earlier attempts are told of in the account.
const EARLIER: usize = 5;

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// It waits for one of the batch's slots.
    Queued,
    /// It has a slot, and waits until it may start.
    Paced,
    /// It waits until another transfer from its host has ended.
    WaitsForHost,
    /// It waits for its next attempt, until then.
    Pauses(Instant),
    /// It waits for the server's answer.
    Asks,
    /// The file comes.
    Receives,
}

/// No size was said.
const UNKNOWN: u64 = u64::MAX;

/// What others may know.
#[derive(Debug)]
pub(super) struct Transfer {
    pub(super) number: Number,
    pub(super) address: Address,
    /// Of the file.
    pub(super) name: String,
    pub(super) since: Instant,
    attempt: AtomicU32,
    got: AtomicU64,
    size: AtomicU64,
    doing: Mutex<Doing>,
    /// For the record: the address without credentials.
    columns: Columns,
}

impl Transfer {
    pub(super) fn new(number: Number, address: Address, name: String) -> Self {
        let columns = vec![address.shown.clone().into_bytes()];
        Self {
            number,
            address,
            name,
            since: Instant::now(),
            attempt: AtomicU32::new(0),
            got: AtomicU64::new(0),
            size: AtomicU64::new(UNKNOWN),
            doing: Mutex::new(Doing::Queued),
            columns,
        }
    }

    /// The last attempt that began.
    // Relaxed, here and below: figures for people, which belong to nothing else.
    pub(super) fn attempt(&self) -> Attempt {
        self.attempt.load(Ordering::Relaxed)
    }

    /// So much of the file is there.
    pub(super) fn has(&self, got: u64) {
        // Relaxed: see above.
        self.got.store(got, Ordering::Relaxed);
    }

    pub(super) fn got(&self) -> u64 {
        // Relaxed: see above.
        self.got.load(Ordering::Relaxed)
    }

    pub(super) fn will_have(&self, size: Option<u64>) {
        // Relaxed: see above.
        self.size.store(size.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    pub(super) fn size(&self) -> Option<u64> {
        // Relaxed: see above.
        Some(self.size.load(Ordering::Relaxed)).filter(|&size| size != UNKNOWN)
    }

    pub(super) fn does(&self, doing: Doing) {
        *locked(&self.doing) = doing;
    }

    pub(super) fn doing(&self) -> Doing {
        *locked(&self.doing)
    }

    pub(super) fn whose(&self) -> Whose<'_> {
        Whose { number: self.number, columns: &self.columns }
    }

    /// What it is called in the group.
    pub(super) fn title(&self) -> String {
        crate::roll::name(self.number, &self.address.shown)
    }

    /// What it is just doing, for people.
    pub(super) fn state(&self) -> String {
        let mut text = match self.doing() {
            Doing::Queued => "queued".to_owned(),
            Doing::Paced => "waits until it may start".to_owned(),
            Doing::WaitsForHost => "waits for its host".to_owned(),
            Doing::Pauses(until) => {
                let left = until.saturating_duration_since(Instant::now()).as_secs_f64();
                format!("waits {left:.1} s for its next attempt")
            }
            Doing::Asks => "waits for the answer".to_owned(),
            Doing::Receives => match self.size() {
                Some(size) => format!("{} of {size} bytes", self.got()),
                None => format!("{} bytes", self.got()),
            },
        };
        if self.attempt() > 1 {
            // Writing to a String cannot fail.
            let _ = write!(text, "  attempt {}", self.attempt());
        }
        text
    }
}

/// A member that is out. However it is dropped, it is accounted for.
pub(super) struct Job {
    pub(super) desk: Arc<Desk>,
    pub(super) transfer: Arc<Transfer>,
    pub(super) host: Option<Arc<Host>>,
    /// Its place at the host, while it has one.
    pub(super) place: Place,
    /// The attempt that runs, and when it began.
    runs: Option<(Attempt, Instant)>,
    /// Its slot, for the record; 0 if there is none.
    slot: usize,
    earlier: Vec<String>,
    ended: bool,
    /// One of those that may be out at once.
    _room: OwnedSemaphorePermit,
    /// Dropped last: who waits for it finds everything written down.
    _token: Token,
}

impl Job {
    pub(super) fn new(
        desk: Arc<Desk>,
        transfer: Arc<Transfer>,
        room: OwnedSemaphorePermit,
        token: Token,
    ) -> Self {
        let host = transfer.address.url.as_ref().ok().map(|url| desk.hosts.of(url));
        let earlier = Vec::new();
        Self {
            desk,
            transfer,
            host,
            place: None,
            runs: None,
            slot: 0,
            earlier,
            ended: false,
            _room: room,
            _token: token,
        }
    }

    /// How long its host is to be left alone.
    pub(super) fn held_for(&self) -> Option<Duration> {
        self.host.as_ref()?.held_for()
    }

    /// Its next attempt begins. False if it may not, because nobody could go on with it.
    pub(super) fn begin(&mut self) -> bool {
        let transfer = &self.transfer;
        let Some(attempt) = self.desk.books.begin(transfer.number) else { return false };
        self.runs = Some((attempt, Instant::now()));
        // Relaxed: see `Transfer::attempt`.
        transfer.attempt.store(attempt, Ordering::Relaxed);
        self.slot = self.desk.take_slot();
        let (whose, slot) = (transfer.whose(), self.slot);
        self.desk.books.record.tell(&Happening::Started { whose, attempt, slot, pid: None, words: &[] });
        true
    }

    fn took(&self) -> Duration {
        self.runs.map_or(Duration::ZERO, |(_, began)| began.elapsed())
    }

    fn tell_attempt(&mut self, end: End, how: &str, again: bool) {
        let (attempt, took, bytes) = (self.transfer.attempt(), self.took(), self.transfer.got());
        let close = Close { end, finish: Finish::Unknown, how, took, bytes, again, there: None };
        let whose = self.transfer.whose();
        self.desk.books.record.tell(&Happening::AttemptEnded { whose, attempt, words: &[], close });
        self.desk.free_slot(std::mem::take(&mut self.slot));
    }

    /// The attempt failed, and there will be another one.
    pub(super) fn failed_for_now(&mut self, trouble: &Trouble) {
        self.tell_attempt(End::Failed, &trouble.what, true);
        let took = self.took().as_secs_f64();
        let Some((attempt, _)) = self.runs.take() else { return };
        self.desk.books.put_off(self.transfer.number, attempt);
        if self.earlier.len() < EARLIER {
            self.earlier.push(format!("attempt {attempt}, after {took:.3} s: {}", trouble.what));
        }
    }

    pub(super) fn done(mut self, stored: &Stored) {
        self.tell_attempt(End::Done, "", false);
        self.desk.print_name(&self.transfer);
        if stored.was_there {
            // Relaxed: read when all is over.
            self.desk.were_there.fetch_add(1, Ordering::Relaxed);
        }
        self.end(End::Done);
    }

    pub(super) fn failed(mut self, trouble: &Trouble) {
        self.tell_attempt(End::Failed, &trouble.what, false);
        let text = self.complaint(trouble);
        let desk = &self.desk;
        locked(&desk.books.account).add_told(&text, &desk.books.printer);
        if trouble.is_ours {
            desk.cannot_store(&self.transfer, trouble);
        }
        self.end(End::Failed);
    }

    /// What the account says of it.
    fn complaint(&self, trouble: &Trouble) -> String {
        let (transfer, most) = (&self.transfer, self.desk.rules.tries.most());
        let (attempt, took) = (transfer.attempt(), self.took().as_secs_f64());
        let Transfer { number, name, .. } = &**transfer;
        // What is begun anew is one more attempt than was asked for.
        let most = most.max(attempt);
        let mut text = format!(
            "\nmember {number} failed: {} (attempt {attempt} of {most})\n  input:   {}\n  ended:   after {took:.3} s\n",
            trouble.what, transfer.address.shown
        );
        for earlier in &self.earlier {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  before:  {earlier}");
        }
        let left = (attempt as usize).saturating_sub(1 + self.earlier.len());
        if left > 0 {
            let _ = writeln!(text, "  before:  and {left} more");
        }
        if let Some(kept) = self.desk.kept(name) {
            let _ = writeln!(text, "  kept:    {kept}");
        }
        let _ = writeln!(text, "  hint:    {}", trouble.hint);
        text
    }

    fn end(&mut self, end: End) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let number = self.transfer.number;
        locked(&self.desk.transfers).remove(&number);
        self.desk.books.record.tell(&Happening::Ended { whose: self.transfer.whose(), end });
        match self.runs {
            Some((attempt, _)) => self.desk.books.end(number, attempt, end),
            None => self.desk.books.cancel(number),
        };
        // Whoever waits for it may have it before this is gone.
        self.place = None;
    }
}

impl Drop for Job {
    /// It was stopped, or it broke down.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        if self.runs.is_some() && std::thread::panicking() {
            return self.end(End::Lost);
        }
        if self.runs.is_some() {
            self.tell_attempt(End::Cancelled, "stopped", false);
        }
        if self.transfer.attempt() > 0 {
            self.desk.add_stopped(&self.transfer, self.earlier.last().map(String::as_str));
        }
        self.end(End::Cancelled);
    }
}
