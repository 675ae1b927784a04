//! A scribe writes one file, on a thread of its own: who tells something never waits for a disk or a reader, but for room
//! when very much is waiting to be written.
//!
//! A file may be a pipe that nobody reads. While the batch is not being stopped, members wait for such a reader as they
//! would for a reader of their output. In a stop nobody waits, and at the end the scribe is given up when the file has taken
//! nothing for [`PATIENCE`].

use std::fs::File;
use std::fs::Metadata;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::legible;
use crate::locked;
use crate::refusal::Refusal;

/// As much may wait to be written before who tells more is made to wait.
const ROOM: usize = 1 << 20;

/// At the end, how long a file may take nothing.
const PATIENCE: Duration = Duration::from_secs(2);

/// As much is written at once, so that a slow reader is seen to read.
const PIECE: usize = 1 << 16;

/// See the room's text.
#[derive(Debug)]
pub(super) struct Scribe {
    flag: &'static str,
    shown: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Something is there to be written, or it is the end.
    news: Condvar,
    /// Something was written, or everyone is to hurry.
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    hurry: bool,
    closed: bool,
    /// The scribe has written all it was given, or cannot.
    done: bool,
    failed: Option<io::Error>,
    /// How much the file has taken.
    taken: u64,
}

impl Scribe {
    /// Empties the file and begins.
    pub(super) fn start(
        flag: &'static str,
        path: &Path,
        (file, what): (File, Metadata),
    ) -> Result<Self, Refusal> {
        let shown = legible::one_line(path.as_os_str().as_bytes());
        let started = if what.is_file() { file.set_len(0) } else { Ok(()) };
        let shared = Arc::new(Shared::default());
        let started = started.and_then(|()| {
            let shared = Arc::clone(&shared);
            let hand = thread::Builder::new().name("record".into()).stack_size(128 * 1024);
            hand.spawn(move || shared.write_out(file)).map(drop)
        });
        match started {
            Ok(()) => Ok(Self { flag, shown, shared }),
            Err(error) => Err(Refusal::new(
                format!("{flag}: {shown} cannot be written: {error}"),
                "is the disk full, or the system short of resources? see df and ulimit -a",
            )),
        }
    }

    /// From now on nobody waits for room.
    pub(super) fn hurry(&self) {
        locked(&self.shared.state).hurry = true;
        self.shared.room.notify_all();
    }

    pub(super) fn wait_for_room(&self) {
        let mut state = locked(&self.shared.state);
        while state.waiting.len() > ROOM && !state.hurry && state.failed.is_none() {
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes whole lines.
    pub(super) fn write(&self, put: impl FnOnce(&mut Vec<u8>)) {
        let mut state = locked(&self.shared.state);
        if state.failed.is_none() {
            put(&mut state.waiting);
            drop(state);
            self.shared.news.notify_one();
        }
    }

    /// Waits until all is written. Gives what went wrong.
    pub(super) fn close(&self) -> Option<String> {
        let mut state = locked(&self.shared.state);
        state.closed = true;
        state.hurry = true;
        self.shared.news.notify_one();
        self.shared.room.notify_all();
        let mut taken = state.taken;
        while !state.done {
            let waited = self.shared.room.wait_timeout(state, PATIENCE);
            let (next, late) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            if !state.done && late.timed_out() && state.taken == taken {
                return Some(self.fault("nobody has read it for some time"));
            }
            taken = state.taken;
        }
        match &state.failed {
            None => None,
            // Who read it has seen enough.
            Some(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Some(error) => Some(self.fault(&error.to_string())),
        }
    }

    fn fault(&self, why: &str) -> String {
        format!("{}: {} is not complete: {why}", self.flag, self.shown)
    }
}

impl Shared {
    fn write_out(&self, mut file: File) {
        let mut state = locked(&self.state);
        loop {
            while state.waiting.is_empty() && !state.closed {
                state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.waiting.is_empty() {
                break;
            }
            let text = std::mem::take(&mut state.waiting);
            drop(state);
            let written = self.write_text(&mut file, &text);
            state = locked(&self.state);
            if let Err(error) = written {
                state.failed = Some(error);
                state.waiting = Vec::new();
                break;
            }
            self.room.notify_all();
        }
        self.end(state);
    }

    fn write_text(&self, file: &mut File, text: &[u8]) -> io::Result<()> {
        for piece in text.chunks(PIECE) {
            file.write_all(piece)?;
            locked(&self.state).taken += piece.len() as u64;
        }
        Ok(())
    }

    fn end(&self, mut state: MutexGuard<'_, State>) {
        state.done = true;
        drop(state);
        self.room.notify_all();
    }
}
