//! The spool: one unlinked file in `$TMPDIR` for output that has to wait and does not fit in memory.
//!
//! It is cut into blocks of [`BLOCK`] bytes. A freed block is used again, so the file grows to what waited
//! at the worst moment and no further, and one file descriptor serves any number of members. The file has
//! no name: whatever ends the process, it leaves nothing behind.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use crate::locked;

/// The most that is held in memory for one member, and the size of a block.
pub(crate) const BLOCK: usize = 1 << 20;

/// Where a piece of output lies in the spool.
#[derive(Debug)]
pub(crate) struct Block {
    place: u64,
    length: usize,
}

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    file: Option<Arc<File>>,
    free: Vec<u64>,
    blocks: u64,
}

impl Spool {
    /// Puts at most [`BLOCK`] bytes away.
    pub(super) fn store(&self, bytes: &[u8]) -> io::Result<Block> {
        debug_assert!(bytes.len() <= BLOCK, "a block holds {BLOCK} bytes, not {}", bytes.len());
        let (file, place) = {
            let mut inner = locked(&self.inner);
            let file = match &inner.file {
                Some(file) => Arc::clone(file),
                None => Arc::clone(inner.file.insert(Arc::new(tempfile::tempfile()?))),
            };
            let place = inner.free.pop().unwrap_or_else(|| {
                inner.blocks += 1;
                inner.blocks - 1
            });
            (file, place)
        };
        // Written outside the lock: no two blocks overlap.
        let block = Block { place, length: bytes.len() };
        match file.write_all_at(bytes, place * BLOCK as u64) {
            Ok(()) => Ok(block),
            Err(error) => {
                self.free(&block);
                Err(error)
            }
        }
    }

    /// Reads a block back, into `buffer`.
    pub(super) fn load(&self, block: &Block, buffer: &mut Vec<u8>) -> io::Result<()> {
        let file = locked(&self.inner).file.clone();
        let file = file.ok_or_else(|| io::Error::other("nothing was ever put away"))?;
        buffer.resize(block.length, 0);
        file.read_exact_at(buffer, block.place * BLOCK as u64)
    }

    pub(super) fn free(&self, block: &Block) {
        locked(&self.inner).free.push(block.place);
    }
}
