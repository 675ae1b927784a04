//! What the command says when it cannot do what was asked: what it was, what happened, and what would help.

use std::fmt;

/// A request that was turned down before any member started. It always ends with [`crate::exit::USAGE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    what: String,
    hint: String,
}

impl Refusal {
    /// `what` names the thing and what is wrong with it; `hint` says what to write instead.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)
    }
}

impl std::error::Error for Refusal {}
