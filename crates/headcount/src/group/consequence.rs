//! Is an error a cancellation, or does it wrap one?
//!
//! A member whose group is cancelled mostly says so by passing on the [`Cancelled`] that it was given, wrapped in whatever
//! errors its code is made of. Such an end is a consequence and nobody's failure, so it must be told apart.
//!
//! Walking the chain of sources is not enough. A box made of an `anyhow::Error` hides the type of what it holds; an enum whose
//! variant is *transparent* gives its text and its source to what it holds, so that the chain goes past it; `Box<E>` and
//! `Arc<E>` do the same. But all of them pass on the text. So each error in the chain is asked for its text by a
//! [`Probe`], and a [`Cancelled`] that is asked for its own while a probe is out on this thread puts itself down there. An
//! error that merely says the same words asks no `Cancelled` and is not taken for one.
//!
//! All this is done only for members that fail in a group that is cancelled.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::{self, Write};

use super::panics;
use crate::Cancelled;
use crate::sync::of_thread;

of_thread! {
    /// What was displayed while a probe is out; `None` while none is.
    static SEEN: RefCell<Option<Vec<Cancelled>>> = RefCell::new(None)
}

/// Called by every [`Cancelled`] whose text is asked for.
pub(crate) fn note(cancelled: &Cancelled) {
    // A thread that is ending may display errors too; then there is no probe.
    let _ = SEEN.try_with(|seen| {
        if let Ok(mut seen) = seen.try_borrow_mut() {
            if let Some(seen) = &mut *seen {
                seen.push(cancelled.clone());
            }
        }
    });
}

/// While it lives, cancellations displayed on this thread are noted.
struct Probe {
    /// What a probe further out had seen: a `Display` might itself ask for a probe.
    outer: Option<Vec<Cancelled>>,
}

impl Probe {
    fn out() -> Self {
        Self { outer: SEEN.with(|seen| seen.replace(Some(Vec::new()))) }
    }

    fn seen(&self) -> Vec<Cancelled> {
        SEEN.with(|seen| seen.borrow_mut().as_mut().map(std::mem::take)).unwrap_or_default()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        SEEN.with(|seen| seen.replace(self.outer.take()));
    }
}

/// Takes any text and keeps none.
struct Sink;

impl Write for Sink {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// The cancellations in `error` and below, outermost first.
fn inside(error: &(dyn Error + 'static)) -> Vec<Cancelled> {
    let mut found = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(cancelled) = error.downcast_ref::<Cancelled>() {
            found.push(cancelled.clone());
        } else {
            let probe = Probe::out();
            // A `Display` that panics says nothing; the member has still ended.
            if let Err(payload) = panics::catch(|| write!(Sink, "{error}")) {
                panics::drop_quietly(payload);
            }
            found.append(&mut probe.seen());
        }
        next = error.source();
    }
    found
}

/// Whether `error`, with which a member ended after its group was cancelled because of `group`, is but a consequence of
/// that.
///
/// A deadline that is not the group's is the member's own, and to miss it is a failure.
pub(crate) fn is_consequence(error: &(dyn Error + 'static), group: &Cancelled) -> bool {
    let found = inside(error);
    found.iter().any(|cancelled| cancelled.same_as(group))
        || found.first().is_some_and(|cancelled| !cancelled.is_deadline())
}
