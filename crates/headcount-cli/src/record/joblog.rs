//! The job log: one line for every member that ran, when it has ended, in the columns of GNU parallel.
//!
//! It says what GNU's does, so that what reads the one reads the other. What has no place there: a member that was tried
//! several times has the line of its last attempt, one that never ran has none, and -1 as the exit value says that it did
//! not end well although no exit code says so: it was out of time, could not be started, or nobody knows.

use std::ffi::OsString;
use std::io::Write as _;
use std::time::UNIX_EPOCH;

use super::{Close, Finish, When, Whose};
use crate::ledger::End;
use crate::legible;

pub(super) const HEADER: &[u8] =
    b"Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/// Appends the line of an attempt that has just ended.
pub(super) fn line(text: &mut Vec<u8>, now: When, whose: Whose<'_>, words: &[OsString], close: &Close<'_>) {
    if close.again {
        return;
    }
    let since = now.clock.duration_since(UNIX_EPOCH).unwrap_or_default();
    let started = since.saturating_sub(close.took).as_secs_f64();
    let took = close.took.as_secs_f64();
    let (value, signal) = match close.finish {
        Finish::Code(0) if close.end != End::Done => (-1, 0),
        Finish::Code(code) => (code, 0),
        Finish::Signal(signal) => (0, signal),
        // A download has no exit code; it has gone well or not.
        Finish::Unknown if close.end == End::Done => (0, 0),
        Finish::Unknown => (-1, 0),
    };
    // Memory takes whatever it is given.
    let number = whose.number;
    let _ = write!(text, "{number}\t:\t{started:.3}\t{took:10.3}\t0\t{}\t{value}\t{signal}\t", close.bytes);
    // Where there is no command, as for a download, the input says what was done.
    let what = if words.is_empty() { whose.columns.join(&b' ') } else { legible::shell_line(words) };
    text.extend(legible::one_line_bytes(&what));
    text.push(b'\n');
}
