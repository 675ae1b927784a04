//! What cancels a context at its deadline: the driven clock it runs on, or a timer of the Tokio runtime that it was made in,
//! or one lazy thread.
//!
//! The thread is started by the first deadline that needs it and ends when none has been left for a second; it is started
//! again by the next. It serves all of them from one ordered list.
//!
//! Inside a Tokio runtime a deadline is a task that sleeps, so that tests with paused time see it pass. When the runtime
//! shuts down before, the task is dropped and hands its deadline over to the thread: a deadline passes all the same. So does
//! one in a runtime without timers, where the task panics: Tokio has no question whether they are enabled.
//!
//! Callbacks of a deadline run on a thread of their own, if there are any, so that a slow one delays no other deadline.
//!
//! # The thread's protocol
//!
//! * **T1.** `thread` is changed under the lock only. It says whether there is a thread, and if it sleeps, until when.
//! * **T2.** The thread falls asleep on the strength of one look: what it looked at and what it said are under one lock. Who
//!   sets a deadline does so under the lock too. So a deadline that is set before the look is seen by it, and one that is set
//!   after finds the thread asleep, and wakes it if it is earlier than the thread's time. A wake-up given before the thread
//!   is really asleep is remembered (`wait::parker`).
//! * **T3.** The thread ends on the strength of one such look too: at the end of its idle time nothing is set. Who sets a
//!   deadline later finds it gone and starts another.
//! * **T4.** A deadline that has passed leaves the list under the lock, and so does one that is taken back: either it rings or
//!   it was taken back. Rings are rung without the lock.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::callback;
use super::clock::DrivenClock;
use super::dues::{Due, Dues, Ring};
use super::node::Node;
use crate::fault::{self, Fault};
use crate::roll::roots::{Charge, What};
use crate::sync::{self, global};
use crate::time;
use crate::wait::lock::Lock;
use crate::wait::parker::{Unparker, park, unparker};

/// A deadline that has been set. Dropping it takes it back.
#[derive(Debug)]
pub(super) struct Alarm {
    _set: Set,
    _charge: Charge,
}

#[derive(Debug)]
pub(super) enum Set {
    Thread(Due),
    Driven(DrivenClock, Due),
    #[cfg(feature = "tokio")]
    Task(tokio::task::AbortHandle),
}

impl Alarm {
    pub(super) fn new(set: Set, what: What, place: &'static Location<'static>) -> Self {
        Self { _set: set, _charge: Charge::here(what, place) }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        match self {
            Self::Thread(due) => TIMER.take_back(due),
            Self::Driven(clock, due) => clock.take_back(due),
            #[cfg(feature = "tokio")]
            Self::Task(task) => task.abort(),
        }
    }
}

/// Now, on the clock that deadlines made here will run on.
pub(super) fn now(clock: Option<&DrivenClock>) -> Instant {
    if let Some(clock) = clock {
        return clock.now();
    }
    #[cfg(feature = "tokio")]
    if tokio::runtime::Handle::try_current().is_ok() {
        return tokio::time::Instant::now().into_std();
    }
    time::now()
}

/// Sets an alarm that cancels `node` at `at`; `place` is where the deadline was set.
pub(super) fn set(
    clock: Option<&DrivenClock>,
    node: &Arc<Node>,
    at: Instant,
    place: &'static Location<'static>,
) {
    let ring = Ring::new(node, place);
    let set = match clock {
        Some(clock) => clock.set(ring, at),
        None => in_real_time(ring, at),
    };
    drop(node.set_alarm(Alarm::new(set, What::Timer, place)));
}

fn in_real_time(ring: Ring, at: Instant) -> Set {
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        return Set::Task(in_runtime::set(&runtime, ring, at));
    }
    TIMER.set(ring, at)
}

/// Rings for whoever serves others too: callbacks go to a thread of their own.
fn ring_and_go_on(ring: &Ring) {
    let Some((cause, callbacks)) = ring.ring() else { return };
    if !callbacks.is_empty() {
        // Without a thread there is nobody else to run them: the timer does not, it serves others. They are dropped.
        let _ = sync::spawn("headcount deadline", move || callback::run(callbacks, &cause));
    }
}

global! {
    /// What serves all deadlines that were set outside a runtime, in real time.
    TIMER: Timer = Timer::new()
}

/// How long the thread waits for another deadline before it ends.
const IDLE: Duration = Duration::from_secs(1);

struct Timer {
    state: Lock<State>,
}

struct State {
    dues: Dues,
    /// T1.
    thread: Thread,
}

enum Thread {
    /// Not there: who sets a deadline starts it.
    Absent,
    /// It will look at the deadlines before it sleeps.
    Awake,
    /// It will look again by itself at this time. It is woken only to look earlier, so that deadlines which are set and
    /// dropped one after the other, all well before their time, cost it one look a second and not two each.
    Asleep { until: Instant, unparker: Unparker },
}

impl Thread {
    /// Wakes the thread if it sleeps longer than `at`: the wake-up, to be given without the lock.
    fn wake_before(&mut self, at: Instant) -> Option<Unparker> {
        if !matches!(self, Thread::Asleep { until, .. } if at < *until) {
            return None;
        }
        match std::mem::replace(self, Thread::Awake) {
            Thread::Asleep { unparker, .. } => Some(unparker),
            Thread::Absent | Thread::Awake => None,
        }
    }
}

impl Timer {
    #[cfg(not(loom))]
    const fn new() -> Self {
        Self { state: Lock::new(State { dues: Dues::new(), thread: Thread::Absent }) }
    }

    #[cfg(loom)]
    fn new() -> Self {
        Self { state: Lock::new(State { dues: Dues::new(), thread: Thread::Absent }) }
    }

    fn set(&'static self, ring: Ring, at: Instant) -> Set {
        let mut state = self.state.lock();
        let due = state.dues.set(ring, at);
        if matches!(state.thread, Thread::Absent) {
            if let Err(error) = sync::spawn("headcount timer", || self.serve()) {
                let ring = state.dues.take_back(&due);
                drop(state);
                drop(ring);
                panic!("the operating system cannot start the thread that serves deadlines: {error}");
            }
            state.thread = Thread::Awake;
            return Set::Thread(due);
        }
        // T2, this side: asleep until later, it is woken; awake, it will see this deadline.
        let wake = if fault::planted(Fault::EarlierUnheard) { None } else { state.thread.wake_before(at) };
        drop(state);
        if let Some(unparker) = wake {
            unparker.unpark();
        }
        Set::Thread(due)
    }

    fn take_back(&self, due: &Due) {
        let mut state = self.state.lock();
        let ring = state.dues.take_back(due);
        // The last one: the thread has nothing to sleep for, and ends if that stays so.
        let last = ring.is_some() && state.dues.len() == 0 && !fault::planted(Fault::LastGoneUnheard);
        let wake = if last { state.thread.wake_before(time::now() + IDLE) } else { None };
        drop(state);
        if let Some(unparker) = wake {
            unparker.unpark();
        }
        // Its weak reference is given back outside the lock.
        drop(ring);
    }

    /// What the thread does.
    fn serve(&self) {
        let mut idle_until: Option<Instant> = None;
        loop {
            let mut state = self.state.lock();
            state.thread = Thread::Awake;
            let now = time::now();
            if let Some((_, ring)) = state.dues.pass(now) {
                drop(state);
                // A waker that panics has been reported by the hook. It must not end the thread, which serves others.
                let _ = catch_unwind(AssertUnwindSafe(|| ring_and_go_on(&ring)));
                continue;
            }
            // T2 and T3, this side: one look, and what follows from it, under one lock.
            let first = state.dues.first();
            let idle_over = idle_until.is_some_and(|until| until <= now);
            if idle_over && (first.is_none() || fault::planted(Fault::IdleUnlooked)) {
                state.thread = Thread::Absent;
                return;
            }
            if fault::planted(Fault::LookThenSleep) {
                drop(state);
                state = self.state.lock();
            }
            let until = match first {
                Some(at) => {
                    idle_until = None;
                    at
                }
                None => *idle_until.get_or_insert(now + IDLE),
            };
            state.thread = Thread::Asleep { until, unparker: unparker() };
            drop(state);
            // It returns when woken, in time, or for no reason at all: the next look tells.
            park(Some(until));
        }
    }
}

#[cfg(feature = "tokio")]
mod in_runtime {
    use super::{Alarm, Ring, TIMER, What, ring_and_go_on};
    use std::time::Instant;
    use tokio::runtime::Handle;
    use tokio::task::AbortHandle;

    pub(super) fn set(runtime: &Handle, ring: Ring, at: Instant) -> AbortHandle {
        let mut handover = Handover { ring, at, over: false };
        let task = runtime.spawn(async move {
            tokio::time::sleep_until(handover.at.into()).await;
            handover.over = true;
            ring_and_go_on(&handover.ring);
        });
        task.abort_handle()
    }

    /// A sleeping task that is dropped before its time: because its context is gone or cancelled, and then nothing is to
    /// be done, or because the runtime shuts down.
    struct Handover {
        ring: Ring,
        at: Instant,
        over: bool,
    }

    impl Drop for Handover {
        fn drop(&mut self) {
            if self.over {
                return;
            }
            if let Some(node) = self.ring.awaited() {
                // Counted where the runtime shuts down, which is where it was made if that is a test's.
                let alarm = Alarm::new(TIMER.set(self.ring.clone(), self.at), What::Timer, self.ring.place());
                drop(node.set_alarm(alarm));
            }
        }
    }
}
