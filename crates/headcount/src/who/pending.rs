//! What a member waits for that is a task and is not being polled: said by the future that is pending, while the member is
//! polled, and taken by the member when its poll is over.
//!
//! In between it is a note on the thread, with the member's name on it. So only who waits pays for it; a member that is
//! pending for other reasons looks at the note and finds that it is not its own.
//!
//! A note is taken back by the future that left it, if that is ready or dropped before the poll is over: otherwise a member
//! that has given up a wait, and now stands elsewhere, would be said to wait for the wrong thing. What is said holds until the
//! member is polled again.

#[cfg(not(any(loom, shuttle)))]
use std::cell::Cell;

use super::Here;
use super::threads::Pause;
#[cfg(not(any(loom, shuttle)))]
use super::{Id, here};

#[cfg(not(any(loom, shuttle)))]
#[derive(Clone, Copy)]
struct Note {
    group: Id,
    number: u64,
    pause: Pause,
    /// Where the mark is of the future that left it.
    by: usize,
}

#[cfg(not(any(loom, shuttle)))]
std::thread_local! {
    static NOTE: Cell<Note> = const { Cell::new(Note { group: 0, number: 0, pause: Pause::None, by: 0 }) }
}

/// A part of a future that may be pending, by which it says so. It must not move while it does, which futures do not.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    said: bool,
}

impl Mark {
    /// The future is pending for this reason.
    #[inline]
    pub(crate) fn says(&mut self, pause: Pause) {
        self.note(pause, true);
    }

    /// The same, unless a future inside of it has said something.
    #[inline]
    pub(crate) fn says_at_last(&mut self, pause: Pause) {
        self.note(pause, false);
    }

    #[cfg(not(any(loom, shuttle)))]
    fn note(&mut self, pause: Pause, over: bool) {
        let Some(Here { group, number, .. }) = here() else { return };
        let by = std::ptr::from_ref(self).addr();
        NOTE.with(|note| {
            let before = note.get();
            let is_own = before.group == group && before.number == number && before.pause != Pause::None;
            if over || !is_own {
                note.set(Note { group, number, pause, by });
                self.said = true;
            }
        });
    }

    /// No model asks who waits for what.
    #[cfg(any(loom, shuttle))]
    fn note(&mut self, pause: Pause, over: bool) {
        let _ = (pause, over);
    }

    /// It is not pending any more.
    #[inline]
    pub(crate) fn take_back(&mut self) {
        if std::mem::take(&mut self.said) {
            #[cfg(not(any(loom, shuttle)))]
            NOTE.with(|note| {
                let mut now = note.get();
                if now.by == std::ptr::from_ref(self).addr() {
                    now.pause = Pause::None;
                    note.set(now);
                }
            });
        }
    }
}

impl Drop for Mark {
    #[inline]
    fn drop(&mut self) {
        self.take_back();
    }
}

/// What the member said in the poll that has just ended, pending; once.
#[inline]
pub(crate) fn said_by(member: Here) -> Pause {
    #[cfg(not(any(loom, shuttle)))]
    return NOTE.with(|note| {
        let mut now = note.get();
        if now.group != member.group || now.number != member.number {
            return Pause::None;
        }
        let said = std::mem::replace(&mut now.pause, Pause::None);
        note.set(now);
        said
    });
    #[cfg(any(loom, shuttle))]
    {
        let _ = member;
        Pause::None
    }
}
