//! The only printer: every byte the command puts on its standard output or error goes through here.
//!
//! Its promises:
//!
//! 1. What two members print is never mixed inside a line. With the orders `done` and `input` it is not
//!    mixed at all: each member's output comes as a whole, first what it wrote to stdout, then stderr.
//! 2. The bytes are those the member wrote. Only where lines are the unit (`live`, `--tag`) a line break
//!    is added to a last line that lacks one, and where another attempt at a member follows. Of a member that was
//!    stopped, a torn last line is left out.
//! 3. Little is held in memory: one block a member, and a few for all members that wait for their turn.
//!    The rest is in the spool.
//! 4. No wait for a reader outlives the batch: when the output is abandoned, printing ends.
//! 5. Who waits for its turn to print takes no thread. One prints at a time, and if it has to wait for a reader it says so
//!    ([`held_up`](crate::hands::held_up)).

mod capture;
mod margin;
mod pages;
mod sheet;
mod spool;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

pub(crate) use capture::Capture;
pub(crate) use margin::Margin;
pub(crate) use pages::Pages;
pub(crate) use sheet::{PrintError, Sheet, Stream, complain};
pub(crate) use spool::Spool;

use crate::args::Order;
use crate::hands::{held_up, wait_here};
use crate::input::Columns;
use crate::ledger::Number;
use crate::legible;
use pages::Parked;
use spool::BLOCK;

/// How much the members that wait for their turn may hold in memory together.
const PARKED: usize = 4 * BLOCK;

/// How much a member that waits for another attempt may hold in memory.
const HELD_MEANWHILE: usize = 4096;

/// How long a note waits for a line that is just being printed, before it is printed all the same.
const NOTE_PATIENCE: Duration = Duration::from_millis(100);

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Printer {
    order: Order,
    tag: bool,
    sheet: Sheet,
    spool: Spool,
    /// The member whose turn it is in the order `input`. Written under `queue` only; read without it as a
    /// hint, which at worst lets a member hold for one more chunk what it could print at once.
    head: AtomicU64,
    /// Who holds this prints.
    queue: Mutex<Queue>,
}

/// The turn to print.
pub(crate) type Turn<'a> = MutexGuard<'a, Queue>;

/// Members that ended before their turn.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    parked: BTreeMap<Number, Parked>,
    held: usize,
}

impl Printer {
    pub(crate) fn new(order: Order, tag: bool, sheet: Sheet) -> Self {
        let queue = Mutex::new(Queue::default());
        Self { order, tag, sheet, spool: Spool::default(), head: AtomicU64::new(1), queue }
    }

    pub(crate) fn spool(&self) -> &Spool {
        &self.spool
    }

    pub(crate) fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// What every line of this member begins with: its input, on one line whatever is in it, and a tab.
    pub(crate) fn tag(&self, columns: &Columns) -> Option<Vec<u8>> {
        self.tag.then(|| {
            let mut tag = legible::one_line_bytes(&columns.join(&b' '));
            tag.push(b'\t');
            tag
        })
    }

    /// May this member print while it runs?
    fn streams(&self, number: Number) -> bool {
        match self.order {
            Order::Done => false,
            Order::Live => true,
            // Relaxed: see the field.
            Order::Input => self.head.load(Ordering::Relaxed) == number,
        }
    }

    /// The turn to print, for one who must not block its thread any longer than printing takes.
    async fn turn(&self) -> Turn<'_> {
        self.queue.lock().await
    }

    /// The same for one who has nobody to wait for him.
    fn turn_here(&self) -> Turn<'_> {
        let wait = || held_up(|| wait_here(self.queue.lock()));
        self.queue.try_lock().unwrap_or_else(|_| wait())
    }

    /// Waits for what is needed to take in what a member is going to write: a turn, if it prints while it runs.
    pub(crate) async fn turn_of(&self, pages: &Pages) -> Option<Turn<'_>> {
        if self.streams(pages.number()) { Some(self.turn().await) } else { None }
    }

    /// Takes in what a member wrote.
    pub(crate) fn take(
        &self,
        turn: Option<Turn<'_>>,
        pages: &mut Pages,
        stream: Stream,
        bytes: &[u8],
    ) -> Result<(), PrintError> {
        pages.hear(stream, bytes);
        match turn {
            Some(_turn) => pages.print_lines(stream, bytes, &self.sheet, &self.spool),
            None => pages.hold(stream, bytes, &self.spool),
        }
    }

    /// An attempt ended, and there will be another: what that writes begins with a new line. Little stays in memory.
    pub(crate) async fn part(&self, pages: &mut Pages) -> Result<(), PrintError> {
        for stream in [Stream::Out, Stream::Err] {
            if pages.is_torn(stream) {
                let turn = self.turn_of(pages).await;
                self.take(turn, pages, stream, b"\n")?;
            }
        }
        if pages.held() > HELD_MEANWHILE { Ok(pages.spill(&self.spool)?) } else { Ok(()) }
    }

    /// Something of what a member wrote could not be taken in, so what is left of it is not printed.
    pub(crate) fn forget(&self, pages: &mut Pages) {
        pages.forget(&self.spool);
    }

    /// A member ended: prints what is left of its output, now or in its turn. Every member that was begun
    /// must come here once, or to [`Self::finish_here`], or in the order `input` all later ones wait for it.
    pub(crate) async fn finish(&self, pages: &mut Pages, stopped: bool) -> Result<(), PrintError> {
        if self.has_nothing(pages, stopped) {
            return Ok(());
        }
        self.finish_in(self.turn().await, pages)
    }

    /// The same for one who has nobody to wait for him.
    pub(crate) fn finish_here(&self, pages: &mut Pages, stopped: bool) -> Result<(), PrintError> {
        if self.has_nothing(pages, stopped) {
            return Ok(());
        }
        self.finish_in(self.turn_here(), pages)
    }

    /// Whether there is nothing left to do for a member that ended.
    fn has_nothing(&self, pages: &mut Pages, stopped: bool) -> bool {
        if stopped {
            pages.cut_torn_lines();
        }
        self.order != Order::Input && pages.is_blank()
    }

    fn finish_in(&self, mut queue: Turn<'_>, pages: &mut Pages) -> Result<(), PrintError> {
        if self.order != Order::Input {
            return pages.print_rest(self.ends_lines(), &self.sheet, &self.spool);
        }
        // Relaxed: the head moves under the queue's lock, which is held.
        if self.head.load(Ordering::Relaxed) == pages.number() {
            let mut result = pages.print_rest(self.ends_lines(), &self.sheet, &self.spool);
            let mut next = pages.number() + 1;
            while let Some(mut parked) = queue.parked.remove(&next) {
                queue.held -= parked.held();
                let printed = parked.print(self.ends_lines(), &self.sheet, &self.spool);
                result = result.and(printed);
                next += 1;
            }
            // Relaxed: see the field.
            self.head.store(next, Ordering::Relaxed);
            result
        } else {
            self.park(&mut queue, pages)
        }
    }

    fn ends_lines(&self) -> bool {
        self.tag || self.order == Order::Live
    }

    fn park(&self, queue: &mut Queue, pages: &mut Pages) -> Result<(), PrintError> {
        let spilled = if queue.held + pages.held() > PARKED { pages.spill(&self.spool) } else { Ok(()) };
        let parked = pages.park();
        queue.held += parked.held();
        queue.parked.insert(pages.number(), parked);
        spilled.map_err(PrintError::Spool)
    }

    /// A word of the command itself, on stderr, as whole lines. Prints nothing when nobody can read it.
    ///
    /// It may be called where waiting is not allowed, so it waits neither for a member that is being
    /// printed to a reader that does not read, nor for a stderr that takes nothing.
    pub(crate) fn note(&self, text: &str) {
        let asked = Instant::now();
        let _turn: Option<Turn<'_>> = loop {
            match self.queue.try_lock() {
                Ok(turn) => break Some(turn),
                // Who is stuck already is not given the time anew by each of a thousand notes.
                Err(_) if asked.elapsed() < NOTE_PATIENCE && !self.is_stuck() => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => break None,
            }
        };
        self.sheet.try_write(text.as_bytes());
    }

    /// Whether whoever prints has waited for a reader for as long as a note would.
    fn is_stuck(&self) -> bool {
        self.sheet.stalled().is_some_and(|since| since.elapsed() >= NOTE_PATIENCE)
    }

    /// Prints bytes of the command itself on one of the streams: in full, or, when the output is abandoned, as
    /// much as stderr takes without waiting.
    pub(crate) fn print(&self, stream: Stream, bytes: &[u8]) -> Result<(), PrintError> {
        let _turn = self.turn_here();
        if stream == Stream::Err && self.sheet.is_abandoned() {
            self.sheet.try_write(bytes);
            return Ok(());
        }
        self.sheet.write(stream, bytes)
    }
}
