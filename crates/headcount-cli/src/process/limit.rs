//! The time one member may take: at its end the group is asked to end, and after the grace it is killed.

use std::time::{Duration, Instant};

use super::Seat;

/// How soon a kill is repeated.
const AGAIN: Duration = Duration::from_millis(50);

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Limit {
    grace: Duration,
    /// When the next step is due; never, if that is beyond the end of time.
    due: Option<Instant>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Terminate,
    Kill,
}

impl Limit {
    /// From now on.
    pub(crate) fn new(timeout: Option<Duration>, grace: Duration) -> Self {
        let due = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        Self { grace, due, step: Step::Terminate }
    }

    /// Whether there is none.
    pub(super) fn is_none(&self) -> bool {
        self.due.is_none()
    }

    /// How long to sleep at most, when one would sleep for so long otherwise.
    pub(super) fn left(&self, otherwise: Option<Duration>) -> Option<Duration> {
        let left = self.due.map(|due| due.saturating_duration_since(Instant::now()));
        left.into_iter().chain(otherwise).min()
    }

    /// Does what is due. `late` is called when the time is up, before the member is told to end. A member that is
    /// being stopped already has the time it was given with that.
    pub(super) fn keep(&mut self, seat: &Seat, late: impl FnOnce()) {
        let now = Instant::now();
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        match self.step {
            Step::Terminate => {
                if seat.run_out() {
                    late();
                    seat.tell_to_end();
                    self.step = Step::Kill;
                    self.due = Instant::now().checked_add(self.grace);
                } else {
                    self.due = None;
                }
            }
            Step::Kill => {
                seat.tell_to_die();
                self.due = now.checked_add(AGAIN);
            }
        }
    }
}
