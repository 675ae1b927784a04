//! Inputs that end with a byte: a line break, or NUL for names that may hold line breaks.

use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

use super::{Columns, Gate, InputError, LONGEST, Source};

/// Reads inputs that end with one byte.
#[derive(Debug)]
pub struct Records<R> {
    reader: BufReader<R>,
    end: u8,
    /// What is waited at: another way to what `reader` reads.
    gate: Option<Gate>,
}

impl<R: Read> Records<R> {
    /// Inputs from `reader`, each up to the next `end`, which is not part of it.
    pub fn new(reader: R, end: u8) -> Self {
        Self { reader: BufReader::with_capacity(64 * 1024, reader), end, gate: None }
    }

    /// The same, and they can be waited for: with a gate to what `reader` reads.
    pub(crate) fn waited_for_at(self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self }
    }
}

impl<R: Read + Send> Source for Records<R> {
    fn next(&mut self) -> Result<Option<Columns>, InputError> {
        let mut record = Vec::new();
        // One byte more than an input may have: its end.
        let limit = LONGEST as u64 + 1;
        let read = self.reader.by_ref().take(limit).read_until(self.end, &mut record)?;
        if read == 0 {
            return Ok(None);
        }
        if record.last() == Some(&self.end) {
            record.pop();
        } else if record.len() > LONGEST {
            return Err(InputError::TooLong);
        }
        Ok(Some(vec![record]))
    }

    fn is_ready(&self) -> bool {
        self.reader.buffer().contains(&self.end)
    }

    /// Half a record is taken for a sign that the other half comes soon.
    fn wait(&self, until: Instant) -> bool {
        self.gate.as_ref().is_none_or(|gate| gate.wait(until))
    }
}
