//! The inputs of a batch whose members run elsewhere, until their answers come: in a file without a name, so that a million of them
//! do not sit in memory. What is in memory is where each begins.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::input::Columns;
use crate::ledger::Number;

/// What is written at once.
const BUFFER: usize = 64 * 1024;

/// See the room's text. Members are numbered from 1, in the order in which they are put here.
#[derive(Debug)]
pub(crate) struct Kept {
    file: Option<File>,
    /// Where each member's columns begin.
    places: Vec<u64>,
    /// So much is in the file; what follows is in the buffer.
    written: u64,
    buffer: Vec<u8>,
}

impl Kept {
    pub(crate) fn new() -> Self {
        Self { file: None, places: Vec::new(), written: 0, buffer: Vec::new() }
    }

    /// Keeps the next member's.
    pub(crate) fn push(&mut self, columns: &Columns) -> io::Result<()> {
        self.places.push(self.written + self.buffer.len() as u64);
        self.buffer.extend_from_slice(&length(columns.len())?.to_le_bytes());
        for column in columns {
            self.buffer.extend_from_slice(&length(column.len())?.to_le_bytes());
            self.buffer.extend_from_slice(column);
        }
        if self.buffer.len() >= BUFFER {
            let file = match &mut self.file {
                Some(file) => file,
                none => none.insert(tempfile::tempfile()?),
            };
            file.write_all_at(&self.buffer, self.written)?;
            self.written += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Those of a member that was put here.
    pub(crate) fn get(&self, member: Number) -> io::Result<Columns> {
        let place = usize::try_from(member).ok().and_then(|member| self.places.get(member.checked_sub(1)?));
        let mut at = *place.ok_or_else(|| io::Error::other("nobody has this number"))?;
        let mut number = || -> io::Result<usize> {
            let mut bytes = [0; 4];
            self.read(&mut bytes, at)?;
            at += 4;
            Ok(u32::from_le_bytes(bytes) as usize)
        };
        let columns = number()?;
        (0..columns)
            .map(|_| {
                let mut bytes = [0; 4];
                self.read(&mut bytes, at)?;
                let mut column = vec![0; u32::from_le_bytes(bytes) as usize];
                self.read(&mut column, at + 4)?;
                at += 4 + column.len() as u64;
                Ok(column)
            })
            .collect()
    }

    fn read(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        if at >= self.written {
            let from = usize::try_from(at - self.written).unwrap_or(usize::MAX);
            let there = from.checked_add(bytes.len()).and_then(|end| self.buffer.get(from..end));
            bytes.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
            return Ok(());
        }
        // A member's columns are written at once, so they are all here or all there.
        self.file.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?.read_exact_at(bytes, at)
    }
}

fn length(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybodys_columns_come_back_from_the_buffer_and_from_the_file() {
        let columns = |n: u64| -> Columns {
            (0..n % 4)
                .map(|column| vec![u8::try_from(n % 251).expect("small"); (n * (column + 1) % 500) as usize])
                .collect()
        };
        let mut kept = Kept::new();
        for n in 1..=2000 {
            kept.push(&columns(n)).expect("room");
            assert_eq!(kept.get(n).expect("it is there"), columns(n));
        }
        assert!(kept.written > 0 && !kept.buffer.is_empty(), "both were tried");
        for n in (1..=2000).rev() {
            assert_eq!(kept.get(n).expect("it is there"), columns(n));
        }
        assert!(kept.get(0).is_err() && kept.get(2001).is_err());
    }
}
