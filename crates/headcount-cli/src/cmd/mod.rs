//! One file a subcommand: each takes its arguments and gives an ending, or says why it will not begin. `opening` is what
//! those have in common that run a batch.

mod across;
pub(crate) mod cancel;
pub(crate) mod fetch;
pub(crate) mod groups;
pub(crate) mod manual;
pub(crate) mod missing;
mod opening;
pub(crate) mod ps;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod tree;
pub(crate) mod wait;
pub(crate) mod why;
pub(crate) mod work;

use std::sync::Arc;
use std::time::Duration;

use headcount::inspect::AskError;

use crate::args::EngineArgs;
use crate::engine::{self, Address, Engine, Trouble};
use crate::exit::{self, Ending};
use crate::latch::Latch;
use crate::output::{PrintError, Sheet, Stream, complain};
use crate::refusal::Refusal;

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

/// Asks an engine, and ends as that says; or, when it does not, because it does not.
fn asked(
    args: &EngineArgs,
    ask: impl AsyncFnOnce(&Engine) -> Result<Ending, Trouble>,
) -> Result<Ending, Refusal> {
    let place = Address::find(args.engine.as_ref(), &args.trust)?;
    let ended = engine::runtime()?.block_on(async {
        let mut engine = Engine::connect(place, Duration::ZERO).await?;
        engine.wait_for(args.patience);
        ask(&engine).await
    });
    Ok(ended.unwrap_or_else(|trouble| trouble.end()))
}
