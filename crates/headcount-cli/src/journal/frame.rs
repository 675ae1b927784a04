//! The form of a journal's file: a header, then records, each with its length and a checksum.
//!
//! ```text
//! header   magic (8)   version (4)   salt (8)     crc32 of these (4)
//! record   length (4)  crc32 (4)     number (4)   as many bytes
//! ```
//!
//! Records are numbered from 0. A checksum covers the salt, which is another one in every file, and all of the record
//! but itself. So neither a record that was moved, nor one of another journal that somebody gave us as an input, is
//! taken for the next one.
//!
//! A file whose writer was killed ends in the middle of its last record: the *torn tail*. It is a beginning of a record
//! that reaches to the end of the file or beyond, or nothing but zeros, as a machine that lost its power leaves them; and
//! there is no record in it. Anything else is damage. So a bit that is flipped anywhere before the last record is damage;
//! in the last record it may look like a tear, and nobody can know better.

use std::fmt;
use std::io;

use super::record::Record;

/// What a journal begins with. The line breaks in it suffer when somebody takes it for text.
const MAGIC: [u8; 8] = *b"\x89HCJ\r\n\x1a\n";

/// The form described above, and the records of [`super::record`].
pub(super) const VERSION: u32 = 1;

/// How long the header is.
pub const HEADER: usize = 24;

/// What stands before a record's bytes.
const LEAD: usize = 12;

/// The longest record that is written or believed. No command line can be longer where we know the limit.
pub const LONGEST: usize = 4 << 20;

/// What bytes are read from. A file, and in tests a slice.
pub trait Bytes {
    /// How many there are.
    ///
    /// # Errors
    /// When that cannot be told.
    fn length(&self) -> io::Result<u64>;

    /// Reads from a place on, as many as there are and fit.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize>;
}

impl Bytes for std::fs::File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let rest = &mut buffer[filled..];
            match std::os::unix::fs::FileExt::read_at(self, rest, place + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl<B: Bytes + ?Sized> Bytes for &B {
    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }

    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        (**self).read_at(buffer, place)
    }
}

impl<B: Bytes + ?Sized> Bytes for std::sync::Arc<B> {
    fn length(&self) -> io::Result<u64> {
        (**self).length()
    }

    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        (**self).read_at(buffer, place)
    }
}

impl Bytes for [u8] {
    fn length(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        let from = usize::try_from(place).map_or(self.len(), |place| place.min(self.len()));
        let read = buffer.len().min(self.len() - from);
        buffer[..read].copy_from_slice(&self[from..from + read]);
        Ok(read)
    }
}

/// Why a file is not read (any further).
#[derive(Debug)]
pub enum Unread {
    /// It is no journal.
    Foreign,
    /// It is one of a version we do not know.
    Version(u32),
    /// There is something wrong in it at this place, and more behind that.
    Damaged(u64),
    /// It cannot be read.
    Io(io::Error),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("it is no journal of headcount"),
            Self::Version(version) => {
                write!(f, "it is a journal of version {version}, and this headcount reads version {VERSION}")
            }
            Self::Damaged(place) => write!(f, "it is damaged at byte {place}, and goes on behind that"),
            Self::Io(error) => write!(f, "it cannot be read: {error}"),
        }
    }
}

/// The header of a new journal.
#[must_use]
pub fn header(salt: u64) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[12..20].copy_from_slice(&salt.to_le_bytes());
    let sum = crc32fast::hash(&header[..20]);
    header[20..].copy_from_slice(&sum.to_le_bytes());
    header
}

/// Puts the lead before a record's bytes. `bytes` has room for it in front.
pub(super) fn frame(bytes: &mut [u8], salt: u64, number: u32) {
    let (lead, body) = bytes.split_at_mut(LEAD);
    lead[..4].copy_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    lead[4..8].copy_from_slice(&sum(body, salt, number).to_le_bytes());
    lead[8..].copy_from_slice(&number.to_le_bytes());
}

/// A record as it stands in a file with this salt.
#[must_use]
pub fn framed(record: &Record, salt: u64, number: u32) -> Vec<u8> {
    let mut bytes = unframed();
    record.write(&mut bytes);
    frame(&mut bytes, salt, number);
    bytes
}

/// Room for the lead.
pub(super) fn unframed() -> Vec<u8> {
    vec![0; LEAD]
}

fn sum(body: &[u8], salt: u64, number: u32) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&salt.to_le_bytes());
    sum.update(&number.to_le_bytes());
    sum.update(&(body.len() as u64).to_le_bytes());
    sum.update(body);
    sum.finalize()
}

/// How much is read ahead.
const AHEAD: usize = 64 * 1024;

/// The records of a journal, one after the other.
#[derive(Debug)]
pub struct Frames<B> {
    bytes: B,
    salt: u64,
    /// Where the next record begins, and its number.
    place: u64,
    number: u32,
    /// Where reading ends.
    end: u64,
    /// What was read ahead, and where it begins in the file.
    ahead: Vec<u8>,
    ahead_at: u64,
}

/// A whole record.
struct Found {
    record: Record,
    number: u32,
    /// With its lead.
    length: u64,
}

/// How a journal begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// With this salt.
    Salt(u64),
    /// Its writer was killed before the header was written, or nobody ever wrote to it.
    Torn,
}

/// Looks at the header.
///
/// # Errors
/// When it is not that of a journal we can read.
pub fn begins<B: Bytes + ?Sized>(bytes: &B) -> Result<Begins, Unread> {
    let mut header = [0; HEADER];
    let read = bytes.read_at(&mut header, 0)?;
    if read < HEADER {
        let whole = read.min(MAGIC.len());
        return if header[..whole] == MAGIC[..whole] { Ok(Begins::Torn) } else { Err(Unread::Foreign) };
    }
    let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if header[..8] != MAGIC {
        return Err(Unread::Foreign);
    }
    if word(20) != crc32fast::hash(&header[..20]) {
        return Err(Unread::Damaged(0));
    }
    if word(8) != VERSION {
        return Err(Unread::Version(word(8)));
    }
    Ok(Begins::Salt(u64::from(word(12)) | u64::from(word(16)) << 32))
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A record.
    Record(Record),
    /// The end, with nothing behind it.
    End,
    /// The end, and behind it so many bytes of a record that was not written to its end.
    Torn(u64),
}

impl<B: Bytes> Frames<B> {
    /// The records of a journal that begins with this salt.
    ///
    /// # Errors
    /// When its length cannot be told.
    pub fn new(bytes: B, salt: u64) -> io::Result<Self> {
        let end = bytes.length()?;
        Ok(Self::until(bytes, salt, end))
    }

    /// The same, but not beyond this place.
    pub(super) fn until(bytes: B, salt: u64, end: u64) -> Self {
        Self { bytes, salt, place: HEADER as u64, number: 0, end, ahead: Vec::new(), ahead_at: 0 }
    }

    /// Where the next record begins: behind all that were given.
    pub fn place(&self) -> u64 {
        self.place
    }

    /// The number of the next record.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The next record.
    ///
    /// # Errors
    /// When the file is damaged or cannot be read.
    #[expect(clippy::should_implement_trait, reason = "an iterator would go on behind damage")]
    pub fn next(&mut self) -> Result<Next, Unread> {
        if self.place >= self.end {
            return Ok(Next::End);
        }
        if let Some(Found { record, number, length }) = self.record_at(self.place)? {
            if number != self.number {
                return Err(Unread::Damaged(self.place));
            }
            self.place += length;
            self.number = number.wrapping_add(1);
            return Ok(Next::Record(record));
        }
        if self.is_torn()? { Ok(Next::Torn(self.end - self.place)) } else { Err(Unread::Damaged(self.place)) }
    }

    /// Whether what is left, which is no record, is a torn tail.
    fn is_torn(&mut self) -> io::Result<bool> {
        let left = self.end - self.place;
        if left > (LEAD + LONGEST) as u64 {
            return Ok(false);
        }
        let Some(tail) = self.slice(self.place, usize::try_from(left).unwrap_or(usize::MAX))? else {
            return Ok(false);
        };
        if tail.iter().all(|&byte| byte == 0) {
            return Ok(true);
        }
        let whole = tail.first_chunk().map(|length| LEAD as u64 + u64::from(u32::from_le_bytes(*length)));
        if whole.is_some_and(|whole| whole < left || whole > (LEAD + LONGEST) as u64) {
            return Ok(false);
        }
        for place in self.place + 1..self.end {
            if self.record_at(place)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The record that begins there.
    fn record_at(&mut self, place: u64) -> io::Result<Option<Found>> {
        let (left, salt) = (self.end - place, self.salt);
        if left < LEAD as u64 {
            return Ok(None);
        }
        let Some(lead) = self.slice(place, LEAD)? else { return Ok(None) };
        let word = |at: usize| u32::from_le_bytes([lead[at], lead[at + 1], lead[at + 2], lead[at + 3]]);
        let (length, wanted, number) = (word(0) as usize, word(4), word(8));
        let whole = (LEAD + length) as u64;
        if length == 0 || length > LONGEST || whole > left {
            return Ok(None);
        }
        let Some(body) = self.slice(place + LEAD as u64, length)? else { return Ok(None) };
        // The kind is looked at first: where a torn tail is searched, most of what looks like a record does not here.
        if !Record::may_begin_with(body[0]) || sum(body, salt, number) != wanted {
            return Ok(None);
        }
        Ok(Record::read(body).map(|record| Found { record, number, length: whole }))
    }

    /// Bytes from a place on; nothing if they have gone meanwhile.
    fn slice(&mut self, place: u64, length: usize) -> io::Result<Option<&[u8]>> {
        let holds =
            |ahead: &Vec<u8>, at: u64| place >= at && place + length as u64 <= at + ahead.len() as u64;
        if !holds(&self.ahead, self.ahead_at) {
            let left = usize::try_from(self.end - place).unwrap_or(usize::MAX);
            self.ahead.resize(length.max(AHEAD).min(left), 0);
            self.ahead_at = place;
            let read = self.bytes.read_at(&mut self.ahead, place)?;
            self.ahead.truncate(read);
        }
        if !holds(&self.ahead, self.ahead_at) {
            return Ok(None);
        }
        let from = usize::try_from(place - self.ahead_at).unwrap_or(usize::MAX);
        Ok(self.ahead.get(from..from + length))
    }
}
