//! A latch: closed once, for ever, and seen by everyone who looks or who sleeps on it.
//!
//! It is a pipe nobody ever writes to. Closing its writing end makes the reading end ready for every
//! `poll` that holds it, now and later, so a thread asleep on a file can be woken without a signal.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::locked;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Latch {
    reader: OwnedFd,
    /// Gone once the latch is closed.
    writer: Mutex<Option<OwnedFd>>,
    closed: AtomicBool,
}

impl Latch {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok(Self { reader, writer: Mutex::new(Some(writer)), closed: AtomicBool::new(false) })
    }

    pub(crate) fn close(&self) {
        // Release: who sees the latch closed also sees why (the strength is stored before).
        self.closed.store(true, Ordering::Release);
        drop(locked(&self.writer).take());
    }

    pub(crate) fn is_closed(&self) -> bool {
        // Acquire: pairs with `close`.
        self.closed.load(Ordering::Acquire)
    }

    /// Waits until `file` is ready for `what` (`true`) or the latch is closed (`false`). A closed latch wins.
    pub(crate) fn wait_or_ready(&self, file: BorrowedFd<'_>, what: PollFlags) -> io::Result<bool> {
        loop {
            if self.is_closed() {
                return Ok(false);
            }
            let mut fds = [PollFd::from_borrowed_fd(file, what), PollFd::new(&self.reader, PollFlags::IN)];
            sleep_on(&mut fds, None)?;
            if !fds[0].revents().is_empty() && fds[1].revents().is_empty() {
                return Ok(true);
            }
        }
    }
}

impl Latch {
    /// Waits until `file` is ready for `what` or the latch is closed (`true`), but not beyond this time (`false`).
    pub(crate) fn wait_or_ready_until(
        &self,
        file: BorrowedFd<'_>,
        what: PollFlags,
        until: Instant,
    ) -> io::Result<bool> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::from_borrowed_fd(file, what), PollFd::new(&self.reader, PollFlags::IN)];
            if self.is_closed() || sleep_on(&mut fds, Some(left))? > 0 {
                return Ok(true);
            }
            if left.is_zero() {
                return Ok(false);
            }
        }
    }
}

impl AsFd for Latch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// `poll`, at most for `limit`. An interruption counts as waking up without anything being ready.
pub(crate) fn sleep_on(fds: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<usize> {
    // A limit too large for the kernel's clock is as good as none.
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(fds, limit.as_ref()) {
        Err(rustix::io::Errno::INTR) => {
            fds.iter_mut().for_each(PollFd::clear_revents);
            Ok(0)
        }
        other => Ok(other?),
    }
}
