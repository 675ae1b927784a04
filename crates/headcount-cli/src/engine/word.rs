//! A word of a command, any bytes, as it travels in JSON: as text where it is UTF-8, and otherwise as `{"base64": "..."}`.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// See the room's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written<'a> {
    Text(std::borrow::Cow<'a, str>),
    Bytes { base64: String },
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => Written::Text(text.into()),
            Err(_) => Written::Bytes { base64: STANDARD.encode(&self.0) },
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Written::deserialize(from)? {
            Written::Text(text) => Ok(Self(text.into_owned().into_bytes())),
            Written::Bytes { base64 } => STANDARD.decode(base64).map(Self).map_err(serde::de::Error::custom),
        }
    }
}

impl Word {
    pub(crate) fn of(words: &[OsString]) -> Vec<Self> {
        words.iter().map(|word| Self(word.as_bytes().to_vec())).collect()
    }

    pub(crate) fn of_bytes(words: &[Vec<u8>]) -> Vec<Self> {
        words.iter().cloned().map(Self).collect()
    }

    pub(crate) fn bytes(words: &[Self]) -> Vec<Vec<u8>> {
        words.iter().map(|word| word.0.clone()).collect()
    }

    pub(crate) fn os(&self) -> OsString {
        OsString::from_vec(self.0.clone())
    }
}
