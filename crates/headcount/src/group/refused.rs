//! Members that were not launched because there was no room, or no group any more.

use std::error::Error;
use std::fmt;

use super::Title;
use crate::context::Cancelled;

/// A member was not launched by `submit` ([task](crate::task::Spawner::submit), [thread](crate::thread::Spawner::submit)); it
/// is given back.
pub struct SubmitError<F> {
    why: Why,
    given: F,
}

enum Why {
    Over(Title, Option<Cancelled>),
    OwnGroupIsFull(Title),
}

impl<F> SubmitError<F> {
    pub(crate) fn over(title: Title, why: Option<Cancelled>, given: F) -> Self {
        Self { why: Why::Over(title, why), given }
    }

    pub(crate) fn own_group_is_full(title: Title, given: F) -> Self {
        Self { why: Why::OwnGroupIsFull(title), given }
    }

    /// Whether the group is over. Otherwise it was full, and the caller one of its own members or one that they wait for, who
    /// might have waited for ever: spawn instead, which queues.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.why, Why::Over(..))
    }

    /// Why the group was cancelled, if it was.
    #[must_use]
    pub fn cancelled(&self) -> Option<&Cancelled> {
        match &self.why {
            Why::Over(_, why) => why.as_ref(),
            Why::OwnGroupIsFull(_) => None,
        }
    }

    /// What was to be launched.
    #[must_use]
    pub fn into_given(self) -> F {
        self.given
    }
}

impl<F> fmt::Display for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            Why::Over(title, why) => no_more(title, why.as_ref(), f),
            Why::OwnGroupIsFull(title) => {
                write!(
                    f,
                    "{title} is full, and one of its own members, or one that they wait for, would wait for a slot: use \
                     `spawn`, which queues"
                )
            }
        }
    }
}

impl<F> fmt::Debug for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SubmitError: {self}")
    }
}

impl<F> Error for SubmitError<F> {}

/// Says that the group is over, and why.
fn no_more(title: &Title, why: Option<&Cancelled>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{title} takes no more members: ")?;
    match why {
        // These errors have no source, so that the cause's words would be lost.
        Some(why) => write!(f, "{}", why.with_cause()),
        None => f.write_str("it has been waited for"),
    }
}

/// A member was not launched by `try_spawn` ([task](crate::task::Spawner::try_spawn),
/// [thread](crate::thread::Spawner::try_spawn)); it is given back.
pub struct TrySpawnError<F> {
    title: Title,
    /// None if the group was full; else why it is over, if that is known.
    over: Option<Option<Cancelled>>,
    given: F,
}

impl<F> TrySpawnError<F> {
    pub(crate) fn full(title: Title, given: F) -> Self {
        Self { title, over: None, given }
    }

    pub(crate) fn over(title: Title, why: Option<Cancelled>, given: F) -> Self {
        Self { title, over: Some(why), given }
    }

    /// Whether all slots were taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.over.is_none()
    }

    /// Whether the group is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// What was to be launched.
    #[must_use]
    pub fn into_given(self) -> F {
        self.given
    }
}

impl<F> fmt::Display for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = &self.title;
        match &self.over {
            None => write!(f, "{title} is full"),
            Some(why) => no_more(title, why.as_ref(), f),
        }
    }
}

impl<F> fmt::Debug for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrySpawnError: {self}")
    }
}

impl<F> Error for TrySpawnError<F> {}
