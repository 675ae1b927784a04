//! How the command ends: its exit codes, which are a public promise, and the one door it leaves by.
//!
//! A script may rely on these numbers. When more than one would fit, the first of this list wins:
//! a signal, then [`DEADLINE`], then [`LOST`], then [`QUORUM`], then [`FAILED`].

use std::process::ExitCode;

/// Every member ended well, or there was nothing to do; or as many did as were asked for.
pub const OK: u8 = 0;

/// At least one member failed: it ended with another code than 0, by a signal, not in its time, or could not be
/// started. Or one success was asked for, and there was none.
pub const FAILED: u8 = 1;

/// The command line or its input cannot be used; nothing was started. A command that does not exist or
/// may not be executed belongs here too, because it is found out before the first member starts.
pub const USAGE: u8 = 2;

/// The time given for the whole batch ran out.
pub const DEADLINE: u8 = 3;

/// Fewer members succeeded than were asked for.
pub const QUORUM: u8 = 4;

/// What became of a member is not known, or the rest of the input could not be read; or the engine that knows does not answer.
pub const LOST: u8 = 5;

/// What a shell adds to the number of the signal that ended a command.
pub const SIGNAL_BASE: u8 = 128;

/// How the command is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an exit code of this room.
    Code(u8),
    /// By this signal, so that whoever started the command sees what really happened.
    Signal(i32),
}

impl Ending {
    /// Ends the process by its signal, or gives the exit code to end with.
    #[must_use]
    pub fn leave(self) -> ExitCode {
        match self {
            Self::Code(code) => ExitCode::from(code),
            // The first process of a container is ended by no signal of its own, and would be made to crash.
            Self::Signal(signal) if std::process::id() == 1 => code_of(signal),
            Self::Signal(signal) => {
                // Only comes back for a signal that does not end a process by default; then the number
                // a shell would have shown is the closest truth.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
                code_of(signal)
            }
        }
    }
}

/// What a shell shows for who was ended by a signal.
fn code_of(signal: i32) -> ExitCode {
    ExitCode::from(SIGNAL_BASE.saturating_add(u8::try_from(signal).unwrap_or(0)))
}
