//! One member's line in a timeline: who it was, when it was out, and how it ended.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use crate::Name;

/// How a member ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HowEnded {
    /// It returned a value.
    Ok,
    /// It returned an error of its own.
    Failed,
    /// It panicked.
    Panicked,
    /// It ended, or never began, because it was cancelled.
    Cancelled,
    /// It did not heed its cancellation and was stopped, or its executor dropped it.
    Aborted,
}

impl HowEnded {
    /// All of them, in the order in which counts are kept.
    pub(super) const ALL: [Self; 5] =
        [Self::Ok, Self::Failed, Self::Panicked, Self::Cancelled, Self::Aborted];

    /// Its word in texts.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
            Self::Aborted => "aborted",
        }
    }

    /// Whether the member failed by itself: it returned an error or panicked.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Panicked)
    }
}

impl fmt::Display for HowEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a [`Timeline`](super::Timeline) knows of one member. Its times count from the moment the recording began.
#[derive(Clone)]
pub struct TimelineMember {
    pub(super) index: usize,
    pub(super) name: Option<Name>,
    pub(super) place: Option<&'static Location<'static>>,
    pub(super) spawned: Nanoseconds,
    pub(super) begun: Option<Nanoseconds>,
    pub(super) ended: Option<(Nanoseconds, HowEnded)>,
    /// The text of the error, of the panic, or of the cancellation.
    pub(super) why: Option<Arc<str>>,
    /// The threads on which it began and ended.
    pub(super) began_on: Option<Arc<str>>,
    pub(super) ended_on: Option<Arc<str>>,
    /// As many members as the limit allows were out when it was spawned.
    pub(super) queued_for_slot: bool,
    pub(super) sampled: bool,
}

/// Nanoseconds after the recording began; enough for five hundred years.
pub(super) type Nanoseconds = u64;

impl TimelineMember {
    /// The number that texts call it by: the first member of the group is #1.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.index as u64 + 1
    }

    /// Its name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref().map(Name::as_str)
    }

    /// Where it was launched; `None` in a timeline that was [replayed](super::Timeline::replay).
    #[must_use]
    pub fn place(&self) -> Option<&'static Location<'static>> {
        self.place
    }

    /// When it was counted out.
    #[must_use]
    pub fn spawned(&self) -> Duration {
        Duration::from_nanos(self.spawned)
    }

    /// When it began; `None` if it never did, or if that was not kept (it is not [sampled](Self::is_sampled)).
    #[must_use]
    pub fn begun(&self) -> Option<Duration> {
        self.begun.map(Duration::from_nanos)
    }

    /// When it ended; `None` if it was still out.
    #[must_use]
    pub fn ended(&self) -> Option<Duration> {
        self.ended.map(|(at, _)| Duration::from_nanos(at))
    }

    /// How it ended; `None` if it was still out.
    #[must_use]
    pub fn how_ended(&self) -> Option<HowEnded> {
        self.ended.map(|(_, how)| how)
    }

    /// What its error, its panic or the cause of its cancellation said; texts longer than 500 bytes are cut.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// The thread on which it began, or the slot in a timeline that was [replayed](super::Timeline::replay). A task may have been moved to others since.
    #[must_use]
    pub fn thread(&self) -> Option<&str> {
        self.began_on.as_deref()
    }

    /// The thread on which it ended.
    #[must_use]
    pub fn ended_on(&self) -> Option<&str> {
        self.ended_on.as_deref()
    }

    /// Whether it had to queue for a slot of the limit: as many as the limit allows were out when it was spawned.
    /// Otherwise the time before it began was that of getting a thread, or a turn of the runtime.
    ///
    /// Members with a weight count as one here.
    #[must_use]
    pub fn queued_for_slot(&self) -> bool {
        self.queued_for_slot
    }

    /// Whether it belongs to the sample; if not, it is here because it failed, and when it began may not be known.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// When it left, or `now` if it is still out.
    pub(super) fn end_or(&self, now: Nanoseconds) -> Nanoseconds {
        self.ended.map_or(now, |(at, _)| at)
    }

    /// From its begin to its end, or to `now`.
    pub(super) fn ran(&self, now: Nanoseconds) -> Option<Nanoseconds> {
        Some(self.end_or(now).saturating_sub(self.begun?))
    }

    /// Number and name.
    pub(super) fn called(&self) -> String {
        match &self.name {
            Some(name) => format!("#{} {}", self.number(), name.told()),
            None => format!("#{}", self.number()),
        }
    }

    /// File and line of its launch.
    pub(super) fn launched_at(&self) -> Option<String> {
        self.place.map(|place| format!("{}:{}", place.file(), place.line()))
    }

    /// What a bar in a chart is called.
    pub(super) fn label(&self) -> String {
        self.name().map_or_else(|| format!("#{}", self.number()), str::to_owned)
    }
}

impl fmt::Debug for TimelineMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimelineMember")
            .field("member", &format_args!("{}", self.called()))
            .field("place", &self.launched_at())
            .field("spawned", &self.spawned())
            .field("begun", &self.begun())
            .field("ended", &self.ended())
            .field("how_ended", &self.how_ended())
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}
