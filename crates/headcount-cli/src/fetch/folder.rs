//! The folder that files are stored in. It is opened once; every file is reached from there by its one-part name, so nothing
//! that happens to the path meanwhile leads elsewhere. Links are not followed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::legible;
use crate::refusal::Refusal;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens it, and makes it if it is not there.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, Refusal> {
        let path = path.unwrap_or(Path::new("."));
        let shown = legible::one_line(path.as_os_str().as_bytes());
        let refuse = |error: io::Error| {
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => "may you write there? see ls -ld",
                io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                    "it is a file; name a folder, and each file is called as its address ends"
                }
                _ => "name a folder that can be written: -o DIR",
            };
            Refusal::new(format!("cannot store files in {shown}: {error}"), hint)
        };
        if path == Path::new("-") {
            return Err(Refusal::new(
                "files are stored, and not printed: there is no folder -",
                "name a folder with -o DIR; for a folder of that name write ./-",
            ));
        }
        std::fs::create_dir_all(path).map_err(refuse)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| refuse(error.into()))?;
        rustix::fs::accessat(&handle, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::empty())
            .map_err(|error| refuse(error.into()))?;
        Ok(Self { handle, path: path.to_owned() })
    }

    /// The way to a file, for whoever is to open it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if self.path == Path::new(".") { name.into() } else { self.path.join(name) }
    }

    /// The way to a file, for people.
    pub(super) fn shown(&self, name: &str) -> String {
        legible::one_line(self.path(name).as_os_str().as_bytes())
    }

    /// Whether anything has that name.
    pub(super) fn has(&self, name: &str) -> io::Result<bool> {
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a file; one that is to be written is made if it is not there.
    pub(super) fn file(&self, name: &str, flags: OFlags) -> io::Result<File> {
        // Not blocking: a pipe of that name is found out, not waited for.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = rustix::fs::openat(&self.handle, name, flags, Mode::from_raw_mode(0o666))?;
        let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
        if kind != FileType::RegularFile {
            return Err(io::Error::other("it is there and no file"));
        }
        Ok(file.into())
    }

    /// The size of the open file, if it is the one of that name still.
    pub(super) fn size_if_still(&self, name: &str, file: &File) -> io::Result<Option<u64>> {
        let open = rustix::fs::fstat(file.as_fd())?;
        match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) if (there.st_dev, there.st_ino) == (open.st_dev, open.st_ino) => {
                Ok(Some(u64::try_from(open.st_size).unwrap_or_default()))
            }
            Ok(_) | Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Renames a file; without `over` only if nothing has the new name.
    pub(super) fn rename(&self, from: &str, to: &str, over: bool) -> io::Result<()> {
        if !over {
            match rustix::fs::renameat_with(&self.handle, from, &self.handle, to, RenameFlags::NOREPLACE) {
                // Not every file system can: then there is a moment between looking and renaming.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !self.has(to)? => {}
                other => return Ok(other?),
            }
        }
        Ok(rustix::fs::renameat(&self.handle, from, &self.handle, to)?)
    }
}
