//! What a journal tells of the runs before: the book they left, and whether the inputs are still the same.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::backlog::Backlog;
use super::frame::{Frames, Next};
use super::record::{Heading, Record};
use crate::input::{Columns, InputError, Source};
use crate::ledger::{Ledger, Number};
use crate::legible;
use crate::refusal::Refusal;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Past {
    pub(super) file: Arc<File>,
    pub(super) salt: u64,
    /// Where its last whole record ends.
    pub(super) end: u64,
    /// The number of the record that comes next.
    pub(super) number: u32,
    /// So many bytes stand behind that.
    pub(super) torn: u64,
    pub(super) heading: Heading,
    /// The book as it was left.
    pub(crate) ledger: Ledger,
}

impl Past {
    /// Compares the inputs it knows with those there are now, and tells `seen` of each. The source stands behind them
    /// afterwards.
    pub(super) fn compare(
        &self,
        shown: &str,
        source: &mut dyn Source,
        mut seen: impl FnMut(Number, &Columns),
    ) -> Result<(), Refusal> {
        let changed = |what: String| {
            Refusal::new(
                format!("the inputs are not those of the journal {shown}: {what}"),
                "resume with the same inputs in the same order, or begin a journal in another file",
            )
        };
        let unread = |number: Number, error: &InputError| {
            Refusal::new(
                format!("the inputs cannot be compared with the journal {shown}: input {number}: {error}"),
                "they are needed as they were, to know which of them are finished",
            )
        };
        let mut number = 0;
        let mut frames = Frames::until(&*self.file, self.salt, self.end);
        loop {
            let was = match frames.next() {
                Ok(Next::Record(Record::Registered(columns))) => columns,
                Ok(Next::Record(_)) => continue,
                Ok(Next::End | Next::Torn(_)) => break,
                Err(error) => return Err(super::open::unreadable(shown, &error)),
            };
            number += 1;
            match source.next() {
                Ok(Some(is)) if is == was => seen(number, &was),
                Ok(Some(is)) => {
                    return Err(changed(format!("input {number} was {}, and is {}", show(&was), show(&is))));
                }
                Ok(None) => {
                    return Err(changed(format!("input {number} was {}, and there is none now", show(&was))));
                }
                Err(error) => return Err(unread(number, &error)),
            }
        }
        let Some(total) = self.ledger.total() else { return Ok(()) };
        if number == total {
            match source.next() {
                Ok(None) => Ok(()),
                Ok(Some(is)) => {
                    let behind = number + 1;
                    Err(changed(format!(
                        "there were {total}, and now there is input {behind}: {}",
                        show(&is)
                    )))
                }
                Err(error) => Err(unread(number + 1, &error)),
            }
        } else {
            match source.total() {
                Some(now) if now != total => Err(changed(format!("there were {total}, and there are {now}"))),
                _ => Ok(()),
            }
        }
    }

    /// Those who have something left to do, when the next round has begun.
    pub(crate) fn backlog(&self) -> Backlog {
        Backlog::new(Frames::until(Arc::clone(&self.file), self.salt, self.end))
    }

    /// Takes away what is torn.
    pub(super) fn cut(&self) -> io::Result<()> {
        if self.torn > 0 { self.file.set_len(self.end) } else { Ok(()) }
    }
}

/// Some of an input, in quotation marks.
fn show(columns: &Columns) -> String {
    const MOST: usize = 200;
    let line = legible::one_line(&columns.join(&b' '));
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", &line[..end]),
        None => format!("{line:?}"),
    }
}
