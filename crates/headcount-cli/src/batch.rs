//! One batch: what its members, the watch and the main thread share.
//!
//! Lock order: `intake`, then `ledger`; a seat, then nothing. The printer and the account are taken alone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::account::{Account, Unread};
use crate::input::{Columns, InputError, Source};
use crate::ledger::{End, Ledger, Number, Open, Over, Policy, Verdict};
use crate::legible;
use crate::locked;
use crate::output::{Pages, PrintError, Printer};
use crate::process::{Launcher, Seat};
use crate::progress::Slowest;
use crate::record::{Happening, Record, Whose};
use crate::roll::Roll;
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
    /// One a lane.
    pub(crate) seats: Vec<Seat>,
    pub(crate) printer: Printer,
    pub(crate) account: Mutex<Account>,
    pub(crate) stop: Arc<Stop>,
    /// How many lanes were opened.
    lanes: AtomicUsize,
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

/// What a batch is made of.
pub(crate) struct Parts {
    pub(crate) template: Template,
    pub(crate) launcher: Launcher,
    pub(crate) source: Box<dyn Source>,
    pub(crate) policy: Policy,
    pub(crate) jobs: usize,
    pub(crate) printer: Printer,
    pub(crate) stop: Arc<Stop>,
    pub(crate) record: Arc<Record>,
    pub(crate) times: Times,
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

/// A member that is out, and its input.
#[derive(Debug)]
pub(crate) struct Member {
    batch: Arc<Batch>,
    pub(crate) number: Number,
    pub(crate) columns: Columns,
    pub(crate) label: String,
    /// Its output is where it belongs.
    pub(crate) printed: bool,
}

impl Drop for Member {
    /// One that never began has nothing to print, and must not hold up those behind it.
    fn drop(&mut self) {
        if !self.printed {
            let mut blank = Pages::default();
            blank.begin(self.number, None);
            if let Err(error) = self.batch.printer.finish(&mut blank, false) {
                self.batch.output_failed(&self.label, &error);
            }
            self.tell_dropped();
        }
    }
}

impl Member {
    /// For the record.
    pub(crate) fn whose(&self) -> Whose<'_> {
        Whose { number: self.number, columns: &self.columns }
    }

    /// Tells what the ledger will say of one that comes to no other end.
    fn tell_dropped(&self) {
        let record = &self.batch.record;
        if record.is_on() {
            let open = locked(&self.batch.ledger).open(self.number);
            let end = if open == Some(Open::Registered) { End::Cancelled } else { End::Lost };
            record.tell(&Happening::Ended { whose: self.whose(), end });
        }
    }
}

impl Batch {
    pub(crate) fn new(parts: Parts) -> Self {
        let total = parts.source.total();
        parts.stop.tells(Arc::clone(&parts.record));
        Self {
            template: parts.template,
            launcher: parts.launcher,
            intake: Mutex::new(Intake { source: parts.source, ended: None, asked_again: false }),
            total,
            ledger: Mutex::new(Ledger::new(parts.policy, total)),
            seats: (0..parts.jobs).map(|_| Seat::default()).collect(),
            printer: parts.printer,
            account: Mutex::default(),
            stop: parts.stop,
            lanes: AtomicUsize::new(0),
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
        let most = self.seats.len();
        let most = self.total.map_or(most, |total| most.min(usize::try_from(total).unwrap_or(most)));
        // Relaxed: the number goes to one lane and is all there is to know.
        let open = |lanes| (lanes < most).then_some(lanes + 1);
        self.lanes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, open).ok()
    }

    /// Takes in the next input and counts its member out.
    pub(crate) fn next(self: &Arc<Self>) -> Option<Member> {
        self.take_in(locked(&self.intake))
    }

    /// The same for one who must not wait: nothing also when an input may come, and nobody knows when.
    pub(crate) fn next_at_once(self: &Arc<Self>) -> Option<Member> {
        let intake = self.intake.try_lock().ok()?;
        if intake.source.is_ready() { self.take_in(intake) } else { None }
    }

    fn take_in(self: &Arc<Self>, mut intake: MutexGuard<'_, Intake>) -> Option<Member> {
        if intake.ended.is_some() {
            return None;
        }
        // The ledger knows first that the batch is over.
        if self.stop.is_asked() || locked(&self.ledger).verdict() != Verdict::Continue {
            intake.ended = Some(Ran::Unread);
            return None;
        }
        match intake.source.next() {
            Ok(Some(columns)) => {
                let label = legible::one_line(&columns.join(&b' '));
                let number = locked(&self.ledger).register();
                let member = Member { batch: Arc::clone(self), number, columns, label, printed: false };
                self.record.tell(&Happening::Registered(member.whose()));
                Some(member)
            }
            Ok(None) => {
                intake.ended = Some(Ran::Out);
                let verdict = locked(&self.ledger).input_ended();
                drop(intake);
                self.heed(verdict);
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
                self.stop.raise(Strength::Drain, "the rest of the input cannot be read");
                None
            }
        }
    }

    /// How the input ended; unread when nobody has come to its end.
    pub(crate) fn input_ran(&self) -> Ran {
        locked(&self.intake).ended.unwrap_or(Ran::Unread)
    }

    /// Whether inputs were left that nobody has seen. Asked when the group is over, because it may take one in.
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

    /// Writes a member's end into the ledger and does what the policy says. True if the batch goes on.
    pub(crate) fn end(&self, member: Number, end: End) -> bool {
        let verdict = locked(&self.ledger).end(member, end);
        match verdict {
            Ok(verdict) => self.heed(verdict),
            Err(error) => {
                debug_assert!(false, "a rule of the ledger was broken: {error}");
                true
            }
        }
    }

    fn heed(&self, verdict: Verdict) -> bool {
        let Verdict::StopTheRest(over) = verdict else { return true };
        self.stop_for(over);
        false
    }

    /// The policy's stop. Asked for here and not only by the group's end, because a group that is being drained is
    /// over already.
    fn stop_for(&self, over: Over) {
        if self.stop.strength() < Strength::Terminate {
            locked(&self.account).stopped_by(over);
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
                // Relaxed: read by the main thread after the group's end, which orders it.
                self.trouble.store(true, Ordering::Relaxed);
                self.stop.raise(Strength::Terminate, "the output cannot be printed");
            }
        }
    }

    /// From now on somebody ends the members if we cannot.
    pub(crate) fn begin_guard(&self) {
        if let Err(error) = self.launcher.guard.begin() {
            if !self.quiet {
                self.printer.note(&format!(
                    "headcount: there is no guard ({error}); should headcount be killed with -9, its members run on\n"
                ));
            }
        }
    }

    /// How many members are out.
    pub(crate) fn out(&self) -> u64 {
        let tally = locked(&self.ledger).tally();
        tally.registered - tally.ended()
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
