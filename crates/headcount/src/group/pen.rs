//! The pen of a page: the right to count members out on it.

use std::sync::Arc;

use super::mark::{Asked, Bell};
use super::page::{Page, Seat};
use super::sheet::{Entry, Quill};
use crate::roll::Name;

/// The right to count members out on a page. The page is not over while its pen is there.
#[derive(Debug)]
pub(crate) struct Pen<T, C, B> {
    page: Arc<Page<T, C, B>>,
    quill: Quill,
    /// One for each line that is not used yet.
    stock: Vec<Arc<Page<T, C, B>>>,
}

impl<T, C, B: Bell> Pen<T, C, B> {
    /// The pen of a page that has just been opened, and counted full.
    pub(super) fn new(page: Arc<Page<T, C, B>>, quill: Quill) -> Self {
        let stock = vec![Arc::clone(&page); quill.left()];
        Self { page, quill, stock }
    }

    pub(crate) fn page(&self) -> &Arc<Page<T, C, B>> {
        &self.page
    }

    /// The number of the next line, wherever it is going to stand.
    pub(crate) fn next_number(&self) -> usize {
        self.page.first() + self.quill.written()
    }

    /// The number of its last line.
    pub(crate) fn last_number(&self) -> usize {
        self.next_number() + self.quill.left() - 1
    }

    pub(crate) fn is_full(&self) -> bool {
        self.stock.is_empty()
    }

    /// How many members of the page are out.
    pub(crate) fn out(&self) -> usize {
        self.page.units() - self.quill.left() - 1
    }

    /// Counts a member out and writes its entry; nothing if the page is [full](Self::is_full).
    pub(crate) fn write(&mut self, entry: Entry, name: Option<Name>, asked: Asked) -> Option<Seat<T, C, B>> {
        let page = self.stock.pop()?;
        let line = self.quill.write(entry, name);
        Some(page.seat(line, asked))
    }

    /// Closes the page; it, if nobody of it is out any more.
    pub(crate) fn close(self) -> Option<Arc<Page<T, C, B>>> {
        (self.page.leave(self.quill.left() as u64 + 1) == 0).then_some(self.page)
    }
}
