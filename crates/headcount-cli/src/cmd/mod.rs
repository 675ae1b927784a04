//! One file a subcommand: each takes its arguments and gives an ending, or says why it will not begin.

pub(crate) mod run;

use std::sync::Arc;

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
