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
use crate::refusal::Refusal;
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

/// What the file, if there is one, says before the batch begins.
pub(crate) fn ordered(file: Option<&Path>) -> Result<Option<Jobs>, Refusal> {
    const HINT: &str = "the file holds what -j takes: a number, 50% or +2; without the file -j holds";
    Ok(file.map(read).transpose().map_err(|why| Refusal::new(why, HINT))?.flatten())
}

/// Tells what became of what was read: what is allowed from now on is what `allow` makes of it.
pub(crate) fn heed(read: Result<Option<Jobs>, String>, allow: impl FnOnce(usize) -> usize) -> String {
    match read {
        Ok(Some(jobs)) => format!("headcount: {} at once from now on\n", allow(jobs.here())),
        Ok(None) => "headcount: the control file says nothing; the limit stays\n".into(),
        Err(why) => format!("headcount: {why}; the limit stays\n"),
    }
}

/// SIGUSR2 came: asks for the file to be read again. Where there is none, gives what is to be said of that.
pub(crate) fn asked(control: Option<&Control>) -> Option<&'static str> {
    match control {
        Some(control) => control.ask(),
        None => return Some(NONE),
    }
    None
}

const NONE: &str =
    "headcount: SIGUSR2 changes nothing: no file was named with --control to read the limit from\n";

/// What the file says; nothing if it is not there, or empty.
///
/// # Errors
/// When it says something else, in words.
fn read(file: &Path) -> Result<Option<Jobs>, String> {
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
