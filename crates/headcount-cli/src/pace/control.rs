//! The control file: how many members may run at once, changed while they do.
//!
//! The file holds what `-j` takes, and is read when the batch begins and at each SIGUSR2. Signals are answered by the watch, which
//! must not wait for a disk, and new lanes are opened from inside the group; so a thread of its own sits there, where a
//! control file was named, and is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};

use crate::args::Jobs;
use crate::legible;
use crate::locked;
use std::os::unix::ffi::OsStrExt;

/// So many seats are there at most for a limit to be raised to.
pub(crate) const MOST: usize = 1024;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Control {
    file: PathBuf,
    asked: Mutex<Asked>,
    changed: Condvar,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    Read,
    Leave,
}

impl Control {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file, asked: Mutex::new(Asked::Nothing), changed: Condvar::new() }
    }

    /// Asks for the file to be read again.
    pub(crate) fn ask(&self) {
        self.tell(Asked::Read);
    }

    /// Ends [`serve`](Self::serve).
    pub(crate) fn close(&self) {
        self.tell(Asked::Leave);
    }

    fn tell(&self, what: Asked) {
        let mut asked = locked(&self.asked);
        if *asked != Asked::Leave {
            *asked = what;
        }
        self.changed.notify_all();
    }

    /// Reads the file whenever it is asked to, until it is closed.
    pub(crate) fn serve(&self, mut told: impl FnMut(Result<Option<Jobs>, String>)) {
        loop {
            let asked = locked(&self.asked);
            let mut asked = self
                .changed
                .wait_while(asked, |asked| *asked == Asked::Nothing)
                .unwrap_or_else(PoisonError::into_inner);
            if *asked == Asked::Leave {
                return;
            }
            *asked = Asked::Nothing;
            drop(asked);
            told(read(&self.file));
        }
    }
}

/// What the file says; nothing if it is not there, or empty.
///
/// # Errors
/// When it says something else, in words.
pub(crate) fn read(file: &Path) -> Result<Option<Jobs>, String> {
    let shown = legible::one_line(file.as_os_str().as_bytes());
    match fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => match text.trim().parse() {
            Ok(jobs) => Ok(Some(jobs)),
            Err(why) => Err(format!("the control file {shown}: {why}")),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("the control file {shown}: {error}")),
    }
}
