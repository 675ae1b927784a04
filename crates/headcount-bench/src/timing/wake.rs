//! Wake a blocked thread, there and back.
//!
//! Two threads take turns. The one whose turn it is to wait sends a member out, hands it to the other and waits; the
//! other one holds the member for a fixed time after it saw that the wait is about to begin, then ends it. Only the
//! stretch from just before the member ends to just after the wait returned is timed, so the time it was held is in
//! nobody's figure, and what it costs to set up a round is neither.
//!
//! Fair by construction: each thread wakes and is woken equally often, and every contestant is held equally long.
//! Held for 100 µs, longer than any contestant spins, the waiter is asleep when it is woken. That is not
//! believed but counted: the kernel counts the times a thread gave up its core, and the share of waits in which it did
//! is printed beside the figure.

use std::fs;
use std::hint;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Effort, Sample, median};

/// How long the member is held when the waiter is to be asleep.
pub(crate) const LONG: Duration = Duration::from_micros(100);

/// How long it is held when the waiter has hardly begun to wait.
pub(crate) const SHORT: Duration = Duration::from_nanos(500);

/// A group that a thread can block on. The waiting thread owns it.
pub(crate) trait Blocking: Send {
    /// Dropped on the other thread to end the wait.
    type Member: Send;
    fn new() -> Self;
    /// Called by the thread that is going to wait.
    fn add(&mut self) -> Self::Member;
    fn wait(&mut self);
}

/// What one thread saw: when it ended the members it was handed, or when its own waits returned.
struct Seen {
    ended: Vec<Instant>,
    returned: Vec<Instant>,
    slept: u64,
}

/// Nanoseconds to wake there and back, with every member held for `held`.
pub(crate) fn there_and_back<G: Blocking>(effort: Effort, held: Duration) -> Sample {
    let slot = Mutex::new(None);
    let turn = AtomicUsize::new(0);
    let (left, right) = thread::scope(|scope| {
        let left = scope.spawn(|| take_turns::<G>(0, effort.trips, held, &slot, &turn));
        let right = scope.spawn(|| take_turns::<G>(1, effort.trips, held, &slot, &turn));
        (left.join().expect("no wait panics"), right.join().expect("no wait panics"))
    });
    let there = left.returned.iter().zip(&right.ended);
    let back = right.returned.iter().zip(&left.ended);
    let trips: Vec<f64> = there
        .zip(back)
        .map(|(there, back)| [there, back].map(|(returned, ended)| nanos(*returned, *ended)).iter().sum())
        .collect();
    let waits = 2 * effort.trips;
    Sample { nanos: median(&trips), asleep: Some((left.slept + right.slept) as f64 / waits as f64) }
}

fn nanos(later: Instant, earlier: Instant) -> f64 {
    later.saturating_duration_since(earlier).as_nanos() as f64
}

/// One thread's part. It waits in the turns whose number is `mine` modulo 2 and wakes in the others.
fn take_turns<G: Blocking>(
    mine: usize,
    trips: usize,
    held: Duration,
    slot: &Mutex<Option<G::Member>>,
    turn: &AtomicUsize,
) -> Seen {
    let mut group = G::new();
    let mut seen = Seen { ended: Vec::with_capacity(trips), returned: Vec::with_capacity(trips), slept: 0 };
    let before = voluntary_switches();
    for number in 0..2 * trips {
        if number % 2 == mine {
            *slot.lock().expect("no holder panics") = Some(group.add());
            // Release: who sees the turn finds the member.
            turn.store(number + 1, Ordering::Release);
            group.wait();
            seen.returned.push(Instant::now());
        } else {
            spin_until(|| turn.load(Ordering::Acquire) == number + 1);
            let member = slot.lock().expect("no holder panics").take();
            let handed = Instant::now();
            while handed.elapsed() < held {
                hint::spin_loop();
            }
            seen.ended.push(Instant::now());
            drop(member);
        }
    }
    seen.slept = voluntary_switches() - before;
    seen
}

/// Spins, but lets go of the core when the other thread plainly does not have one.
fn spin_until(condition: impl Fn() -> bool) {
    let mut spins = 0u32;
    while !condition() {
        spins += 1;
        if spins.is_multiple_of(100_000) {
            thread::yield_now();
        }
        hint::spin_loop();
    }
}

/// How often the calling thread has gone to sleep so far, as the kernel counts it. Always 0 where there is no `/proc`.
fn voluntary_switches() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let count = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}
