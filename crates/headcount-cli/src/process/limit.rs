//! The time one member may take: at its end the group is asked to end, and after the grace it is killed.

use std::time::{Duration, Instant};

use super::{Pause, Seat};

/// How soon a kill is repeated.
const AGAIN: Duration = Duration::from_millis(50);

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Limit<'a> {
    pause: &'a Pause,
    /// How much of the pauses is in `due` already.
    paused: Duration,
    grace: Duration,
    /// When the next step is due; never, if that is beyond the end of time.
    due: Option<Instant>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// See whether the member is late.
    RunOut,
    Terminate,
    Kill,
}

impl<'a> Limit<'a> {
    /// From now on, and not while the batch is paused.
    pub(crate) fn new(timeout: Option<Duration>, grace: Duration, pause: &'a Pause) -> Self {
        let due = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let paused = if due.is_some() { pause.total() } else { Duration::ZERO };
        Self { pause, paused, grace, due, step: Step::RunOut }
    }

    /// When the next step is due. Looked at only where there is one: most members have no limit.
    fn due(&mut self) -> Option<Instant> {
        let due = self.due?;
        let paused = self.pause.total();
        self.due = due.checked_add(paused.saturating_sub(self.paused));
        self.paused = paused;
        self.due
    }

    /// How long to sleep at most, when one would sleep for so long otherwise.
    pub(super) fn left(&mut self, otherwise: Option<Duration>) -> Option<Duration> {
        let left = self.due().map(|due| due.saturating_duration_since(Instant::now()));
        left.into_iter().chain(otherwise).min()
    }

    /// Does what is due. True when the time has just run out: the member is told to end by the next call, so that this
    /// can be said before. A member that is being stopped already has the time it was given with that.
    pub(super) fn keep(&mut self, seat: &Seat) -> bool {
        let Some(due) = self.due() else { return false };
        let now = Instant::now();
        if due > now {
            return false;
        }
        match self.step {
            Step::RunOut => {
                let late = seat.run_out();
                self.step = Step::Terminate;
                if !late {
                    self.due = None;
                }
                return late;
            }
            Step::Terminate => {
                seat.tell_to_end();
                self.step = Step::Kill;
                self.due = now.checked_add(self.grace);
            }
            Step::Kill => {
                seat.tell_to_die();
                self.due = now.checked_add(AGAIN);
            }
        }
        false
    }
}
