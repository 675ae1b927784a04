//! Where a batch's members come from: those that a journal knows and are not finished, then the inputs, and in between
//! those whose wait for another attempt is over.
//!
//! One at a time is taken in, under one lock. Without attempts that is all. With them whoever reads must not sleep on an
//! input beyond somebody's wait, and whoever finds another one reading sleeps with those who wait ([`crate::waits`]).
//!
//! Lock order: the intake, then the ledger; the queue of those who wait, then nothing, but the intake may be tried. Whoever
//! gives the intake back calls those who sleep there afterwards, for they may have found it taken.

use std::sync::{Arc, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use crate::account::{Stopped, Unread};
use crate::batch::{Batch, Member};
use crate::books::{Dry, Ran};
use crate::input::{Columns, InputError, Source};
use crate::journal::Backlog;
use crate::ledger::{Attempt, End, Number, Verdict};
use crate::legible;
use crate::locked;
use crate::record::Happening;
use crate::waits::Waits;

/// See the room's text.
pub(crate) struct Intake {
    /// Members of runs before, until they are all taken in.
    backlog: Option<Backlog>,
    source: Box<dyn Source>,
    ended: Option<Ran>,
    /// The source has been asked after the end, and is not asked any more.
    asked_again: bool,
    /// How many were taken in.
    taken: u64,
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("ended", &self.ended)
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

/// Whether one may read.
enum Turn<'a> {
    Mine(MutexGuard<'a, Intake>),
    /// There is nothing more to read.
    Over,
    /// Somebody else reads, or nobody may.
    Busy,
}

impl Intake {
    pub(crate) fn new(backlog: Option<Backlog>, source: Box<dyn Source>) -> Self {
        Self { backlog, source, ended: None, asked_again: false, taken: 0 }
    }

    fn is_ready(&self) -> bool {
        self.backlog.is_some() || self.source.is_ready()
    }
}

impl Batch {
    /// Takes in the next input and counts its member out, or gives somebody whose wait is over.
    pub(crate) fn next(self: &Arc<Self>) -> Option<Member> {
        match &self.waits {
            None => self.take_in(locked(&self.intake)),
            Some(waits) => self.next_or_again(waits),
        }
    }

    /// The same for one who must not wait: nothing also when an input may come, and nobody knows when.
    pub(crate) fn next_at_once(self: &Arc<Self>) -> Option<Member> {
        let Some(waits) = &self.waits else {
            let intake = self.intake.try_lock().ok()?;
            return if intake.is_ready() { self.take_in(intake) } else { None };
        };
        if self.books.stop.is_asked() {
            return None;
        }
        let mut queue = waits.queue();
        let due = queue.take_due();
        if due.is_some() || queue.is_full() {
            return due;
        }
        drop(queue);
        let intake = self.intake.try_lock().ok()?;
        let taken = if intake.is_ready() {
            self.take_in(intake)
        } else {
            drop(intake);
            None
        };
        // Somebody may have found the intake taken just now, and sleeps.
        waits.wake();
        taken
    }

    /// Whether whoever asks for the next one now would hear that there is none. False also where nobody knows yet.
    pub(crate) fn has_no_next(&self) -> bool {
        let waits = self.waits.as_ref().is_some_and(|waits| !waits.queue().is_empty());
        !waits && self.intake.try_lock().is_ok_and(|intake| intake.ended.is_some())
    }

    fn next_or_again(self: &Arc<Self>, waits: &Waits) -> Option<Member> {
        let mut queue = waits.queue();
        loop {
            if self.books.stop.is_asked() {
                return None;
            }
            if let Some(member) = queue.take_due() {
                return Some(member);
            }
            match if queue.is_full() { Turn::Busy } else { self.try_intake() } {
                Turn::Mine(intake) => {
                    let due = queue.first_due();
                    drop(queue);
                    let taken = self.take_in_until(intake, due);
                    waits.wake();
                    if taken.is_some() {
                        return taken;
                    }
                    queue = waits.queue();
                }
                // Whoever is still running has a lane, and brings it along if there is another attempt.
                Turn::Over if queue.is_empty() => return None,
                Turn::Over | Turn::Busy => queue = waits.sleep(queue),
            }
        }
    }

    /// The intake, if nobody has it. It is given back at once where nothing more comes: nobody sleeps with it.
    fn try_intake(&self) -> Turn<'_> {
        let intake = match self.intake.try_lock() {
            Ok(intake) => intake,
            Err(TryLockError::Poisoned(intake)) => intake.into_inner(),
            Err(TryLockError::WouldBlock) => return Turn::Busy,
        };
        if intake.ended.is_some() { Turn::Over } else { Turn::Mine(intake) }
    }

    /// Takes in the next input if it comes in time.
    fn take_in_until(
        self: &Arc<Self>,
        intake: MutexGuard<'_, Intake>,
        due: Option<Instant>,
    ) -> Option<Member> {
        let comes = match due {
            Some(due) if !intake.is_ready() => intake.source.wait(due),
            _ => true,
        };
        if comes { self.take_in(intake) } else { None }
    }

    fn take_in(self: &Arc<Self>, mut intake: MutexGuard<'_, Intake>) -> Option<Member> {
        if intake.ended.is_some() {
            return None;
        }
        // The ledger knows first that the batch is over. It may have been before it began.
        let verdict = locked(&self.books.ledger).verdict();
        if self.books.stop.is_asked() || verdict != Verdict::Continue {
            intake.ended = Some(Ran::Unread);
            drop(intake);
            self.books.heed(verdict);
            return None;
        }
        if let Some(backlog) = &mut intake.backlog {
            let known = backlog.next(&locked(&self.books.ledger));
            match known {
                Ok(Some((number, columns))) => return Some(self.member(&mut intake, number, columns)),
                Ok(None) => intake.backlog = None,
                Err(error) => return self.dry(&mut intake, &Dry::Input(InputError::Read(error))),
            }
        }
        match intake.source.next() {
            Ok(Some(columns)) => match self.books.register(&columns) {
                Ok(number) => Some(self.member(&mut intake, number, columns)),
                Err(dry) => self.dry(&mut intake, &dry),
            },
            Ok(None) => match self.books.seal() {
                Ok(verdict) => {
                    intake.ended = Some(Ran::Out);
                    drop(intake);
                    self.books.heed(verdict);
                    None
                }
                Err(error) => self.dry(&mut intake, &Dry::Step(error)),
            },
            Err(InputError::Stopped) => {
                intake.ended = Some(Ran::Unread);
                intake.asked_again = true;
                None
            }
            Err(error) => self.dry(&mut intake, &Dry::Input(error)),
        }
    }

    fn member(self: &Arc<Self>, intake: &mut Intake, number: Number, columns: Columns) -> Member {
        intake.taken += 1;
        let label = legible::one_line(&columns.join(&b' '));
        let member = Member::new(Arc::clone(self), number, intake.taken, columns, label);
        self.books.record.tell(&Happening::Registered(member.whose()));
        member
    }

    /// The rest of the input cannot be had.
    fn dry(&self, intake: &mut Intake, why: &Dry) -> Option<Member> {
        intake.ended = Some(Ran::Dry);
        self.books.run_dry(why);
        None
    }

    /// How the input ended; unread when nobody has come to its end.
    pub(crate) fn input_ran(&self) -> Ran {
        locked(&self.intake).ended.unwrap_or(Ran::Unread)
    }

    /// Whether inputs were left that nobody has seen. Asked when the group is over, because it may take one in.
    pub(crate) fn unread(&self) -> Unread {
        if self.books.total.is_some() {
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

    /// Lets a member wait for its next attempt.
    pub(crate) fn put_off(&self, member: Member, attempt: Attempt, wait: Duration) {
        if let Some(waits) = &self.waits {
            if self.books.put_off(member.number, attempt) {
                waits.add(member, attempt.saturating_add(1), wait);
            }
        }
    }

    /// Ends those who wait for an attempt that will not come. The group is over.
    pub(crate) fn settle_waits(&self) {
        for (mut member, _) in self.waits.iter().flat_map(Waits::clear) {
            if let Some(mut pages) = member.pages.take() {
                if let Err(error) = self.books.printer.finish_here(&mut pages, false) {
                    self.books.output_failed(&member.label, &error);
                }
                member.printed = true;
            }
            let (how, took) = member.missed.take().unwrap_or_default();
            let how = format!("not tried again: {how}");
            let stopped = Stopped {
                number: member.number,
                label: &member.label,
                how: &how,
                attempt: "",
                took: Some(took),
                last_lines: &[],
            };
            locked(&self.books.account).add_stopped(&stopped, &self.books.printer);
            self.books.record.tell(&Happening::Ended { whose: member.whose(), end: End::Cancelled });
            self.books.cancel(member.number);
        }
    }

    /// Who waits for another attempt, one a line, below a line that counts them; nothing if nobody does.
    pub(crate) fn waiting_lines(&self) -> String {
        use std::fmt::Write as _;
        let waiting: Vec<_> = self.waits.iter().flat_map(Waits::told).collect();
        if waiting.is_empty() {
            return String::new();
        }
        let mut text = format!("headcount: {} wait for another attempt\n", waiting.len());
        for between in &waiting {
            let (number, label, most) = (between.number, &between.label, self.tries.most());
            let (next, left) = (between.next, between.left.as_secs_f64());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  #{number}  {label}  attempt {next} of {most} in {left:.1} s");
        }
        text
    }
}
