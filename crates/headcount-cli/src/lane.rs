//! A lane: what one member after the other runs in, and how a member's child is seen to from start to end.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use headcount::Context;

use crate::account::{Failure, Stopped};
use crate::batch::{Batch, Member};
use crate::ledger::{Attempt, End};
use crate::locked;
use crate::outcome::{Outcome, judge, timed_out, why_not_started};
use crate::output::{Pages, PrintError};
use crate::pace::{Permit, Place};
use crate::process::{Limit, Running, Sitter, Start, Step};
use crate::record::{Close, Happening};
use crate::stop::Strength;
use crate::template::Values;
use crate::tries::Miss;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Lane {
    batch: Arc<Batch>,
    /// Counted from 0.
    slot: usize,
    pages: Pages,
    /// The last member said little.
    terse: bool,
    /// The byte of the token that was taken for the member, if it has to go back to somebody.
    token: Option<u8>,
}

/// What the lane does after a member.
#[derive(Debug)]
pub(crate) enum After {
    /// It goes on.
    Next,
    /// It goes on, and the member comes back after so long, with this attempt behind it.
    Again(Attempt, Duration),
    /// It has come to its end, as the batch has.
    Over,
}

impl Lane {
    pub(crate) fn new(batch: Arc<Batch>, slot: usize) -> Self {
        Self { batch, slot, pages: Pages::default(), terse: true, token: None }
    }

    /// Counted from 0.
    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    /// Runs a member's next attempt.
    pub(crate) async fn run(&mut self, member: &mut Member, place: Place, ctx: &Context) -> After {
        let batch = &Arc::clone(&self.batch);
        if let Some(pages) = member.pages.take() {
            self.pages = pages;
        } else {
            let tag = batch.books.printer.tag(&member.columns);
            self.pages.begin(member.turn, tag.as_deref());
        }
        let permit = batch.pace.admit(place, ctx, |what| batch.books.note(what)).await;
        self.token = permit.as_ref().and_then(Permit::token);
        let attempt = permit.as_ref().and_then(|_| batch.books.begin(member.number));
        let mut outcome = match attempt {
            Some(attempt) => self.outcome(member, attempt).await,
            None => Outcome::unstarted(End::Cancelled, "never started".into(), Vec::new()),
        };
        outcome.attempt = attempt;
        drop(permit);
        if let Some((attempt, wait)) = self.tries_again(&outcome) {
            match batch.books.printer.part(&mut self.pages).await {
                Ok(()) => {
                    self.tell_attempt(member, &outcome, true);
                    let how = outcome.how + &batch.tries.told(Some(attempt));
                    member.missed = Some((how, outcome.took));
                    member.pages = Some(std::mem::take(&mut self.pages));
                    return After::Again(attempt, wait);
                }
                Err(error) => self.unprinted(member, &error, &mut outcome),
            }
        }
        self.finish(member, outcome).await
    }

    /// The attempt and the wait behind it, if there is to be another one.
    fn tries_again(&self, outcome: &Outcome) -> Option<(Attempt, Duration)> {
        let batch = &self.batch;
        let attempt = outcome.attempt.filter(|_| matches!(outcome.end, End::Failed | End::Lost))?;
        let wait = batch.tries.again(attempt, outcome.miss)?;
        if batch.books.stop.is_asked() { None } else { Some((attempt, wait)) }
    }

    /// The member has come to its end.
    async fn finish(&mut self, member: &mut Member, mut outcome: Outcome) -> After {
        let batch = &Arc::clone(&self.batch);
        if let Err(error) = batch.books.printer.finish(&mut self.pages, outcome.stopped).await {
            self.unprinted(member, &error, &mut outcome);
        }
        member.printed = true;
        self.tell_end(member, &outcome);
        let attempt = batch.tries.told(outcome.attempt.filter(|_| outcome.tried));
        if matches!(outcome.end, End::Failed | End::Lost) {
            let failure = Failure {
                number: member.number,
                label: &member.label,
                words: &outcome.words,
                how: &outcome.how,
                attempt: &attempt,
                took: Some(outcome.took),
                last_lines: outcome.last_lines,
            };
            locked(&batch.books.account).add(&failure, &batch.books.printer);
        } else if outcome.end == End::Cancelled && (outcome.began || member.missed.is_some()) {
            if let Some((how, took)) = member.missed.take().filter(|_| !outcome.began) {
                (outcome.how, outcome.took) = (format!("not tried again: {how}"), took);
            }
            let stopped = Stopped {
                number: member.number,
                label: &member.label,
                how: &outcome.how,
                attempt: &attempt,
                took: Some(outcome.took),
                last_lines: &outcome.last_lines,
            };
            locked(&batch.books.account).add_stopped(&stopped, &batch.books.printer);
        }
        let goes_on = match outcome.attempt {
            Some(attempt) => batch.books.end(member.number, attempt, outcome.end),
            None => batch.books.cancel(member.number),
        };
        if goes_on { After::Next } else { After::Over }
    }

    /// Tells the record before the ledger, whose verdict may be a stop: that comes of this end and not before it.
    fn tell_end(&self, member: &Member, outcome: &Outcome) {
        if outcome.tried {
            self.tell_attempt(member, outcome, false);
        }
        self.batch.books.record.tell(&Happening::Ended { whose: member.whose(), end: outcome.end });
    }

    fn tell_attempt(&self, member: &Member, outcome: &Outcome, again: bool) {
        let Outcome { end, finish, ref how, took, bytes, attempt, .. } = *outcome;
        let close = Close { end, finish, how, took, bytes, again, there: None };
        let (whose, attempt) = (member.whose(), attempt.unwrap_or(1));
        self.batch.books.record.tell(&Happening::AttemptEnded {
            whose,
            attempt,
            words: &outcome.words,
            close,
        });
    }

    /// An attempt has begun: with this process, or with none because none could be started.
    fn tell_start(&self, member: &Member, attempt: Attempt, words: &[OsString], pid: Option<i32>) {
        let (whose, slot) = (member.whose(), self.slot + 1);
        self.batch.books.record.tell(&Happening::Started { whose, attempt, slot, pid, words });
    }

    /// A member whose output is not where it belongs has not done its work.
    fn unprinted(&self, member: &Member, error: &PrintError, outcome: &mut Outcome) {
        self.batch.books.output_failed(&member.label, error);
        if outcome.end == End::Done {
            outcome.end = match error {
                PrintError::Write(..) | PrintError::Spool(_) => End::Failed,
                PrintError::Closed | PrintError::Abandoned => End::Cancelled,
            };
            outcome.how = error.to_string();
        }
    }

    async fn outcome(&mut self, member: &Member, attempt: Attempt) -> Outcome {
        let batch = &self.batch;
        let values = Values { columns: &member.columns, number: member.number, slot: self.slot + 1 };
        let words = match batch.template.fill(values) {
            Ok(words) => words,
            Err(error) => {
                // It counts as an attempt: the input had its turn.
                self.tell_start(member, attempt, &[], None);
                return Outcome::unstarted(End::Failed, error.to_string(), Vec::new());
            }
        };
        match self.launch(member, &words) {
            Launched::Runs(running) => {
                self.tell_start(member, attempt, &words, Some(running.group().as_raw_nonzero().get()));
                self.attend(member, running, words).await
            }
            Launched::Refused => Outcome::unstarted(End::Cancelled, "never started".into(), words),
            Launched::Not(end, how) => {
                self.tell_start(member, attempt, &words, None);
                // What the member itself is to blame for would be so again.
                let miss = if end == End::Lost { Miss::Starved } else { Miss::Hopeless };
                Outcome { miss, ..Outcome::unstarted(end, how, words) }
            }
        }
    }

    /// Starts the child and seats it, in one: who signals the seats finds it there, or it sees the stop.
    fn launch(&self, member: &Member, words: &[OsString]) -> Launched {
        let batch = &self.batch;
        let _going = batch.pause.pass();
        let mut seat = batch.seats[self.slot].lock();
        if batch.books.stop.is_asked() {
            return Launched::Refused;
        }
        let left = batch.books.time_left().into_iter().chain(batch.times.timeout).min();
        match batch.launcher.start(self.slot, self.token, Start::here(words, left)) {
            Ok(running) => {
                *seat = Some(Sitter::new(&running, member.number, member.label.clone()));
                Launched::Runs(running)
            }
            Err(error) => {
                let (end, why) = why_not_started(&error);
                Launched::Not(end, format!("it could not be started: {why}"))
            }
        }
    }

    async fn attend(&mut self, member: &Member, running: Running, words: Vec<OsString>) -> Outcome {
        let Self { batch, slot, pages, terse, .. } = self;
        let seat = &batch.seats[*slot];
        let timeout = batch.times.timeout;
        let mut limit = Limit::new(timeout, batch.times.grace, &batch.pause);
        let mut unprinted = None;
        let mut said = 0;
        let mut child = running.attended(*terse);
        let ended = loop {
            match child.next(seat, &mut limit).await {
                Step::Late => report_late(batch, member),
                Step::Speaks(stream) if unprinted.is_none() => {
                    // Had before the child is read, so that nothing more is read than can be printed or put away.
                    let turn = batch.books.printer.turn_of(pages).await;
                    child.read(stream, seat, |bytes| {
                        said += bytes.len() as u64;
                        if let Err(error) = batch.books.printer.take(turn, pages, stream, bytes) {
                            batch.books.output_failed(&member.label, &error);
                            unprinted = Some(error);
                        }
                    });
                }
                Step::Speaks(stream) => child.read(stream, seat, |bytes| said += bytes.len() as u64),
                Step::Ended(ended) => break ended,
            }
        };
        *terse = ended.terse;
        let mut outcome = judge(&ended, words, timeout);
        outcome.bytes = said;
        if let Some(error) = unprinted {
            self.batch.books.printer.forget(&mut self.pages);
            self.unprinted_while_running(&error, &mut outcome);
        }
        outcome
    }

    /// As [`Self::unprinted`], for what was said already.
    fn unprinted_while_running(&self, error: &PrintError, outcome: &mut Outcome) {
        let broken = matches!(error, PrintError::Write(..) | PrintError::Spool(_));
        // Its own stop is told to every member; for this one it is a consequence of the error.
        if broken && self.batch.books.stop.strength() >= Strength::Terminate {
            outcome.end = End::Failed;
            outcome.how = error.to_string();
        }
    }
}

/// A member's time is up: says so, and who else is out.
fn report_late(batch: &Batch, member: &Member) {
    if !batch.books.quiet {
        let (number, label) = (member.number, &member.label);
        let roll_call = batch.roll.call_for(number, &batch.seats);
        let what = timed_out(batch.times.timeout);
        batch.books.printer.note(&format!("headcount: member {number} {what}: {label}\n{roll_call}"));
    }
}

enum Launched {
    Runs(Running),
    /// The batch is being stopped.
    Refused,
    Not(End, String),
}
