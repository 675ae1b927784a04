//! The side that asks.

use std::error::Error;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::census::{Ask, Census};
use super::wire::{self, Unread};
use super::{VERSION, place};

/// The processes of this user that have opened a socket, in the order of their numbers. Some of them may be gone.
///
/// # Errors
///
/// If the directory of the sockets cannot be read, or is open to others. That there is none means that there are no processes.
pub fn processes() -> io::Result<Vec<u32>> {
    let directory = place::directory();
    match place::check(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        checked => checked?,
    }
    let mut pids = Vec::new();
    for entry in fs::read_dir(&directory)? {
        let name = entry?.file_name();
        let pid =
            name.to_str().and_then(|name| name.strip_suffix(".sock")).and_then(|pid| pid.parse::<u32>().ok());
        pids.extend(pid);
    }
    pids.sort_unstable();
    Ok(pids)
}

/// Asks a process who is out. It has `patience` to begin with its answer.
///
/// A socket that a process has left behind is removed on the way.
///
/// # Errors
///
/// If the process has no socket, has gone, does not answer in time, speaks another version, or is another user's; and if
/// there is more to tell than an answer may hold, 64 MB.
pub fn ask(pid: u32, ask: &Ask, patience: Duration) -> Result<Census, AskError> {
    let error = |kind| AskError { pid, patience, kind };
    let directory = place::directory();
    match place::check(&directory) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Err(error(Kind::NoSocket)),
        checked => checked.map_err(|failed| error(Kind::Io(failed)))?,
    }
    talk(&place::socket(&directory, pid), ask, patience).map_err(error)
}

fn talk(socket: &Path, ask: &Ask, patience: Duration) -> Result<Census, Kind> {
    let mut stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Kind::NoSocket,
        io::ErrorKind::ConnectionRefused => {
            // Nobody listens, and nobody ever will: a process opens a new one.
            let _ = fs::remove_file(socket);
            Kind::Gone
        }
        _ => Kind::Io(error),
    })?;
    place::check_peer(&stream).map_err(Kind::Io)?;
    stream.set_read_timeout(Some(patience)).map_err(Kind::Io)?;
    stream.set_write_timeout(Some(patience)).map_err(Kind::Io)?;
    let told = stream.write_all(&wire::question(ask));
    // Once it has begun it may take longer: there may be much to tell.
    let line =
        told.and_then(|()| wire::read_line(&stream, wire::LONGEST_ANSWER, Instant::now() + patience * 10));
    let line = line.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Kind::Silent,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            Kind::HungUp
        }
        io::ErrorKind::InvalidData => Kind::Garbage(error.to_string()),
        _ => Kind::Io(error),
    })?;
    wire::read_answer(&line).map_err(|unread| match unread {
        Unread::Version(theirs) => Kind::Version(theirs),
        Unread::Garbage(what) => Kind::Garbage(what),
        Unread::Refused(why) => Kind::Refused(why),
        Unread::TooLong(bytes) => Kind::TooLong(bytes),
    })
}

/// A process did not say who is out.
#[derive(Debug)]
pub struct AskError {
    pid: u32,
    patience: Duration,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    NoSocket,
    Gone,
    Silent,
    HungUp,
    Version(u32),
    Garbage(String),
    Refused(String),
    TooLong(u64),
    Io(io::Error),
}

impl AskError {
    /// Whether the process has ended, or never opened a socket.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self.kind, Kind::NoSocket | Kind::Gone)
    }

    /// Whether it is there and did not answer in time.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self.kind, Kind::Silent)
    }

    /// Whether it speaks another version of the protocol.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        matches!(self.kind, Kind::Version(_) | Kind::Refused(_))
    }

    /// What would help.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.kind {
            Kind::NoSocket => "the program must call headcount::inspect() at its start, and run as you do",
            Kind::Gone => "it left its socket behind, which has been removed",
            Kind::Silent => "it may be stopped, or have no processor time; try again",
            Kind::HungUp => "it may just have ended; try again",
            Kind::Version(_) | Kind::Refused(_) => {
                "use a `headcount` of the same version as the program's library"
            }
            Kind::TooLong(_) => "ask for fewer members, or for one by its name or number",
            Kind::Garbage(_) => "something else listens there: who runs as this process?",
            Kind::Io(_) => "look at the directory's owner and permissions",
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ", self.pid)?;
        match &self.kind {
            Kind::NoSocket => f.write_str("has no socket to be asked on"),
            Kind::Gone => f.write_str("has gone"),
            Kind::Silent => write!(f, "did not answer within {:?}", self.patience),
            Kind::HungUp => f.write_str("hung up before it had answered"),
            Kind::Version(theirs) => {
                write!(f, "speaks version {theirs} of the protocol, and this is version {VERSION}")
            }
            Kind::Garbage(what) => write!(f, "answered something that is no answer: {what}"),
            Kind::Refused(why) => write!(f, "refused the question: {why}"),
            Kind::TooLong(bytes) => {
                let (answer, most) = (bytes >> 20, wire::LONGEST_ANSWER >> 20);
                write!(f, "has more to tell than an answer may hold: {answer} MB instead of {most} MB")
            }
            Kind::Io(error) => write!(f, "could not be asked: {error}"),
        }
    }
}

impl Error for AskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.kind {
            // Its own text has been told.
            Kind::Io(error) => error.source(),
            _ => None,
        }
    }
}
