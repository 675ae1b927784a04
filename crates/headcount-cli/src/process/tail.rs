//! The last of what a member wrote, on both streams, for the account and the roll call. It is in the order in
//! which it was read: what was written to two streams in one moment may have changed places.

use crate::legible;

/// How much is kept: ten lines of usual length, and more than anyone wants to read of unusual ones.
const KEPT: usize = 4096;

/// See the room's text.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
    /// Something older is gone.
    cut: bool,
}

impl Tail {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let news = &bytes[bytes.len().saturating_sub(KEPT)..];
        // Moved only when twice as much has come together, so that a byte is moved once on average.
        if self.bytes.len() + news.len() > 2 * KEPT {
            let old = (self.bytes.len() + news.len() - KEPT).min(self.bytes.len());
            self.bytes.drain(..old);
            self.cut = true;
        }
        self.cut |= news.len() < bytes.len();
        self.bytes.extend_from_slice(news);
    }

    /// The last lines, fit for people; the first begins with dots when its beginning is gone.
    pub(crate) fn lines(&self, most: usize) -> Vec<String> {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        if text.is_empty() {
            return Vec::new();
        }
        let mut lines: Vec<String> =
            text.rsplit(|&byte| byte == b'\n').take(most).map(legible::one_line).collect();
        lines.reverse();
        let whole = text.iter().filter(|&&byte| byte == b'\n').count() >= most;
        if self.cut && !whole {
            lines[0].insert_str(0, "...");
        }
        lines
    }
}
