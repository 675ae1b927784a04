//! Roll calls for machines. Their names are part of the interface: they are listed at [`RollTree`], and changed as little as any
//! other public name.

use std::panic::Location;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::tree::{RollNode, RollTree};
use super::{Missing, RollCall, State, WaitsFor};

/// A place in the source as a compiler says it.
fn at(place: &Location<'_>) -> String {
    format!("{}:{}", place.file(), place.line())
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

/// A kind and, of a group, its title.
impl Serialize for WaitsFor {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (kind, title) = match self {
            Self::Slot => ("slot", None),
            Self::Group(title) => ("group", Some(title)),
            Self::Context => ("context", None),
            Self::UnderContext => ("under_context", None),
            Self::Sleep => ("sleep", None),
            Self::HandOff => ("hand_off", None),
        };
        let mut it = to.serialize_struct("WaitsFor", 2)?;
        it.serialize_field("kind", kind)?;
        it.serialize_field("title", &title)?;
        it.end()
    }
}

/// See [`RollTree`] for the names.
impl Serialize for Missing {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let age_ms = self.age().map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        let mut it = to.serialize_struct("Missing", 9)?;
        it.serialize_field("number", &self.number())?;
        it.serialize_field("count", &self.count())?;
        it.serialize_field("name", &self.name())?;
        it.serialize_field("state", &self.state())?;
        it.serialize_field("age_ms", &age_ms)?;
        it.serialize_field("place", &at(self.place()))?;
        it.serialize_field("can_be_stopped", &self.can_be_stopped())?;
        it.serialize_field("waits_for", &self.waits_for())?;
        it.serialize_field("thread", &self.thread())?;
        it.end()
    }
}

fn heading<S: SerializeStruct>(roll_call: &RollCall, it: &mut S) -> Result<(), S::Error> {
    it.serialize_field("kind", roll_call.heading.what)?;
    it.serialize_field("name", &roll_call.heading.name.as_ref().map(super::Name::as_str))?;
    it.serialize_field("place", &roll_call.place().map(at))?;
    it.serialize_field("outstanding", &roll_call.outstanding())?;
    it.serialize_field("total", &roll_call.heading.total)?;
    it.serialize_field("limit", &roll_call.heading.limit)?;
    it.serialize_field("unlisted", &roll_call.unlisted_count())?;
    it.serialize_field("missing", &roll_call.missing)
}

/// See [`RollTree`] for the names.
impl Serialize for RollCall {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut it = to.serialize_struct("RollCall", 8)?;
        heading(self, &mut it)?;
        it.end()
    }
}

/// See [`RollTree`] for the names.
impl Serialize for RollNode {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut it = to.serialize_struct("RollNode", 10)?;
        heading(&self.roll_call, &mut it)?;
        it.serialize_field("member", &self.member)?;
        it.serialize_field("children", &self.children)?;
        it.end()
    }
}

impl Serialize for RollTree {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut it = to.serialize_struct("RollTree", 2)?;
        it.serialize_field("outstanding", &self.outstanding())?;
        it.serialize_field("groups", &self.groups)?;
        it.end()
    }
}
