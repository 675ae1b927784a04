//! The events: a JSON object a line, each a change of state. What every line has, and what each event adds, is written for
//! users in `docs/events.md` and for programs in `docs/events.schema.json`; a test holds the three together.
//!
//! The number of the schema changes when a reader that knows the old one could be misled. That a field or an event is added
//! is no such change: readers pass over what they do not know.

use super::line::Line;
use super::stamp::stamp;
use super::{Close, Finish, Happening, Plan, When, Whose};
use crate::exit::{Ending, SIGNAL_BASE};
use crate::ledger::{Budget, End, Policy, Tally};
use crate::stop::Strength;

/// The schema that is written, and the only one that is read.
pub(super) const SCHEMA: u64 = 1;

/// Appends the line of what happened.
pub(super) fn line(text: &mut Vec<u8>, when: When, what: &Happening<'_>) {
    let mut line = Line::begin(text);
    line.number("schema", Some(SCHEMA));
    line.text("time", &stamp(when.clock));
    line.seconds("elapsed", when.since);
    line.text("event", name(what));
    let (whose, attempt) = of(what);
    line.number("id", whose.map(|whose| whose.number));
    match whose {
        Some(whose) => input(&mut line, whose),
        None => line.null("input"),
    }
    line.number("attempt", attempt);
    match what {
        Happening::Begun(plan) => begun(&mut line, plan),
        Happening::Registered(_) => {}
        Happening::Started { slot, pid, words, .. } => {
            line.number("slot", Some(slot));
            line.number("pid", *pid);
            line.words("command", words);
        }
        Happening::AttemptEnded { close, .. } => attempt_ended(&mut line, close),
        Happening::Ended { end, .. } => line.text("end", end_word(*end)),
        Happening::Stopping { strength, why } => {
            line.text("strength", strength_word(*strength));
            line.text("why", why);
        }
        Happening::Closed { tally, ending } => closed(&mut line, tally, *ending),
    }
    line.end();
}

fn name(what: &Happening<'_>) -> &'static str {
    match what {
        Happening::Begun(_) => "batch_begun",
        Happening::Registered(_) => "registered",
        Happening::Started { .. } => "attempt_started",
        Happening::AttemptEnded { .. } => "attempt_ended",
        Happening::Ended { .. } => "ended",
        Happening::Stopping { .. } => "stopping",
        Happening::Closed { .. } => "batch_ended",
    }
}

fn of<'a>(what: &Happening<'a>) -> (Option<Whose<'a>>, Option<u32>) {
    match *what {
        Happening::Registered(whose) | Happening::Ended { whose, .. } => (Some(whose), None),
        Happening::Started { whose, attempt, .. } | Happening::AttemptEnded { whose, attempt, .. } => {
            (Some(whose), Some(attempt))
        }
        Happening::Begun(_) | Happening::Stopping { .. } | Happening::Closed { .. } => (None, None),
    }
}

fn input(line: &mut Line<'_>, whose: Whose<'_>) {
    match &whose.columns[..] {
        [one] => line.bytes("input", one),
        columns => {
            line.bytes("input", &columns.join(&b' '));
            line.list("columns", columns.iter().map(Vec::as_slice));
        }
    }
}

fn begun(line: &mut Line<'_>, plan: &Plan<'_>) {
    line.text("subcommand", plan.what);
    line.words("command", plan.words);
    line.number("jobs", plan.jobs);
    line.text("policy", &policy_words(plan.policy));
    line.number("inputs", plan.total);
    line.text("version", env!("CARGO_PKG_VERSION"));
    line.number("pid", Some(std::process::id()));
    if let Some(group) = plan.group {
        line.text("group", group);
    }
}

fn attempt_ended(line: &mut Line<'_>, close: &Close<'_>) {
    line.text("end", end_word(close.end));
    let (code, signal) = match close.finish {
        Finish::Unknown => (None, None),
        Finish::Code(code) => (Some(code), None),
        Finish::Signal(signal) => (None, Some(signal)),
    };
    line.number("code", code);
    line.number("signal", signal);
    line.text("how", close.how);
    line.seconds("seconds", close.took);
    line.number("bytes", Some(close.bytes));
    line.flag("again", close.again);
    if let Some(there) = close.there {
        line.text("worker", there.worker);
        line.seconds("worker_elapsed", there.at);
    }
}

fn closed(line: &mut Line<'_>, tally: &Tally, ending: Ending) {
    line.number("members", Some(tally.registered));
    line.number("ok", Some(tally.done));
    line.number("failed", Some(tally.failed));
    line.number("lost", Some(tally.lost));
    line.number("cancelled", Some(tally.cancelled));
    let (code, signal) = match ending {
        Ending::Code(code) => (i32::from(code), None),
        Ending::Signal(signal) => (i32::from(SIGNAL_BASE) + signal, Some(signal)),
    };
    line.number("code", Some(code));
    line.number("signal", signal);
}

/// How the end of a member or an attempt is called in a record.
pub(super) fn end_word(end: End) -> &'static str {
    match end {
        End::Done => "ok",
        End::Failed => "failed",
        End::Lost => "lost",
        End::Cancelled => "cancelled",
    }
}

fn strength_word(strength: Strength) -> &'static str {
    match strength {
        Strength::None => "none",
        Strength::Drain => "drain",
        Strength::Terminate => "terminate",
        Strength::Kill => "kill",
    }
}

/// A policy as it is asked for.
pub(crate) fn policy_words(policy: Policy) -> String {
    match policy {
        Policy::FailFast => "fail-fast".into(),
        Policy::KeepGoing => "keep-going".into(),
        Policy::FirstSuccess => "first-success".into(),
        Policy::Quorum(needed) => format!("quorum {needed}"),
        Policy::MaxFailures(Budget::Count(count)) => format!("max-failures {count}"),
        Policy::MaxFailures(Budget::Percent(share)) => format!("max-failures {share}%"),
    }
}
