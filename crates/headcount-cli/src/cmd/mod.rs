//! One file a subcommand: each takes its arguments and gives an ending, or says why it will not begin. `opening` is what
//! those have in common that run a batch.

pub(crate) mod fetch;
pub(crate) mod manual;
mod opening;
pub(crate) mod ps;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod tree;
pub(crate) mod why;

use std::sync::Arc;
use std::time::Duration;

use headcount::inspect::AskError;

use crate::exit::{self, Ending};
use crate::latch::Latch;
use crate::output::{PrintError, Sheet, Stream, complain};

/// Prints a text of the command itself, such as its help.
pub(crate) fn show(text: &str) -> Ending {
    let Ok(latch) = Latch::new() else { return Ending::Code(exit::FAILED) };
    match Sheet::new(Arc::new(latch)).write(Stream::Out, text.as_bytes()) {
        Ok(()) => Ending::Code(exit::OK),
        Err(error) => unprinted(&error),
    }
}

/// The ending when a text of the command itself could not be printed.
fn unprinted(error: &PrintError) -> Ending {
    if matches!(error, PrintError::Closed | PrintError::Abandoned) {
        return Ending::Signal(signal_hook::consts::SIGPIPE);
    }
    complain(error, "is the disk full, or the output closed?");
    Ending::Code(exit::FAILED)
}

/// How long another process may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Prints JSON, on lines of its own.
fn print(json: &serde_json::Value) -> Ending {
    show(&format!("{json:#}\n"))
}

/// The ending when a process did not say who is out.
fn no_answer(error: &AskError) -> Ending {
    complain(error, error.hint());
    Ending::Code(exit::FAILED)
}
