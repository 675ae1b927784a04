//! Roots: what belongs to one test, told apart from what belongs to others that run at the same time.
//!
//! A root is a number. A thread is told that it works for one ([`enter`]); the groups that it makes belong to it, and so do
//! those that their members make, on whatever thread. Zero is no root: what nobody asks about costs nothing here.
//!
//! A root also lists what is not a member of anything and stays behind all the same: timers, callbacks that wait for a
//! cancellation, crews. These are listed where they are made, by a [`Charge`] which they take along.
//!
//! A thread that is started by other means than this crate's belongs to no root, until it enters one.

use std::panic::Location;

#[cfg(all(feature = "testing", not(any(loom, shuttle))))]
pub(crate) use self::asking::{calls, enter, new};
use crate::who;

/// What a root lists besides its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A context's deadline that has been set.
    Timer,
    /// A callback of a user's that waits for a context to be cancelled.
    Callback,
    /// A crew whose workers stay.
    Crew,
    /// A context that waits for somebody else's token.
    #[cfg(feature = "tokio-util")]
    Link,
}

/// Something is there that the root lists in which it was made; dropped with it.
#[derive(Debug)]
pub(crate) struct Charge {
    #[cfg(not(any(loom, shuttle)))]
    of: Option<(u64, usize)>,
}

impl Charge {
    /// On the thread that makes it, in the name of whoever called `place`.
    #[inline]
    pub(crate) fn here(what: What, place: &'static Location<'static>) -> Self {
        let root = who::root();
        #[cfg(any(loom, shuttle))]
        return {
            let _ = (what, place, root);
            Self {}
        };
        #[cfg(not(any(loom, shuttle)))]
        Self { of: (root != 0).then(|| (root, charged::enter(root, what, place))) }
    }
}

#[cfg(not(any(loom, shuttle)))]
impl Drop for Charge {
    fn drop(&mut self) {
        if let Some(of) = self.of {
            charged::leave(of);
        }
    }
}

/// The charges of all roots.
#[cfg(not(any(loom, shuttle)))]
mod charged {
    use std::collections::BTreeMap;
    use std::panic::Location;

    use super::What;
    use crate::sync::number;
    use crate::time::Moment;
    use crate::wait::lock::Lock;

    pub(super) type Line = (What, &'static Location<'static>, Moment);

    /// By root and a number of their own. A leaf among the locks: nothing is called under it.
    static ALL: Lock<BTreeMap<(u64, usize), Line>> = Lock::new(BTreeMap::new());

    pub(super) fn enter(root: u64, what: What, place: &'static Location<'static>) -> usize {
        let number = number();
        ALL.lock().insert((root, number), (what, place, Moment::now()));
        number
    }

    pub(super) fn leave(of: (u64, usize)) {
        ALL.lock().remove(&of);
    }

    /// Those of `root`, in the order in which they came.
    #[cfg(feature = "testing")]
    pub(super) fn of(root: u64) -> Vec<Line> {
        ALL.lock().range((root, 0)..=(root, usize::MAX)).map(|(_, line)| *line).collect()
    }
}

/// The side of those who run tests.
#[cfg(all(feature = "testing", not(any(loom, shuttle))))]
mod asking {
    use super::{What, charged};
    use crate::roll::{Heading, Missing, RollCall, State, registry};
    use crate::sync::number;
    use crate::time::Moment;
    use crate::who::{self, Inside, threads};

    /// A root that no other call has got.
    pub(crate) fn new() -> u64 {
        number() as u64 + 1
    }

    /// Says that this thread works for `root`, until the guard is dropped, and is no member of anything.
    pub(crate) fn enter(root: u64) -> Inside {
        who::enter_root(root)
    }

    /// The roll calls of all that there is of `root`; also of groups with nobody out.
    pub(crate) fn calls(root: u64) -> Vec<RollCall> {
        let mut calls = charges(root);
        let groups = registry::all(|of| of == root);
        if !groups.is_empty() {
            let seen = threads::look();
            let of_groups = groups.iter().map(|found| found.group.roll_call(&seen));
            // Contexts are shared: who waits for one may belong to another root than who waited first. Whoever waits inside of a
            // member is found there.
            calls.extend(of_groups.filter(|call| !call.is_of_waiters()));
        }
        calls
    }

    /// What else of `root` is there: a roll call for each kind.
    fn charges(root: u64) -> Vec<RollCall> {
        let (now, all) = (Moment::now(), charged::of(root));
        let kinds = [
            (What::Timer, "contexts with a deadline to come"),
            (What::Callback, "callbacks of on_cancel"),
            (What::Crew, "crews that were not stopped"),
            #[cfg(feature = "tokio-util")]
            (What::Link, "contexts that wait for a CancellationToken"),
        ];
        let call = |(kind, what)| {
            let lines = all.iter().filter(|(of, ..)| *of == kind).zip(1..);
            let missing = lines
                .map(|((_, place, since), n)| Missing::member(n, None, place, now.since(*since), State::Out));
            let heading = Heading { what, name: None, place: None, total: None, limit: None };
            RollCall::of_group(heading, missing.collect())
        };
        kinds.into_iter().map(call).filter(|call| !call.is_empty()).collect()
    }
}

#[cfg(all(test, feature = "testing", not(any(loom, shuttle))))]
mod tests {
    use super::{calls, enter, new};
    use crate::roll::RollCall;
    use crate::{Context, WaitGroup, thread};
    use std::time::Duration;

    #[test]
    fn what_members_make_belongs_to_the_root_of_their_group_on_whatever_thread() {
        let (mine, others) = (new(), new());
        let inside = enter(mine);
        let made = thread::Scope::new(&Context::background()).run(|group| {
            group.spawn(move |_| {
                let group = WaitGroup::new();
                let below = |root| calls(root).len();
                let made = (below(mine), below(others));
                drop(group);
                crate::ok(made)
            });
            group.wait_idle(); // so that it runs on a thread of the scope's
        });
        assert_eq!(made.unwrap(), [(2, 0)], "the scope, and the member's own");
        drop(inside);
        let _nobodys = WaitGroup::new();
        assert!(calls(mine).is_empty());
    }

    #[test]
    fn timers_and_callbacks_are_listed_until_they_are_gone() {
        let root = new();
        let inside = enter(root);
        let (ctx, _canceller) = Context::background().with_cancel();
        let timer = ctx.with_timeout(Duration::from_secs(3600));
        let callbacks = [ctx.on_cancel(|_| ()), ctx.on_cancel(|_| ())];
        drop(inside);
        let elsewhere = ctx.on_cancel(|_| ());
        let listed = || calls(root).iter().map(RollCall::outstanding).collect::<Vec<_>>();
        assert_eq!(listed(), [1, 2]);
        drop(timer);
        assert_eq!(listed(), [2]);
        drop(callbacks);
        assert!(listed().is_empty());
        drop(elsewhere);
    }
}
