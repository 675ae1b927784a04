//! What a group is called.

use std::fmt;
use std::panic::Location;

use super::Name;

/// What a group is called in the texts of its errors: `group "prices" (src/main.rs:9)`.
#[derive(Clone, Debug)]
pub(crate) struct Title {
    what: &'static str,
    name: Option<Name>,
    place: &'static Location<'static>,
}

impl Title {
    pub(crate) fn new(name: Option<Name>, place: &'static Location<'static>) -> Self {
        Self { what: "group", name, place }
    }

    pub(crate) fn of_map(place: &'static Location<'static>) -> Self {
        Self { what: "map", name: None, place }
    }

    pub(crate) fn of_wait_group(place: &'static Location<'static>) -> Self {
        Self { what: "wait group", name: None, place }
    }

    /// That of a crew.
    #[cfg(feature = "std")]
    pub(crate) fn of_crew(name: Option<Name>, place: &'static Location<'static>) -> Self {
        Self { what: "crew", name, place }
    }

    /// The same at another place.
    #[cfg(feature = "std")]
    pub(crate) fn moved_to(&mut self, place: &'static Location<'static>) {
        self.place = place;
    }

    pub(crate) fn set_name(&mut self, name: Name) {
        self.name = Some(name);
    }

    pub(crate) fn name(&self) -> Option<&Name> {
        self.name.as_ref()
    }

    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

impl fmt::Display for Title {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.what)?;
        if let Some(name) = &self.name {
            write!(f, "{name:?} ")?;
        }
        write!(f, "({}:{})", self.place.file(), self.place.line())
    }
}
