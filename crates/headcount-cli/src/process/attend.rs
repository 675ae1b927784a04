//! Attending one child from start to end, without a thread: what it does next is awaited, and whoever awaits reads its pipes.
//!
//! A short-lived child would wake us three times: when it closes its stdout, its stderr, and when it has ended.
//! On a busy machine each of these takes the core from another child. So at first only the end is waited for,
//! for [`PATIENCE`]: the pipes hold meanwhile what a child of such an age has to say. Where the last one said
//! more, the next is listened to from the start. Where there is a hand for every lane it sleeps on that end itself: the child's
//! core is its own then, and neither is the wrong hand woken for it nor the set told of a file that is soon gone.
//!
//! Who reads is asked for it, and not told what was read, because it may have to wait for its turn to print what it is going to
//! read. Meanwhile the pipe holds the child up, as it should.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;
use std::task::Poll;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{OFlags, fcntl_setfl};

use super::{Limit, Running, Seat, Sitter};
use crate::hands::{Watched, alarm, is_one_each, within};
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

/// As much as a pipe holds.
const BUFFER: usize = 64 * 1024;

/// A child that never stops to speak lets others have a turn after so many pieces.
const IN_ONE_GO: u32 = 16;

thread_local! {
    /// What is read is handed on before anything else is read, so one buffer does for all that a thread carries.
    static PIECE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What happens next to a child that is attended.
#[derive(Debug)]
pub(crate) enum Step {
    /// It has written something, or closed this stream: to be [read](Attended::read).
    Speaks(Stream),
    /// Its time is up; it is about to be told to end.
    Late,
    /// It has ended, and so has its group.
    Ended(Ended),
}

/// How a child ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: io::Result<ExitStatus>,
    /// What its seat knew of it.
    pub(crate) sitter: Option<Sitter>,
    /// It said little.
    pub(crate) terse: bool,
}

/// A child that is attended.
#[derive(Debug)]
pub(crate) struct Attended {
    running: Running,
    /// Nothing where the system does not tell the end.
    end: Option<Pipe>,
    out: Option<Pipe>,
    err: Option<Pipe>,
    phase: Phase,
    said: usize,
    pieces: u32,
    /// What went wrong while it was attended.
    wrong: Option<io::Error>,
    /// Its seat is empty by now; what is heard last goes to who sat there.
    sitter: Option<Sitter>,
    status: Option<io::Result<ExitStatus>>,
}

#[derive(Debug)]
enum Phase {
    /// Only its end is waited for.
    Patience,
    Listening,
    /// The leader has ended.
    Dead,
    /// Everyone in the group is dead, so what is in the pipes now is all there will be from them.
    Rest,
}

/// Our end of a pipe, or what tells a child's end. Most children are gone before theirs need be watched.
#[derive(Debug)]
enum Pipe {
    Bare(OwnedFd),
    Watched(Watched),
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Bare(file) => file.as_fd(),
            Self::Watched(file) => file.as_fd(),
        }
    }
}

impl Pipe {
    fn watched(self) -> io::Result<Self> {
        let Self::Bare(file) = self else { return Ok(self) };
        // Our end alone: the child's is another file, though of the same pipe.
        fcntl_setfl(&file, OFlags::NONBLOCK)?;
        Ok(Self::Watched(Watched::new(file)?))
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            // Only when there is something.
            Self::Bare(file) => Ok(rustix::io::read(file, buffer)?),
            Self::Watched(file) => file.read(buffer),
        }
    }
}

/// Why a sleep ended.
enum Woken {
    Speaks(Stream),
    Ended,
}

impl Running {
    /// Begins to attend it, in a hand. `terse` says whether the child before it said little.
    pub(crate) fn attended(mut self, terse: bool) -> Attended {
        let end = self.end.take().map(Pipe::Bare);
        let (out, err) = (self.out.take().map(Pipe::Bare), self.err.take().map(Pipe::Bare));
        let phase = if terse && end.is_some() { Phase::Patience } else { Phase::Listening };
        let (said, pieces, wrong, sitter, status) = (0, 0, None, None, None);
        Attended { running: self, end, out, err, phase, said, pieces, wrong, sitter, status }
    }
}

impl Attended {
    /// What it does next, while its time is kept. Not to be asked again after its end.
    pub(crate) async fn next(&mut self, seat: &Seat, limit: &mut Limit<'_>) -> Step {
        loop {
            let next = match self.phase {
                Phase::Patience => self.wait_a_little(limit).await,
                Phase::Listening => self.listen(seat, limit).await,
                Phase::Dead => {
                    let (status, sitter) = self.running.bury(seat);
                    (self.status, self.sitter) = (Some(status), sitter);
                    self.running.wait_group_empty().await;
                    self.end = None;
                    self.phase = Phase::Rest;
                    Ok(None)
                }
                Phase::Rest => match self.rest().await {
                    Some(stream) => return Step::Speaks(stream),
                    None => return Step::Ended(self.ended()),
                },
            };
            match next {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(error) => self.fail(error),
            }
        }
    }

    /// What happens to a child that we cannot attend any more: it is ended.
    fn fail(&mut self, error: io::Error) {
        self.wrong.get_or_insert(error);
        self.phase = Phase::Dead;
    }

    fn ended(&mut self) -> Ended {
        let status = self.status.take().unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()));
        let status = match self.wrong.take() {
            Some(error) => Err(error),
            None => status,
        };
        Ended { status, sitter: self.sitter.take(), terse: self.said <= TERSE }
    }

    /// Waits for the end alone.
    async fn wait_a_little(&mut self, limit: &mut Limit<'_>) -> io::Result<Option<Step>> {
        let patience = limit.left(Some(PATIENCE));
        let ended = match &self.end {
            Some(end) if is_one_each() => {
                let mut fds = [PollFd::new(end, PollFlags::IN)];
                // On an error we just have not waited.
                sleep_on(&mut fds, patience).is_ok_and(|ready| ready > 0)
            }
            _ => {
                self.watch_end();
                within(patience, self.woken()).await.is_some()
            }
        };
        self.phase = if ended { Phase::Dead } else { Phase::Listening };
        Ok(None)
    }

    /// From now on its end wakes us, unless that cannot be had.
    fn watch_end(&mut self) {
        self.end = match self.end.take() {
            Some(Pipe::Bare(end)) => Watched::new(end).ok().map(Pipe::Watched),
            end => end,
        };
    }

    /// Waits until it speaks or ends, or something is due.
    async fn listen(&mut self, seat: &Seat, limit: &mut Limit<'_>) -> io::Result<Option<Step>> {
        self.watch_end();
        for pipe in [&mut self.out, &mut self.err] {
            if let Some(Pipe::Bare(_)) = pipe {
                *pipe = pipe.take().map(Pipe::watched).transpose()?;
            }
        }
        if limit.keep(seat) {
            return Ok(Some(Step::Late));
        }
        if self.end.is_none() && self.running.has_ended()? {
            self.phase = Phase::Dead;
            return Ok(None);
        }
        if self.pieces >= IN_ONE_GO {
            self.pieces = 0;
            alarm::pass().await;
        }
        let look = if self.end.is_some() { None } else { Some(LOOK) };
        let wait = limit.left(look);
        match within(wait, self.woken()).await {
            Some(Woken::Speaks(stream)) => return Ok(Some(Step::Speaks(stream))),
            Some(Woken::Ended) => self.phase = Phase::Dead,
            None => {}
        }
        Ok(None)
    }

    /// The end first: whoever it leaves behind may speak for ever.
    async fn woken(&self) -> Woken {
        poll_fn(|cx| {
            if let Some(Pipe::Watched(end)) = &self.end {
                if end.poll_ready(cx).is_ready() {
                    return Poll::Ready(Woken::Ended);
                }
            }
            let pipes = [(Stream::Out, &self.out), (Stream::Err, &self.err)];
            // Each is asked, so that each wakes us.
            let mut speaks = None;
            for (stream, pipe) in pipes {
                if let Some(Pipe::Watched(pipe)) = pipe {
                    if pipe.poll_ready(cx).is_ready() {
                        speaks = speaks.or(Some(stream));
                    }
                }
            }
            speaks.map_or(Poll::Pending, |stream| Poll::Ready(Woken::Speaks(stream)))
        })
        .await
    }

    /// Where there is something left to be read, once nobody writes any more.
    async fn rest(&mut self) -> Option<Stream> {
        let waited = if LAST_WORDS.is_zero() { None } else { Some(LAST_WORDS) };
        if waited.is_some() && (self.out.is_some() || self.err.is_some()) {
            for pipe in [&mut self.out, &mut self.err] {
                *pipe = pipe.take().and_then(|pipe| pipe.watched().ok());
            }
            within(waited, self.woken()).await?;
        }
        loop {
            // Closed pipes are left out, so which stream a place stands for is written beside it.
            let mut streams = Vec::with_capacity(2);
            let mut fds = Vec::with_capacity(2);
            for (stream, pipe) in [(Stream::Out, &self.out), (Stream::Err, &self.err)] {
                if let Some(pipe) = pipe {
                    streams.push(stream);
                    fds.push(PollFd::new(pipe, PollFlags::IN));
                }
            }
            if fds.is_empty() || !sleep_on(&mut fds, Some(Duration::ZERO)).is_ok_and(|ready| ready > 0) {
                return None;
            }
            let seen: Vec<_> = streams.into_iter().zip(fds.iter().map(PollFd::revents)).collect();
            drop(fds);
            for (stream, what) in seen {
                // Hung up and nothing to read: the end, without asking for it.
                if what == PollFlags::HUP {
                    *self.pipe(stream) = None;
                } else if !what.is_empty() {
                    return Some(stream);
                }
            }
        }
    }

    fn pipe(&mut self, stream: Stream) -> &mut Option<Pipe> {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    /// Reads once from a stream on which it speaks, and hands on what was read, if anything.
    pub(crate) fn read(&mut self, stream: Stream, seat: &Seat, take: impl FnOnce(&[u8])) {
        PIECE.with_borrow_mut(|buffer| {
            buffer.resize(BUFFER, 0);
            let Some(pipe) = self.pipe(stream) else { return };
            match pipe.read(buffer) {
                Ok(0) => *self.pipe(stream) = None,
                Ok(read) => {
                    let piece = &buffer[..read];
                    self.said += read;
                    self.pieces += 1;
                    match &mut self.sitter {
                        Some(sitter) => sitter.tail.push(piece),
                        None => seat.hear(piece),
                    }
                    take(piece);
                }
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                Err(error) => match self.phase {
                    // How it ended is known.
                    Phase::Rest => *self.pipe(stream) = None,
                    _ => self.fail(error),
                },
            }
        });
    }
}
