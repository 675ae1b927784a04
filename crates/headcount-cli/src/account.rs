//! The account: what became of everyone, said at the end.
//!
//! One line of counts, then why the batch was stopped and whom that hit, then every failure with what is needed to look into it: the input, the command as a
//! shell would read it, how it ended, how long it took, and the last lines it wrote. Failures are written
//! down as they come and kept like output that waits, so that a million of them do not sit in memory.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::time::Duration;

use crate::ledger::{Number, Over, Tally};
use crate::legible;
use crate::output::{Capture, PrintError, Printer, Stream};
use crate::signal;

/// How many of a failed member's last lines are shown.
const LAST_LINES: usize = 10;

/// And of a member that was stopped, which is rarely to blame.
const FEW_LAST_LINES: usize = 3;

/// What is known of the inputs behind the last that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// There are none, or they are counted.
    Nothing,
    /// There are some.
    Something,
    /// Finding out could mean waiting.
    Perhaps,
}

/// How the batch came to its end, besides the counts.
#[derive(Debug)]
pub(crate) struct TheEnd {
    pub(crate) unread: Unread,
    /// The signal the command is to die by.
    pub(crate) signal: Option<i32>,
    /// It came before the other causes.
    pub(crate) signal_first: bool,
    /// The deadline, if it passed.
    pub(crate) late: Option<Duration>,
    /// What there is to say to the counts.
    pub(crate) remarks: Vec<String>,
}

/// One failure.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) number: Number,
    pub(crate) label: &'a str,
    /// Empty when the command could not even be put together.
    pub(crate) words: &'a [OsString],
    /// How it ended, in words.
    pub(crate) how: &'a str,
    /// Which attempt that was, where there may be several.
    pub(crate) attempt: &'a str,
    /// Nothing where nobody has measured it.
    pub(crate) took: Option<Duration>,
    pub(crate) last_lines: Vec<String>,
}

impl Failure<'_> {
    fn text(&self) -> Vec<u8> {
        let Self { number, label, how, attempt, .. } = self;
        let mut text = format!("\nmember {number} failed: {how}{attempt}\n  input:   {label}\n");
        if !self.words.is_empty() {
            let line = legible::one_line(&legible::shell_line(self.words));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  command: {line}");
        }
        // How a member ended may have a time in it already.
        let after = if self.how.contains(" after ") { ", gone after" } else { " after" };
        let took = after_time(after, self.took);
        let _ = writeln!(text, "  ended:   {}{took}", self.how);
        if !self.last_lines.is_empty() {
            text.push_str("  last lines:\n");
            for line in &self.last_lines {
                let _ = writeln!(text, "    {line}");
            }
        }
        text.into_bytes()
    }
}

/// A member that was running when the batch was stopped, and did not get to its end.
#[derive(Debug)]
pub(crate) struct Stopped<'a> {
    pub(crate) number: Number,
    pub(crate) label: &'a str,
    /// How it ended, in words.
    pub(crate) how: &'a str,
    /// Which attempt that was, where there may be several.
    pub(crate) attempt: &'a str,
    /// Nothing where nobody has measured it.
    pub(crate) took: Option<Duration>,
    pub(crate) last_lines: &'a [String],
}

impl Stopped<'_> {
    fn text(&self) -> Vec<u8> {
        let Self { number, label, how, attempt, took, last_lines } = self;
        let took = after_time(" after", *took);
        let mut text = format!("  member {number}: {how}{attempt}{took}: {label}\n");
        for line in *last_lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "    {line}");
        }
        text.into_bytes()
    }
}

fn after_time(after: &str, took: Option<Duration>) -> String {
    took.map_or_else(String::new, |took| format!("{after} {:.3} s", took.as_secs_f64()))
}

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Account {
    failures: Capture,
    stopped: Capture,
    /// How many members were stopped while they ran.
    stopped_count: u64,
    /// What the policy stopped the rest for, when it was the policy that did.
    over: Option<Over>,
    /// Or something that is nobody's fault.
    trouble: Option<Cow<'static, str>>,
    /// Members that could not be written down (the spool was full).
    unwritten: u64,
    /// What of the counts is not of this run.
    before: Option<String>,
}

impl Account {
    /// Writes a failure down: its last lines are those of `last`.
    pub(crate) fn add(&mut self, failure: &Failure<'_>, printer: &Printer) {
        if self.failures.push(&failure.text(), printer.spool()).is_err() {
            self.unwritten += 1;
        }
    }

    /// Writes down a member that had failed before this run, and is not tried again.
    pub(crate) fn add_before(&mut self, number: Number, label: &str, printer: &Printer) {
        let text = format!("\nmember {number} failed before this run\n  input:   {label}\n");
        if self.failures.push(text.as_bytes(), printer.spool()).is_err() {
            self.unwritten += 1;
        }
    }

    /// Says what of the counts is not of this run.
    pub(crate) fn counts_before(&mut self, text: String) {
        self.before = Some(text);
    }

    /// Writes down a member that was stopped while it ran.
    pub(crate) fn add_stopped(&mut self, stopped: &Stopped<'_>, printer: &Printer) {
        self.stopped_count += 1;
        if self.stopped.push(&stopped.text(), printer.spool()).is_err() {
            self.unwritten += 1;
        }
    }

    /// Writes down a failure that was put into words before.
    pub(crate) fn add_told(&mut self, text: &str, printer: &Printer) {
        if self.failures.push(text.as_bytes(), printer.spool()).is_err() {
            self.unwritten += 1;
        }
    }

    /// The policy stops the rest. The first reason counts.
    pub(crate) fn stopped_by(&mut self, over: Over) {
        self.over.get_or_insert(over);
    }

    /// Something that is no member's fault stops the rest.
    pub(crate) fn stopped_for(&mut self, what: impl Into<Cow<'static, str>>) {
        self.trouble.get_or_insert(what.into());
    }

    /// Why the batch was stopped and how many that hit, if it was.
    fn stop_line(&self, tally: &Tally, end: &TheEnd) -> Option<String> {
        let hit = tally.cancelled > 0 || end.unread != Unread::Nothing;
        let policy = self.over.filter(|_| hit).map(|over| over.to_string());
        let deadline = end.late.map(|deadline| format!("the deadline of {deadline:?}"));
        let signal = end.signal.map(signal::name);
        let trouble = self.trouble.as_deref().filter(|_| hit).map(str::to_owned);
        let mut causes: Vec<String> = [policy, trouble, deadline, signal].into_iter().flatten().collect();
        if end.signal_first {
            causes.rotate_right(1);
        }
        if causes.is_empty() && tally.cancelled == 0 {
            return None;
        }
        let by = if causes.is_empty() { String::new() } else { format!(" by {}", causes.join(", then ")) };
        let running = self.stopped_count;
        let unbegun = tally.cancelled.saturating_sub(running);
        Some(format!("stopped{by}: {running} cut short, {unbegun} never began\n"))
    }

    /// Prints it all.
    pub(crate) fn print(&mut self, tally: &Tally, end: &TheEnd, printer: &Printer) -> Result<(), PrintError> {
        let mut counts = format!("{tally}\n");
        for remark in &end.remarks {
            let _ = writeln!(counts, "{remark}");
        }
        if let Some(before) = &self.before {
            let _ = writeln!(counts, "{before}");
        }
        counts.push_str(match end.unread {
            Unread::Nothing => "",
            Unread::Something => "the input was not read to its end; what was left of it is not counted\n",
            Unread::Perhaps => {
                "the input may not have been read to its end; what may be left is not counted\n"
            }
        });
        if let Some(line) = self.stop_line(tally, end) {
            counts.push('\n');
            counts.push_str(&line);
        }
        printer.print(Stream::Err, counts.as_bytes())?;
        self.stopped.drain(printer.spool(), |bytes| printer.print(Stream::Err, bytes))?;
        self.failures.drain(printer.spool(), |bytes| printer.print(Stream::Err, bytes))?;
        if self.unwritten > 0 {
            let text =
                format!("\n{} more members could not be kept here: the spool was full\n", self.unwritten);
            printer.print(Stream::Err, text.as_bytes())?;
        }
        Ok(())
    }
}

/// The lines of a tail that the account shows.
pub(crate) fn last_lines(tail: &crate::process::Tail) -> Vec<String> {
    tail.lines(LAST_LINES)
}

/// The lines of a tail that the account shows of a member that was stopped.
pub(crate) fn few_last_lines(tail: &crate::process::Tail) -> Vec<String> {
    tail.lines(FEW_LAST_LINES)
}
