//! The account: what became of everyone, said at the end.
//!
//! One line of counts, then every failure with what is needed to look into it: the input, the command as a
//! shell would read it, how it ended, how long it took, and the last lines it wrote. Failures are written
//! down as they come and kept like output that waits, so that a million of them do not sit in memory.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::time::Duration;

use crate::ledger::{Number, Tally};
use crate::legible;
use crate::output::{Capture, PrintError, Printer, Stream};

/// How many of a failed member's last lines are shown.
const LAST_LINES: usize = 10;

/// One failure.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) number: Number,
    pub(crate) label: &'a str,
    /// Empty when the command could not even be put together.
    pub(crate) words: &'a [OsString],
    /// How it ended, in words.
    pub(crate) how: &'a str,
    pub(crate) took: Duration,
    pub(crate) last_lines: Vec<String>,
}

impl Failure<'_> {
    fn text(&self) -> Vec<u8> {
        let mut text = format!("\nmember {} failed: {}\n  input:   {}\n", self.number, self.how, self.label);
        if !self.words.is_empty() {
            let line = legible::one_line(&legible::shell_line(self.words));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  command: {line}");
        }
        let _ = writeln!(text, "  ended:   {} after {:.3} s", self.how, self.took.as_secs_f64());
        if !self.last_lines.is_empty() {
            text.push_str("  last lines:\n");
            for line in &self.last_lines {
                let _ = writeln!(text, "    {line}");
            }
        }
        text.into_bytes()
    }
}

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Account {
    failures: Capture,
    /// Failures that could not be written down (the spool was full).
    unwritten: u64,
}

impl Account {
    /// Writes a failure down: its last lines are those of `last`.
    pub(crate) fn add(&mut self, failure: &Failure<'_>, printer: &Printer) {
        if self.failures.push(&failure.text(), printer.spool()).is_err() {
            self.unwritten += 1;
        }
    }

    /// Prints it all. `unread` says that there may be inputs nobody has seen.
    pub(crate) fn print(&mut self, tally: &Tally, unread: bool, printer: &Printer) -> Result<(), PrintError> {
        let mut counts = format!("{tally}\n");
        if unread {
            counts.push_str("the input was not read to its end; what was left of it is not counted\n");
        }
        printer.print(Stream::Err, counts.as_bytes())?;
        self.failures.drain(printer.spool(), |bytes| printer.print(Stream::Err, bytes))?;
        if self.unwritten > 0 {
            let text = format!("\n{} more failures could not be kept: the spool was full\n", self.unwritten);
            printer.print(Stream::Err, text.as_bytes())?;
        }
        Ok(())
    }
}

/// The lines of a tail that the account shows.
pub(crate) fn last_lines(tail: &crate::process::Tail) -> Vec<String> {
    tail.lines(LAST_LINES)
}
