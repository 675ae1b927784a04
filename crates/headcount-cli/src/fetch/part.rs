//! What there is of a file that is not complete.
//!
//! `NAME.part` has the bytes from the first on. `NAME.part.note` says of which file they are: the address, the validator,
//! the size. Without a note a part is worth nothing. Rules:
//!
//! 1. A note is removed before its part is begun anew, and written after it was: it never speaks of other bytes.
//! 2. Whoever writes a part holds its lock, and has made sure that the file it locked has that name still.
//! 3. However a transfer ends or is dropped, what it has is put away with a note, or removed if it could not be gone on with.
//! 4. The last step is the rename to the final name: under that name there is a whole file or none of ours.
//!
//! A small file is held in memory until it is complete. Where the system can it is then written in one go into a file that has
//! no name yet, so that nobody has to be locked out, and gets its final name: rule 4 in fewer steps. Nothing is forced to disk: killed, with
//! -9 too, nothing is lost that was written; after a power cut only a checksum tells.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::answer::{Asked, Body, Validator};
use super::folder::Folder;

/// What a part's name ends with, behind the file's.
pub(super) const PART: &str = ".part";

/// And a note's.
pub(super) const NOTE: &str = ".part.note";

/// So much is held before a file is made for it.
const HELD: usize = 64 * 1024;

/// A part of this size gets its note while it grows.
const NOTED: u64 = 256 * 1024;

const MAGIC: &str = "headcount part 1";

/// No note of ours is longer.
const LONGEST_NOTE: u64 = 64 * 1024;

/// See the room's text.
#[derive(Debug)]
pub(super) struct Part<'a> {
    folder: &'a Folder,
    name: &'a str,
    /// The address, as it is shown.
    address: &'a str,
    /// Open and locked.
    file: Option<File>,
    /// So much is in it.
    written: u64,
    /// What comes behind that.
    held: Vec<u8>,
    validator: Option<Validator>,
    size: Option<u64>,
    /// There is a note of it.
    noted: bool,
    /// Something had the part's name before.
    was_there: bool,
    /// There is nothing to put away.
    settled: bool,
}

impl<'a> Part<'a> {
    /// What there is of that file; nothing, if none of it is of use. `first`: nobody of this run has tried to fetch it.
    pub(super) fn find(folder: &'a Folder, name: &'a str, address: &'a str, first: bool) -> io::Result<Self> {
        let mut part = Self {
            folder,
            name,
            address,
            file: None,
            written: 0,
            held: Vec::new(),
            validator: None,
            size: None,
            noted: false,
            was_there: false,
            settled: false,
        };
        part.was_there = !(first && folder.had_no_parts()) && folder.has(&part.part())?;
        if !part.was_there {
            return Ok(part);
        }
        let Some((validator, size)) = part.read_note()? else { return Ok(part) };
        let (file, written) = part.open()?;
        part.file = Some(file);
        // Whatever it is worth: rule 1 is for it too.
        part.noted = true;
        if written > 0 && size.is_none_or(|size| written <= size) {
            (part.written, part.validator, part.size) = (written, Some(validator), size);
        }
        Ok(part)
    }

    /// How much there is.
    pub(super) fn len(&self) -> u64 {
        self.written + self.held.len() as u64
    }

    /// What is to be asked for, if only the rest is needed. Of a part that is complete it is the last byte once more: the
    /// server has to say that it is still the same file.
    pub(super) fn asks(&self) -> Option<Asked> {
        let validator = self.validator.clone()?;
        let from = match self.size {
            Some(size) if size == self.written => self.written.checked_sub(1)?,
            _ => self.written,
        };
        Some(Asked { from, size: self.size, validator })
    }

    /// What follows is this body: from its first byte on everything is new.
    pub(super) fn begin(&mut self, body: &Body) -> io::Result<()> {
        if body.from == 0 && self.noted {
            self.folder.remove(&self.note())?;
            self.noted = false;
        }
        if let Some(file) = &mut self.file {
            file.set_len(body.from)?;
            file.seek(SeekFrom::Start(body.from))?;
        }
        self.written = body.from;
        (self.validator, self.size) = (body.validator.clone(), body.size);
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.file.is_none() && self.held.len() + bytes.len() <= HELD {
            self.held.extend_from_slice(bytes);
            return Ok(());
        }
        self.flush()?;
        self.append(bytes)?;
        if self.written >= NOTED && !self.noted && self.validator.is_some() {
            self.write_note()?;
        }
        Ok(())
    }

    /// Reads all of it, which is complete; piece by piece, with something else in between.
    pub(super) async fn reread(&mut self, mut see: impl FnMut(&[u8])) -> io::Result<()> {
        self.flush()?;
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(0))?;
        let mut piece = vec![0; 256 * 1024];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(()),
                read => see(&piece[..read]),
            }
            tokio::task::yield_now().await;
        }
    }

    /// It is complete: gives the file its name.
    pub(super) fn finish(mut self, over: bool) -> io::Result<()> {
        let small = self.file.is_none() && !self.was_there && !over;
        if small && self.folder.store(self.name, &self.held)? {
            self.settled = true;
            return Ok(());
        }
        self.flush()?;
        // Of an empty file nothing was written.
        if self.file.is_none() {
            self.file = Some(self.open_empty()?);
        }
        self.folder.rename(&self.part(), self.name, over)?;
        self.settled = true;
        if self.noted { self.folder.remove(&self.note()) } else { Ok(()) }
    }

    /// Nothing of it is of use.
    pub(super) fn forget(mut self) {
        self.remove();
    }

    fn remove(&mut self) {
        self.settled = true;
        if self.noted {
            let _ = self.folder.remove(&self.note());
        }
        // Only what is locked is ours.
        if self.file.is_some() {
            let _ = self.folder.remove(&self.part());
        }
    }

    fn part(&self) -> String {
        format!("{}{PART}", self.name)
    }

    fn note(&self) -> String {
        format!("{}{NOTE}", self.name)
    }

    /// The part's file, locked, and its size.
    fn open(&self) -> io::Result<(File, u64)> {
        let name = self.part();
        loop {
            let file = self.folder.file(&name, OFlags::RDWR | OFlags::CREATE)?;
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                return Err(io::Error::other(format!("another process is just storing {name}")));
            }
            // Who had the lock may have given the file its final name since it was opened here.
            if let Some(size) = self.folder.size_if_still(&name, &file)? {
                return Ok((file, size));
            }
        }
    }

    fn open_empty(&self) -> io::Result<File> {
        let (file, size) = self.open()?;
        if size > 0 {
            file.set_len(0)?;
        }
        // One of a part that is not there any more.
        self.folder.remove(&self.note())?;
        Ok(file)
    }

    /// Writes what is held.
    fn flush(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(self.open_empty()?);
        }
        let held = std::mem::take(&mut self.held);
        self.append(&held)
    }

    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut file = match &self.file {
            Some(file) => file,
            None => self.file.insert(self.open_empty()?),
        };
        while !bytes.is_empty() {
            match file.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.written += written as u64;
                    bytes = &bytes[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn write_note(&mut self) -> io::Result<()> {
        let Some(validator) = &self.validator else { return Ok(()) };
        let mut text = format!("{MAGIC}\nurl {}\n", self.address);
        text.push_str(match validator {
            Validator::Etag(_) => "etag ",
            Validator::Modified(_) => "modified ",
        });
        text.push_str(validator.text());
        text.push('\n');
        if let Some(size) = self.size {
            text.push_str(&format!("size {size}\n"));
        }
        text.push_str("end\n");
        let mut file = self.folder.file(&self.note(), OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)?;
        file.write_all(text.as_bytes())?;
        self.noted = true;
        Ok(())
    }

    /// The validator and the size, if there is a whole note for this address.
    fn read_note(&self) -> io::Result<Option<(Validator, Option<u64>)>> {
        let file = match self.folder.file(&self.note(), OFlags::RDONLY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let mut text = Vec::new();
        file.take(LONGEST_NOTE).read_to_end(&mut text)?;
        Ok(std::str::from_utf8(&text).ok().and_then(|text| understand(text, self.address)))
    }
}

/// A note's text. Of another address, or torn, it says nothing.
fn understand(text: &str, address: &str) -> Option<(Validator, Option<u64>)> {
    let mut lines = text.strip_suffix("\nend\n")?.lines();
    let (magic, url, validator) = (lines.next()?, lines.next()?, lines.next()?);
    if magic != MAGIC || url.strip_prefix("url ")? != address {
        return None;
    }
    let validator = match validator.split_once(' ')? {
        ("etag", etag) => Validator::Etag(etag.into()),
        ("modified", date) => Validator::Modified(date.into()),
        _ => return None,
    };
    let size = match lines.next() {
        None => None,
        Some(line) => Some(line.strip_prefix("size ")?.parse().ok()?),
    };
    lines.next().is_none().then_some((validator, size))
}

impl Drop for Part<'_> {
    /// Rule 3. There is nobody to tell what fails here: without its note a part is begun anew.
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.validator.is_some() {
            let _ = self.flush();
        }
        if self.validator.is_none() || self.written == 0 {
            self.remove();
        } else if !self.noted {
            let _ = self.write_note();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Validator;
    use super::understand;

    #[test]
    fn a_note_is_whole_and_for_this_address_or_says_nothing() {
        let whole = "headcount part 1\nurl http://h/a\netag \"x y\"\nsize 10\nend\n";
        let etag = || Validator::Etag("\"x y\"".into());
        assert_eq!(understand(whole, "http://h/a"), Some((etag(), Some(10))));
        assert_eq!(understand(&whole.replace("size 10\n", ""), "http://h/a"), Some((etag(), None)));
        assert_eq!(understand(whole, "http://h/b"), None);
        for end in 0..whole.len() {
            assert_eq!(understand(&whole[..end], "http://h/a"), None, "torn at {end}");
        }
        for bad in [whole.replace("part 1", "part 2"), whole.replace("10", "x"), whole.replace("etag", "tag")]
        {
            assert_eq!(understand(&bad, "http://h/a"), None, "{bad}");
        }
    }
}
