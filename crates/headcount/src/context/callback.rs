//! What is called when a context is cancelled.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;

use super::cancelled::Cancelled;
use super::node::Node;
use crate::roll::roots::{Charge, What};

pub(super) struct Callback {
    f: Box<dyn FnOnce(&Cancelled) + Send>,
    /// Ours, not a user's: it is short, and is run where the cancellation happens, a deadline's too.
    own: bool,
    _charge: Option<Charge>,
}

impl Callback {
    pub(super) fn new(
        f: impl FnOnce(&Cancelled) + Send + 'static,
        place: &'static Location<'static>,
    ) -> Self {
        Self { f: Box::new(f), own: false, _charge: Some(Charge::here(What::Callback, place)) }
    }

    pub(super) fn own(f: impl FnOnce(&Cancelled) + Send + 'static) -> Self {
        Self { f: Box::new(f), own: true, _charge: None }
    }

    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    pub(super) fn call(self, cause: &Cancelled) {
        (self.f)(cause);
    }
}

/// A node's callbacks, in the order in which they were registered.
#[derive(Default)]
pub(super) struct Callbacks {
    by_number: BTreeMap<u64, Callback>,
    next: u64,
}

impl Callbacks {
    pub(super) fn add(&mut self, callback: Callback) -> u64 {
        self.next += 1;
        self.by_number.insert(self.next, callback);
        self.next
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<Callback> {
        self.by_number.remove(&number)
    }

    pub(super) fn into_all(self) -> impl Iterator<Item = Callback> {
        self.by_number.into_values()
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").field("len", &self.by_number.len()).finish()
    }
}

/// Runs all of them. One that panics harms no other; the first panic goes on when all have run.
pub(super) fn run(callbacks: Vec<Callback>, cause: &Cancelled) {
    if let Some(panic) = run_quietly(callbacks, cause) {
        resume_unwind(panic);
    }
}

/// Runs all of them, and gives the first panic.
pub(super) fn run_quietly(callbacks: Vec<Callback>, cause: &Cancelled) -> Option<Box<dyn Any + Send>> {
    let mut first = None;
    for callback in callbacks {
        // The callback is gone either way, and `cause` cannot be changed: nothing half done is seen afterwards.
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| callback.call(cause))) {
            first.get_or_insert(panic);
        }
    }
    first
}

/// A callback that waits for its context to be cancelled; dropping it takes the callback back.
///
/// From [`Context::on_cancel`](crate::Context::on_cancel). To let the callback stand for as long as the context lives,
/// [`keep`](Self::keep) it.
#[must_use = "dropping it takes the callback back; `keep` lets it stand"]
pub struct OnCancel {
    /// Where it is registered; nothing if it has run, or never will because the context is never cancelled.
    registered: Option<(Arc<Node>, u64)>,
}

impl OnCancel {
    pub(super) fn new(registered: Option<(Arc<Node>, u64)>) -> Self {
        Self { registered }
    }

    /// Takes the callback back. True if that was in time: it has not run and never will. False if it has run, is running,
    /// or is about to. Like Go's `AfterFunc` stop.
    pub fn stop(mut self) -> bool {
        self.take_back()
    }

    /// Lets the callback stand without this handle.
    pub fn keep(mut self) {
        self.registered = None;
    }

    fn take_back(&mut self) -> bool {
        match self.registered.take() {
            Some((node, number)) => node.uncall(number).is_some(),
            None => false,
        }
    }
}

impl Drop for OnCancel {
    fn drop(&mut self) {
        self.take_back();
    }
}

impl fmt::Debug for OnCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnCancel").field("registered", &self.registered.is_some()).finish()
    }
}
