//! The watch: the one thread that answers signals and carries out stops, whatever the others wait for.
//!
//! It never waits for a member, a reader or the disk, so a stop reaches every member at once. What it does
//! for each strength:
//!
//! | strength | running members | output |
//! |---|---|---|
//! | drain | run on | printed |
//! | terminate | TERM now, KILL after the grace | printed |
//! | kill | KILL now, again until their seats are empty | printed; after a signal, given up when nobody reads |
//!
//! A member that is killed is printed after its death, so its output outlives it: a reader
//! has some time, counted anew with everything it takes. One that reads gets all there is.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::bell::Bell;
use crate::pace::control;
use crate::signal::Signals;
use crate::stop::Strength;

/// How soon a kill is repeated.
const AGAIN: Duration = Duration::from_millis(50);

/// How long a reader may take nothing, counted from the stop, once the members are being killed: the grace,
/// but not so short that a reader that is only busy misses it, and not so long that anyone wonders.
const READER: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Watch {
    batch: Arc<Batch>,
    signals: Arc<Signals>,
    /// What has been carried out.
    done: Strength,
    /// When the next step is due by itself.
    due: Option<Instant>,
    /// When the members were first told to end.
    told: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(batch: Arc<Batch>, signals: Arc<Signals>) -> Self {
        Self { batch, signals, done: Strength::None, due: None, told: None }
    }

    /// Begins to watch, for as long as the process lives.
    pub(crate) fn start(mut self, bell: Bell) -> io::Result<()> {
        bell.watch(move || {
            self.answer();
            self.carry_out();
            self.due.map(|due| due.saturating_duration_since(Instant::now()))
        })
    }

    fn answer(&mut self) {
        let stop = &self.batch.books.stop;
        if let Some(signal) = self.signals.take_deadly() {
            stop.end_by(signal);
        }
        if self.signals.take_interrupt() {
            let strength = stop.interrupt();
            self.tell_next(strength);
        }
        if self.signals.take_roll_call() {
            self.batch.books.printer.note(&self.batch.roll_call());
        }
        if self.signals.take_limit() {
            if let Some(said) = control::asked(self.batch.control.as_ref()) {
                self.batch.books.note(said);
            }
        }
        if self.signals.take_pause() {
            let paused = self.batch.pause.take(&self.batch.seats, || self.signals.take_resume());
            // Nobody could use the grace meanwhile.
            self.due = self.due.and_then(|due| due.checked_add(paused));
        } else if self.signals.take_resume() {
            self.batch.pause.recover(&self.batch.seats);
        }
    }

    /// Says what the Ctrl-C did and what one more would do.
    fn tell_next(&self, strength: Strength) {
        let grace = self.batch.times.grace.as_secs_f64();
        let running = self.batch.out();
        let text = match strength {
            Strength::None | Strength::Drain => format!(
                "headcount: no more members are started; waiting for {running}; Ctrl-C again terminates them\n"
            ),
            Strength::Terminate => {
                format!("headcount: terminating {running}, killing after {grace} s; Ctrl-C again kills now\n")
            }
            Strength::Kill => format!("headcount: killing {running}\n"),
        };
        self.batch.books.note(&text);
    }

    fn carry_out(&mut self) {
        let asked = self.batch.books.stop.strength();
        let due = self.due.is_some_and(|due| due <= Instant::now());
        if asked == Strength::Kill || (due && self.done >= Strength::Terminate) {
            self.batch.seats.iter().for_each(|seat| seat.kill());
            self.done = Strength::Kill;
            self.due = Some(Instant::now() + AGAIN);
            let told = *self.told.get_or_insert_with(Instant::now);
            if self.batch.books.stop.signal().is_some() {
                let patience = self.batch.times.grace.clamp(READER[0], READER[1]);
                self.batch.books.give_up_output(told, patience);
            }
        } else if asked == Strength::Terminate && self.done < Strength::Terminate {
            self.batch.seats.iter().for_each(|seat| seat.terminate());
            self.done = Strength::Terminate;
            self.told = Some(Instant::now());
            // A grace beyond the end of time is a grace without end.
            self.due = Instant::now().checked_add(self.batch.times.grace);
        }
    }
}
