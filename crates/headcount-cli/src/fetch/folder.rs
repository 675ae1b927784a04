//! The folder that files are stored in. It is opened once; every file is reached from there by its one-part name, so nothing
//! that happens to the path meanwhile leads elsewhere. Links are not followed.
//!
//! Most folders have no partial files in them when a run begins, and then none has to be looked for: a look costs as much as a
//! tenth of storing a small file does.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Access, AtFlags, Dir, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::legible;
use crate::refusal::Refusal;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
    /// There was no partial file in it when it was opened.
    had_no_parts: bool,
    /// Files without a name can be made there, and be given one.
    takes_nameless: AtomicBool,
}

/// More of a folder is not looked at for partial files: it is taken for one that has some.
const LOOK: usize = 2000;

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
        let had_no_parts = has_no_parts(&handle).unwrap_or(false);
        Ok(Self { handle, path: path.to_owned(), had_no_parts, takes_nameless: AtomicBool::new(true) })
    }

    /// Whether there was no partial file in it when it was opened.
    pub(super) fn had_no_parts(&self) -> bool {
        self.had_no_parts
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

    /// Stores a whole file under a name that nothing has. Until it is whole nobody sees it. False, and nothing is done, where
    /// that cannot be had.
    ///
    /// # Errors
    /// Also when something has the name.
    pub(super) fn store(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        // Relaxed: who does not know it yet finds out for itself.
        if !self.takes_nameless.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let stored = nameless::store(&self.handle, name, bytes)?;
        if !stored {
            // Relaxed: as above.
            self.takes_nameless.store(false, Ordering::Relaxed);
        }
        Ok(stored)
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

fn has_no_parts(handle: &OwnedFd) -> io::Result<bool> {
    let is_part = |name: &[u8]| name.ends_with(super::part::PART.as_bytes());
    for (seen, entry) in Dir::read_from(handle)?.enumerate() {
        if seen >= LOOK || is_part(entry?.file_name().to_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(target_os = "linux")]
mod nameless {
    use std::fs::File;
    use std::io::{self, Write};
    use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, openat};
    use rustix::io::Errno;

    pub(super) fn store(folder: impl AsFd, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let folder = folder.as_fd();
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = match openat(folder, ".", flags, Mode::from_raw_mode(0o666)) {
            // What file systems and kernels say that do not know of it.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOSYS | Errno::NOENT) => {
                return Ok(false);
            }
            other => other?,
        };
        let mut file = File::from(file);
        file.write_all(bytes)?;
        name_it(folder, &file, name)
    }

    /// Older kernels let only the privileged name an open file directly, others by the way through `/proc`.
    fn name_it(folder: BorrowedFd<'_>, file: &File, name: &str) -> io::Result<bool> {
        match linkat(file, "", folder, name, AtFlags::EMPTY_PATH) {
            Err(Errno::NOENT | Errno::PERM | Errno::INVAL) => {}
            other => return Ok(other.map(|()| true)?),
        }
        let way = format!("/proc/self/fd/{}", file.as_raw_fd());
        match linkat(CWD, way, folder, name, AtFlags::SYMLINK_FOLLOW) {
            Err(Errno::EXIST) => Err(Errno::EXIST.into()),
            // The file goes away with its last descriptor.
            other => Ok(other.is_ok()),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nameless {
    pub(super) fn store(_: impl Sized, _: &str, _: &[u8]) -> std::io::Result<bool> {
        Ok(false)
    }
}
