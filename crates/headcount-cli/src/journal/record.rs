//! One record of a journal: what it says, as bytes and back.
//!
//! Numbers are little-endian. Texts are a length of four bytes and the bytes; lists a number of four bytes and the
//! texts. The first byte is the kind. Whatever is not exactly one record is none.

use crate::input::Columns;
use crate::ledger::{End, Event};

/// What is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The first of a journal: what is being done.
    Began(Heading),
    /// A later process goes on with it.
    Resumed {
        /// Which process.
        pid: u32,
        /// What failed is tried again.
        failed_too: bool,
    },
    /// The next member is registered, with this input.
    Registered(Columns),
    /// Another change of the book; never one of those above.
    Event(Event),
}

/// What a journal is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heading {
    /// The process that began it.
    pub pid: u32,
    /// What it does with its inputs: the subcommand, then whatever makes that another work when it is another.
    pub work: Vec<Vec<u8>>,
}

const BEGAN: u8 = 1;
const RESUMED: u8 = 2;
const REGISTERED: u8 = 3;
const STARTED: u8 = 4;
const PUT_OFF: u8 = 5;
const ENDED: u8 = 6;
const CANCELLED: u8 = 7;
const SEALED: u8 = 8;

impl Record {
    /// A member's input, without a copy of it.
    pub(super) fn write_registered(columns: &Columns, bytes: &mut Vec<u8>) {
        bytes.push(REGISTERED);
        put_list(bytes, columns);
    }

    /// Appends the bytes.
    pub fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Began(Heading { pid, work }) => {
                bytes.push(BEGAN);
                bytes.extend(pid.to_le_bytes());
                put_list(bytes, work);
            }
            Self::Resumed { pid, failed_too } => {
                bytes.push(RESUMED);
                bytes.extend(pid.to_le_bytes());
                bytes.push(u8::from(*failed_too));
            }
            Self::Registered(columns) => Self::write_registered(columns, bytes),
            Self::Event(event) => write_event(*event, bytes),
        }
    }

    /// Whether there is a kind of record that begins so.
    pub(super) fn may_begin_with(kind: u8) -> bool {
        (BEGAN..=SEALED).contains(&kind)
    }

    /// Reads the bytes back; nothing when they are no record.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader(bytes);
        let record = match from.byte()? {
            BEGAN => Self::Began(Heading { pid: from.u32()?, work: from.list()? }),
            RESUMED => Self::Resumed { pid: from.u32()?, failed_too: from.flag()? },
            REGISTERED => Self::Registered(from.list()?),
            STARTED => Self::Event(Event::Started { member: from.u64()?, attempt: from.u32()? }),
            PUT_OFF => Self::Event(Event::PutOff { member: from.u64()?, attempt: from.u32()? }),
            ENDED => {
                Self::Event(Event::Ended { member: from.u64()?, attempt: from.u32()?, end: from.end()? })
            }
            CANCELLED => Self::Event(Event::Cancelled { member: from.u64()? }),
            SEALED => Self::Event(Event::Sealed { total: from.u64()? }),
            _ => return None,
        };
        from.0.is_empty().then_some(record)
    }
}

fn write_event(event: Event, bytes: &mut Vec<u8>) {
    let mut put = |kind: u8, number: u64| {
        bytes.push(kind);
        bytes.extend(number.to_le_bytes());
    };
    match event {
        Event::Started { member, attempt } => {
            put(STARTED, member);
            bytes.extend(attempt.to_le_bytes());
        }
        Event::PutOff { member, attempt } => {
            put(PUT_OFF, member);
            bytes.extend(attempt.to_le_bytes());
        }
        Event::Ended { member, attempt, end } => {
            put(ENDED, member);
            bytes.extend(attempt.to_le_bytes());
            bytes.push(match end {
                End::Done => 0,
                End::Failed => 1,
                End::Lost => 2,
                End::Cancelled => 3,
            });
        }
        Event::Cancelled { member } => put(CANCELLED, member),
        Event::Sealed { total } => put(SEALED, total),
        // These have records of their own, which say more.
        Event::Registered { .. } | Event::Resumed { .. } => {
            debug_assert!(false, "{event:?} is written as a record of its own");
        }
    }
}

fn put_list(bytes: &mut Vec<u8>, list: &[Vec<u8>]) {
    // What does not fit into four bytes does not fit into a record, which is refused before it is written.
    let put_length =
        |bytes: &mut Vec<u8>, n: usize| bytes.extend(u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes());
    put_length(bytes, list.len());
    for text in list {
        put_length(bytes, text.len());
        bytes.extend_from_slice(text);
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.byte()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn end(&mut self) -> Option<End> {
        [End::Done, End::Failed, End::Lost, End::Cancelled].get(usize::from(self.byte()?)).copied()
    }

    fn list(&mut self) -> Option<Vec<Vec<u8>>> {
        let count = self.u32()? as usize;
        // Each takes four bytes at least, so a number that is not to be believed makes no room.
        let mut list = Vec::with_capacity(count.min(self.0.len() / 4));
        for _ in 0..count {
            let length = self.u32()? as usize;
            list.push(self.take(length)?.to_vec());
        }
        Some(list)
    }
}
