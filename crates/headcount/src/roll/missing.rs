//! One line of a roll call.

use alloc::string::{String, ToString};
use core::fmt;
use core::panic::Location;
use core::time::Duration;

#[cfg(feature = "std")]
use super::doing::Doing;
use super::{Name, brief};

/// One line of a roll call: a member that is still out, or a block of members counted out together.
#[derive(Clone, Debug)]
pub struct Missing {
    pub(super) number: u64,
    pub(super) name: Option<Name>,
    pub(super) place: &'static Location<'static>,
    pub(super) age: Option<Duration>,
    pub(super) count: usize,
    pub(super) state: State,
    pub(super) blocks: bool,
    #[cfg(feature = "std")]
    pub(super) doing: Doing,
}

/// How a member that is out stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum State {
    /// Counted out; a wait group knows no more.
    Out,
    /// Registered, and waiting for its turn.
    Queued,
    /// At work.
    Running,
    /// Told to end, and not gone yet.
    Cancelled,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Missing {
    /// A member of a group.
    #[cfg(feature = "std")]
    pub(crate) fn member(
        number: u64,
        name: Option<Name>,
        place: &'static Location<'static>,
        age: Option<Duration>,
        state: State,
    ) -> Self {
        Self { number, name, place, age, count: 1, state, blocks: false, doing: Doing::default() }
    }

    /// The same member, which cannot be stopped if `blocks`.
    #[cfg(feature = "std")]
    pub(crate) fn blocking(self, blocks: bool) -> Self {
        Self { blocks, ..self }
    }

    /// A line for so many members, one after the other.
    #[cfg(feature = "std")]
    pub(crate) fn counting(self, count: usize) -> Self {
        Self { count, ..self }
    }

    /// Whether it is a closure that blocks, among tasks: it cannot be called off, only waited for.
    #[must_use]
    pub fn is_blocking(&self) -> bool {
        self.blocks
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Its number: the how-manieth listed member of its group it was, from 1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// Where it was launched: the place in the source that counted it out.
    #[must_use]
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// How long it had been out when the roll was called; unknown without the feature `std`.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// How many members this line stands for: one, or the tokens left in a [`Tokens`](crate::Tokens).
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Number, name and age as they are printed.
    pub(super) fn columns(&self) -> [String; 3] {
        let number = match self.count {
            1 => alloc::format!("#{}", self.number),
            n => alloc::format!("#{}-{}", self.number, self.number + n as u64 - 1),
        };
        let name = self.name.as_ref().map_or_else(String::new, Name::told);
        let age = self.age.map_or_else(|| "-".to_string(), |age| brief(age).to_string());
        [number, name, age]
    }
}
