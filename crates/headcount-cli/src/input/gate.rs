//! The gate in front of the input file: reading stops at once when the batch does, even at a terminal or a
//! pipe where nothing comes.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;

use crate::latch::Latch;

/// A file that is read until the latch closes.
#[derive(Debug)]
pub(crate) struct Gate {
    file: File,
    latch: Arc<Latch>,
}

/// Carried inside an `io::Error`, because readers in between only pass those on.
#[derive(Debug)]
struct Stop;

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the batch is being stopped")
    }
}

impl std::error::Error for Stop {}

pub(super) fn is_stop(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stop>())
}

impl Gate {
    pub(crate) fn new(file: File, latch: Arc<Latch>) -> Self {
        Self { file, latch }
    }

    /// Another gate in front of the same file.
    pub(crate) fn twin(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, latch: Arc::clone(&self.latch) })
    }

    /// Waits until reading would not: there is something, or the latch is closed. False if it is this late before that.
    pub(super) fn wait(&self, until: Instant) -> bool {
        // What is wrong with the file is found by reading it.
        self.latch.wait_or_ready_until(self.file.as_fd(), PollFlags::IN, until).unwrap_or(true)
    }
}

impl Read for Gate {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.latch.wait_or_ready(self.file.as_fd(), PollFlags::IN)? {
            self.file.read(buffer)
        } else {
            Err(io::Error::other(Stop))
        }
    }
}
