//! Inputs of members that were known before and have something left to do, read from the journal one after the other.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::frame::{Frames, Next};
use super::record::Record;
use crate::input::Columns;
use crate::ledger::{Ledger, Number};

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Backlog {
    frames: Frames<Arc<File>>,
    /// The last member that was seen.
    last: Number,
}

impl Backlog {
    pub(super) fn new(frames: Frames<Arc<File>>) -> Self {
        Self { frames, last: 0 }
    }

    /// The next member that is open in this book, with its input.
    pub(crate) fn next(&mut self, ledger: &Ledger) -> io::Result<Option<(Number, Columns)>> {
        loop {
            let next = self.frames.next().map_err(|error| match error {
                super::Unread::Io(error) => error,
                error => io::Error::other(format!("the journal has changed: {error}")),
            })?;
            match next {
                Next::Record(Record::Registered(columns)) => {
                    self.last += 1;
                    if !ledger.is_finished(self.last) {
                        return Ok(Some((self.last, columns)));
                    }
                }
                Next::Record(_) => {}
                Next::End | Next::Torn(_) => return Ok(None),
            }
        }
    }
}
