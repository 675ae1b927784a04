//! One process on one journal.

use std::fs::File;
use std::io;
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::frame::{Begins, Frames, Next, begins};
use super::record::{Heading, Record};

/// How often and how soon it is tried again: a child that was just being started when its parent was killed holds
/// the file until its exec.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the journal for this process. False if another one has it.
pub(super) fn lock(file: &File) -> io::Result<bool> {
    for _ in 0..TRIES {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(true),
            Err(Errno::WOULDBLOCK) => thread::sleep(PAUSE),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(false)
}

/// The process that has it, as it wrote down itself, if that can be read.
pub(super) fn holder(file: &File) -> Option<u32> {
    let Ok(Begins::Salt(salt)) = begins(file) else { return None };
    let mut frames = Frames::new(file, salt).ok()?;
    let mut holder = None;
    while let Ok(Next::Record(record)) = frames.next() {
        if let Record::Began(Heading { pid, .. }) | Record::Resumed { pid, .. } = record {
            holder = Some(pid);
        }
    }
    holder
}
