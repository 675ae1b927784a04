//! Wake a blocked thread, there and back.
//!
//! Two threads take turns. The one whose turn it is to wait sees that the other is awake and ready, sends a member out,
//! hands it over and waits; the other one holds the member for a fixed time after it saw that the wait is about to
//! begin, then ends it. Only the stretch from just before the member ends to just after the wait returned is timed, so
//! the time it was held is in nobody's figure, and what it costs to set up a round is neither.
//!
//! That the waker is ready first matters: a waiter that began while its partner was itself still being roused would
//! wait for that as well, far longer than the member is held, and one sleep would bring the next.
//!
//! Fair by construction: each thread wakes and is woken equally often, and every contestant is held equally long. That
//! the waiter is asleep when it is woken is not believed but counted: the kernel counts the times a thread gave up its
//! core, and the share of waits in which it did is printed beside the figure.
//!
//! Between two cores most of the figure is the sleeping core being woken, in a virtual machine by its host, and that
//! drowns what a contestant adds. So there is a variant with both threads on one core: the waker runs only when the
//! waiter has gone to sleep, and nothing is left in the figure but the two contestants' paths and the kernel's.

use std::fs;
use std::hint;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::{Effort, Sample, median};

/// Where the threads run, and how long a member is held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    held: Duration,
    one_core: bool,
}

/// Held longer than any contestant spins: the waiter is asleep.
pub(crate) const ASLEEP: Pace = Pace { held: Duration::from_micros(100), one_core: false };

/// Both threads on one core. Nothing needs to be held: the waker has the core only once the waiter has let go of it.
pub(crate) const ONE_CORE: Pace = Pace { held: Duration::ZERO, one_core: true };

/// Held so shortly that the waiter has hardly begun to wait.
pub(crate) const SOON: Pace = Pace { held: Duration::from_nanos(500), one_core: false };

impl Pace {
    /// Until `turn` has come to `number`. Between two looks the core is given away where both threads need it, or where
    /// the other thread plainly does not have one.
    fn until(self, turn: &AtomicUsize, number: usize) {
        let mut looks = 0u32;
        while turn.load(Ordering::Acquire) != number + 1 {
            looks += 1;
            if self.one_core || looks.is_multiple_of(100_000) {
                thread::yield_now();
            }
            hint::spin_loop();
        }
    }
}

/// How far the two threads are: the number of the turn, from 1.
#[derive(Default)]
struct Turns {
    /// The waker of this turn is awake and looking.
    ready: AtomicUsize,
    /// The waiter of this turn is about to wait.
    begun: AtomicUsize,
}

/// A group that a thread can block on. The waiting thread owns it.
pub(crate) trait Blocking: Send {
    /// Dropped on the other thread to end the wait.
    type Member: Send;
    fn new() -> Self;
    /// Called by the thread that is going to wait.
    fn add(&mut self) -> Self::Member;
    fn wait(&mut self);
}

/// What one thread saw: when it ended the members it was handed, and when its own waits returned.
struct Seen {
    ended: Vec<Instant>,
    returned: Vec<Instant>,
    slept: u64,
}

/// Nanoseconds to wake there and back.
pub(crate) fn there_and_back<G: Blocking>(effort: Effort, pace: Pace) -> Sample {
    let slot = Mutex::new(None);
    let turns = Turns::default();
    let (left, right) = thread::scope(|scope| {
        let left = scope.spawn(|| take_turns::<G>(0, effort.trips, pace, &slot, &turns));
        let right = scope.spawn(|| take_turns::<G>(1, effort.trips, pace, &slot, &turns));
        (left.join().expect("no wait panics"), right.join().expect("no wait panics"))
    });
    let there = left.returned.iter().zip(&right.ended);
    let back = right.returned.iter().zip(&left.ended);
    let trips: Vec<f64> = there
        .zip(back)
        .map(|(there, back)| [there, back].map(|(returned, ended)| nanos(*returned, *ended)).iter().sum())
        .collect();
    let waits = 2 * effort.trips;
    Sample { figure: median(&trips), asleep: Some((left.slept + right.slept) as f64 / waits as f64) }
}

fn nanos(later: Instant, earlier: Instant) -> f64 {
    later.saturating_duration_since(earlier).as_nanos() as f64
}

/// One thread's part. It waits in the turns whose number is `mine` modulo 2 and wakes in the others.
fn take_turns<G: Blocking>(
    mine: usize,
    trips: usize,
    pace: Pace,
    slot: &Mutex<Option<G::Member>>,
    turns: &Turns,
) -> Seen {
    if pace.one_core {
        stay_on_one_core();
    }
    let mut group = G::new();
    let mut seen = Seen { ended: Vec::with_capacity(trips), returned: Vec::with_capacity(trips), slept: 0 };
    let before = voluntary_switches();
    for number in 0..2 * trips {
        if number % 2 == mine {
            pace.until(&turns.ready, number);
            *slot.lock().expect("no holder panics") = Some(group.add());
            // Release: who sees the turn finds the member.
            turns.begun.store(number + 1, Ordering::Release);
            group.wait();
            seen.returned.push(Instant::now());
        } else {
            // Release, though nothing is handed over: it costs nothing and leaves nothing to argue about.
            turns.ready.store(number + 1, Ordering::Release);
            pace.until(&turns.begun, number);
            let member = slot.lock().expect("no holder panics").take();
            let handed = Instant::now();
            while handed.elapsed() < pace.held {
                hint::spin_loop();
            }
            seen.ended.push(Instant::now());
            // What the waker does next is to look whether its partner is ready, which on one core gives the core away.
            drop(member);
        }
    }
    seen.slept = voluntary_switches() - before;
    seen
}

/// Binds the calling thread to the first core it may use.
fn stay_on_one_core() {
    let allowed = sched_getaffinity(None).expect("a thread may ask for its own cores");
    let first = (0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core)).expect("it runs on one");
    let mut one = CpuSet::new();
    one.set(first);
    sched_setaffinity(None, &one).expect("a thread may leave cores that it was allowed");
}

/// How often the calling thread has gone to sleep so far, as the kernel counts it.
fn voluntary_switches() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").expect("Linux tells a thread about itself");
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).expect("and counts how often it slept")
}
