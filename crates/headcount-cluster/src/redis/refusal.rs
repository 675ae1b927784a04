//! What a server's errors mean: whether the same may work later, and what to do about it.

use std::fmt;

use redis::{ErrorKind, RedisError};

use crate::store::StoreError;

/// What the server said, or what became of asking it, and what helps.
#[derive(Debug)]
pub(super) struct Said {
    error: RedisError,
    hint: Option<&'static str>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hint {
            Some(hint) => write!(f, "{} ({hint})", self.error),
            None => self.error.fmt(f),
        }
    }
}

impl std::error::Error for Said {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// What a server's word for an error means: whether it may pass by itself, and what helps.
const WORDS: [(&str, bool, &str); 11] = [
    (
        "OOM",
        true,
        "its memory is full: raise its maxmemory, or let groups be done and forgotten; nothing was changed",
    ),
    (
        "READONLY",
        true,
        "it is a replica, which takes no changes: connect to the primary, or wait for the failover",
    ),
    ("MISCONF", true, "it cannot write to its disk, and takes no changes until it can"),
    ("LOADING", true, "it is reading its data after a start: try again in a moment"),
    ("BUSY", true, "it runs somebody's long script"),
    ("NOREPLICAS", true, "it has fewer replicas than it wants to have"),
    ("NOAUTH", false, "it wants a password: redis://USER:PASSWORD@HOST"),
    ("WRONGPASS", false, "user or password is not right"),
    ("NOPERM", false, "this user lacks a right: see the list in the documentation of `Redis`"),
    (
        "MOVED",
        false,
        "it is part of a Redis Cluster, for which this program was built without the feature redis-cluster",
    ),
    ("CLUSTERDOWN", true, "its cluster has slots without a node"),
];

/// The error's word. Older servers put what happened inside of a script behind a general one.
fn word(error: &RedisError) -> Option<&'static (&'static str, bool, &'static str)> {
    let said = error.code()?;
    let inner = |word: &str| {
        said == "ERR" && error.detail().is_some_and(|text| text.split(' ').any(|said| said == word))
    };
    // As Redis 7.0 says it, and as 7.2 and Valkey do.
    let lacks = error.detail().is_some_and(|text| {
        text.contains("The user executing the script can't") || text.starts_with("ACL failure in script:")
    });
    WORDS.iter().find(|(word, ..)| *word == said || inner(word) || (lacks && *word == "NOPERM"))
}

/// Whether TLS failed for what the two sides are, and not on the way.
fn is_distrust(error: &RedisError) -> bool {
    type Inner = std::sync::Arc<dyn std::error::Error + Send + Sync>;
    let inner = std::error::Error::source(error).and_then(|source| source.downcast_ref::<Inner>());
    let io = inner.and_then(|inner| inner.downcast_ref::<std::io::Error>());
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::InvalidData)
}

/// The error of a step, in our words.
pub(super) fn engine(asked: &'static str) -> impl Fn(RedisError) -> StoreError {
    move |error| {
        let (passes, hint) = match (word(&error), error.kind()) {
            (Some((_, passes, hint)), _) => (*passes, Some(*hint)),
            (None, ErrorKind::AuthenticationFailed) => {
                (false, Some("user or password is not right, or one is wanted: redis://USER:PASSWORD@HOST"))
            }
            (None, ErrorKind::InvalidClientConfig) => (
                false,
                Some(
                    "an address is redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// with TLS, or redis+unix:///PATH",
                ),
            ),
            (None, _) if is_distrust(&error) => (
                false,
                Some(
                    "the two do not come together over TLS: is its certificate trusted, is this its name, and the port one for TLS?",
                ),
            ),
            (None, _) if error.is_timeout() => (
                true,
                Some("no answer in time; whether it was done is not known, and asked again it is done once"),
            ),
            (None, _) => (true, None),
        };
        let source = Box::new(Said { error, hint });
        if passes { StoreError::Engine { asked, source } } else { StoreError::Refused { asked, source } }
    }
}

/// How much may be kept, if that is what the script objected to.
pub(super) fn too_large(error: &(dyn std::error::Error + 'static)) -> Option<usize> {
    let Said { error, .. } = error.downcast_ref()?;
    if error.code() != Some("TOOLARGE") {
        return None;
    }
    error.detail()?.split(' ').next()?.parse().ok()
}
