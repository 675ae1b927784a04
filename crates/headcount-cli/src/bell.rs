//! The bell: what a watch sleeps on, rung by signals and by whoever asks for a stop.
//!
//! It is a pair of sockets, because a handler of signals may do nothing but write. Rings are not counted: who is woken looks
//! at everything there may be to see.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use crate::latch::sleep_on;

/// Enough for what a watch does: it looks, and says something.
const STACK: usize = 256 * 1024;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Bell(UnixStream);

impl Bell {
    /// A bell, and the rope that rings it. Whoever rings writes a byte, and does not wait.
    pub(crate) fn new() -> io::Result<(Self, UnixStream)> {
        let (bell, rope) = UnixStream::pair()?;
        // A full bell has been rung often enough.
        rope.set_nonblocking(true)?;
        bell.set_nonblocking(true)?;
        Ok((Self(bell), rope))
    }

    /// Begins to watch, for as long as the process lives: `look` is called after every ring, and after the time that it said
    /// when it was called last, if it said one.
    pub(crate) fn watch(self, mut look: impl FnMut() -> Option<Duration> + Send + 'static) -> io::Result<()> {
        thread::Builder::new().name("watch".into()).stack_size(STACK).spawn(move || {
            let mut limit = None;
            loop {
                self.sleep(limit);
                limit = look();
            }
        })?;
        Ok(())
    }

    /// Until it is rung, or for so long.
    fn sleep(&self, limit: Option<Duration>) {
        let mut fds = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        // An error leaves the flags to be looked at, which is all that waking up is for.
        let _ = sleep_on(&mut fds, limit);
        let mut rings = [0; 64];
        while matches!((&self.0).read(&mut rings), Ok(1..)) {}
    }
}
