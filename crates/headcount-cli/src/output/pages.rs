//! The pages of one member: what it wrote and is not printed yet, and where in a line the print stands.

use std::io;

use super::capture::Capture;
use super::sheet::{PrintError, Sheet, Stream};
use super::spool::{BLOCK, Spool};
use crate::ledger::Number;

/// What one member wrote. A lane has one and uses it for member after member, so that the buffers are
/// made once.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    number: Number,
    text: Parked,
}

/// The two streams of a member, as they wait for their turn.
#[derive(Debug, Default)]
pub(super) struct Parked {
    out: Page,
    err: Page,
}

/// One stream of a member.
#[derive(Debug, Default)]
struct Page {
    waiting: Capture,
    /// What every line begins with, and whether the next byte begins one. Nothing without `--tag`.
    tag: Option<Vec<u8>>,
    in_line: bool,
    /// What was written last is no whole line.
    torn: bool,
}

impl Page {
    fn print(&mut self, stream: Stream, bytes: &[u8], sheet: &Sheet) -> Result<(), PrintError> {
        let Some(last) = bytes.last() else { return Ok(()) };
        let result = match &self.tag {
            None => sheet.write(stream, bytes),
            Some(tag) => sheet.write(stream, &tagged(bytes, tag, self.in_line)),
        };
        self.in_line = *last != b'\n';
        result
    }

    fn print_waiting(&mut self, stream: Stream, sheet: &Sheet, spool: &Spool) -> Result<(), PrintError> {
        let mut waiting = std::mem::take(&mut self.waiting);
        let result = waiting.drain(spool, |bytes| self.print(stream, bytes, sheet));
        self.waiting = waiting;
        result
    }

    fn print_rest(
        &mut self,
        stream: Stream,
        ends_lines: bool,
        sheet: &Sheet,
        spool: &Spool,
    ) -> Result<(), PrintError> {
        self.print_waiting(stream, sheet, spool)?;
        if ends_lines && self.in_line {
            self.in_line = false;
            sheet.write(stream, b"\n")?;
        }
        Ok(())
    }
}

/// `bytes` with the tag before each line that begins in them.
fn tagged(bytes: &[u8], tag: &[u8], mut in_line: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() + 4 * tag.len());
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if !in_line {
            text.extend_from_slice(tag);
        }
        text.extend_from_slice(line);
        in_line = false;
    }
    text
}

impl Parked {
    fn page(&mut self, stream: Stream) -> &mut Page {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    pub(super) fn held(&self) -> usize {
        self.out.waiting.held() + self.err.waiting.held()
    }

    pub(super) fn print(&mut self, ends_lines: bool, sheet: &Sheet, spool: &Spool) -> Result<(), PrintError> {
        // Both are tried, so that the second is given back to the spool even when the first fails.
        let out = self.out.print_rest(Stream::Out, ends_lines, sheet, spool);
        let err = self.err.print_rest(Stream::Err, ends_lines, sheet, spool);
        out.and(err)
    }
}

impl Pages {
    /// Starts the pages of another member. With a tag, every line begins with it.
    pub(crate) fn begin(&mut self, number: Number, tag: Option<&[u8]>) {
        self.number = number;
        for page in [&mut self.text.out, &mut self.text.err] {
            page.tag = tag.map(<[u8]>::to_vec);
            page.in_line = false;
            page.torn = false;
        }
    }

    /// Remembers how the last of it ended.
    pub(super) fn hear(&mut self, stream: Stream, bytes: &[u8]) {
        if let Some(last) = bytes.last() {
            self.text.page(stream).torn = *last != b'\n';
        }
    }

    pub(super) fn is_torn(&mut self, stream: Stream) -> bool {
        self.text.page(stream).torn
    }

    pub(super) fn number(&self) -> Number {
        self.number
    }

    pub(super) fn is_blank(&self) -> bool {
        [&self.text.out, &self.text.err].iter().all(|page| page.waiting.is_empty() && !page.in_line)
    }

    pub(super) fn held(&self) -> usize {
        self.text.held()
    }

    /// Keeps what cannot be printed yet, at most one block of it in memory.
    pub(super) fn hold(&mut self, stream: Stream, bytes: &[u8], spool: &Spool) -> Result<(), PrintError> {
        if self.held() + bytes.len() > BLOCK {
            self.spill(spool)?;
        }
        Ok(self.text.page(stream).waiting.push(bytes, spool)?)
    }

    /// Prints all whole lines there are now and keeps the rest.
    pub(super) fn print_lines(
        &mut self,
        stream: Stream,
        bytes: &[u8],
        sheet: &Sheet,
        spool: &Spool,
    ) -> Result<(), PrintError> {
        let end = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let (lines, torn) = bytes.split_at(end);
        if !lines.is_empty() {
            let page = self.text.page(stream);
            page.print_waiting(stream, sheet, spool)?;
            page.print(stream, lines, sheet)?;
        }
        self.hold(stream, torn, spool)
    }

    pub(super) fn print_rest(
        &mut self,
        ends_lines: bool,
        sheet: &Sheet,
        spool: &Spool,
    ) -> Result<(), PrintError> {
        self.text.print(ends_lines, sheet, spool)
    }

    pub(super) fn cut_torn_lines(&mut self) {
        self.text.out.waiting.cut_torn_line();
        self.text.err.waiting.cut_torn_line();
    }

    /// Forgets what has not been printed, because there is a hole in it.
    pub(super) fn forget(&mut self, spool: &Spool) {
        self.text.out.waiting.forget(spool);
        self.text.err.waiting.forget(spool);
    }

    pub(super) fn spill(&mut self, spool: &Spool) -> io::Result<()> {
        self.text.out.waiting.spill(spool)?;
        self.text.err.waiting.spill(spool)
    }

    /// Gives the text away, to be printed in its turn.
    pub(super) fn park(&mut self) -> Parked {
        std::mem::take(&mut self.text)
    }
}
