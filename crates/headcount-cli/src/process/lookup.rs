//! Finding the command once, before anything starts, with a clear word when it is not there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::legible;
use crate::refusal::Refusal;

/// Where `name` lies: itself when it holds a slash, else the first executable file of that name in PATH.
pub(crate) fn look_up(name: &OsStr) -> Result<PathBuf, Refusal> {
    let shown = legible::one_line(name.as_bytes());
    if name.is_empty() {
        return Err(Refusal::new(
            "the command is empty",
            "write the command after the options: headcount run gzip {}",
        ));
    }
    if name.as_bytes().contains(&b'/') {
        let path = Path::new(name);
        return match verdict(path) {
            Found::Runs => Ok(path.to_path_buf()),
            Found::IsNot(why, hint) => Err(not_executable(&shown, why, hint)),
            Found::Missing => {
                Err(Refusal::new(format!("command not found: {shown}"), "there is no file at this path"))
            }
        };
    }
    let mut nearly = None;
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    for folder in std::env::split_paths(&path) {
        // An empty entry of PATH is the current folder, by old custom.
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let candidate = folder.join(name);
        match verdict(&candidate) {
            Found::Runs => return Ok(candidate),
            Found::IsNot(why, hint) => nearly = nearly.or(Some((candidate, why, hint))),
            Found::Missing => {}
        }
    }
    Err(match nearly {
        Some((candidate, why, hint)) => {
            not_executable(&legible::one_line(candidate.as_os_str().as_bytes()), why, hint)
        }
        None if Path::new(name).is_file() => Refusal::new(
            format!("command not found: {shown}"),
            format!("there is a file of this name here, which PATH does not reach: write ./{shown}"),
        ),
        None if name.as_bytes().contains(&b' ') => Refusal::new(
            format!("command not found: {shown}"),
            "this is one word; leave out the quotes, or use --shell for a whole command line",
        ),
        None => Refusal::new(
            format!("command not found: {shown}"),
            "no folder in PATH has it; is it spelled right?",
        ),
    })
}

enum Found {
    Runs,
    /// Why, and what to do.
    IsNot(&'static str, &'static str),
    Missing,
}

fn verdict(path: &Path) -> Found {
    match path.metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Found::IsNot("no permission to look", "may you enter the folders on the way? see ls -ld")
        }
        Err(_) => Found::Missing,
        Ok(what) if what.is_dir() => Found::IsNot("it is a folder", "name a program in it"),
        Ok(_) if access(path, Access::EXEC_OK).is_ok() => Found::Runs,
        Ok(_) => Found::IsNot(
            "it has no permission to be executed",
            "make it executable with chmod +x, or name the program that reads it: sh FILE {}",
        ),
    }
}

fn not_executable(shown: &str, why: &str, hint: &str) -> Refusal {
    Refusal::new(format!("not executable: {shown}: {why}"), hint)
}
