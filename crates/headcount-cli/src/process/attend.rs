//! Attending one child from start to end: one sleep for both pipes and the end of the leader together.
//!
//! A short-lived child would wake us three times: when it closes its stdout, its stderr, and when it has ended.
//! On a busy machine each of these takes the core from another child. So at first only the end is waited for,
//! for [`PATIENCE`]: the pipes hold meanwhile what a child of such an age has to say. Where the last one said
//! more, the next is listened to from the start.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitStatus;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::{Limit, Running, Seat, Sitter};
use crate::latch::sleep_on;
use crate::output::Stream;

/// How often the end of a leader is looked for where the system cannot tell it.
const LOOK: Duration = Duration::from_millis(20);

/// How long at first only the end of a child is waited for.
const PATIENCE: Duration = Duration::from_millis(2);

/// What fits into any pipe, so that a child that says no more is never held up by our patience.
const TERSE: usize = 4096;

/// How long the pipes of a dead group are waited for. On Linux the whole group is known to be dead, and what
/// it wrote is there. Who holds a pipe open then is none of it: a stray, or for a moment another child of
/// ours that has not come to its exec.
const LAST_WORDS: Duration = Duration::from_millis(if cfg!(target_os = "linux") { 0 } else { 500 });

/// What is told of a child while it is attended.
pub(crate) enum News<'a> {
    /// It wrote something.
    Said(Stream, &'a [u8]),
    /// Its time is up; it is about to be told to end.
    Late,
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: io::Result<ExitStatus>,
    /// What its seat knew of it.
    pub(crate) sitter: Option<Sitter>,
}

impl Running {
    /// Tells everything the child writes until it has ended and its group is gone, and keeps its time. `terse` says
    /// whether the child before it said little, and afterwards whether this one did.
    pub(crate) fn attend(
        mut self,
        seat: &Seat,
        limit: &mut Limit<'_>,
        buffer: &mut [u8],
        terse: &mut bool,
        mut tell: impl FnMut(News<'_>),
    ) -> Ended {
        let mut said = 0;
        let mut hear = |news: News<'_>| {
            if let News::Said(_, bytes) = news {
                said += bytes.len();
                seat.hear(bytes);
            }
            tell(news);
        };
        let soon = *terse && self.ends_soon(limit);
        let watched = if soon { Ok(()) } else { self.watch(seat, limit, buffer, &mut hear) };
        let (status, mut sitter) = self.bury(seat);
        // Everyone in the group is dead, so what is in the pipes now is all there will be from them. The seat is
        // empty by now; what is heard last goes to who sat there.
        self.read_rest(buffer, &mut |stream, bytes: &[u8]| {
            said += bytes.len();
            if let Some(sitter) = &mut sitter {
                sitter.tail.push(bytes);
            }
            tell(News::Said(stream, bytes));
        });
        *terse = said <= TERSE;
        Ended { status: watched.and(status), sitter }
    }

    /// Waits a little for the end alone.
    fn ends_soon(&self, limit: &mut Limit<'_>) -> bool {
        let Some(end) = &self.end else { return false };
        let mut fds = [PollFd::new(end, PollFlags::IN)];
        // On an error we just have not waited.
        sleep_on(&mut fds, limit.left(Some(PATIENCE))).is_ok_and(|ready| ready > 0)
    }

    /// Reads until the leader has ended.
    fn watch(
        &mut self,
        seat: &Seat,
        limit: &mut Limit<'_>,
        buffer: &mut [u8],
        tell: &mut impl FnMut(News<'_>),
    ) -> io::Result<()> {
        while self.out.is_some() || self.err.is_some() {
            let look = if self.end.is_some() { None } else { Some(LOOK) };
            let mut take = |stream, bytes: &[u8]| tell(News::Said(stream, bytes));
            if self.read_ready(buffer, &mut take, limit.left(look))? == Woken::Ended {
                return Ok(());
            }
            limit.keep(seat, || tell(News::Late));
            if self.end.is_none() && self.has_ended()? {
                return Ok(());
            }
        }
        while !limit.is_none() && !self.has_ended()? {
            let look = if self.end.is_some() { None } else { Some(LOOK) };
            let mut fds: Vec<_> = self.end.iter().map(|end| PollFd::new(end, PollFlags::IN)).collect();
            sleep_on(&mut fds, limit.left(look))?;
            limit.keep(seat, || tell(News::Late));
        }
        self.wait_end()
    }

    /// Reads what is left.
    fn read_rest(&mut self, buffer: &mut [u8], take: &mut impl FnMut(Stream, &[u8])) {
        self.end = None;
        while self.out.is_some() || self.err.is_some() {
            match self.read_ready(buffer, take, Some(LAST_WORDS)) {
                Ok(Woken::Read) => {}
                Ok(Woken::Ended | Woken::Nothing) | Err(_) => return,
            }
        }
    }

    /// Sleeps until a pipe can be read or the leader has ended, and reads each pipe at most once.
    fn read_ready(
        &mut self,
        buffer: &mut [u8],
        take: &mut impl FnMut(Stream, &[u8]),
        limit: Option<Duration>,
    ) -> io::Result<Woken> {
        // Closed pipes are left out, so which stream a place stands for is written beside it.
        let mut fds = Vec::with_capacity(3);
        let mut order = [None; 2];
        for (stream, pipe) in [(Stream::Out, &self.out), (Stream::Err, &self.err)] {
            if let Some(pipe) = pipe {
                order[fds.len()] = Some(stream);
                fds.push(PollFd::new(pipe, PollFlags::IN));
            }
        }
        let pipes = fds.len();
        if let Some(end) = &self.end {
            fds.push(PollFd::new(end, PollFlags::IN));
        }
        sleep_on(&mut fds, limit)?;
        let ended = fds.get(pipes).is_some_and(|end| !end.revents().is_empty());
        let mut ready = [None; 2];
        for (place, stream) in order.into_iter().enumerate() {
            let what = stream.map(|stream| (stream, fds[place].revents()));
            ready[place] = what.filter(|(_, what)| !what.is_empty());
        }
        drop(fds);
        let mut woken = if ended { Woken::Ended } else { Woken::Nothing };
        for (stream, what) in ready.into_iter().flatten() {
            // Hung up and nothing to read: the end, without asking for it.
            if what == PollFlags::HUP {
                *self.pipe(stream) = None;
            } else {
                read_once(self.pipe(stream), buffer, |bytes| take(stream, bytes))?;
            }
            if !ended {
                woken = Woken::Read;
            }
        }
        Ok(woken)
    }

    fn pipe(&mut self, stream: Stream) -> &mut Option<OwnedFd> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

/// Why a sleep ended.
#[derive(Debug, PartialEq, Eq)]
enum Woken {
    Read,
    Ended,
    Nothing,
}

/// Reads from a pipe that is ready; closes it at its end.
fn read_once(pipe: &mut Option<OwnedFd>, buffer: &mut [u8], take: impl FnOnce(&[u8])) -> io::Result<()> {
    let Some(open) = pipe else { return Ok(()) };
    match rustix::io::read(open.as_fd(), &mut *buffer) {
        Ok(0) => *pipe = None,
        Ok(read) => take(&buffer[..read]),
        Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
