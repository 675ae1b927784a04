//! The watch: a thread that answers signals, and carries stops out for the transfers.
//!
//! It is a thread and no task, because it has to answer also while a task waits for a reader of our output, or for a disk. What
//! the strengths mean: *drain* cancels who waits (which [`Stop::raise`](crate::stop::Stop::raise) does), *terminate* cancels
//! who works; they put away what they have, and are called off after the grace. *Kill* waits for nobody.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::Canceller;

use super::desk::Desk;
use crate::bell::Bell;
use crate::pace::control;
use crate::signal::Signals;
use crate::stop::Strength;

/// How long a reader of our output may take nothing once the batch is being ended by a signal.
const READER: Duration = Duration::from_secs(1);

/// How often that is looked at.
const AGAIN: Duration = Duration::from_millis(50);

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Watch {
    desk: Arc<Desk>,
    signals: Arc<Signals>,
    work: Option<Canceller>,
    kill: Option<Canceller>,
    /// When the transfers were told to end.
    told: Option<Instant>,
}

impl Watch {
    pub(crate) fn new(desk: Arc<Desk>, signals: Arc<Signals>, work: Canceller, kill: Canceller) -> Self {
        Self { desk, signals, work: Some(work), kill: Some(kill), told: None }
    }

    /// Begins to watch, for as long as the process lives.
    pub(crate) fn start(mut self, bell: Bell) -> io::Result<()> {
        bell.watch(move || {
            self.answer();
            self.carry_out();
            self.told.map(|_| AGAIN)
        })
    }

    fn answer(&mut self) {
        let stop = &Arc::clone(&self.desk.books.stop);
        if let Some(signal) = self.signals.take_deadly() {
            stop.end_by(signal);
        }
        if self.signals.take_interrupt() {
            // Counted first: they begin to go at once.
            let out = self.desk.out();
            let strength = stop.interrupt();
            self.tell_next(strength, out);
        }
        if self.signals.take_roll_call() {
            self.desk.books.printer.note(&self.desk.roll_call());
        }
        if self.signals.take_limit() {
            control::asked(self.desk.control.as_ref())
                .into_iter()
                .for_each(|said| self.desk.books.note(said));
        }
        if self.signals.take_pause() {
            // Off the screen, which is the shell's meanwhile.
            let (desk, signals) = (&self.desk, &self.signals);
            let paused = desk.books.printer.sheet().aside(|| desk.pause.take(&[], || signals.take_resume()));
            // Nobody could use the grace meanwhile.
            self.told = self.told.and_then(|told| told.checked_add(paused));
        } else {
            self.signals.take_resume();
        }
    }

    /// Says what the Ctrl-C did and what one more would do.
    fn tell_next(&self, strength: Strength, out: usize) {
        self.desk.books.note(&match strength {
            Strength::None | Strength::Drain => {
                "headcount: no more transfers are started; waiting for those that run; Ctrl-C again ends them and \
                 keeps what they have\n"
                    .to_owned()
            }
            Strength::Terminate => {
                format!("headcount: ending {out}, keeping what there is of their files; Ctrl-C again drops them now\n")
            }
            Strength::Kill => format!("headcount: dropping {out}\n"),
        });
    }

    fn carry_out(&mut self) {
        let desk = &self.desk;
        let asked = desk.books.stop.strength();
        if asked >= Strength::Drain {
            desk.room.close();
        }
        if asked >= Strength::Terminate {
            if let Some(work) = self.work.take() {
                work.cancel_because("the batch is being stopped");
                self.told = Some(Instant::now());
            }
            if desk.books.stop.signal().is_some() {
                let told = self.told.unwrap_or_else(Instant::now);
                desk.books.give_up_output(told, READER);
            }
        }
        if asked == Strength::Kill {
            if let Some(kill) = self.kill.take() {
                kill.cancel_because("the batch is being killed");
            }
        }
    }
}
