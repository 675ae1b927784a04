//! What one member wrote to one stream and nobody has printed yet: up to a block in memory, what is older
//! in the spool.

use std::io;

use super::spool::{BLOCK, Block, Spool};

/// Bytes that wait, oldest first: the spilled blocks, then the memory.
#[derive(Debug, Default)]
pub(crate) struct Capture {
    spilled: Vec<Block>,
    memory: Vec<u8>,
}

impl Capture {
    pub(crate) fn is_empty(&self) -> bool {
        self.memory.is_empty() && self.spilled.is_empty()
    }

    /// How much of it is held in memory.
    pub(super) fn held(&self) -> usize {
        self.memory.len()
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8], spool: &Spool) -> io::Result<()> {
        while self.memory.len() + bytes.len() > BLOCK {
            let (now, later) = bytes.split_at(BLOCK - self.memory.len());
            self.memory.extend_from_slice(now);
            bytes = later;
            self.spill(spool)?;
        }
        self.memory.extend_from_slice(bytes);
        Ok(())
    }

    /// Moves what is in memory to the spool. On an error it stays where it is.
    pub(super) fn spill(&mut self, spool: &Spool) -> io::Result<()> {
        if !self.memory.is_empty() {
            self.spilled.push(spool.store(&self.memory)?);
            self.memory = Vec::new();
        }
        Ok(())
    }

    /// Hands everything on, oldest first, and is empty afterwards whatever happens.
    pub(crate) fn drain<E: From<io::Error>>(
        &mut self,
        spool: &Spool,
        mut print: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut result = Ok(());
        let mut buffer = Vec::new();
        for block in self.spilled.drain(..) {
            if result.is_ok() {
                result = spool.load(&block, &mut buffer).map_err(E::from).and_then(|()| print(&buffer));
            }
            spool.free(&block);
        }
        if result.is_ok() && !self.memory.is_empty() {
            result = print(&self.memory);
        }
        // The memory is kept for the next member.
        self.memory.clear();
        result
    }

    /// Forgets everything.
    pub(super) fn forget(&mut self, spool: &Spool) {
        self.spilled.drain(..).for_each(|block| spool.free(&block));
        self.memory.clear();
    }

    /// Forgets what follows the last line break, if that is still in memory.
    pub(super) fn cut_torn_line(&mut self) {
        let end = self.memory.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        self.memory.truncate(end);
    }
}
