//! The worker's watch: answers signals, whatever the others wait for. Each that asks for an end asks more strongly than the one
//! before: to take no more members, to give back those that run, to kill them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use headcount::Canceller;

use super::Yard;
use crate::bell::Bell;
use crate::process::Seat;
use crate::signal::{self, Signals};
use crate::stop::{Stop, Strength};

/// How soon a kill is repeated.
const AGAIN: Duration = Duration::from_millis(50);

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) yard: Arc<Yard>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) signals: Arc<Signals>,
    /// What ends claiming, and what ends those that run.
    pub(crate) drain: Option<Canceller>,
    pub(crate) hurry: Option<Canceller>,
}

impl Watch {
    /// Begins to watch, for as long as the process lives.
    pub(crate) fn start(mut self, bell: Bell) -> io::Result<()> {
        bell.watch(move || {
            self.answer();
            self.carry_out()
        })
    }

    fn answer(&self) {
        let Self { yard, stop, signals, .. } = self;
        let deadly = signals.take_deadly();
        let interrupt = signals.take_interrupt().then_some(signal_hook::consts::SIGINT);
        if let Some(signal) = deadly.or(interrupt) {
            stop.die_by(signal);
            let strength = stop.strength().next();
            let running = yard.running();
            yard.note(&match strength {
                Strength::None | Strength::Drain => format!(
                    "headcount: no more members are taken; waiting for {running}; once more gives them back\n"
                ),
                Strength::Terminate => {
                    format!("headcount: terminating {running}, to be run by others; once more kills them\n")
                }
                Strength::Kill => format!("headcount: killing {running}\n"),
            });
            stop.raise(strength, &signal::name(signal));
        }
        if signals.take_roll_call() {
            yard.printer.note(&yard.roll_call());
        }
        if signals.take_pause() {
            yard.pause.take(&yard.seats, || signals.take_resume());
        } else if signals.take_resume() {
            yard.pause.recover(&yard.seats);
        }
        signals.take_limit();
    }

    fn carry_out(&mut self) -> Option<Duration> {
        let strength = self.stop.strength();
        if strength >= Strength::Drain {
            self.drain.take().into_iter().for_each(|drain| drain.cancel_because("the worker is to end"));
        }
        if strength >= Strength::Terminate {
            self.hurry.take().into_iter().for_each(|hurry| hurry.cancel_because("the worker is to end now"));
        }
        if strength == Strength::Kill {
            self.yard.seats.iter().for_each(Seat::kill);
            return Some(AGAIN);
        }
        None
    }
}
