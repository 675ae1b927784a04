//! Where members come from: lines, NUL-ended records, rows of a table, or products of argument lists.
//!
//! One input at a time is read, so a million lines take no more memory than one. Bytes are never changed:
//! a carriage return before the line break belongs to the input, a last line without a line break counts,
//! and an empty line is an input like any other (its argument is empty), as in GNU parallel.

mod gate;
mod product;
mod records;
mod table;

use std::fmt;
use std::io;
use std::time::Instant;

pub(crate) use gate::Gate;
pub use product::Product;
pub use records::Records;
pub use table::Table;

/// The columns of one input: one for lines, one a list for products, one a cell for tables.
pub type Columns = Vec<Vec<u8>>;

/// The longest input that is taken. No argument of a process can be longer on any system we know, so
/// anything above it is a wrong separator, and would only fill the memory.
pub const LONGEST: usize = 1 << 20;

/// The rest of the input cannot be had.
#[derive(Debug)]
pub enum InputError {
    /// The batch is being stopped; there was nothing wrong with the input.
    Stopped,
    /// Reading failed.
    Read(io::Error),
    /// One input is longer than [`LONGEST`].
    TooLong,
}

impl From<io::Error> for InputError {
    fn from(error: io::Error) -> Self {
        if gate::is_stop(&error) { Self::Stopped } else { Self::Read(error) }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => write!(f, "reading the input was stopped"),
            Self::Read(error) => write!(f, "reading the input failed: {error}"),
            Self::TooLong => write!(f, "the input is longer than {LONGEST} bytes"),
        }
    }
}

impl std::error::Error for InputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Read(error) = self { Some(error) } else { None }
    }
}

/// A stream of inputs.
pub trait Source: Send {
    /// The next input, or nothing after the last.
    ///
    /// # Errors
    /// When the rest cannot be had. It is not asked again after that.
    fn next(&mut self) -> Result<Option<Columns>, InputError>;

    /// Whether the next input can be had without waiting for anything. No is always right.
    fn is_ready(&self) -> bool {
        false
    }

    /// Waits until the next input may be had or the time has come; false if it was the time. Where that cannot be known
    /// without reading, true at once.
    fn wait(&self, until: Instant) -> bool {
        let _ = until;
        true
    }

    /// How many there are in all, when that is known without reading them.
    fn total(&self) -> Option<u64> {
        None
    }
}
