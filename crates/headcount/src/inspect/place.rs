//! Where the sockets are, and whose they are.
//!
//! One directory for each user: `headcount` in `$XDG_RUNTIME_DIR`, or `headcount-UID` in the temporary directory. It is the
//! directory that keeps others out: it must be the user's own, no symbolic link, and open to nobody else; one that is not so is
//! refused, not put right. In it stands one socket for each process, named by its number.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The user that this process runs as.
pub(super) fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The directory of this user's sockets, whether it is there or not.
pub(super) fn directory() -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        // A path that depends on where one stands would be another one for each process.
        Some(runtime) if runtime.is_absolute() => runtime.join("headcount"),
        _ => std::env::temp_dir().join(format!("headcount-{}", user())),
    }
}

/// The socket of a process, in `directory`.
pub(super) fn socket(directory: &Path, pid: u32) -> PathBuf {
    directory.join(format!("{pid}.sock"))
}

/// Makes the directory if it is not there.
pub(super) fn prepare(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(about(directory, error)),
        _ => {}
    }
    check(directory)
}

/// Refuses a directory that is not the user's own, or is open to others.
pub(super) fn check(directory: &Path) -> io::Result<()> {
    let is = fs::symlink_metadata(directory).map_err(|error| about(directory, error))?;
    let fault = if !is.is_dir() {
        "it is no directory"
    } else if is.uid() != user() {
        "it belongs to another user"
    } else if is.mode() & 0o077 != 0 {
        "others than its owner may use it"
    } else {
        return Ok(());
    };
    let hint = "remove it, or point XDG_RUNTIME_DIR to a directory of your own";
    let text = format!("sockets cannot be kept in {}: {fault}; {hint}", directory.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Refuses a connection if the other side is another user's. Where the system does not say, the directory has to do.
pub(super) fn check_peer(stream: &UnixStream) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let theirs = rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw();
        if theirs != user() {
            let text = format!("the other side is run by user {theirs}, and this one by user {}", user());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
        }
    }
    let _ = stream;
    Ok(())
}

pub(super) fn about(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
