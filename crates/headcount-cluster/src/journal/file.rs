//! The file: a header, then records, each with its length and a checksum.
//!
//! ```text
//! header   magic (8)   version (4)   salt (8)     crc32 of these (4)
//! record   length (4)  crc32 (4)     time (8)     group (16)    step
//! ```
//!
//! A checksum covers the salt, which is another one in every file, where the record begins, and all of it but itself: neither a record that was
//! moved nor one of another file is taken for the next. A file whose writer was killed ends in the middle of its last record; that
//! tail is cut. Anything else that is no record is damage, and is not touched.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::step::Step;
use crate::book::Millis;
use crate::store::{CHUNK, GroupId, StoreError};

const MAGIC: [u8; 8] = *b"\x89HCE\r\n\x1a\n";
const VERSION: u32 = 1;
const HEADER: usize = 24;
const LEAD: usize = 8;
/// Time and group.
const STAMP: usize = 24;
/// No record is longer: room for the largest registration that anybody should make.
const LONGEST: usize = CHUNK * (1 << 20);

/// A record that was read.
pub(super) struct Record {
    pub(super) at: Millis,
    pub(super) group: GroupId,
    pub(super) step: Step<'static>,
}

/// The file, and where its next record goes.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) file: File,
    salt: u64,
    place: u64,
    /// Why nothing can be written any more.
    pub(super) broken: Option<String>,
}

pub(super) fn error(
    asked: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Refused { asked, source: source.into() }
}

fn sum(salt: u64, place: u64, body: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&salt.to_le_bytes());
    sum.update(&place.to_le_bytes());
    sum.update(&(body.len() as u64).to_le_bytes());
    sum.update(body);
    sum.finalize()
}

fn header(salt: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&salt.to_le_bytes());
    let sum = crc32fast::hash(&header[..20]);
    header[20..].copy_from_slice(&sum.to_le_bytes());
    header
}

impl Pen {
    /// Opens the file or makes it, for this process alone, and gives what is written there, one after the other. A torn tail is cut.
    pub(super) fn open(
        path: &Path,
        mut each: impl FnMut(Record) -> Result<(), StoreError>,
    ) -> Result<Self, StoreError> {
        const ASKED: &str = "open its journal";
        let failed = |source: io::Error| error(ASKED, format!("{}: {source}", path.display()));
        let file = loop {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(failed)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(error(
                        ASKED,
                        format!("{}: another process, or another engine in this one, has it", path.display()),
                    ));
                }
                Err(other) => return Err(failed(other.into())),
            }
            if !file.metadata().map_err(failed)?.is_file() {
                return Err(error(ASKED, format!("{}: it is no file", path.display())));
            }
            // Whoever had it before may have put another file in its place meanwhile, see `without`.
            let (ours, there) = (file.metadata().map_err(failed)?, std::fs::metadata(path));
            if there.is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())) {
                break file;
            }
        };
        let bytes = std::fs::read(path).map_err(failed)?;
        let damaged = |place: usize| {
            error(ASKED, format!("{}: it is damaged at byte {place}, and is left as it is", path.display()))
        };
        let foreign = || error(ASKED, format!("{}: it is no journal of an engine", path.display()));
        let salt = match bytes.first_chunk::<HEADER>() {
            None if header(0)[..bytes.len().min(8)] != bytes[..bytes.len().min(8)] => return Err(foreign()),
            // Killed before the header was whole, or new.
            None => {
                let salt = crate::store::random();
                file.set_len(0).map_err(failed)?;
                file.write_all_at(&header(salt), 0).map_err(failed)?;
                file.sync_all().map_err(failed)?;
                sync_folder(path).map_err(failed)?;
                return Ok(Self { file, salt, place: HEADER as u64, broken: None });
            }
            Some(head) if head[..8] != MAGIC => return Err(foreign()),
            Some(head) => {
                let version = u32::from_le_bytes([head[8], head[9], head[10], head[11]]);
                if version != VERSION {
                    let said =
                        format!("{}: it is of version {version}, and this reads {VERSION}", path.display());
                    return Err(error(ASKED, said));
                }
                let mut salt = [0; 8];
                salt.copy_from_slice(&head[12..20]);
                let salt = u64::from_le_bytes(salt);
                if *head != header(salt) {
                    return Err(damaged(0));
                }
                salt
            }
        };
        let mut place = HEADER;
        while let Some((record, length)) = record_at(&bytes, place, salt) {
            each(record)?;
            place += length;
        }
        if place < bytes.len() {
            // A tail of a killed writer has no record in it; neither has one that a machine left which lost its power.
            if (place + 1..bytes.len()).any(|later| record_at(&bytes, later, salt).is_some()) {
                return Err(damaged(place));
            }
            if !is_torn(&bytes[place..]) {
                return Err(damaged(place));
            }
            file.set_len(place as u64).map_err(failed)?;
        }
        Ok(Self { file, salt, place: place as u64, broken: None })
    }

    /// The same file without groups that nobody is to find any more: written beside it, and put in its place when it is whole.
    pub(super) fn without(self, path: &Path, stays: impl Fn(&GroupId) -> bool) -> Result<Self, StoreError> {
        let failed =
            |source: io::Error| error("write its journal anew", format!("{}: {source}", path.display()));
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let beside = Path::new(&name);
        match std::fs::remove_file(beside) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(failed(why)),
            _ => {}
        }
        let mut fresh = Self::open(beside, |_| Ok(()))?;
        let bytes = std::fs::read(path).map_err(failed)?;
        let mut place = HEADER;
        while let Some((record, length)) = record_at(&bytes, place, self.salt) {
            if stays(&record.group) {
                fresh.write(record.at, record.group, &record.step)?;
            }
            place += length;
        }
        fresh.file.sync_all().map_err(failed)?;
        std::fs::rename(beside, path).map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        Ok(fresh)
    }

    /// Somebody else may have the file.
    pub(super) fn unlock(&self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }

    /// Writes down a step that is about to be taken. When this fails it must not be taken.
    pub(super) fn write(&mut self, at: Millis, group: GroupId, step: &Step<'_>) -> Result<(), StoreError> {
        const ASKED: &str = "write down a step";
        if let Some(why) = &self.broken {
            return Err(error(ASKED, why.clone()));
        }
        let mut record = vec![0; LEAD];
        record.extend_from_slice(&at.to_le_bytes());
        record.extend_from_slice(group.as_bytes());
        step.write(&mut record);
        let length = record.len() - LEAD;
        if length > LONGEST {
            return Err(error(ASKED, format!("it has {length} bytes, and a record has {LONGEST} at most")));
        }
        record[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        let sum = sum(self.salt, self.place, &record[LEAD..]);
        record[4..LEAD].copy_from_slice(&sum.to_le_bytes());
        if let Err(why) = self.file.write_all_at(&record, self.place) {
            // Half a record at the end would be cut by whoever reads it; if it cannot be taken back, the next would stand behind it.
            if self.file.set_len(self.place).is_err() {
                self.broken = Some(why.to_string());
            }
            // Room may come back.
            return Err(StoreError::Engine { asked: ASKED, source: Box::new(why) });
        }
        self.place += record.len() as u64;
        Ok(())
    }
}

/// The record that begins there, and how long it is.
fn record_at(bytes: &[u8], place: usize, salt: u64) -> Option<(Record, usize)> {
    let lead: &[u8; LEAD] = bytes.get(place..)?.first_chunk()?;
    let length = u32::from_le_bytes([lead[0], lead[1], lead[2], lead[3]]) as usize;
    let wanted = u32::from_le_bytes([lead[4], lead[5], lead[6], lead[7]]);
    if !(STAMP < length && length <= LONGEST) {
        return None;
    }
    let body = bytes.get(place + LEAD..)?.get(..length)?;
    if sum(salt, place as u64, body) != wanted {
        return None;
    }
    let at = Millis::from_le_bytes(*body.first_chunk()?);
    let group = GroupId::from_bytes(*body[8..].first_chunk()?);
    let step = Step::read(&body[STAMP..])?;
    Some((Record { at, group, step }, LEAD + length))
}

/// Whether this is a beginning of a record that reaches to the end or beyond, or nothing but zeros.
fn is_torn(tail: &[u8]) -> bool {
    let Some(lead) = tail.first_chunk::<4>() else { return true };
    let whole = LEAD + u32::from_le_bytes(*lead) as usize;
    tail.iter().all(|byte| *byte == 0) || whole >= tail.len()
}

/// A new file is there after a loss of power only when its folder was written.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
