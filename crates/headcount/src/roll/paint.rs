//! Colours of a roll's text, by the escape codes that terminals know.

use core::fmt;

use super::State;

#[derive(Clone, Copy, Debug)]
pub(super) enum Paint {
    Heading,
    Queued,
    Running,
    Cancelled,
    /// What is said besides.
    #[cfg(feature = "std")]
    Faint,
}

impl Paint {
    pub(super) fn of(state: State) -> Self {
        match state {
            State::Queued => Self::Queued,
            State::Cancelled => Self::Cancelled,
            State::Out | State::Running => Self::Running,
        }
    }

    /// Writes `what`; so painted, if it is to be `coloured`.
    pub(super) fn write(
        self,
        coloured: bool,
        what: impl fmt::Display,
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        if !coloured {
            return write!(f, "{what}");
        }
        let code = match self {
            Self::Heading => 1,
            #[cfg(feature = "std")]
            Self::Faint => 2,
            Self::Cancelled => 31,
            Self::Running => 32,
            Self::Queued => 33,
        };
        write!(f, "\x1b[{code}m{what}\x1b[0m")
    }
}
