//! The roll call as the command tells it: number, input, process, age, and the last line, of everyone who is out.
//!
//! It is the group's own roll call. Members are named there, with their number first, because the group counts more
//! than members: a turn at the input is one of its tasks too, has no name, and is not told.

use std::fmt::Write as _;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use crate::group::Spawner;
use crate::ledger::Number;
use crate::locked;
use crate::process::Seat;

/// Everyone's roll is not called again so soon after a timeout: a thousand members that run out of time together
/// would call it a thousand times.
const SOON: Duration = Duration::from_secs(1);

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Roll {
    group: OnceLock<Spawner>,
    /// When it was called for a timeout.
    called: Mutex<Option<Instant>>,
}

/// What a member is called in the group.
pub(crate) fn name(number: Number, label: &str) -> String {
    format!("#{number}  {label}")
}

/// The number in a member's name.
fn number(name: &str) -> Option<Number> {
    name.strip_prefix('#')?.split_once("  ")?.0.parse().ok()
}

impl Roll {
    /// From now on the group can be asked.
    pub(crate) fn open(&self, group: Spawner) {
        let _ = self.group.set(group);
    }

    /// Who is out, one a line, below a line that counts them.
    pub(crate) fn call(&self, seats: &[Seat]) -> String {
        self.lines(seats, |_| true).unwrap_or_else(|| "headcount: 0 still out\n".into())
    }

    /// The roll call that belongs to the timeout of this member: of everyone, or, soon after another one, of it alone.
    pub(crate) fn call_for(&self, late: Number, seats: &[Seat]) -> String {
        let now = Instant::now();
        let mut called = locked(&self.called);
        if called.is_some_and(|called| now.saturating_duration_since(called) < SOON) {
            drop(called);
            return self.lines(seats, |number| number == late).unwrap_or_default();
        }
        *called = Some(now);
        drop(called);
        self.call(seats)
    }

    fn lines(&self, seats: &[Seat], of: impl Fn(Number) -> bool) -> Option<String> {
        let roll_call = self.group.get()?.roll_call();
        let mut text = String::new();
        let mut out: usize = 0;
        for missing in &roll_call {
            let Some((name, number)) = missing.name().and_then(|name| Some((name, number(name)?))) else {
                continue;
            };
            out += 1;
            if !of(number) {
                continue;
            }
            let age = missing.age().unwrap_or_default().as_secs_f64();
            let seated = seats.iter().find_map(|seat| {
                let seat = seat.lock();
                let sitter = seat.as_ref().filter(|sitter| sitter.number == number)?;
                Some((sitter.group, sitter.tail.lines(1)))
            });
            // Writing to a String cannot fail.
            let _ = match &seated {
                Some((pid, _)) => write!(text, "  {name}  pid {pid}  {age:.1} s"),
                None => write!(text, "  {name}  no process  {age:.1} s"),
            };
            for line in seated.into_iter().flat_map(|(_, lines)| lines) {
                let _ = write!(text, "  {line}");
            }
            text.push('\n');
        }
        Some(format!("headcount: {out} still out\n{text}"))
    }
}
