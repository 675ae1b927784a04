//! Where groups tell their recorder: the seat of a member that begins or ends.

use super::member::HowEnded;
use crate::group::mark::Bell;
use crate::group::page::Seat;
use crate::group::panics;
use crate::group::{MemberError, Root};

impl<T, C, B: Bell> Seat<T, C, B> {
    /// Tells the recorder, if there is one, that the member was counted out under this limit.
    #[inline]
    pub(crate) fn record_spawn(&self, limit: Option<usize>) {
        if let Some(recorder) = &self.page().recorder {
            recorder.spawned(&self.member(), limit);
        }
    }

    /// Tells the recorder, if there is one, that the member ends, with this error or with none.
    #[inline]
    pub(crate) fn record_end<E: Root>(&self, error: Option<&MemberError<E>>) {
        if self.page().recorder.is_some() {
            self.tell_end(error);
        }
    }

    #[cold]
    fn tell_end<E: Root>(&self, error: Option<&MemberError<E>>) {
        let Some(recorder) = &self.page().recorder else { return };
        let how = match error {
            None => HowEnded::Ok,
            Some(MemberError::Failed(_)) => HowEnded::Failed,
            Some(MemberError::Panicked(_)) => HowEnded::Panicked,
            Some(MemberError::Cancelled(_)) => HowEnded::Cancelled,
            Some(MemberError::Aborted) => HowEnded::Aborted,
        };
        // An error's `Display` is foreign code, so it is called before any lock is taken, and may panic.
        let why = error.map(|error| {
            panics::try_quietly(|| text(error)).unwrap_or_else(|| "an error that cannot be printed".into())
        });
        recorder.ended(self.index(), self.has_begun(), how, why, || (self.member(), self.since()));
    }
}

/// What happened, and what a cancellation's cause was.
fn text<E: Root>(error: &MemberError<E>) -> String {
    match error {
        MemberError::Cancelled(why) => match why.cause() {
            Some(cause) => format!("{why}: {cause}"),
            None => why.to_string(),
        },
        MemberError::Panicked(report) => report.to_string(),
        error => error.to_string(),
    }
}
