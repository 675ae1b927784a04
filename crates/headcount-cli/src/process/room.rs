//! Room for many children at once: how many files may be open, and how many children still may have open.
//!
//! The limit that a shell sets for open files is meant for programs that count on small numbers (`select` takes none beyond 1,023), and is
//! a fraction of what the system would give. So where the jobs asked for need more we take it, up to the hard limit, and only
//! then. A child must not notice: it begins with the limit that it would have had, because it may be such a program. A limit
//! belongs to a whole process, so ours is back at that for the moment of each start.
//!
//! Whoever opens a file at such a moment finds a free number below the old limit all the same: what is kept of a child is
//! moved above it. Starts wait for each other meanwhile.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard};

use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::locked;

/// File descriptors a running member needs, counted generously, and those the command needs itself.
const EACH: u64 = 6;
const OWN: u64 = 24;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Room {
    /// What a child is to have.
    theirs: Rlimit,
    /// What we have, if it is another.
    ours: Option<Rlimit>,
    starting: Mutex<()>,
}

/// As long as it lives, who is started has the limit it would have had.
pub(super) struct Lowered<'a>(&'a Room);

impl Room {
    /// As it was when we were started.
    pub(crate) fn found() -> Self {
        Self { theirs: getrlimit(Resource::Nofile), ours: None, starting: Mutex::default() }
    }

    /// For how many jobs at once there is room; nothing if there is no limit.
    pub(crate) fn jobs(&self) -> Option<u64> {
        let limit = self.ours.as_ref().unwrap_or(&self.theirs).current?;
        Some(limit.saturating_sub(OWN) / EACH)
    }

    /// Makes room for so many jobs at once, as far as that goes.
    pub(crate) fn make(&mut self, jobs: u64) {
        let Some(there) = self.theirs.current.filter(|_| self.jobs().is_some_and(|room| room < jobs)) else {
            return;
        };
        // Above what children have, so that all of it is left free.
        let wanted = jobs.saturating_mul(EACH).saturating_add(OWN).saturating_add(there);
        let most = self.theirs.maximum.map_or(wanted, |hard| hard.min(wanted));
        let ours = Rlimit { current: Some(most), maximum: self.theirs.maximum };
        if setrlimit(Resource::Nofile, ours).is_ok() {
            self.ours = Some(ours);
        }
    }

    /// Nothing where all have the same limit. Whoever starts a child holds it until what is kept of the child is moved.
    pub(super) fn begin(&self) -> Option<MutexGuard<'_, ()>> {
        self.ours.as_ref().map(|_| locked(&self.starting))
    }

    /// Gives whoever is started now the old limit. The caller has [begun](Self::begin).
    pub(super) fn lower(&self) -> io::Result<Option<Lowered<'_>>> {
        if self.ours.is_none() {
            return Ok(None);
        }
        setrlimit(Resource::Nofile, self.theirs)?;
        Ok(Some(Lowered(self)))
    }

    /// Moves what is kept of a child out of the way, if there is room for it. The same where nothing is lowered.
    pub(super) fn keep(&self, file: OwnedFd) -> OwnedFd {
        let Some(above) = self.theirs.current.filter(|_| self.ours.is_some()) else { return file };
        let above = i32::try_from(above).unwrap_or(i32::MAX);
        fcntl_dupfd_cloexec(&file, above).unwrap_or(file)
    }
}

impl Drop for Lowered<'_> {
    fn drop(&mut self) {
        if let Some(ours) = &self.0.ours {
            // It was ours a moment ago, and the hard limit is as it was.
            let _ = setrlimit(Resource::Nofile, *ours);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(soft: Option<u64>) -> Room {
        let theirs = Rlimit { current: soft, maximum: soft };
        Room { theirs, ours: None, starting: Mutex::default() }
    }

    #[test]
    fn there_is_room_for_as_many_as_there_are_files_for() {
        assert_eq!(room(Some(64)).jobs(), Some(6));
        assert_eq!(room(Some(10)).jobs(), Some(0));
        assert_eq!(room(None).jobs(), None);
    }

    #[test]
    fn where_all_have_the_same_limit_nothing_is_moved_or_lowered() {
        let room = room(Some(64));
        assert!(room.begin().is_none() && room.lower().unwrap().is_none());
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&reader);
        assert_eq!(std::os::fd::AsRawFd::as_raw_fd(&room.keep(reader)), number);
    }
}
