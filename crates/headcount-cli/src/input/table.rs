//! Inputs that are rows of comma-separated values, quoted as RFC 4180 says.
//!
//! Rows may differ in length; asking for a cell that is not there fails that member alone. Lines without
//! any character between rows are not rows. The header is read when the table is opened, so that a column
//! name in the command is known to exist, or to be text, before anything starts.

use std::io::{self, Read};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::{Columns, InputError, Source};

/// Reads rows.
#[derive(Debug)]
pub struct Table<R> {
    reader: Reader<R>,
    header: Option<Columns>,
    row: ByteRecord,
}

fn cells(row: &ByteRecord) -> Columns {
    row.iter().map(<[u8]>::to_vec).collect()
}

impl From<csv::Error> for InputError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            // Rows of any length and any bytes are taken, so reading is all that can fail.
            other => Self::Read(io::Error::other(format!("{other:?}"))),
        }
    }
}

impl<R: Read> Table<R> {
    /// Opens the table; with `header` its first row names the columns.
    ///
    /// # Errors
    /// When the header cannot be read.
    pub fn open(reader: R, header: bool) -> Result<Self, InputError> {
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader);
        let mut table = Self { reader, header: None, row: ByteRecord::new() };
        if header {
            table.header = Some(if table.advance()? { cells(&table.row) } else { Vec::new() });
        }
        Ok(table)
    }

    /// The names of the columns, when the table has them.
    #[must_use]
    pub fn header(&self) -> Option<&[Vec<u8>]> {
        self.header.as_deref()
    }

    fn advance(&mut self) -> Result<bool, InputError> {
        Ok(self.reader.read_byte_record(&mut self.row)?)
    }
}

impl<R: Read + Send> Source for Table<R> {
    fn next(&mut self) -> Result<Option<Columns>, InputError> {
        Ok(self.advance()?.then(|| cells(&self.row)))
    }
}
