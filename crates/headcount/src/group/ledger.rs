//! What the roll of a group is called from: its title, its limit, and the pages that are not over.
//!
//! It knows nothing of the group's values, errors and policy. So it can be asked by those who know no more of the group than
//! that it is there ([`crate::roll::registry`]), also for a group whose members borrow from a stack. It is told what
//! happens and never steers.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Title;
use super::page::Leaf;
use crate::context::Context;
use crate::roll::registry::{self, Listed, Registered};
use crate::roll::{Heading, Missing, RollCall, State};
use crate::time::Moment;
use crate::wait::lock::Lock;
use crate::who::Id;
use crate::who::threads::Seen;

/// See the top of this file.
#[derive(Debug)]
pub(crate) struct Ledger<B> {
    id: Id,
    /// Whether members that run can be ended without their help.
    stoppable: bool,
    /// The group's.
    ctx: Context,
    /// A leaf among the locks: nothing is called under it.
    book: Lock<Book<B>>,
    _registered: Registered,
}

#[derive(Debug)]
struct Book<B> {
    title: Title,
    /// Nobody is to be listed: those who are here serve another, who lists them.
    hidden: bool,
    limit: Option<usize>,
    /// The pages that are not over, by the number of their first line.
    leaves: BTreeMap<usize, Leaf<B>>,
    /// How many were registered on all pages that were ever there, but for those that are open.
    over: usize,
}

impl<B: Send + Sync + 'static> Ledger<B> {
    /// That of a group which is being made.
    pub(crate) fn open(
        id: Id,
        stoppable: bool,
        ctx: Context,
        title: Title,
        limit: Option<usize>,
    ) -> Arc<Self> {
        let book = Book { title, hidden: false, limit, leaves: BTreeMap::new(), over: 0 };
        Arc::new_cyclic(|this| Self {
            id,
            stoppable,
            ctx,
            book: Lock::new(book),
            _registered: registry::register(id, this),
        })
    }

    pub(crate) fn title(&self) -> Title {
        self.book.lock().title.clone()
    }

    /// Changes what the group is called.
    pub(crate) fn rename(&self, change: impl FnOnce(&mut Title)) {
        change(&mut self.book.lock().title);
    }

    /// Lists nobody any more where all rolls are called: the members serve another, who lists them.
    pub(crate) fn hide(&self) {
        self.book.lock().hidden = true;
    }

    pub(crate) fn limit(&self) -> Option<usize> {
        self.book.lock().limit
    }

    pub(crate) fn set_limit(&self, limit: Option<usize>) {
        self.book.lock().limit = limit;
    }

    /// A page has been opened.
    pub(crate) fn enter(&self, leaf: Leaf<B>) {
        self.book.lock().leaves.insert(leaf.sheet.first(), leaf);
    }

    /// The page whose first line has this number is over.
    pub(crate) fn leave(&self, first: usize) {
        let mut book = self.book.lock();
        let leaf = book.leaves.remove(&first);
        if let Some(leaf) = &leaf {
            book.over = book.over.max(leaf.sheet.end());
        }
        drop(book);
        drop(leaf);
    }

    /// Those who are out.
    pub(crate) fn missing(&self, seen: &Seen) -> Vec<Missing> {
        let book = self.book.lock();
        let leaves: Vec<_> = book.leaves.values().cloned().collect();
        let limited = book.limit.is_some();
        drop(book);
        let (now, cancelled) = (Moment::now(), self.ctx.is_cancelled());
        let mut missing = Vec::new();
        for leaf in &leaves {
            missing.extend(leaf.missing().map(|(line, entry, stands)| {
                let state = match (stands.has_begun(), cancelled || stands.is_told()) {
                    (false, _) => State::Queued,
                    (true, false) => State::Running,
                    (true, true) => State::Cancelled,
                };
                let number = (leaf.sheet.first() + line) as u64 + 1;
                Missing::member(number, leaf.sheet.name(line), entry.place, now.since(entry.since), state)
                    .blocking(stands.blocks())
                    .stoppable(state == State::Queued || self.stoppable && !stands.blocks())
                    .pausing(stands.pause())
                    .seen(self.id, limited, seen)
            }));
        }
        missing
    }
}

impl<B: Send + Sync + 'static> Listed for Ledger<B> {
    fn roll_call(&self, seen: &Seen) -> RollCall {
        let book = self.book.lock();
        let last = book.leaves.last_key_value().map_or(0, |(_, leaf)| leaf.sheet.end());
        let heading = Heading {
            what: book.title.in_rolls(),
            name: book.title.name().cloned(),
            place: Some(book.title.place()),
            total: Some(book.over.max(last)),
            limit: book.limit,
        };
        let hidden = book.hidden;
        drop(book);
        RollCall::of_group(heading, if hidden { Vec::new() } else { self.missing(seen) })
    }
}
