//! What a member that is out does, besides being out: whether it can be stopped, what it waits for, and on which thread.

use std::fmt;
use std::sync::Arc;

use super::{Missing, State};
use crate::who::Id;
use crate::who::threads::{Pause, Seen};

/// Most members do nothing that is known of, so this is kept apart from the rest.
#[derive(Clone, Debug, Default)]
pub(super) struct Doing {
    pub(super) can_be_stopped: bool,
    /// What it has said to wait for, if it is on no thread.
    pause: Pause,
    more: Option<Box<More>>,
}

#[derive(Clone, Debug, Default)]
struct More {
    waits_for: Option<WaitsFor>,
    thread: Option<Arc<str>>,
}

/// What a member waits for that is out, as far as it is known.
///
/// From [`Missing::waits_for`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// A slot: its group's limit is reached.
    Slot,
    /// Another group, which is called so: `group "prices" (src/main.rs:9)`.
    Group(String),
    /// A context to be cancelled.
    Context,
    /// Something that does not say what it is, in a context's [`run_async`](crate::Context::run_async): a cancellation of that
    /// context ends the wait.
    UnderContext,
    /// Time to pass, in a context's `sleep`.
    Sleep,
    /// An item to come, or room for one that is done, between two stages of a pipeline.
    HandOff,
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Slot => "a slot",
            Self::Group(title) => title,
            Self::Context => "a context",
            Self::UnderContext => "something under a context",
            Self::Sleep => "time to pass",
            Self::HandOff => "a hand-off",
        })
    }
}

impl Missing {
    /// Says whether the group can end the member without its help.
    pub(crate) fn stoppable(mut self, stoppable: bool) -> Self {
        self.doing.can_be_stopped = stoppable;
        self
    }

    /// Says what it waits for, as far as it has said so itself.
    pub(crate) fn pausing(mut self, pause: Pause) -> Self {
        self.doing.pause = pause;
        self
    }

    /// Adds what is known of the member, one of the group `group`, which queues for a slot if it queues and `limited`.
    pub(crate) fn seen(self, group: Id, limited: bool, seen: &Seen) -> Self {
        let thread = seen.thread(group, self.number).map(|(name, pause)| (Arc::clone(name), pause));
        self.seen_on(thread, group, limited, seen)
    }

    /// The same for one whose thread is known.
    pub(crate) fn seen_on(
        mut self,
        thread: Option<(Arc<str>, Pause)>,
        group: Id,
        limited: bool,
        seen: &Seen,
    ) -> Self {
        let waits_for = match seen.waits_for(group, self.number) {
            Some(title) => Some(WaitsFor::Group(title.to_string())),
            None if self.state == State::Queued && limited => Some(WaitsFor::Slot),
            None => match thread.as_ref().map_or(self.doing.pause, |(_, pause)| *pause) {
                Pause::None => None,
                Pause::Under => Some(WaitsFor::UnderContext),
                Pause::Context => Some(WaitsFor::Context),
                Pause::Sleep => Some(WaitsFor::Sleep),
                Pause::HandOff => Some(WaitsFor::HandOff),
                Pause::Slot => Some(WaitsFor::Slot),
            },
        };
        let thread = thread.map(|(thread, _)| thread);
        if waits_for.is_some() || thread.is_some() {
            self.doing.more = Some(Box::new(More { waits_for, thread }));
        }
        self
    }

    /// Whether its group can end it without its help: a task can be dropped where it stands, and who has not begun need not
    /// begin. A thread that runs cannot be stopped, nor can a closure that blocks; and a wait group can stop nobody.
    #[must_use]
    pub fn can_be_stopped(&self) -> bool {
        self.doing.can_be_stopped
    }

    /// What it waits for, where that is known: who waits inside a future of somebody else's, or in the operating system, does
    /// not say so. Of a task it is what it said when it was polled last; one that waits for several things is said to wait
    /// for one of them.
    #[must_use]
    pub fn waits_for(&self) -> Option<&WaitsFor> {
        self.doing.more.as_ref()?.waits_for.as_ref()
    }

    /// The name, or else the number, of the thread that it runs on at this moment. A task that is not being polled is on none.
    #[must_use]
    pub fn thread(&self) -> Option<&str> {
        self.doing.more.as_ref()?.thread.as_deref()
    }
}
