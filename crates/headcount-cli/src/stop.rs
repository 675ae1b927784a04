//! How strongly the batch is being stopped. It only ever gets stronger.
//!
//! Anyone may ask for a stop: a signal, the policy, the deadline, a reader that went away. Asking cancels the
//! group's context, whatever the strength: nobody begins any more. The watch ([`crate::watch`]) does what the
//! strength means for those who run. It goes the other way too: when the group's context is cancelled by its policy, a stop
//! is asked for.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use headcount::Canceller;
use signal_hook::consts::SIGINT;

use crate::latch::Latch;
use crate::locked;
use crate::record::{Happening, Record};
use crate::signal;

/// The three strengths of stopping, and none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Strength {
    /// Go on.
    None,
    /// Start no more; let the running ones end.
    Drain,
    /// Ask the running ones to end, and kill after the grace those that do not.
    Terminate,
    /// Kill the running ones.
    Kill,
}

impl Strength {
    const ALL: [Self; 4] = [Self::None, Self::Drain, Self::Terminate, Self::Kill];

    /// The next stronger one.
    pub(crate) fn next(self) -> Self {
        Self::ALL[(self as usize + 1).min(Self::ALL.len() - 1)]
    }
}

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Stop {
    strength: AtomicU8,
    /// The signal the command is to die by; 0 for none. The first one stays.
    signal: AtomicI32,
    /// Nothing else had stopped the batch when that signal came.
    signal_first: AtomicBool,
    /// The deadline has passed, before anything else stopped the batch.
    late: AtomicBool,
    /// What cancels the group's context. Gone when it has.
    group: Mutex<Option<Canceller>>,
    /// Closed at the first stop of any strength: reading input ends.
    pub(crate) draining: Arc<Latch>,
    /// Closed when output is not waited for any more.
    pub(crate) abandoned: Arc<Latch>,
    /// Wakes the watch ([`crate::bell`]).
    rope: UnixStream,
    /// What is told of every stop.
    record: OnceLock<Arc<Record>>,
}

impl Stop {
    /// `rope` rings what the watch sleeps on.
    pub(crate) fn new(rope: UnixStream) -> io::Result<Self> {
        Ok(Self {
            strength: AtomicU8::new(Strength::None as u8),
            signal: AtomicI32::new(0),
            signal_first: AtomicBool::new(false),
            late: AtomicBool::new(false),
            group: Mutex::default(),
            draining: Arc::new(Latch::new()?),
            abandoned: Arc::new(Latch::new()?),
            rope,
            record: OnceLock::new(),
        })
    }

    pub(crate) fn strength(&self) -> Strength {
        // SeqCst: one order of all stops for everybody. Whether a member may start is decided under the
        // lock of its seat, which is what makes a stop reach a member that is just being started.
        Strength::ALL[usize::from(self.strength.load(Ordering::SeqCst))]
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.strength() != Strength::None
    }

    /// Hands over what a stop is to cancel. Before anybody can ask for one.
    pub(crate) fn cancels(&self, group: Canceller) {
        *locked(&self.group) = Some(group);
    }

    /// From now on the record is told.
    pub(crate) fn tells(&self, record: Arc<Record>) {
        let _ = self.record.set(record);
    }

    /// Asks for a stop of at least this strength, and says why: the first who asks gives the group's context its cause.
    pub(crate) fn raise(&self, strength: Strength, why: &str) {
        let before = self.strength.fetch_max(strength as u8, Ordering::SeqCst);
        if before < strength as u8 {
            self.draining.close();
            let _ = (&self.rope).write(b"!");
            if let Some(record) = self.record.get() {
                record.tell(&Happening::Stopping { strength, why });
            }
        }
        // Taken out first: what is called back on cancelling may come here again.
        let group = locked(&self.group).take();
        if let Some(group) = group {
            group.cancel_because(why);
        }
    }

    /// The deadline has passed. That is told before anybody is stopped for it: once nobody is out, nobody waits for a word.
    pub(crate) fn be_late(&self, tell: impl FnOnce()) {
        // SeqCst: as the signal. A batch that is being terminated for another reason ends for that one.
        if self.strength() < Strength::Terminate {
            self.late.store(true, Ordering::SeqCst);
            tell();
            self.raise(Strength::Terminate, "the deadline has passed");
        }
    }

    pub(crate) fn is_late(&self) -> bool {
        // SeqCst: as above.
        self.late.load(Ordering::SeqCst)
    }

    /// Ctrl-C: one strength more each time. Says which it is now.
    pub(crate) fn interrupt(&self) -> Strength {
        self.die_by(SIGINT);
        let before = self.strength();
        if before == Strength::Kill {
            // There is nothing stronger left, so what is not wanted any more is the output.
            self.abandoned.close();
        }
        let strength = before.next();
        self.raise(strength, &signal::name(SIGINT));
        strength
    }

    /// A signal that asks for the command's end: terminates, and the command dies by it.
    pub(crate) fn end_by(&self, signal: i32) {
        self.die_by(signal);
        self.raise(Strength::Terminate, &signal::name(signal));
    }

    /// The command is to die by this signal in the end.
    pub(crate) fn die_by(&self, signal: i32) {
        // SeqCst: as the strength, which is raised after it.
        let first = self.signal.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if first && !self.is_asked() {
            // SeqCst: as above.
            self.signal_first.store(true, Ordering::SeqCst);
        }
    }

    /// Whether that signal stopped the batch, and what else did only came to it.
    pub(crate) fn is_signal_first(&self) -> bool {
        // SeqCst: as above.
        self.signal_first.load(Ordering::SeqCst)
    }

    pub(crate) fn signal(&self) -> Option<i32> {
        match self.signal.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }
}
