//! Why an attempt failed, in words, and whether another one would help.

use std::time::Duration;

/// What may come after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing: it would fail again.
    Never,
    /// Another attempt, after so long if the server said so.
    Again(Option<Duration>),
    /// Another attempt at once, from the beginning: what was there of the file is of no use.
    Anew,
}

/// See the room's text.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) hint: String,
    pub(super) next: Next,
    /// It is the machine's, not the server's: the whole batch is stopped.
    pub(super) is_ours: bool,
}

impl Trouble {
    /// Another attempt would fail too.
    pub(super) fn lasting(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), next: Next::Never, is_ours: false }
    }

    /// Another attempt may go well.
    pub(super) fn passing(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { next: Next::Again(None), ..Self::lasting(what, hint) }
    }

    /// Only what was kept of the file is wrong.
    pub(super) fn stale(what: impl Into<String>) -> Self {
        Self { next: Next::Anew, ..Self::lasting(what, "what was there of the file is dropped") }
    }

    /// Files cannot be written.
    pub(super) fn storing(what: &str, name: &str, error: &std::io::Error) -> Self {
        use std::io::ErrorKind::{
            FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };
        let (hint, is_ours) = match error.kind() {
            StorageFull | QuotaExceeded => ("free some space there, and run it again", true),
            FileTooLarge => ("the system allows no larger files; see ulimit -f", false),
            ReadOnlyFilesystem => ("nothing can be written there any more", true),
            PermissionDenied => ("may you write there? see ls -ld", false),
            _ => ("is the folder still there, and in order?", false),
        };
        Self { is_ours, ..Self::lasting(format!("{what} {name} failed: {error}"), hint) }
    }
}
