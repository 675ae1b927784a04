//! What cancels a context at its deadline: a timer of the Tokio runtime that it was made in, or one lazy thread.
//!
//! The thread is started by the first deadline that is set outside a runtime and ends when none has been left for a
//! second. It serves all of them from one ordered map: setting and dropping a deadline is logarithmic in their number.
//!
//! Inside a Tokio runtime a deadline is a task that sleeps, so that tests with paused time see it pass. When the runtime
//! shuts down before, the task is dropped and hands its deadline over to the thread: a deadline passes all the same.
//!
//! Callbacks of a deadline run on a thread of their own, if there are any, so that a slow one delays no other deadline.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::callback;
use super::node::Node;

/// A deadline that has been set. Dropping it takes it back.
#[derive(Debug)]
pub(super) enum Alarm {
    Clock(Due),
    #[cfg(feature = "tokio")]
    Task(tokio::task::AbortHandle),
}

impl Drop for Alarm {
    fn drop(&mut self) {
        match self {
            Alarm::Clock(due) => CLOCK.take_back(due),
            #[cfg(feature = "tokio")]
            Alarm::Task(task) => task.abort(),
        }
    }
}

/// When, and a number to tell those of one moment apart.
type Due = (Instant, u64);

/// Now, on the clock that deadlines made here will run on.
pub(super) fn now() -> Instant {
    #[cfg(feature = "tokio")]
    if tokio::runtime::Handle::try_current().is_ok() {
        return tokio::time::Instant::now().into_std();
    }
    Instant::now()
}

/// Sets an alarm that cancels `node` at `at`; `place` is where the deadline was set.
pub(super) fn set(node: &Arc<Node>, at: Instant, place: &'static Location<'static>) {
    let ring = Ring { node: Arc::downgrade(node), place };
    #[cfg(feature = "tokio")]
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let alarm = Alarm::Task(in_runtime::set(&runtime, ring, at));
        drop(node.set_alarm(alarm));
        return;
    }
    drop(node.set_alarm(CLOCK.set(ring, at)));
}

/// What is to be done when an alarm goes off.
#[derive(Clone, Debug)]
struct Ring {
    node: Weak<Node>,
    place: &'static Location<'static>,
}

impl Ring {
    fn ring(&self) {
        let Some(node) = self.node.upgrade() else { return };
        let (cause, callbacks) = node.expire(self.place);
        if callbacks.is_empty() {
            return;
        }
        let run = move || callback::run(callbacks, &cause);
        // Without a thread there is nobody else to run them: the timer does not, it serves others too. They are dropped.
        let _ = thread::Builder::new().name("headcount deadline".into()).spawn(run);
    }
}

/// The thread that serves all deadlines that were set outside a runtime.
static CLOCK: Clock = Clock { dues: Mutex::new(Dues::new()), changed: Condvar::new() };

/// How long the thread waits for another deadline before it ends.
const IDLE: Duration = Duration::from_secs(1);

struct Clock {
    dues: Mutex<Dues>,
    /// Told when the thread sleeps for too long.
    changed: Condvar,
}

struct Dues {
    rings: BTreeMap<Due, Ring>,
    numbered: u64,
    /// Whether the thread is there. Set by whoever starts it, cleared by the thread itself when it ends.
    running: bool,
    /// When the thread will look again by itself. It is woken only to look earlier, so that deadlines which are set and
    /// dropped one after the other, all well before their time, cost it one look a second and not two each.
    looks_at: Option<Instant>,
}

impl Dues {
    const fn new() -> Self {
        Self { rings: BTreeMap::new(), numbered: 0, running: false, looks_at: None }
    }
}

impl Clock {
    fn lock(&self) -> MutexGuard<'_, Dues> {
        self.dues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&'static self, ring: Ring, at: Instant) -> Alarm {
        let mut dues = self.lock();
        dues.numbered += 1;
        let due = (at, dues.numbered);
        dues.rings.insert(due, ring);
        if !dues.running {
            dues.running = true;
            let started = thread::Builder::new().name("headcount timer".into()).spawn(|| self.serve());
            if started.is_err() {
                dues.running = false;
                drop(dues);
                panic!("the operating system cannot start the thread that serves deadlines");
            }
        } else if dues.looks_at.is_some_and(|looks_at| at < looks_at) {
            self.changed.notify_one();
        }
        Alarm::Clock(due)
    }

    fn take_back(&self, due: &Due) {
        let mut dues = self.lock();
        let ring = dues.rings.remove(due);
        // The last one: the thread has nothing to sleep for, and ends if that stays so.
        if dues.rings.is_empty() && dues.looks_at.is_some_and(|looks_at| looks_at > Instant::now() + IDLE) {
            self.changed.notify_one();
        }
        drop(dues);
        // Its weak reference is given back outside the lock.
        drop(ring);
    }

    fn serve(&self) {
        let mut dues = self.lock();
        loop {
            let now = Instant::now();
            if let Some(first) = dues.rings.first_entry().filter(|first| first.key().0 <= now) {
                let ring = first.remove();
                // Wakers are foreign code: they run without the lock.
                drop(dues);
                ring.ring();
                dues = self.lock();
                continue;
            }
            let idle = dues.rings.is_empty();
            let looks_at = dues.rings.first_key_value().map_or(now + IDLE, |((at, _), _)| *at);
            dues.looks_at = Some(looks_at);
            let waited = self.changed.wait_timeout(dues, looks_at - now);
            let (guard, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            dues = guard;
            dues.looks_at = None;
            if idle && timeout.timed_out() && dues.rings.is_empty() {
                dues.running = false;
                return;
            }
        }
    }
}

#[cfg(feature = "tokio")]
mod in_runtime {
    use super::{CLOCK, Ring};
    use std::time::Instant;
    use tokio::runtime::Handle;
    use tokio::task::AbortHandle;

    pub(super) fn set(runtime: &Handle, ring: Ring, at: Instant) -> AbortHandle {
        let mut handover = Handover { ring, at, over: false };
        let task = runtime.spawn(async move {
            tokio::time::sleep_until(handover.at.into()).await;
            handover.over = true;
            handover.ring.ring();
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
            if let Some(node) = self.ring.node.upgrade().filter(|node| !node.is_cancelled()) {
                drop(node.set_alarm(CLOCK.set(self.ring.clone(), self.at)));
            }
        }
    }
}
