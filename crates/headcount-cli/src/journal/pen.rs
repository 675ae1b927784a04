//! What writes a journal: one record after the other, each in one write, and a thread that syncs.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::frame::{LONGEST, frame, unframed};
use super::record::Record;
use crate::input::Columns;
use crate::ledger::Event;
use crate::locked;

/// How long what is written may wait to be synced.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// A journal that is being written. Dropped, it is synced.
#[derive(Debug)]
pub(crate) struct Journal {
    shown: String,
    pen: Arc<Pen>,
    syncer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Pen {
    file: Arc<File>,
    salt: u64,
    page: Mutex<Page>,
    /// Something was written, or nothing more will be.
    turned: Condvar,
}

#[derive(Debug)]
struct Page {
    /// Where the next record goes, and its number.
    place: u64,
    number: u32,
    /// Since when something waits to be synced.
    dirty: Option<Instant>,
    closing: bool,
    /// Nothing can be written any more.
    broken: bool,
    /// Why, until somebody has been told.
    untold: Option<io::Error>,
}

/// A record is not in the journal.
#[derive(Debug)]
pub(crate) enum JournalError {
    /// The file takes no more.
    Io(io::Error),
    /// The record is longer than [`LONGEST`].
    TooLong,
    /// It failed before, which somebody was told.
    Broken,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::TooLong => write!(f, "the input is longer than a record may be ({LONGEST} bytes)"),
            Self::Broken => f.write_str("it could not be written before"),
        }
    }
}

impl Journal {
    /// Goes on writing at this place, with this number.
    pub(super) fn new(
        file: Arc<File>,
        shown: String,
        salt: u64,
        (place, number): (u64, u32),
    ) -> io::Result<Self> {
        let page = Page { place, number, dirty: None, closing: false, broken: false, untold: None };
        let pen = Arc::new(Pen { file, salt, page: Mutex::new(page), turned: Condvar::new() });
        let its = Arc::clone(&pen);
        let syncer = thread::Builder::new().name("journal".into()).stack_size(64 * 1024);
        let syncer = syncer.spawn(move || its.keep_synced())?;
        Ok(Self { shown, pen, syncer: Mutex::new(Some(syncer)) })
    }

    /// What the file is called.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The next member is registered.
    pub(crate) fn registered(&self, columns: &Columns) -> Result<(), JournalError> {
        self.pen.write(|bytes| Record::write_registered(columns, bytes))
    }

    /// Something else happens.
    pub(crate) fn event(&self, event: Event) -> Result<(), JournalError> {
        self.pen.write(|bytes| Record::Event(event).write(bytes))
    }

    /// Another record.
    pub(super) fn record(&self, record: &Record) -> Result<(), JournalError> {
        self.pen.write(|bytes| record.write(bytes))
    }

    /// What was written so far is on the disk when this returns.
    pub(crate) fn sync(&self) -> Result<(), JournalError> {
        self.pen.sync()?;
        match locked(&self.pen.page).untold.take() {
            Some(error) => Err(JournalError::Io(error)),
            None => Ok(()),
        }
    }

    /// Nothing more will be written.
    pub(crate) fn close(&self) -> Result<(), JournalError> {
        locked(&self.pen.page).closing = true;
        self.pen.turned.notify_all();
        if let Some(syncer) = locked(&self.syncer).take() {
            // It does not panic; and if it did, what is left is done here.
            let _ = syncer.join();
        }
        self.sync()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // Who wants to know closes it.
        let _ = self.close();
    }
}

impl Pen {
    fn write(&self, record: impl FnOnce(&mut Vec<u8>)) -> Result<(), JournalError> {
        let mut bytes = unframed();
        record(&mut bytes);
        if bytes.len() > LONGEST {
            return Err(JournalError::TooLong);
        }
        let mut page = locked(&self.page);
        if page.broken {
            return Err(page.untold.take().map_or(JournalError::Broken, JournalError::Io));
        }
        frame(&mut bytes, self.salt, page.number);
        if let Err(error) = self.file.write_all_at(&bytes, page.place) {
            page.broken = true;
            // Half a record would be cut by the next who reads it; better it is not there.
            let _ = self.file.set_len(page.place);
            return Err(JournalError::Io(error));
        }
        page.place += bytes.len() as u64;
        page.number = page.number.wrapping_add(1);
        if page.dirty.is_none() {
            page.dirty = Some(Instant::now());
            self.turned.notify_all();
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        let mut page = locked(&self.page);
        if page.broken {
            return Err(page.untold.take().map_or(JournalError::Broken, JournalError::Io));
        }
        if page.dirty.take().is_none() {
            return Ok(());
        }
        drop(page);
        // What is written meanwhile is not held up, and counts as not synced.
        self.file.sync_data().map_err(|error| {
            locked(&self.page).broken = true;
            JournalError::Io(error)
        })
    }

    /// Syncs what has waited long enough, until nothing more comes.
    fn keep_synced(&self) {
        let mut page = locked(&self.page);
        while !page.closing && !page.broken {
            let left = page.dirty.map(|since| INTERVAL.saturating_sub(since.elapsed()));
            page = match left {
                None => self.turned.wait(page).unwrap_or_else(PoisonError::into_inner),
                Some(left) if !left.is_zero() => {
                    self.turned.wait_timeout(page, left).unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    drop(page);
                    let synced = self.sync();
                    let mut page = locked(&self.page);
                    if let Err(JournalError::Io(error)) = synced {
                        page.untold = Some(error);
                    }
                    page
                }
            };
        }
    }
}
