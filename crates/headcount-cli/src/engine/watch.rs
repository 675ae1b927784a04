//! The watch of a run whose members are elsewhere: a thread that answers signals, whatever the others wait for. The first that asks
//! for an end cancels the group, the second does not wait for what comes of that.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use headcount::Canceller;

use super::Desk;
use crate::bell::Bell;
use crate::process::Pause;
use crate::signal::{self, Signals};
use crate::stop::{Stop, Strength};

/// How long a reader of our output may take nothing once the batch is being ended by a signal.
const READER: Duration = Duration::from_secs(1);

/// How often that is looked at.
const AGAIN: Duration = Duration::from_millis(50);

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Watch {
    desk: Arc<Desk>,
    signals: Arc<Signals>,
    pause: Pause,
    end: Option<Canceller>,
    kill: Option<Canceller>,
    /// When the group was told to end.
    told: Option<Instant>,
}

impl Watch {
    /// `cancellers`: of what ends the group, and of what ends the wait for it.
    pub(crate) fn new(desk: Arc<Desk>, signals: Arc<Signals>, cancellers: [Canceller; 2]) -> Self {
        let [end, kill] = cancellers.map(Some);
        Self { desk, signals, pause: Pause::default(), end, kill, told: None }
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
        let desk = Arc::clone(&self.desk);
        let deadly = self.signals.take_deadly();
        let interrupt = self.signals.take_interrupt().then_some(signal_hook::consts::SIGINT);
        if let Some(signal) = deadly.or(interrupt) {
            self.end_by(&desk.books.stop, signal);
        }
        if self.signals.take_roll_call() {
            desk.roll_call.notify_one();
        }
        if self.signals.take_pause() {
            let signals = &self.signals;
            desk.books.printer.sheet().aside(|| self.pause.take(&[], || signals.take_resume()));
        } else {
            self.signals.take_resume();
        }
        self.signals.take_limit();
    }

    fn end_by(&self, stop: &Stop, signal: i32) {
        let again = stop.strength() >= Strength::Terminate;
        stop.die_by(signal);
        let books = &self.desk.books;
        if again {
            books.note("headcount: the group ends without us; its members are not waited for\n");
            stop.raise(Strength::Kill, &signal::name(signal));
        } else {
            books.note(
                "headcount: cancelling the group, and waiting for those who run; once more does not wait\n",
            );
            stop.raise(Strength::Terminate, &signal::name(signal));
        }
    }

    fn carry_out(&mut self) {
        let stop = &self.desk.books.stop;
        if stop.strength() >= Strength::Terminate {
            if let Some(end) = self.end.take() {
                end.cancel_because("the batch is being stopped");
                self.told = Some(Instant::now());
            }
            if stop.signal().is_some() {
                self.desk.books.give_up_output(self.told.unwrap_or_else(Instant::now), READER);
            }
        }
        if stop.strength() == Strength::Kill {
            if let Some(kill) = self.kill.take() {
                kill.cancel_because("the group is not waited for");
            }
        }
    }
}
