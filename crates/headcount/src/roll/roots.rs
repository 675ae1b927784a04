//! Roots: what belongs to one test, told apart from what belongs to others that run at the same time.
//!
//! A root is a number. A thread is told that it works for one ([`enter`]); the groups that it makes belong to it, and so do
//! those that their members make, on whatever thread. Zero is no root: what nobody asks about costs nothing here.
//!
//! A root also counts what is not a member of anything and stays behind all the same: timers, and callbacks that wait for a
//! cancellation. These are counted where they are made, by a [`Charge`] which they take along.
//!
//! A thread that is started by other means than this crate's belongs to no root, until it enters one.
#![cfg_attr(not(test), allow(dead_code, reason = "for those who ask about one test"))]

#[cfg(not(any(loom, shuttle)))]
use std::collections::BTreeMap;

use super::registry::{self, Found};
use crate::sync::number;
use crate::who::{self, Inside};

/// What a root counts besides its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A context's deadline that has been set.
    Timer,
    /// A callback of a user's that waits for a context to be cancelled.
    Callback,
}

/// How many of a root's there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) timers: usize,
    pub(crate) callbacks: usize,
}

/// A root that no other call has got.
pub(crate) fn new() -> u64 {
    number() as u64 + 1
}

/// Says that this thread works for `root`, until the guard is dropped, and is no member of anything.
pub(crate) fn enter(root: u64) -> Inside {
    who::enter_root(root)
}

/// All groups of `root` that are there; also those with nobody out.
pub(crate) fn groups(root: u64) -> Vec<Found> {
    registry::all(|of| of == root)
}

/// The timers and callbacks of `root` that are there.
pub(crate) fn counts(root: u64) -> Counts {
    #[cfg(not(any(loom, shuttle)))]
    return COUNTS.lock().get(&root).copied().unwrap_or_default();
    #[cfg(any(loom, shuttle))]
    {
        let _ = root;
        Counts::default()
    }
}

#[cfg(not(any(loom, shuttle)))]
static COUNTS: crate::wait::lock::Lock<BTreeMap<u64, Counts>> = crate::wait::lock::Lock::new(BTreeMap::new());

/// Something is there that the root counts in which it was made; dropped with it.
#[derive(Debug)]
pub(crate) struct Charge {
    #[cfg(not(any(loom, shuttle)))]
    of: Option<(u64, What)>,
}

impl Charge {
    /// On the thread that makes it.
    #[inline]
    pub(crate) fn here(what: What) -> Self {
        #[cfg(any(loom, shuttle))]
        return {
            let _ = what;
            Self {}
        };
        #[cfg(not(any(loom, shuttle)))]
        match who::root() {
            0 => Self { of: None },
            root => {
                *COUNTS.lock().entry(root).or_default().of(what) += 1;
                Self { of: Some((root, what)) }
            }
        }
    }
}

#[cfg(not(any(loom, shuttle)))]
impl Drop for Charge {
    fn drop(&mut self) {
        let Some((root, what)) = self.of else { return };
        let mut counts = COUNTS.lock();
        if let Some(of_root) = counts.get_mut(&root) {
            *of_root.of(what) -= 1;
            if *of_root == Counts::default() {
                counts.remove(&root);
            }
        }
    }
}

#[cfg(not(any(loom, shuttle)))]
impl Counts {
    fn of(&mut self, what: What) -> &mut usize {
        match what {
            What::Timer => &mut self.timers,
            What::Callback => &mut self.callbacks,
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::{Counts, counts, enter, groups, new};
    use crate::{Context, WaitGroup, thread};
    use std::time::Duration;

    #[test]
    fn what_members_make_belongs_to_the_root_of_their_group_on_whatever_thread() {
        let (mine, others) = (new(), new());
        let inside = enter(mine);
        let made = thread::Scope::new(&Context::background()).run(|group| {
            group.spawn(move |_| {
                let group = WaitGroup::new();
                let below = |root| groups(root).len();
                let made = (below(mine), below(others));
                drop(group);
                crate::ok(made)
            });
            group.wait_idle(); // so that it runs on a thread of the scope's
        });
        assert_eq!(made.unwrap(), [(2, 0)], "the scope, and the member's own");
        drop(inside);
        let _nobodys = WaitGroup::new();
        assert!(groups(mine).is_empty());
    }

    #[test]
    fn timers_and_callbacks_are_counted_until_they_are_gone() {
        let root = new();
        let inside = enter(root);
        let (ctx, _canceller) = Context::background().with_cancel();
        let timer = ctx.with_timeout(Duration::from_secs(3600));
        let callbacks = [ctx.on_cancel(|_| ()), ctx.on_cancel(|_| ())];
        drop(inside);
        let elsewhere = ctx.on_cancel(|_| ());
        assert_eq!(counts(root), Counts { timers: 1, callbacks: 2 });
        drop(timer);
        assert_eq!(counts(root), Counts { timers: 0, callbacks: 2 });
        drop(callbacks);
        assert_eq!(counts(root), Counts::default());
        drop(elsewhere);
    }
}
