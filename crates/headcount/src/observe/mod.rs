//! Groups as others see them who watch the whole program: spans and events for `tracing`, figures for `metrics`.
//!
//! | file | idea |
//! |---|---|
//! | here | the moments in a member's life that somebody may want to know of |
//! | `spans` | a span for each group and member, events for what goes wrong (feature `tracing`) |
//! | `meters` | how many queue, run, have finished and have failed (feature `metrics`) |
//! | `no_spans`, `no_meters` | the same without the feature: nothing |
//!
//! This room is told what happens and never steers. Subscribers and recorders are foreign code: they are called with no lock
//! held (I4), and what they panic with while a member ends is dropped, because a member must end whatever its watchers do.
//! Without the features everything here has no size, and every call is empty.

#[cfg_attr(not(feature = "metrics"), path = "no_meters.rs")]
mod meters;
#[cfg_attr(not(feature = "tracing"), path = "no_spans.rs")]
mod spans;

use std::panic::Location;

pub(crate) use self::spans::{Member, failed};
use crate::context::Context;
use crate::group;
use crate::roll::Title;

/// What is watched of a group.
#[derive(Debug)]
pub(crate) struct Group {
    spans: spans::Group,
    meters: meters::Group,
}

impl Group {
    /// A group is made at `place`, with the context `ctx`.
    #[inline]
    pub(crate) fn new(ctx: &Context, place: &'static Location<'static>) -> Self {
        Self { spans: spans::Group::new(ctx, place), meters: meters::Group::default() }
    }

    /// A member is counted out, and nobody has launched it yet. What the group is called is asked for as late as this, because
    /// it is said after the group was made.
    #[inline]
    pub(crate) fn counted_out(
        &self,
        member: impl FnOnce() -> group::Member,
        title: impl Fn() -> Title,
    ) -> Member {
        self.meters.counted_out(&title);
        self.spans.counted_out(member, &title)
    }

    /// It begins.
    #[inline]
    pub(crate) fn begun(&self) {
        self.meters.begun();
    }

    /// It has ended, and is still counted out.
    #[inline]
    pub(crate) fn ended(&self, had_begun: impl FnOnce() -> bool) {
        self.meters.ended(had_begun);
    }

    /// It has failed or panicked; it has not ended yet.
    #[inline]
    pub(crate) fn failed(&self) {
        self.meters.failed();
    }
}
