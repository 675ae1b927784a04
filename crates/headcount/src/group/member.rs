//! Who: one member of a group.

use std::fmt;
use std::panic::Location;

use crate::Name;

/// One member of a group: its place in the order of spawning, its name if it has one, and where it was launched.
///
/// Printed, it is what roll calls and errors say of it:
///
/// ```text
/// #3 "sku 42" (src/prices.rs:31)
/// ```
///
/// People count from one, and so does its [`number`](Self::number) in texts; its [`index`](Self::index) counts from
/// zero, as vectors do.
#[derive(Clone, Debug)]
pub struct Member {
    index: usize,
    name: Option<Name>,
    place: &'static Location<'static>,
}

impl Member {
    pub(crate) fn new(index: usize, name: Option<Name>, place: &'static Location<'static>) -> Self {
        Self { index, name, place }
    }

    /// How many members its group had been given before: the first has index 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The number that texts call it by: the first is #1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.index as u64 + 1
    }

    /// Its name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// The same, to keep.
    pub(crate) fn shared_name(&self) -> Option<Name> {
        self.name.clone()
    }

    /// Where it was launched: the call in the source that spawned it.
    #[must_use]
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} ", self.number())?;
        if let Some(name) = &self.name {
            write!(f, "{name:?} ")?;
        }
        write!(f, "({}:{})", self.place.file(), self.place.line())
    }
}
