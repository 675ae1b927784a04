//! A span for each group and each member, and events for what goes wrong.
//!
//! All of it has the target `headcount`. A group's span is a child of the one that was current where the group was made, a
//! member's a child of its group's; so a group that a member makes stands below that member. A member's span is entered while
//! it runs: at each poll, if it is a task. What it logs itself is thereby said to be its own.
//!
//! | what | level | fields |
//! |---|---|---|
//! | span `group` | info | `name`, `place` |
//! | span `member` | info | `number`, `name`, `place` |
//! | event `group cancelled`, in the group | info | `why`, and `cause` if one was given |
//! | event `member failed`, in the member | warn | `member`, `error` |
//! | event `member panicked`, in the member | error | `member`, `panic` |
//! | event `member aborted`, in the member | warn | `member` |
//! | event `member cancelled`, in the member | debug | `member`, `why` |

use std::mem;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};

use tracing::field::{Empty, display};
use tracing::level_filters::LevelFilter;
use tracing::span::Span;
use tracing::{debug, error, info, info_span, warn};

use crate::context::{Cancelled, Context, OnCancel};
use crate::group::{self, MemberError, Root, panics};
use crate::roll::Title;

/// The target of all spans and events.
const TARGET: &str = "headcount";

#[derive(Debug)]
pub(super) struct Group {
    /// Taken back when the group is gone: its context is dropped then, which is no cancellation that anybody wants to hear of.
    _told: Option<OnCancel>,
    span: Span,
}

impl Group {
    pub(super) fn new(ctx: &Context, place: &'static Location<'static>) -> Self {
        let span = info_span!(target: TARGET, "group", name = Empty, place = %place_of(place));
        let told = anybody_listens().then(|| {
            let span = span.clone();
            ctx.on_cancel(move |why| cancelled(&span, why))
        });
        Self { _told: told, span }
    }

    pub(super) fn counted_out(
        &self,
        member: impl FnOnce() -> group::Member,
        title: impl Fn() -> Title,
    ) -> Member {
        if !anybody_listens() {
            return Member::unwatched();
        }
        // A subscriber that panics must not take the member along, which is counted out already.
        panics::try_quietly(|| self.member(&member(), title)).unwrap_or(Member::unwatched())
    }

    fn member(&self, member: &group::Member, title: impl Fn() -> Title) -> Member {
        if member.index() == 0 {
            if let Some(name) = title().name() {
                self.span.record("name", name.as_str());
            }
        }
        Member(info_span!(
            target: TARGET,
            parent: &self.span,
            "member",
            number = member.index() as u64 + 1,
            name = member.name(),
            place = %place_of(member.place()),
        ))
    }
}

/// Whether any subscriber wants what we have to say. Else a group costs a look at a variable for each member.
fn anybody_listens() -> bool {
    LevelFilter::current() >= LevelFilter::INFO
}

/// A member's span.
#[derive(Debug)]
pub(crate) struct Member(Span);

impl Drop for Member {
    fn drop(&mut self) {
        // Also this tells the subscriber.
        panics::drop_quietly(mem::replace(&mut self.0, Span::none()));
    }
}

/// The member's span is the current one of this thread.
#[derive(Debug)]
pub(crate) struct Entered<'m>(Option<tracing::span::Entered<'m>>);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        panics::drop_quietly(self.0.take());
    }
}

impl Member {
    pub(crate) const fn unwatched() -> Self {
        Self(Span::none())
    }

    /// Whoever runs here, to be run on another thread as well.
    pub(crate) fn here() -> Self {
        Self(panics::try_quietly(Span::current).unwrap_or_else(Span::none))
    }

    /// The member is over: tells the subscriber, by dropping the span.
    pub(crate) fn gone(self) {}

    pub(crate) fn enter(&self) -> Entered<'_> {
        Entered(panics::try_quietly(|| self.0.enter()))
    }
}

// A subscriber that panics leaves no span half made: whoever unwinds past one finds it as it was, or gone.
impl UnwindSafe for Group {}
impl RefUnwindSafe for Group {}
impl UnwindSafe for Member {}
impl RefUnwindSafe for Member {}

/// A member has ended without a value: an event in the current span, which is the member's.
pub(crate) fn failed<E: Root>(member: &group::Member, error: &MemberError<E>) {
    // An error's text is foreign code, as the subscriber is.
    panics::try_quietly(|| match error {
        MemberError::Failed(error) => {
            warn!(target: TARGET, %member, error = %error.as_error(), "member failed");
        }
        MemberError::Panicked(report) => {
            error!(target: TARGET, %member, panic = %report, "member panicked");
        }
        MemberError::Aborted => warn!(target: TARGET, %member, "member aborted"),
        MemberError::Dropped => warn!(target: TARGET, %member, "member dropped by its executor"),
        MemberError::Cancelled(why) => debug!(target: TARGET, %member, %why, "member cancelled"),
    });
}

/// The group of `span` was cancelled, from wherever.
fn cancelled(span: &Span, why: &Cancelled) {
    panics::try_quietly(|| {
        let cause = why.cause().map(display);
        info!(target: TARGET, parent: span, %why, cause, "group cancelled");
    });
}

fn place_of(place: &'static Location<'static>) -> impl std::fmt::Display {
    struct Place(&'static Location<'static>);
    impl std::fmt::Display for Place {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "{}:{}", self.0.file(), self.0.line())
        }
    }
    Place(place)
}
