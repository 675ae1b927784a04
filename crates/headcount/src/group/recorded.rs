//! Where a group tells its recorder, if it has one: the seat of a member that is counted out, begins or ends.
//!
//! The begin is told in [`Seat::begin`]. A group that is not recorded pays for a look at a pointer on its page.

use super::mark::Bell;
use super::page::Seat;
use super::{MemberError, Root, panics};
use crate::timeline::{HowEnded, Who};

impl<T, C, B: Bell> Seat<T, C, B> {
    /// Tells the recorder, if there is one, that the member was counted out under this limit.
    #[inline]
    pub(crate) fn record_spawn(&self, limit: Option<usize>) {
        if let Some(recorder) = &self.page().recorder {
            recorder.spawned(self.index(), self.who(), limit);
        }
    }

    /// Tells the recorder, if there is one, that the member ends, with this error or with none.
    #[inline]
    pub(crate) fn record_end<E: Root>(&self, error: Option<&MemberError<E>>) {
        if self.page().recorder.is_some() {
            self.tell_end(error);
        }
    }

    fn who(&self) -> Who {
        let member = self.member();
        Who { name: member.shared_name(), place: member.place() }
    }

    #[cold]
    fn tell_end<E: Root>(&self, error: Option<&MemberError<E>>) {
        let Some(recorder) = &self.page().recorder else { return };
        let (how, why) = told(error);
        recorder.ended(self.index(), self.has_begun(), how, why, || (self.who(), self.since()));
    }
}

/// How a member ended, and what it said.
pub(crate) fn told<E: Root>(error: Option<&MemberError<E>>) -> (HowEnded, Option<String>) {
    let how = match error {
        None => HowEnded::Ok,
        Some(MemberError::Failed(_)) => HowEnded::Failed,
        Some(MemberError::Panicked(_)) => HowEnded::Panicked,
        Some(MemberError::Cancelled(_)) => HowEnded::Cancelled,
        Some(MemberError::Aborted | MemberError::Dropped) => HowEnded::Aborted,
    };
    // An error's `Display` is foreign code: it is called under no lock, and may panic.
    let said = |error| panics::try_quietly(|| text(error));
    (how, error.map(|error| said(error).unwrap_or_else(|| "an error that cannot be printed".into())))
}

/// What happened, and what a cancellation's cause was.
fn text<E: Root>(error: &MemberError<E>) -> String {
    match error {
        MemberError::Cancelled(why) => why.with_cause().to_string(),
        MemberError::Panicked(report) => report.to_string(),
        error => error.to_string(),
    }
}
