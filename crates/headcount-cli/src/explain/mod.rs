//! `--explain`: what would happen with the flags that were given, in words.
//!
//! Nothing is read and nothing is run. Every flag that was given is told: those that belong together in a sentence of their
//! own, any other in the words of its help, so that none is passed over because nobody thought of it here. What is said of
//! `headcount run` stands here, with what is said of both; `fetch` has what is said of downloads, and `across` of
//! other machines.

mod across;
mod fetch;

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use crate::args::{AttemptArgs, Given, JournalArgs, Order, RecordArgs, RunArgs, WaitArgs};
use crate::ledger::{Budget, Policy};
use crate::legible;
use crate::template::Template;
use crate::tries::Backoff;

pub(crate) use fetch::{Fetched, explain_fetch};

/// Where the text is broken.
const WIDTH: usize = 96;
/// Where it begins, after its heading.
const INDENT: usize = 12;

/// The flags that have a sentence below.
const TOLD: &[&str] = &[
    "jobs",
    "arg_file",
    "null",
    "csv",
    "header",
    "shell",
    "order",
    "tag",
    "fail_fast",
    "keep_going",
    "first_success",
    "quorum",
    "max_failures",
    "timeout",
    "deadline",
    "grace",
    "quiet",
    "explain",
    "events",
    "joblog",
    "report",
    "journal",
    "resume",
    "resume_failed",
];

/// What is known besides the flags.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) template: &'a Template,
    pub(crate) words: &'a [std::ffi::OsString],
    pub(crate) policy: Policy,
    /// How many inputs there are, and in how many lists, if they stand on the command line.
    pub(crate) listed: Option<(u64, usize)>,
}

/// The whole text.
pub(crate) fn explain(args: &RunArgs, known: &Known<'_>) -> String {
    let mut text = told(
        "Nothing is run. This is what would happen:",
        [
            ("Command", command(args, known)),
            ("Inputs", inputs(args, known)),
            ("Machines", across::machines(&args.across)),
            ("At once", at_once(args)),
            ("Output", output(args)),
            ("Failures", failures(known.policy)),
            ("Time", time(args)),
            ("Attempts", attempts(args)),
            ("Stopping", stopping(args)),
            ("Account", account(args)),
            ("Journal", journal(&args.journal)),
            ("Exit code", exit_code(args.deadline.is_some(), known.policy)),
            ("Besides", besides(args)),
        ],
    );
    text.push_str("\nheadcount run --dry-run ... prints the commands themselves.\n");
    text
}

/// A first line, and below it the sections in which something is said.
fn told<const N: usize>(first: &str, sections: [(&str, String); N]) -> String {
    let mut text = format!("{first}\n\n");
    for (heading, said) in sections {
        section(&mut text, heading, &said);
    }
    text
}

fn command(args: &RunArgs, known: &Known<'_>) -> String {
    let line = legible::one_line(&legible::shell_line(known.words));
    let mut said = format!("{line} is run once for each input. ");
    // What a header would name cannot be known before it is read.
    let named = args.header && known.template.stranger().is_some();
    said.push_str(if named || known.template.has_holes() {
        "Its placeholders are replaced by the input, byte for byte. "
    } else {
        "It has no placeholder, so the input is appended, byte for byte. "
    });
    said.push_str(if args.shell {
        "It is handed to /bin/sh as one line, with the inputs quoted for it (--shell)."
    } else {
        "No shell is involved: an input is one argument, whatever is in it."
    });
    said
}

fn inputs(args: &RunArgs, known: &Known<'_>) -> String {
    if let Some((inputs, lists)) = known.listed {
        return match (inputs, lists) {
            (0, _) => "None: there is nothing to do, which is a success.".into(),
            (1, 1) => "The one after :::.".into(),
            (_, 1) => format!("The {inputs} after :::."),
            _ => format!(
                "The {inputs} combinations of the {lists} lists after :::, the last list changing fastest."
            ),
        };
    }
    let from = match args.list.arg_file.as_deref() {
        Some(path) if path != Path::new("-") => {
            format!("the file {}", legible::one_line(path.as_os_str().as_bytes()))
        }
        _ => "standard input".into(),
    };
    let what = match (args.csv, args.header, args.list.null) {
        (true, true, _) => "Every row of comma-separated values but the first, which names the columns, of",
        (true, false, _) => "Every row of comma-separated values of",
        (_, _, true) => "Everything that ends with a NUL byte in",
        _ => "Every line of",
    };
    format!(
        "{what} {from}. They are read as they are needed, one ahead of what runs, so there may be millions."
    )
}

fn at_once(args: &RunArgs) -> String {
    if args.across.engine.is_some() {
        return across::at_once(args);
    }
    let jobs = args.jobs.here();
    match jobs {
        1 => format!("One member after the other (--jobs {}, on this machine).", args.jobs),
        jobs => {
            format!("At most {jobs} members run at the same time (--jobs {}, on this machine).", args.jobs)
        }
    }
}

fn output(args: &RunArgs) -> String {
    let mut said = String::from(match args.order {
        Order::Done => {
            "What a member prints is printed as a whole when it ends, in the order in which they end (--order done)."
        }
        Order::Input => {
            "What a member prints is printed as a whole, in the order of the inputs; what comes early waits in a file that has no name (--order input)."
        }
        Order::Live => {
            "What members print is printed line by line as it comes, and no line is torn (--order live)."
        }
    });
    if args.tag {
        said.push_str(" Every line begins with the input and a tab (--tag).");
    }
    if args.across.engine.is_some() {
        said.push_str(&across::output(&args.across));
    }
    said
}

fn failures(policy: Policy) -> String {
    let rest = "those that still run are terminated, and no more are started";
    match policy {
        Policy::FailFast => format!("When a member fails, {rest} (--fail-fast, which is the default)."),
        Policy::KeepGoing => "Every input has its turn, whatever fails (--keep-going).".into(),
        Policy::FirstSuccess => {
            format!("When a member succeeds, {rest}; failures stop nothing (--first-success).")
        }
        Policy::Quorum(needed) => {
            format!(
                "When {needed} have succeeded, or so many have failed that {needed} cannot, {rest} (--quorum)."
            )
        }
        Policy::MaxFailures(Budget::Count(count)) => {
            format!("Up to {count} may fail; with one more {rest} (--max-failures).")
        }
        Policy::MaxFailures(Budget::Percent(share)) => {
            format!("Up to {share}% of all inputs may fail; with one more {rest} (--max-failures).")
        }
    }
}

fn time(args: &RunArgs) -> String {
    let mut said = match args.timeout {
        None => "A member may take as long as it likes.".to_owned(),
        Some(limit) => format!(
            "A member that takes longer than {} is terminated and has failed (--timeout).",
            span(limit)
        ),
    };
    match args.deadline {
        None if args.timeout.is_none() => said.push_str(" So may the batch."),
        None => {}
        Some(limit) => {
            let _ =
                write!(said, " What is left {} after the beginning is terminated (--deadline).", span(limit));
        }
    }
    if args.timeout.or(args.deadline).is_some() {
        said.push_str(" Members find the seconds that are left to them in HEADCOUNT_DEADLINE.");
    }
    said
}

/// The flags of attempts have their sentence only when there are any.
const ATTEMPTS: &[&str] = &["retries", "backoff", "jitter", "retry_on"];

fn attempts(args: &RunArgs) -> String {
    let AttemptArgs { retries, wait: WaitArgs { backoff, jitter }, .. } = &args.attempts;
    if *retries == 0 {
        return "Each member is tried once.".into();
    }
    let wait = match backoff {
        Backoff::Exponential => "100ms, and twice as long each time up to 30s (--backoff exp)".to_owned(),
        Backoff::Fixed(_) => format!("the same time always (--backoff {backoff})"),
    };
    let mut said =
        format!("A member that fails is tried up to {retries} times more (--retries), after {wait}");
    if *jitter {
        said.push_str(", by chance up to twice that (--jitter)");
    }
    match args.given.iter().find(|given| given.id == "retry_on") {
        Some(given) => {
            let _ = write!(said, "; only after the ends that are named ({}).", given.flag);
        }
        None => said.push_str("; after any end that a repetition could change."),
    }
    said
}

fn journal(args: &JournalArgs) -> String {
    let JournalArgs { journal, resume, resume_failed } = args;
    let Some(path) = journal else { return String::new() };
    let path = legible::one_line(path.as_os_str().as_bytes());
    let failed = "and what failed is tried again (--resume-failed)";
    match (resume, resume_failed) {
        (false, false) => format!(
            "What happens is written to {path} before it happens, and that file must not be there yet (--journal). A run that was killed is gone on with by --resume."
        ),
        (_, true) => {
            format!("What {path} says has succeeded is counted and not run again, {failed}; the rest is run.")
        }
        (true, false) => {
            format!(
                "What {path} says has ended is counted as it ended and not run again; the rest is run (--resume)."
            )
        }
    }
}

fn stopping(args: &RunArgs) -> String {
    if args.across.engine.is_some() {
        return across::stopping(args);
    }
    format!(
        "Who is terminated gets TERM, and KILL after {} (--grace), and so does all it has started. The first Ctrl-C starts no more members and waits for those that run, the second terminates them, the third kills them. TERM and HUP terminate at once. SIGUSR1 prints who is running.",
        span(args.grace)
    )
}

fn account(args: &RunArgs) -> String {
    let mut said = String::from(if args.quiet {
        "Nothing is said but what members print, and errors (--quiet)."
    } else {
        "At the end standard error gets the counts, and of each failure its input, command, code or signal, time, and last ten lines; meanwhile how far it is."
    });
    said.push_str(&recorded(&args.record));
    said
}

/// The files it is recorded in.
fn recorded(args: &RecordArgs) -> String {
    let mut said = String::new();
    let files = [
        ("Every change of state goes to", args.events.as_deref(), "--events"),
        ("A line for each member that ran goes to", args.joblog.as_deref(), "--joblog"),
        ("A page with everyone's time goes to", args.report.as_deref(), "--report"),
    ];
    for (what, path, flag) in files {
        if let Some(path) = path {
            let _ = write!(
                said,
                " {what} {} ({flag}), and what is there already is lost.",
                legible::one_line(path.as_os_str().as_bytes())
            );
        }
    }
    said
}

fn exit_code(deadline: bool, policy: Policy) -> String {
    let mut said = String::from(match policy {
        Policy::FailFast | Policy::KeepGoing => "0 if all succeed, 1 if one fails",
        Policy::FirstSuccess => "0 if one succeeds, 1 if none does",
        Policy::Quorum(_) => "0 if the quorum is reached, 4 if it is missed",
        Policy::MaxFailures(_) => "0 if all succeed, 1 if one fails, also within what may fail",
    });
    said.push_str("; 2 if nothing could be started at all");
    if deadline {
        said.push_str("; 3 if the deadline passes");
    }
    said.push_str("; 5 if it is not known what became of a member, or the input cannot be read to its end; after a signal it dies by that signal, which shells show as 128 and its number.");
    said
}

/// The flags nobody has told above.
fn besides(args: &RunArgs) -> String {
    let tried = args.attempts.retries > 0;
    others(&args.given, |id| {
        TOLD.contains(&id) || across::TOLD.contains(&id) || (tried && ATTEMPTS.contains(&id))
    })
}

/// The flags that are not told, in the words of their help.
fn others(given: &[Given], told: impl Fn(&str) -> bool) -> String {
    let others = given.iter().filter(|given| !told(&given.id));
    let said: Vec<_> =
        others.map(|Given { flag, help, .. }| format!("{flag}: {}.", help.trim_end_matches('.'))).collect();
    said.join(" ")
}

/// A time as people say it.
fn span(time: Duration) -> String {
    format!("{time:?}")
}

/// A heading, and beside it the text, broken between words.
fn section(text: &mut String, heading: &str, said: &str) {
    let mut line = format!("{heading:<INDENT$}");
    let mut bare = true;
    for word in said.split_whitespace() {
        if !bare && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(INDENT);
            bare = true;
        }
        if !std::mem::take(&mut bare) {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !said.is_empty() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
}
