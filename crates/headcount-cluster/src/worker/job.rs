//! What a handler is given, and what it gives back.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use headcount::Context;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::member::Member;
use crate::store::GroupId;

/// An attempt at a member, for a handler that reads and writes bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Job {
    /// The group.
    pub group: GroupId,
    /// The member.
    pub member: Member,
    /// Which attempt this is, from 1. Attempts may run that nobody counts any more, so it is no proof of being alone.
    pub attempt: u32,
    /// By which name the handler was called.
    pub handler: String,
    /// Where the member was spawned, if that was said.
    pub place: Option<String>,
    /// What the member was spawned with.
    pub args: Vec<u8>,
}

/// Why an attempt did not do its work, as it is kept in the engine.
///
/// A typed handler may return it as its error, too, to say whether another attempt makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In words, or whatever those understand who read it.
    pub why: Vec<u8>,
    /// Whether another attempt makes sense. There is one only if the group's settings allow it.
    pub again: bool,
}

impl Failure {
    /// It may well work the next time.
    pub fn new(why: impl Into<Vec<u8>>) -> Self {
        Self { why: why.into(), again: true }
    }

    /// It will not work the next time either.
    pub fn for_good(why: impl Into<Vec<u8>>) -> Self {
        Self { why: why.into(), again: false }
    }

    /// Of an error and all that is below it: across machines there is only text.
    pub(super) fn of(error: Box<dyn Error + Send + Sync>) -> Self {
        let error = match error.downcast::<Self>() {
            Ok(failure) => return *failure,
            Err(error) => error,
        };
        let mut why = error.to_string();
        let mut below = error.source();
        while let Some(error) = below {
            let text = error.to_string();
            // Some errors tell what is below them by themselves.
            if !why.contains(&text) {
                why = format!("{why}: {text}");
            }
            below = error.source();
        }
        Self::new(why)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.why))
    }
}

impl Error for Failure {}

pub(super) type Run = Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send>>;

/// A handler, whatever it reads and writes.
pub(super) type Handler = Arc<dyn Fn(Context, Job) -> Run + Send + Sync>;

/// A handler of typed arguments as one of bytes.
pub(super) fn typed<A, R, E, F, Fut>(handler: F) -> Handler
where
    A: DeserializeOwned,
    R: Serialize,
    E: Into<Box<dyn Error + Send + Sync>>,
    F: Fn(Context, A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
{
    Arc::new(move |ctx, job| {
        let called = match serde_json::from_slice::<A>(&job.args) {
            Ok(args) => Ok(handler(ctx, args)),
            Err(error) => Err(Failure::for_good(format!(
                "what it was spawned with ({}) is not what handler \"{}\" takes: {error}",
                brief(&job.args),
                job.handler
            ))),
        };
        Box::pin(async move {
            let value = called?.await.map_err(|error| Failure::of(error.into()))?;
            encode(&value)
                .map_err(|error| Failure::for_good(format!("its result cannot be written as JSON: {error}")))
        })
    })
}

/// A result as it is kept. Most are nothing, and take no room.
fn encode(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let bytes = serde_json::to_vec(value)?;
    Ok(if bytes == b"null" { Vec::new() } else { bytes })
}

/// The other way round.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(if bytes.is_empty() { b"null" } else { bytes })
}

/// The beginning of what was given, for people.
fn brief(args: &[u8]) -> String {
    let text = String::from_utf8_lossy(args);
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}
