//! Deadlines that have been set and not passed, in their order: what a clock has to look after.
//!
//! Setting one and taking it back is logarithmic in their number.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::callback::Callback;
use super::cancelled::Cancelled;
use super::node::Node;

/// When, and a number to tell those of one moment apart.
pub(super) type Due = (Instant, u64);

/// What is to be done when a deadline passes.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    node: Weak<Node>,
    /// Where the deadline was set.
    place: &'static Location<'static>,
}

impl Ring {
    pub(super) fn new(node: &Arc<Node>, place: &'static Location<'static>) -> Self {
        Self { node: Arc::downgrade(node), place }
    }

    /// Cancels the node, and gives the callbacks that are to be run. Wakers are foreign code: not under a lock.
    pub(super) fn ring(&self) -> Option<(Cancelled, Vec<Callback>)> {
        Some(self.node.upgrade()?.expire(self.place))
    }

    /// Where the deadline was set.
    #[cfg(feature = "tokio")]
    pub(super) fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// The node, if anybody still waits for this.
    #[cfg(feature = "tokio")]
    pub(super) fn awaited(&self) -> Option<Arc<Node>> {
        self.node.upgrade().filter(|node| !node.is_cancelled())
    }
}

/// The deadlines of one clock.
#[derive(Debug)]
pub(super) struct Dues {
    rings: BTreeMap<Due, Ring>,
    numbered: u64,
}

impl Dues {
    pub(super) const fn new() -> Self {
        Self { rings: BTreeMap::new(), numbered: 0 }
    }

    pub(super) fn set(&mut self, ring: Ring, at: Instant) -> Due {
        self.numbered += 1;
        let due = (at, self.numbered);
        self.rings.insert(due, ring);
        due
    }

    /// Takes one back, unless it has passed. To be dropped without the lock: it may be the last to know of its node.
    pub(super) fn take_back(&mut self, due: &Due) -> Option<Ring> {
        self.rings.remove(due)
    }

    /// Takes the first that has passed at `now`, with its time.
    pub(super) fn pass(&mut self, now: Instant) -> Option<(Instant, Ring)> {
        let first = self.rings.first_entry().filter(|first| first.key().0 <= now)?;
        Some((first.key().0, first.remove()))
    }

    /// When the next one passes.
    pub(super) fn first(&self) -> Option<Instant> {
        self.rings.first_key_value().map(|((at, _), _)| *at)
    }

    pub(super) fn len(&self) -> usize {
        self.rings.len()
    }
}
