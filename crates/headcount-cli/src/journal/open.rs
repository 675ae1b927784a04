//! Opening a journal: a new one, or one to go on with. Whatever is wrong with it is found here, before anything of it
//! is changed.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::frame::{Begins, Unread, begins, framed, header};
use super::lock::{holder, lock};
use super::past::Past;
use super::pen::Journal;
use super::record::{Heading, Record};
use super::replay::{Replayed, replay};
use crate::input::{Columns, Source};
use crate::ledger::Number;
use crate::legible;
use crate::refusal::Refusal;

/// What is to be done with a journal that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing: it must not.
    New,
    /// Go on with it.
    Resume {
        /// What failed is tried again.
        failed_too: bool,
    },
}

/// A journal that is ours now.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) journal: Journal,
    /// What it told, when it is gone on with.
    pub(crate) past: Option<Past>,
    /// What else is to be said.
    pub(crate) note: Option<String>,
}

/// Opens the journal for this work, and compares the inputs with those it knows; `seen` is told of each.
pub(crate) fn open(
    path: &Path,
    mode: Mode,
    work: Vec<Vec<u8>>,
    source: &mut dyn Source,
    seen: impl FnMut(&Past, Number, &Columns),
) -> Result<Open, Refusal> {
    let shown = legible::one_line(path.as_os_str().as_bytes());
    let heading = Heading { pid: std::process::id(), work };
    let (file, existed) = claim(path, &shown)?;
    let empty = file.metadata().is_ok_and(|what| what.len() == 0);
    let begins = begins(&file);
    if mode == Mode::New && !empty {
        return Err(match begins {
            Err(error) => unreadable(&shown, &error),
            Ok(_) => Refusal::new(
                format!("the journal {shown} exists already"),
                "--resume goes on with it; for a new batch name another file, or remove this one",
            ),
        });
    }
    let begins = begins.map_err(|error| unreadable(&shown, &error))?;
    let told = match begins {
        Begins::Torn => None,
        Begins::Salt(salt) => {
            replay(&file, salt).map_err(|error| unreadable(&shown, &error))?.map(|replayed| (replayed, salt))
        }
    };
    let file = Arc::new(file);
    let (Some((replayed, salt)), Mode::Resume { failed_too }) = (told, mode) else {
        let journal = begin(path, file, &shown, heading)?;
        let note = match mode {
            Mode::New => None,
            Mode::Resume { .. } if !existed || empty => {
                Some(format!("the journal {shown} is new: there is nothing to resume"))
            }
            Mode::Resume { .. } => Some(format!(
                "the journal {shown} ended within its beginning, before anything was started; it is begun anew"
            )),
        };
        return Ok(Open { journal, past: None, note });
    };
    let Replayed { heading: was, ledger, end, number, torn } = replayed;
    if was.work != heading.work {
        return Err(another_work(&shown, &was.work, &heading.work));
    }
    let past = Past { file, salt, end, number, torn, heading: was, ledger };
    go_on(past, shown, &heading, failed_too, source, seen)
}

fn go_on(
    past: Past,
    shown: String,
    heading: &Heading,
    failed_too: bool,
    source: &mut dyn Source,
    mut seen: impl FnMut(&Past, Number, &Columns),
) -> Result<Open, Refusal> {
    debug_assert_eq!(past.heading.work, heading.work, "compared before");
    past.compare(&shown, source, |number, columns| seen(&past, number, columns))?;
    past.cut().map_err(|error| unwritable(&shown, &error))?;
    let note = (past.torn > 0).then(|| {
        format!(
            "the journal {shown} ended in the middle of a record; its last {} bytes were cut off",
            past.torn
        )
    });
    let failed = |error: &dyn std::fmt::Display| unwritable(&shown, error);
    let journal = Journal::new(Arc::clone(&past.file), shown.clone(), past.salt, (past.end, past.number));
    let journal = journal.map_err(|error| failed(&error))?;
    let resumed = journal.record(&Record::Resumed { pid: heading.pid, failed_too });
    resumed.and_then(|()| journal.sync()).map_err(|error| failed(&error))?;
    Ok(Open { journal, past: Some(past), note })
}

/// Opens the file, or makes it, and locks it; says whether it was there before.
fn claim(path: &Path, shown: &str) -> Result<(File, bool), Refusal> {
    // Looked at before it is opened: opening a named pipe would wait for somebody to read it.
    let existed = match fs::metadata(path) {
        Ok(what) if !what.is_file() => {
            return Err(Refusal::new(
                format!("the journal {shown} is no regular file"),
                "name a file on a disk: it is written now and read later",
            ));
        }
        found => found.is_ok(),
    };
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "is the folder there?",
            io::ErrorKind::PermissionDenied => "may you write there? see ls -l",
            _ => "name a file that can be written",
        };
        Refusal::new(format!("cannot open the journal {shown}: {error}"), hint)
    })?;
    match lock(&file) {
        Ok(true) => Ok((file, existed)),
        Ok(false) => {
            let who = holder(&file).map_or("another process".into(), |pid| format!("process {pid}"));
            Err(Refusal::new(
                format!("the journal {shown} is in use by {who}"),
                "wait until that has ended, or name another file",
            ))
        }
        Err(error) => Err(Refusal::new(
            format!("cannot lock the journal {shown}: {error}"),
            "name a file where locks can be had; some network folders have none",
        )),
    }
}

/// Writes the beginning.
fn begin(path: &Path, file: Arc<File>, shown: &str, heading: Heading) -> Result<Journal, Refusal> {
    let mut salt = RandomState::new().build_hasher();
    salt.write_u32(heading.pid);
    let salt = salt.finish();
    let mut bytes = header(salt).to_vec();
    bytes.extend(framed(&Record::Began(heading), salt, 0));
    let written = file.set_len(0).and_then(|()| file.write_all_at(&bytes, 0)).and_then(|()| file.sync_all());
    let journal = written.and_then(|()| {
        sync_folder(path);
        Journal::new(file, shown.to_owned(), salt, (bytes.len() as u64, 1))
    });
    journal.map_err(|error| unwritable(shown, &error))
}

/// A file that was just made can be lost with its folder's entry. Not every system syncs folders, and then there is
/// nothing more to be done.
fn sync_folder(path: &Path) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

fn unwritable(shown: &str, error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(format!("cannot write the journal {shown}: {error}"), "is there space left? see df")
}

/// What is wrong with a file that is not touched.
pub(super) fn unreadable(shown: &str, error: &Unread) -> Refusal {
    let hint = match error {
        Unread::Foreign => "it was not touched; name another file",
        Unread::Version(_) => "it was not touched; use the headcount that began it, or name another file",
        Unread::Damaged(_) => "it was not touched; restore it from a copy, or begin anew in another file",
        Unread::Io(_) => "it was not touched",
    };
    let what = match error {
        Unread::Foreign => format!("{shown} exists, and {error}"),
        _ => format!("the journal {shown} cannot be used: {error}"),
    };
    Refusal::new(what, hint)
}

fn another_work(shown: &str, was: &[Vec<u8>], is: &[Vec<u8>]) -> Refusal {
    let show = |work: &[Vec<u8>]| {
        use std::ffi::OsStr;
        let words: Vec<&OsStr> = work.iter().map(|word| OsStr::from_bytes(word)).collect();
        legible::one_line(&legible::shell_line(&words))
    };
    Refusal::new(
        format!("the journal {shown} is of another command: it was {}, and is {}", show(was), show(is)),
        "resume with the same command (options may differ), or begin a journal in another file",
    )
}
