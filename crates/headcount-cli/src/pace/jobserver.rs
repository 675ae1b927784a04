//! The jobserver of a `make -j` that runs us: a pipe with a token, one byte, for each job that may run beside the first.
//!
//! One job is ours from the beginning, so one member runs without a token. That leave is kept as a token too, in a pipe of our own, so
//! that who waits sleeps on both and takes whichever is there first. A token goes back where it came from, the same
//! byte, when its member has ended.
//!
//! `make` names the pipe in `MAKEFLAGS`: by a path, or by two descriptors that it left open for us. Those are opened anew, through
//! `/dev/fd`, because how we want to read (never waiting in `read`) is no business of the others who share them. Is it
//! out of reach, because the recipe is not marked as one that runs jobs, that is said and `-j` alone holds.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::latch::{Latch, sleep_on};

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Jobserver {
    tokens: Pipe,
    /// Holds the leave for one job, when nobody uses it.
    own: Pipe,
    /// Nobody gives tokens any more: the other side is gone.
    dried_up: AtomicBool,
}

#[derive(Debug)]
struct Pipe {
    reader: File,
    writer: File,
}

/// Leave for one job; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Token {
    from: Arc<Jobserver>,
    byte: u8,
    own: bool,
}

impl Token {
    /// The byte, if it belongs to others too.
    pub(super) fn owed(&self) -> Option<u8> {
        (!self.own).then_some(self.byte)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let pipe = if self.own { &self.from.own } else { &self.from.tokens };
        // It fits: it was there before. Where nobody is left to take it nobody misses it.
        let _ = rustix::io::retry_on_intr(|| rustix::io::write(&pipe.writer, &[self.byte]));
    }
}

/// Where a jobserver is.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    Path(PathBuf),
    Descriptors(u32, u32),
}

impl Jobserver {
    /// The one we are to join. Asked before we open anything: a number in `MAKEFLAGS` could be one of our own otherwise.
    ///
    /// # Errors
    /// When there is one, and it is out of reach: why.
    pub(crate) fn find() -> io::Result<Option<Self>> {
        let Some(flags) = env::var_os("MAKEFLAGS") else { return Ok(None) };
        let Some(address) = address(&flags) else { return Ok(None) };
        let open = |path: &Path, how| -> io::Result<File> {
            let file = File::from(open(path, how | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?);
            if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::Fifo {
                return Err(io::Error::other("it is no pipe"));
            }
            Ok(file)
        };
        let tokens = match address {
            Address::Path(path) => {
                let reader = open(&path, OFlags::RDWR)?;
                Pipe { writer: reader.try_clone()?, reader }
            }
            Address::Descriptors(reader, writer) => Pipe {
                reader: open(Path::new(&format!("/dev/fd/{reader}")), OFlags::RDONLY)?,
                writer: open(Path::new(&format!("/dev/fd/{writer}")), OFlags::WRONLY)?,
            },
        };
        Ok(Some(Self::new(tokens)?))
    }

    fn new(tokens: Pipe) -> io::Result<Self> {
        let (reader, writer): (OwnedFd, OwnedFd) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        rustix::io::write(&writer, b"1")?;
        let own = Pipe { reader: reader.into(), writer: writer.into() };
        Ok(Self { tokens, own, dried_up: AtomicBool::new(false) })
    }

    /// Where tokens go back to.
    pub(super) fn giving_back(&self) -> io::Result<OwnedFd> {
        Ok(self.tokens.writer.try_clone()?.into())
    }

    /// A token, if there is one now.
    pub(crate) fn try_take(this: &Arc<Self>) -> Option<Token> {
        let token = |byte, own| Token { from: Arc::clone(this), byte, own };
        if let Ok(Some(byte)) = read(&this.own) {
            return Some(token(byte, true));
        }
        // Relaxed: who does not see it finds out for himself.
        if !this.dried_up.load(Ordering::Relaxed) {
            match read(&this.tokens) {
                Ok(Some(byte)) => return Some(token(byte, false)),
                Ok(None) => {}
                // As above.
                Err(_) => this.dried_up.store(true, Ordering::Relaxed),
            }
        }
        None
    }

    /// Waits for a token; nothing when the latch is closed before.
    pub(crate) fn take(this: &Arc<Self>, latch: &Latch) -> Option<Token> {
        loop {
            if latch.is_closed() {
                return None;
            }
            if let Some(token) = Self::try_take(this) {
                return Some(token);
            }
            // Relaxed: as above.
            let dried_up = this.dried_up.load(Ordering::Relaxed);
            let mut fds = vec![
                PollFd::from_borrowed_fd(latch.as_fd(), PollFlags::IN),
                PollFd::new(&this.own.reader, PollFlags::IN),
            ];
            if !dried_up {
                fds.push(PollFd::new(&this.tokens.reader, PollFlags::IN));
            }
            // On an error we have not slept, and look again.
            let _ = sleep_on(&mut fds, None);
        }
    }
}

/// A token, if there is one. An error when there will be none.
fn read(pipe: &Pipe) -> io::Result<Option<u8>> {
    let mut byte = [0];
    match rustix::io::read(&pipe.reader, &mut byte) {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        Ok(_) => Ok(Some(byte[0])),
        Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The last one named counts, as for `make` itself. Negative descriptors say that there is none for us.
fn address(flags: &OsStr) -> Option<Address> {
    let words = flags.as_bytes().split(|&byte| byte == b' ');
    let mut named = words.filter_map(|word| {
        word.strip_prefix(b"--jobserver-auth=").or_else(|| word.strip_prefix(b"--jobserver-fds="))
    });
    let named = named.next_back()?;
    if let Some(path) = named.strip_prefix(b"fifo:") {
        return Some(Address::Path(OsStr::from_bytes(path).into()));
    }
    let (reader, writer) = std::str::from_utf8(named).ok()?.split_once(',')?;
    Some(Address::Descriptors(reader.parse().ok()?, writer.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_among_flags() {
        let of = |flags: &str| address(OsStr::new(flags));
        assert_eq!(of(" -j3 --jobserver-auth=3,4"), Some(Address::Descriptors(3, 4)));
        assert_eq!(of("s -j --jobserver-fds=5,6 -- A=b"), Some(Address::Descriptors(5, 6)));
        let path = Some(Address::Path("/tmp/GMfifo12".into()));
        assert_eq!(of("--jobserver-auth=3,4 --jobserver-auth=fifo:/tmp/GMfifo12"), path, "the last counts");
        for none in ["", "k", "-j1", "--jobserver-auth=-2,-2", "--jobserver-auth=3", "--jobserver-auth="] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    fn server(tokens: &[u8]) -> Arc<Jobserver> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        rustix::io::write(&writer, tokens).unwrap();
        Arc::new(Jobserver::new(Pipe { reader: reader.into(), writer: writer.into() }).unwrap())
    }

    #[test]
    fn one_is_free_and_all_go_back_where_they_came_from() {
        let (server, latch) = (server(b"ab"), Latch::new().unwrap());
        let mut tokens: Vec<_> = (0..3).map(|_| Jobserver::take(&server, &latch).unwrap()).collect();
        let seen: Vec<_> = tokens.iter().map(|token| (token.own, token.byte)).collect();
        assert_eq!(seen, [(true, b'1'), (false, b'a'), (false, b'b')]);
        assert!(read(&server.tokens).unwrap().is_none(), "all are out");
        // The one that costs nothing is taken first again.
        tokens.remove(0);
        assert!(Jobserver::take(&server, &latch).unwrap().own);
        drop(tokens);
        let mut back = [read(&server.tokens).unwrap().unwrap(), read(&server.tokens).unwrap().unwrap()];
        back.sort_unstable();
        assert_eq!(&back, b"ab");
    }

    #[test]
    fn a_stop_ends_the_wait_and_so_does_a_token() {
        let (server, latch) = (server(b""), Arc::new(Latch::new().unwrap()));
        let own = Jobserver::take(&server, &latch).unwrap();
        let waiting = |server: &Arc<Jobserver>, latch: &Arc<Latch>| {
            let (server, latch) = (Arc::clone(server), Arc::clone(latch));
            std::thread::spawn(move || Jobserver::take(&server, &latch).map(|token| token.own))
        };
        let waiter = waiting(&server, &latch);
        drop(own);
        assert_eq!(waiter.join().unwrap(), Some(true));
        let _own = Jobserver::take(&server, &latch).unwrap();
        let waiter = waiting(&server, &latch);
        latch.close();
        assert_eq!(waiter.join().unwrap(), None);
    }

    #[test]
    fn where_the_other_side_is_gone_one_goes_on_alone() {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap();
        let sink = File::open("/dev/null").unwrap();
        drop(writer);
        let server = Arc::new(Jobserver::new(Pipe { reader: reader.into(), writer: sink }).unwrap());
        let latch = Latch::new().unwrap();
        for _ in 0..3 {
            assert!(Jobserver::take(&server, &latch).unwrap().own);
        }
    }
}
