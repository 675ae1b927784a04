//! One batch: what its members, the watch and the main thread share.
//!
//! Lock order: the intake, then what the books take ([`crate::books`]); the pause, then a seat, then nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::books::Books;
use crate::input::{Columns, Source};
use crate::intake::Intake;
use crate::journal::Backlog;
use crate::ledger::{End, Number, State};
use crate::locked;
use crate::output::Pages;
use crate::pace::Pace;
use crate::pace::control::Control;
use crate::process::{Launcher, Pause, Seat};
use crate::progress::Slowest;
use crate::record::{Happening, Whose};
use crate::roll::Roll;
use crate::template::Template;
use crate::tries::Tries;
use crate::waits::Waits;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) books: Books,
    pub(crate) template: Template,
    pub(crate) launcher: Launcher,
    pub(crate) intake: Mutex<Intake>,
    pub(crate) tries: Tries,
    /// Those between two attempts, where there may be more than one.
    pub(crate) waits: Option<Waits>,
    /// One a lane.
    pub(crate) seats: Vec<Seat>,
    pub(crate) pause: Pause,
    lanes: Mutex<Lanes>,
    /// How many members may run at once. There are at least as many seats.
    allowed: AtomicUsize,
    pub(crate) pace: Pace,
    /// Where that number is read again while they run.
    pub(crate) control: Option<Control>,
    pub(crate) roll: Roll,
    pub(crate) times: Times,
}

/// The times that each member was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// For each attempt.
    pub(crate) timeout: Option<Duration>,
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
    pub(crate) books: Books,
    pub(crate) template: Template,
    pub(crate) launcher: Launcher,
    pub(crate) backlog: Option<Backlog>,
    pub(crate) source: Box<dyn Source>,
    pub(crate) tries: Tries,
    pub(crate) jobs: usize,
    /// So many may be allowed to run at once at some time: as many as `jobs`, or more.
    pub(crate) seats: usize,
    pub(crate) pace: Pace,
    pub(crate) control: Option<Control>,
    pub(crate) times: Times,
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
            let books = &self.batch.books;
            let mut pages = self.pages.take().unwrap_or_else(|| {
                let mut blank = Pages::default();
                blank.begin(self.turn, None);
                blank
            });
            if let Err(error) = books.printer.finish_here(&mut pages, false) {
                books.output_failed(&self.label, &error);
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
        let Books { record, ledger, .. } = &self.batch.books;
        if record.is_on() {
            let stood = locked(ledger).state(self.number);
            let end = if let Some(State::Running(_)) = stood { End::Lost } else { End::Cancelled };
            record.tell(&Happening::Ended { whose: self.whose(), end });
        }
    }
}

impl Batch {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            books: parts.books,
            template: parts.template,
            launcher: parts.launcher,
            intake: Mutex::new(Intake::new(parts.backlog, parts.source)),
            waits: (parts.tries.retries > 0).then(Waits::default),
            tries: parts.tries,
            seats: (0..parts.seats).map(|_| Seat::default()).collect(),
            pause: Pause::default(),
            lanes: Mutex::default(),
            allowed: AtomicUsize::new(parts.jobs),
            pace: parts.pace,
            control: parts.control,
            roll: Roll::default(),
            times: parts.times,
        }
    }

    /// The slot of a lane that may be opened: as long as there are fewer than may run at once, and no more than there
    /// may be inputs.
    pub(crate) fn open_lane(&self) -> Option<usize> {
        let total = self.books.total.and_then(|total| usize::try_from(total).ok()).unwrap_or(usize::MAX);
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

    /// From now on somebody ends the members if we cannot.
    pub(crate) fn begin_guard(&self) {
        let begun = {
            let _going = self.pause.pass();
            self.launcher.guard.begin(self.pace.tokens())
        };
        if let Err(error) = begun {
            self.books.note(&format!(
                "headcount: there is no guard ({error}); should headcount be killed with -9, its members run on\n"
            ));
        }
    }

    /// How many members are out.
    pub(crate) fn out(&self) -> u64 {
        locked(&self.books.ledger).tally().running
    }

    /// Who is out, and who waits for another attempt.
    pub(crate) fn roll_call(&self) -> String {
        self.roll.call(&self.seats) + &self.waiting_lines()
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
