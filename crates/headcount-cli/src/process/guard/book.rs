//! The guard's book: who sits where, written by the command and read by the guard after the command's death.
//!
//! It begins with a head, and then has a place of [`PLACE`] bytes for each seat. Numbers are in the machine's order: both
//! who writes and who reads is the same program on the same machine. What a place says, and when:
//!
//! 1. before a child is started: which pipes it will write to (whoever has one of them open is of that member), and which token
//!    of make's jobserver was taken for it.
//! 2. after that: the group it leads, and when that was written.
//! 3. before the leader is reaped, and after everyone in its group was killed: nothing.
//!
//! So there is no moment at which a child runs and cannot be found, and none at which a number stands in the book that
//! the system could have given to somebody else while the command lived. What happens to the number between the command's
//! death and the guard's look is the guard's to find out: a process that began after the place was written is a stranger.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use rustix::process::{Pid, getpid};

use crate::process::system;

/// Says that this is such a book, and of which form.
const MARK: u64 = u64::from_ne_bytes(*b"hc-book1");

const HEAD: usize = 24;
const PLACE: usize = 40;

/// Any byte may be a token, also 0.
const TAKEN: u64 = 0x100;

/// The book as the command writes it.
#[derive(Debug)]
pub(in crate::process) struct Book {
    file: File,
    batch: String,
}

/// Whose book it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) command: Pid,
    /// What every child finds in its environment, and hands down.
    pub(super) batch: String,
}

/// What a place says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Nothing while the child is being started.
    pub(super) group: Option<Pid>,
    /// When the group was written down, in nanoseconds of the system's uptime.
    pub(super) at: u64,
    /// The numbers of its pipes.
    pub(super) pipes: [u64; 2],
    /// What make's jobserver is owed for it.
    pub(super) token: Option<u8>,
}

impl Book {
    pub(super) fn create() -> io::Result<Self> {
        let file = system::nameless_file()?;
        let began = system::uptime();
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&MARK.to_ne_bytes());
        head[8..12].copy_from_slice(&raw(getpid()));
        head[16..].copy_from_slice(&began.to_ne_bytes());
        file.write_all_at(&head, 0)?;
        Ok(Self { file, batch: batch(getpid(), began) })
    }

    /// The name of the batch, by which its processes are known.
    pub(in crate::process) fn batch(&self) -> &str {
        &self.batch
    }

    /// The same file, for the guard to read.
    pub(super) fn for_guard(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// A child is about to be started that will write to these pipes, and this token was taken for it.
    pub(in crate::process) fn starts(&self, seat: usize, pipes: [impl AsFd; 2], token: Option<u8>) {
        let mut place = [0; PLACE];
        for (nth, pipe) in pipes.iter().enumerate() {
            let number = rustix::fs::fstat(pipe).map_or(0, |what| what.st_ino);
            place[16 + 8 * nth..24 + 8 * nth].copy_from_slice(&number.to_ne_bytes());
        }
        place[32..].copy_from_slice(&token.map_or(0, |token| u64::from(token) | TAKEN).to_ne_bytes());
        self.write(seat, &place);
    }

    /// It was started, and leads this group.
    pub(in crate::process) fn runs(&self, seat: usize, group: Pid) {
        let mut place = [0; 16];
        place[..4].copy_from_slice(&raw(group));
        place[8..].copy_from_slice(&system::uptime().to_ne_bytes());
        self.write(seat, &place);
    }

    /// It was not started after all; or everyone in its group is dead, and the leader is about to be reaped.
    pub(in crate::process) fn is_over(&self, seat: usize) {
        self.write(seat, &[0; PLACE]);
    }

    /// A place that cannot be written (the memory is full) is worth less than the member it is for.
    fn write(&self, seat: usize, bytes: &[u8]) {
        let _ = self.file.write_all_at(bytes, (HEAD + seat * PLACE) as u64);
    }
}

/// Reads a book: whose it is, and the places that are taken. Nothing if it is none.
pub(super) fn read(book: &File) -> Option<(Head, Vec<Place>)> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match book.read_at(&mut piece, bytes.len() as u64) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    let (head, places) = bytes.split_at_checked(HEAD)?;
    if number(head, 0) != MARK {
        return None;
    }
    let command = pid(head, 8)?;
    let head = Head { command, batch: batch(command, number(head, 16)) };
    let places = places.chunks_exact(PLACE).map(|place| Place {
        group: pid(place, 0),
        at: number(place, 8),
        pipes: [number(place, 16), number(place, 24)],
        token: number(place, 32).checked_sub(TAKEN).and_then(|token| u8::try_from(token).ok()),
    });
    Some((head, places.filter(|place| *place != Place::default()).collect()))
}

/// No other batch since the system began has both in common with it.
fn batch(command: Pid, began: u64) -> String {
    format!("{command}-{began:x}")
}

fn raw(pid: Pid) -> [u8; 4] {
    pid.as_raw_nonzero().get().to_ne_bytes()
}

fn pid(bytes: &[u8], at: usize) -> Option<Pid> {
    let four = bytes[at..at + 4].try_into().ok()?;
    Pid::from_raw(i32::from_ne_bytes(four))
}

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes[at..at + 8].try_into().map_or(0, u64::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let book = Book::create().unwrap();
        let (one, two) = (Pid::from_raw(1001).unwrap(), Pid::from_raw(1002).unwrap());
        let pipe = || rustix::pipe::pipe().unwrap().1;
        let pipes = [[pipe(), pipe()], [pipe(), pipe()], [pipe(), pipe()]];
        book.starts(0, pipes[0].each_ref(), Some(0));
        book.runs(0, one);
        book.starts(3, pipes[1].each_ref(), Some(7));
        book.runs(3, two);
        book.is_over(3);
        book.starts(2, pipes[2].each_ref(), None);
        let numbers = |of: &[_; 2]| of.each_ref().map(|pipe| rustix::fs::fstat(pipe).unwrap().st_ino);
        let (head, places) = read(&book.for_guard().unwrap()).unwrap();
        assert_eq!(head, Head { command: getpid(), batch: book.batch().to_owned() });
        assert_eq!(places.len(), 2, "{places:?}");
        assert_eq!((places[0].group, places[0].pipes), (Some(one), numbers(&pipes[0])));
        assert_eq!((places[1].group, places[1].pipes), (None, numbers(&pipes[2])));
        assert_eq!((places[0].token, places[1].token), (Some(0), None));
        if cfg!(target_os = "linux") {
            assert!(places[0].at > 0 && places[0].at <= system::uptime());
        }
    }

    #[test]
    fn another_file_is_no_book() {
        let file = tempfile::tempfile().unwrap();
        assert!(read(&file).is_none(), "an empty one");
        file.write_all_at(&[7; 500], 0).unwrap();
        assert!(read(&file).is_none());
    }
}
