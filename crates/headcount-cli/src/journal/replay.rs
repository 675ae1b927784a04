//! From the file's bytes to the book they tell of. Nothing here knows of files.

use super::frame::{Bytes, Frames, HEADER, Next, Unread};
use super::record::{Heading, Record};
use crate::ledger::{Event, Ledger};

/// What was read.
#[derive(Debug)]
pub struct Replayed {
    /// What the journal is of.
    pub heading: Heading,
    /// The book at its end.
    pub ledger: Ledger,
    /// Where its last whole record ends.
    pub end: u64,
    /// The number of the record that comes next.
    pub number: u32,
    /// How many bytes of a torn record stand behind that.
    pub torn: u64,
}

/// Replays a journal behind its header. Nothing, if not even its first record was written.
///
/// # Errors
/// When it is damaged or cannot be read. Records that are whole but do not follow from each other are damage too.
pub fn replay<B: Bytes>(bytes: B, salt: u64) -> Result<Option<Replayed>, Unread> {
    let mut frames = Frames::new(bytes, salt)?;
    let heading = match frames.next()? {
        Next::Record(Record::Began(heading)) => heading,
        Next::Record(_) => return Err(Unread::Damaged(HEADER as u64)),
        Next::End | Next::Torn(_) => return Ok(None),
    };
    let mut ledger = Ledger::replaying();
    loop {
        let (place, number) = (frames.place(), frames.number());
        let event = match frames.next()? {
            Next::End => return Ok(Some(Replayed { heading, ledger, end: place, number, torn: 0 })),
            Next::Torn(torn) => return Ok(Some(Replayed { heading, ledger, end: place, number, torn })),
            Next::Record(Record::Registered(_)) => Event::Registered { member: ledger.last() + 1 },
            Next::Record(Record::Resumed { failed_too, .. }) => Event::Resumed { failed_too },
            Next::Record(Record::Event(event)) => event,
            Next::Record(Record::Began(_)) => return Err(Unread::Damaged(place)),
        };
        if ledger.apply(event).is_err() {
            return Err(Unread::Damaged(place));
        }
    }
}
