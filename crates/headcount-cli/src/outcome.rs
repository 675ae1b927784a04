//! How an attempt at a member ended, and what that means: for the ledger, the account, the record, and another attempt.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use crate::account;
use crate::ledger::{Attempt, End};
use crate::legible;
use crate::process::Ended;
use crate::record::Finish;
use crate::signal;
use crate::tries::Miss;

/// How an attempt ended, for the ledger and the account.
pub(crate) struct Outcome {
    pub(crate) end: End,
    /// Which it was; none when there was none.
    pub(crate) attempt: Option<Attempt>,
    /// How it missed, if it did.
    pub(crate) miss: Miss,
    pub(crate) how: String,
    pub(crate) words: Vec<OsString>,
    pub(crate) took: Duration,
    pub(crate) last_lines: Vec<String>,
    pub(crate) stopped: bool,
    /// A child was started for it.
    pub(crate) began: bool,
    /// For the record: it was tried, its process ended so, and wrote so much.
    pub(crate) tried: bool,
    pub(crate) finish: Finish,
    pub(crate) bytes: u64,
}

impl Outcome {
    /// It never ran.
    pub(crate) fn unstarted(end: End, how: String, words: Vec<OsString>) -> Self {
        Self {
            end,
            attempt: None,
            miss: Miss::Hopeless,
            how,
            words,
            took: Duration::ZERO,
            last_lines: Vec::new(),
            stopped: false,
            began: false,
            tried: end != End::Cancelled,
            finish: Finish::Unknown,
            bytes: 0,
        }
    }
}

/// In words.
pub(crate) fn timed_out(timeout: Option<Duration>) -> String {
    format!("timed out after {:?}", timeout.unwrap_or_default())
}

/// What a child's end means.
pub(crate) fn judge(ended: &Ended, words: Vec<OsString>, timeout: Option<Duration>) -> Outcome {
    let told = ended.sitter.as_ref().is_some_and(|sitter| sitter.told);
    let (end, how) = match &ended.status {
        Err(error) => (End::Lost, format!("how it ended is not known: {error}")),
        // Whatever it made of that: it has not ended by itself.
        Ok(_) if ended.sitter.as_ref().is_some_and(|sitter| sitter.timed_out) => {
            (End::Failed, timed_out(timeout))
        }
        Ok(status) if status.success() => (End::Done, String::new()),
        Ok(status) if told => {
            let killed = ended.sitter.as_ref().is_some_and(|sitter| sitter.killed);
            (End::Cancelled, describe_stopped(*status, killed))
        }
        Ok(status) => (End::Failed, describe(*status)),
    };
    let took = ended.sitter.as_ref().map_or(Duration::ZERO, |sitter| sitter.since.elapsed());
    let last_lines = match &ended.sitter {
        Some(sitter) if end == End::Cancelled => account::few_last_lines(&sitter.tail),
        Some(sitter) if end != End::Done => account::last_lines(&sitter.tail),
        _ => Vec::new(),
    };
    let finish = ended.status.as_ref().map_or(Finish::Unknown, |status| finish(*status));
    let timed_out = ended.sitter.as_ref().is_some_and(|sitter| sitter.timed_out);
    let miss = match finish {
        _ if timed_out => Miss::Timeout,
        Finish::Code(code) => Miss::Code(code),
        Finish::Signal(signal) => Miss::Signal(signal),
        Finish::Unknown => Miss::Hopeless,
    };
    Outcome {
        end,
        attempt: None,
        miss,
        how,
        words,
        took,
        last_lines,
        stopped: told && end == End::Cancelled,
        began: true,
        tried: true,
        finish,
        bytes: 0,
    }
}

fn finish(status: ExitStatus) -> Finish {
    match (status.code(), status.signal()) {
        (Some(code), _) => Finish::Code(code),
        (None, Some(signal)) => Finish::Signal(signal),
        (None, None) => Finish::Unknown,
    }
}

/// The end of a member that we told to end. A KILL that came from elsewhere is not claimed as ours.
fn describe_stopped(status: ExitStatus, killed: bool) -> String {
    match status.signal() {
        Some(signal_hook::consts::SIGTERM) => "terminated".into(),
        Some(signal_hook::consts::SIGKILL) if killed => "killed".into(),
        _ => format!("terminated ({})", describe(status)),
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(number)) => signal::name(number),
        (None, None) => legible::one_line(status.to_string().as_bytes()),
    }
}

/// Why a child was not started, and whether that is the member's failure or the machine's.
pub(crate) fn why_not_started(error: &std::io::Error) -> (End, String) {
    use rustix::io::Errno;
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOENT) => (End::Failed, "command not found".into()),
        Some(Errno::ACCESS) => (End::Failed, "it may not be executed".into()),
        Some(Errno::TOOBIG) => (End::Failed, "its arguments are too long for the system".into()),
        Some(Errno::NOEXEC) => {
            (End::Failed, "it is neither a program nor a script that names its interpreter (#!)".into())
        }
        Some(Errno::AGAIN | Errno::NOMEM | Errno::MFILE | Errno::NFILE) => {
            (End::Lost, format!("{error} (fewer jobs, -j, need fewer resources)"))
        }
        None if error.kind() == std::io::ErrorKind::InvalidInput => (
            End::Failed,
            "an argument holds a NUL byte, which no argument can (are the inputs NUL-ended? -0)".into(),
        ),
        _ => (End::Failed, error.to_string()),
    }
}
