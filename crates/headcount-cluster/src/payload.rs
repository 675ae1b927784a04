//! What a member carries: which handler runs it, with which arguments, and where in the source it was spawned.
//!
//! One line of JSON, and behind it the arguments as they are. The line is for everybody, the rest is between whoever spawns and
//! the handler.

use serde::{Deserialize, Serialize};

/// What is registered with a member.
///
/// ```
/// use headcount_cluster::Payload;
///
/// let payload = Payload { handler: "resize".into(), place: Some("src/main.rs:31".into()), args: b"\"cat.png\"".to_vec() };
/// let bytes = payload.encode();
/// assert_eq!(bytes, b"{\"handler\":\"resize\",\"place\":\"src/main.rs:31\"}\n\"cat.png\"");
/// assert_eq!(Payload::decode(&bytes), Some(payload));
/// assert_eq!(Payload::decode(b"resize cat.png"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The name by which workers know what to do.
    pub handler: String,
    /// Where it was spawned, as `file:line`.
    pub place: Option<String>,
    /// For the handler, unread by all others.
    pub args: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    handler: std::borrow::Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    place: Option<std::borrow::Cow<'a, str>>,
}

impl Payload {
    /// As it is registered.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let head =
            Head { handler: self.handler.as_str().into(), place: self.place.as_deref().map(Into::into) };
        // Strings can always be written.
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.reserve_exact(1 + self.args.len());
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.args);
        bytes
    }

    /// What was registered, if it is of this form.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head: Head<'_> = serde_json::from_slice(&bytes[..end]).ok()?;
        let (handler, place) = (head.handler.into_owned(), head.place.map(std::borrow::Cow::into_owned));
        Some(Self { handler, place, args: bytes[end + 1..].to_vec() })
    }
}
