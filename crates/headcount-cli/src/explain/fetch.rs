//! `headcount fetch --explain`.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{exit_code, failures, journal, others, recorded, span, told};
use crate::args::{Exists, FetchArgs};
use crate::ledger::Policy;
use crate::legible;
use crate::tries::Backoff;

/// The flags that have a sentence below.
const TOLD: &[&str] = &[
    "jobs",
    "per_host",
    "arg_file",
    "null",
    "output",
    "exists",
    "sha256",
    "max_body",
    "retries",
    "backoff",
    "jitter",
    "stall_timeout",
    "connect_timeout",
    "fail_fast",
    "keep_going",
    "first_success",
    "quorum",
    "max_failures",
    "timeout",
    "deadline",
    "grace",
    "tag",
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
pub(crate) struct Fetched {
    pub(crate) policy: Policy,
    /// How many addresses there are, if they stand on the command line.
    pub(crate) listed: Option<u64>,
}

/// The whole text.
pub(crate) fn explain_fetch(args: &FetchArgs, known: &Fetched) -> String {
    let mut text = told(
        "Nothing is fetched. This is what would happen:",
        [
            ("Addresses", addresses(args, known)),
            ("At once", at_once(args)),
            ("Files", files(args)),
            ("Output", output(args)),
            ("Failures", failures(known.policy)),
            ("Time", time(args)),
            ("Attempts", attempts(args)),
            ("Stopping", stopping(args)),
            ("Account", account(args)),
            ("Journal", journal(&args.journal)),
            ("Exit code", exit_code(args.deadline.is_some(), known.policy)),
            ("Besides", others(&args.given, |id| TOLD.contains(&id))),
        ],
    );
    text.push_str("\nheadcount fetch --dry-run ... prints each address and the name of its file.\n");
    text
}

fn shown(path: &Path) -> String {
    legible::one_line(path.as_os_str().as_bytes())
}

fn addresses(args: &FetchArgs, known: &Fetched) -> String {
    match known.listed {
        Some(0) => return "None: there is nothing to do, which is a success.".into(),
        Some(1) => return "The one that is given here.".into(),
        Some(many) => return format!("The {many} that are given here."),
        None => {}
    }
    let what = if args.list.null { "Everything that ends with a NUL byte in" } else { "Every line of" };
    let from = match args.list.arg_file.as_deref() {
        Some(path) if path != Path::new("-") => format!("the file {}", shown(path)),
        _ => "standard input".into(),
    };
    format!("{what} {from}. They are read some way ahead of what runs, so there may be millions.")
}

fn at_once(args: &FetchArgs) -> String {
    let jobs = args.jobs.here();
    let mut said = match jobs {
        1 => format!("One transfer after the other (--jobs {}, on this machine).", args.jobs),
        _ => {
            format!("At most {jobs} transfers run at the same time (--jobs {}, on this machine).", args.jobs)
        }
    };
    match args.per_host {
        None => said.push_str(" All of them may be from one host."),
        Some(places) => {
            let _ = write!(
                said,
                " Of these at most {places} are from one host (--per-host); others go on meanwhile."
            );
        }
    }
    said
}

fn files(args: &FetchArgs) -> String {
    let folder = match args.output.as_deref() {
        Some(folder) => format!("the folder {} (--output), which is made if it is not there", shown(folder)),
        None => "the current folder".into(),
    };
    let mut said = format!(
        "Each is stored in {folder}, under the last part of its address's path, made safe; a clash gets -2. It has that name only when it is complete, and is called NAME.part until then."
    );
    said.push_str(match args.exists {
        Exists::Keep => {
            " A file of that name that is there already is kept, and nothing is fetched (--exists keep)."
        }
        Exists::Replace => " A file of that name that is there already is replaced (--exists replace).",
        Exists::Fail => " If a file of that name is there already, the member fails (--exists fail).",
    });
    if let Some(sums) = &args.sha256 {
        let _ = write!(
            said,
            " Taken is only what has the checksum that {} lists for it (--sha256).",
            shown(sums)
        );
    }
    if let Some(most) = args.max_body {
        let _ = write!(said, " What has more than {most} bytes is not taken (--max-body).");
    }
    said
}

fn output(args: &FetchArgs) -> String {
    let mut said = String::from(
        "The name of each complete file is printed, a line each, in the order in which they end.",
    );
    if args.tag {
        said.push_str(" Every line begins with the address and a tab (--tag).");
    }
    said
}

fn time(args: &FetchArgs) -> String {
    let mut said = format!(
        "Connecting may take {} (--connect-timeout), and a server may be silent for {} (--stall-timeout).",
        span(args.connect_timeout),
        span(args.stall_timeout)
    );
    match args.timeout {
        None => said.push_str(" As long as something comes, an attempt may take as long as it likes."),
        Some(limit) => {
            let _ =
                write!(said, " An attempt that takes longer than {} has failed (--timeout).", span(limit));
        }
    }
    if let Some(limit) = args.deadline {
        let _ = write!(said, " What is left {} after the beginning is ended (--deadline).", span(limit));
    }
    said
}

fn attempts(args: &FetchArgs) -> String {
    if args.retries == 0 {
        return "Each transfer is tried once (--retries 0).".into();
    }
    let wait = match args.wait.backoff {
        Backoff::Exponential => "100ms, and twice as long each time up to 30s (--backoff exp)".to_owned(),
        Backoff::Fixed(_) => format!("the same time always (--backoff {})", args.wait.backoff),
    };
    let jitter = if args.wait.jitter { ", by chance up to twice that (--jitter)" } else { "" };
    format!(
        "What may pass by itself (no connection, one that breaks, silence, the answers 408, 425, 429 and 5xx) is tried up to {} times more (--retries), after {wait}{jitter}; or as long as the server asks for with Retry-After, up to 2 minutes, for all from its host. What is there of a file is gone on with if the server says that it is the same still.",
        args.retries
    )
}

fn stopping(args: &FetchArgs) -> String {
    format!(
        "Who is ended has {} (--grace) to put away what is there of its file. The first Ctrl-C starts no more transfers and waits for those that run, the second ends them, the third drops them. TERM and HUP end at once. SIGUSR1 prints who is out. Ctrl-Z stops everything, and fg goes on with it.",
        span(args.grace)
    )
}

fn account(args: &FetchArgs) -> String {
    let mut said = String::from(if args.quiet {
        "Nothing is said but names of files, and errors (--quiet)."
    } else {
        "At the end standard error gets the counts, and of each failure its address, attempt, why, and time; meanwhile how far each is."
    });
    said.push_str(&recorded(&args.record));
    said
}
