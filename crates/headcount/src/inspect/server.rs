//! The side that is asked: a thread that sleeps until somebody does.
//!
//! Connections are served one after the other, each for a limited time, so whoever is slow holds the others up for that long and
//! takes no more than one thread and one answer's memory.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::census::Census;
use super::{place, wire};
use crate::group::panics;

/// How long a question may take to come: less than others behind it wait for their answers.
const PATIENCE: Duration = Duration::from_millis(400);

/// How long an answer may take to be read: it may be long, and its reader busy.
const LONG_PATIENCE: Duration = Duration::from_secs(10);

/// The process's socket, if it is open; and who opened it, which a forked child is not.
static OPEN: Mutex<Option<(u32, PathBuf)>> = Mutex::new(None);

pub(super) fn open() -> io::Result<()> {
    let pid = std::process::id();
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if open.as_ref().is_some_and(|(by, _)| *by == pid) {
        return Ok(());
    }
    let directory = place::directory();
    place::prepare(&directory)?;
    let path = place::socket(&directory, pid);
    // Of an earlier process with this number: there is one with it now, and it is this one.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(place::about(&path, error)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(|error| place::about(&path, error))?;
    let started = fs::set_permissions(&path, Permissions::from_mode(0o600)).and_then(|()| {
        thread::Builder::new().name("headcount-inspect".into()).spawn(move || serve(&listener)).map(drop)
    });
    if let Err(error) = started {
        // Nobody would ever answer there.
        let _ = fs::remove_file(&path);
        return Err(place::about(&path, error));
    }
    *open = Some((pid, path));
    Ok(())
}

pub(super) fn close() {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, path)) = open.take_if(|(by, _)| *by == std::process::id()) {
        // Already gone is as good.
        let _ = fs::remove_file(path);
    }
}

fn serve(listener: &UnixListener) {
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                // Who hangs up, or asks nonsense, is no concern of the program; and nothing that goes wrong here may end it.
                panics::try_quietly(|| drop(answer(&stream)));
            }
            // Too many open files, say: that passes, and must not become a busy loop.
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

pub(super) fn answer(stream: &UnixStream) -> io::Result<()> {
    place::check_peer(stream)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let line = wire::read_line(stream, wire::LONGEST_QUESTION, Instant::now() + PATIENCE)?;
    let answer = match wire::read_question(&line) {
        Ok(ask) => wire::answer(Census::take(&ask), wire::LONGEST_ANSWER),
        Err(unread) => wire::refusal(&unread),
    };
    let until = Instant::now() + LONG_PATIENCE;
    let mut stream = stream;
    for piece in answer.chunks(64 << 10) {
        if Instant::now() >= until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.write_all(piece)?;
    }
    Ok(())
}
