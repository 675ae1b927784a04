//! The two streams the command prints on, and what can go wrong with them.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, fstat, stat};
use rustix::io::Errno;

use crate::hands::held_up;
use crate::latch::{Latch, sleep_on};
use crate::locked;

/// A write of this size or less to a pipe that is ready for writing does not block: it is one page, and
/// POSIX keeps writes up to PIPE_BUF whole.
const SURE: usize = 4096;

/// Which stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

impl Stream {
    fn fd(self) -> BorrowedFd<'static> {
        match self {
            Self::Out => rustix::stdio::stdout(),
            Self::Err => rustix::stdio::stderr(),
        }
    }
}

/// Why output could not be printed.
#[derive(Debug)]
pub(crate) enum PrintError {
    /// Whoever read it is gone. That is not an error of ours.
    Closed,
    /// Printing was given up, and that was said before.
    Abandoned,
    /// The stream does not take it.
    Write(Stream, io::Error),
    /// The spool does not take it, or does not give it back.
    Spool(io::Error),
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        Self::Spool(error)
    }
}

impl fmt::Display for PrintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "nobody reads the output"),
            Self::Abandoned => write!(f, "the output was abandoned"),
            Self::Write(Stream::Out, error) => write!(f, "writing to standard output failed: {error}"),
            Self::Write(Stream::Err, error) => write!(f, "writing to standard error failed: {error}"),
            Self::Spool(error) => {
                let place = std::env::temp_dir();
                write!(f, "its output could not be kept in {}: {error}", place.display())
            }
        }
    }
}

/// Where everything is printed. Whoever writes holds the printer's lock.
#[derive(Debug)]
pub(crate) struct Sheet {
    abandoned: Arc<Latch>,
    /// Set by the first failed write to a stream. What comes later would be a text with a hole.
    spoilt: [AtomicBool; 2],
    /// Files and `/dev/null` never make a writer wait, so they are written in one go.
    files: [bool; 2],
    /// Since when a writer has been waiting for a reader to take something.
    stalled: Mutex<Option<Instant>>,
    /// The progress bar that has to step aside, if one is shown.
    bar: OnceLock<ProgressBar>,
}

impl Sheet {
    pub(crate) fn new(abandoned: Arc<Latch>) -> Self {
        let null = stat("/dev/null");
        let is_file = |stream: Stream| {
            fstat(stream.fd()).is_ok_and(|to| match FileType::from_raw_mode(to.st_mode) {
                FileType::RegularFile => true,
                FileType::CharacterDevice => null.is_ok_and(|null| null.st_rdev == to.st_rdev),
                _ => false,
            })
        };
        let files = [is_file(Stream::Out), is_file(Stream::Err)];
        Self { abandoned, spoilt: Default::default(), files, stalled: Mutex::default(), bar: OnceLock::new() }
    }

    /// From now on the bar is taken off the screen while something is printed.
    pub(crate) fn share_with(&self, bar: ProgressBar) {
        let _ = self.bar.set(bar);
    }

    /// Nobody waits for a reader any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.is_closed()
    }

    /// Since when a reader has taken nothing of what is being printed. Nothing when nobody waits for one.
    pub(crate) fn stalled(&self) -> Option<Instant> {
        *locked(&self.stalled)
    }

    pub(crate) fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), PrintError> {
        match self.bar.get() {
            // Not for a pipe: nothing is drawn over, and a reader that does not read would hold the bar up, and with
            // it everyone who has a note.
            Some(bar) if stream.fd().is_terminal() => bar.suspend(|| self.write_all(stream, bytes)),
            _ => self.write_all(stream, bytes),
        }
    }

    fn write_all(&self, stream: Stream, mut bytes: &[u8]) -> Result<(), PrintError> {
        // Relaxed: written and read under the printer's lock.
        if self.spoilt[stream as usize].load(Ordering::Relaxed) {
            return Err(PrintError::Abandoned);
        }
        while !bytes.is_empty() {
            match self.write_some(stream, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) => {
                    // Relaxed: as above.
                    self.spoilt[stream as usize].store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn write_some(&self, stream: Stream, bytes: &[u8]) -> Result<usize, PrintError> {
        let file = self.files[stream as usize];
        if !file {
            *locked(&self.stalled) = Some(Instant::now());
            let ready = self.wait_for_reader(stream.fd());
            *locked(&self.stalled) = None;
            if !ready.map_err(|error| PrintError::Write(stream, error))? {
                return Err(PrintError::Abandoned);
            }
        }
        let piece = if file { bytes } else { &bytes[..bytes.len().min(SURE)] };
        match rustix::io::write(stream.fd(), piece) {
            Ok(written) => Ok(written),
            // AGAIN: somebody else made the stream non-blocking and filled it first.
            Err(Errno::INTR | Errno::AGAIN) => Ok(0),
            Err(Errno::PIPE) => Err(PrintError::Closed),
            Err(error) => Err(PrintError::Write(stream, error.into())),
        }
    }

    /// Waits until the stream takes something; false if it is not waited for any more.
    fn wait_for_reader(&self, stream: BorrowedFd<'_>) -> io::Result<bool> {
        let mut now = [PollFd::from_borrowed_fd(stream, PollFlags::OUT)];
        if !self.is_abandoned() && sleep_on(&mut now, Some(Duration::ZERO))? > 0 {
            return Ok(true);
        }
        held_up(|| self.abandoned.wait_or_ready(stream, PollFlags::OUT))
    }

    /// Takes the bar off the screen while this is done; not if somebody holds it who waits for a reader, for whom nobody
    /// else must wait.
    pub(crate) fn aside<T>(&self, what: impl FnOnce() -> T) -> T {
        match self.bar.get() {
            Some(bar) if self.stalled().is_none() => bar.suspend(what),
            _ => what(),
        }
    }

    /// Writes to stderr what it takes without waiting.
    pub(super) fn try_write(&self, text: &[u8]) {
        let write = || {
            for piece in text.chunks(SURE) {
                let mut fds = [PollFd::from_borrowed_fd(Stream::Err.fd(), PollFlags::OUT)];
                match sleep_on(&mut fds, Some(Duration::ZERO)) {
                    Ok(1..) => drop(rustix::io::write(Stream::Err.fd(), piece)),
                    _ => return,
                }
            }
        };
        self.aside(write);
    }
}

/// A last word before there is a printer, or after it: what was asked, what happened, and a hint.
pub(crate) fn complain(what: &dyn fmt::Display, hint: &str) {
    let text = format!("headcount: {what}\nhint: {hint}\n");
    // There is nowhere left to say that it could not be said.
    let _ = io::stderr().write_all(text.as_bytes());
}
