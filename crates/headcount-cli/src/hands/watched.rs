//! A file that somebody waits for.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::Shared;
use crate::locked;

/// What the set keeps of a watched file.
#[derive(Debug, Default)]
pub(super) struct Entry(Mutex<Sight>);

#[derive(Debug, Default)]
struct Sight {
    /// It was ready when it was looked at last, and may still be.
    ready: bool,
    waker: Option<Waker>,
}

impl Entry {
    /// The file is ready.
    pub(super) fn tell(&self) {
        let mut sight = locked(&self.0);
        sight.ready = true;
        let waker = sight.waker.take();
        drop(sight);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether somebody waits for it.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn is_waited_for(&self) -> bool {
        locked(&self.0).waker.is_some()
    }
}

/// A file that can be waited for, by one task, to have something to read or to be at its end.
#[derive(Debug)]
pub(crate) struct Watched {
    file: OwnedFd,
    number: u64,
    entry: Arc<Entry>,
    shared: Arc<Shared>,
}

impl Watched {
    /// To be made in a hand. `file` does not make a reader wait, or is not read.
    pub(crate) fn new(file: OwnedFd) -> io::Result<Self> {
        let shared = Shared::mine()?;
        let (number, entry) = shared.set.add(file.as_fd())?;
        Ok(Self { file, number, entry, shared })
    }

    pub(crate) fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut sight = locked(&self.entry.0);
        if sight.ready {
            return Poll::Ready(());
        }
        // Under the lock under which it is told: it comes before this, or finds the waker.
        match &mut sight.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Reads what is there; `WouldBlock` if it is nothing.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // Taken back before the look: what comes after that is told anew.
        locked(&self.entry.0).ready = false;
        let read = rustix::io::read(&self.file, buffer);
        if read != Err(rustix::io::Errno::AGAIN) {
            locked(&self.entry.0).ready = true;
        }
        Ok(read?)
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shared.set.remove(self.number, self.file.as_fd());
    }
}
