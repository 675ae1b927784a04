//! Ctrl-Z and `fg`: the batch stops as a whole, and goes on as a whole.
//!
//! Members lead groups of their own, so the terminal's Ctrl-Z reaches the command alone. It hands it on to them as what it is, a
//! TSTP, so that one that has members itself can do the same; who has not stopped after [`PATIENCE`] is stopped by a STOP.
//! Then the command stops itself, and when it is continued it continues them.
//!
//! Nobody is started meanwhile: who starts a child goes through the [`Pause`], which whoever pauses closes first. Nobody's time
//! runs out either: a member's `--timeout` does not count the time it was stopped for. The deadline does, since it is a
//! promise to whoever waits for the batch.
//!
//! A child belongs to our group for a moment, between its fork and its having a group of its own. A Ctrl-Z or STOP of
//! that moment stops it before its exec, where nobody knows of it yet, and the thread that starts it sleeps until it goes
//! on. So who closes the pause, or is told to go on, looks for such children and continues them.
//!
//! Where members are no processes there is nobody to stop but ourselves: a batch of downloads pauses without seats.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};

use super::{Seat, signal_group, system};
use crate::locked;

/// How long members may take to stop when they are asked to: one that has members itself has to wait for those.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(2);

/// How long a child may be about to begin before it is looked whether it was stopped.
const BEGIN: Duration = Duration::from_millis(5);

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    closed: bool,
    /// How many children are being started.
    starting: usize,
    /// For how long the batch was paused in all.
    total: Duration,
}

/// As long as it lives nobody pauses.
pub(crate) struct Pass<'a>(&'a Pause);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut inner = locked(&self.0.inner);
        inner.starting -= 1;
        if inner.closed {
            self.0.changed.notify_all();
        }
    }
}

impl Pause {
    /// Waits while the batch is paused; it will not be as long as what is returned lives.
    pub(crate) fn pass(&self) -> Pass<'_> {
        self.open().starting += 1;
        Pass(self)
    }

    /// For how long the batch has been paused. Waits while it is.
    pub(crate) fn total(&self) -> Duration {
        self.open().total
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Inner> {
        let inner = locked(&self.inner);
        self.changed.wait_while(inner, |inner| inner.closed).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody is being started, and lets nobody begin. Only the watch does this.
    fn close(&self, seats: &[Seat]) {
        locked(&self.inner).closed = true;
        loop {
            let (inner, _) = self
                .changed
                .wait_timeout_while(locked(&self.inner), BEGIN, |inner| inner.starting > 0)
                .unwrap_or_else(PoisonError::into_inner);
            if inner.starting == 0 {
                return;
            }
            drop(inner);
            // Those who sit have begun, and were stopped for a reason of their own. A seat that is locked is being taken.
            let seated: Vec<_> = seats.iter().filter_map(Seat::group_at_once).collect();
            system::continue_unbegun(&seated);
        }
    }

    fn reopen(&self, took: Duration) {
        let mut inner = locked(&self.inner);
        inner.closed = false;
        inner.total += took;
        self.changed.notify_all();
    }

    /// Stops everyone and ourselves; returns when all go on, with how long that took. Nothing happens where nobody could
    /// continue us. `resumed` says whether we were told to go on since it was last asked: a CONT that comes before we have stopped
    /// continues nobody, and there may be no second one.
    pub(crate) fn take(&self, seats: &[Seat], resumed: impl Fn() -> bool) -> Duration {
        let since = Instant::now();
        self.close(seats);
        if system::can_be_continued() {
            seats.iter().for_each(|seat| seat.signal(Signal::TSTP));
            while seats.iter().any(runs) && since.elapsed() < PATIENCE {
                thread::sleep(LOOK);
            }
            seats.iter().filter(|seat| runs(seat)).for_each(|seat| seat.signal(Signal::STOP));
            if !resumed() {
                // The signal is this thread's, so it stops here and not a few steps further on.
                let _ = signal_hook::low_level::raise(signal_hook::consts::SIGSTOP);
                // The CONT that continued us is answered by this. Its handler may run on another thread and a moment later,
                // and must not be taken for one that comes with the next Ctrl-Z.
                let continued = Instant::now();
                while !resumed() && continued.elapsed() < PATIENCE {
                    thread::sleep(LOOK);
                }
            }
            seats.iter().for_each(|seat| seat.signal(Signal::CONT));
        }
        let took = since.elapsed();
        self.reopen(took);
        took
    }

    /// We were stopped, perhaps by a STOP that nobody can answer, and go on: so does everyone who was stopped with us.
    pub(crate) fn recover(&self, seats: &[Seat]) {
        self.close(seats);
        self.reopen(Duration::ZERO);
    }
}

/// Whether the leader that sits there has neither stopped nor ended.
fn runs(seat: &Seat) -> bool {
    let seat = seat.lock();
    let Some(sitter) = &*seat else { return false };
    let how = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(sitter.group), how) {
            Err(Errno::INTR) => {}
            other => return matches!(other, Ok(None)),
        }
    }
}

impl Seat {
    /// The group that sits here, unless somebody has the seat locked.
    fn group_at_once(&self) -> Option<rustix::process::Pid> {
        self.try_lock()?.as_ref().map(|sitter| sitter.group)
    }

    /// Signals the group, which neither ends nor is meant to end by that.
    fn signal(&self, signal: Signal) {
        if let Some(sitter) = &*self.lock() {
            signal_group(sitter.group, signal);
        }
    }
}
