//! Which member runs on this thread, and which members wait for which groups: so that a wait that can only end after the
//! one who waits has ended is told, instead of hanging.
//!
//! | file | idea |
//! |---|---|
//! | here | who runs on this thread, and how many waits it has left behind |
//! | `crowd` | items of a map that have turns, one after the other |
//! | `attending` | members that nobody runs but themselves |
//! | `waits` | who waits for which group, and whether one more wait would close a circle |
//! | `would_deadlock` | the circle in words |
//! | `threads` | what each thread runs, as others see it: for those who call rolls |
//! | `pending` | what a task waits for, for the same |
//!
//! Only waits inside members are kept; all others cost one look at a variable of the thread. The threads and tasks that a wait
//! group launches itself are members in this sense as well; whose token somebody holds is not known.

#[cfg(feature = "tokio")]
mod attending;
mod crowd;
pub(crate) mod pending;
pub(crate) mod threads;
mod waits;
mod would_deadlock;

use std::cell::Cell;
use std::panic::Location;

#[cfg(feature = "tokio")]
pub(crate) use self::attending::Attending;
pub(crate) use self::crowd::{Crowded, enter_crowd, turn};
pub(crate) use self::waits::{
    Needs, Waiting, block_for, gone, may_wait, wait_for, wait_for_fewer, wait_for_round, wait_for_slot,
};
pub use self::would_deadlock::WouldDeadlock;
use crate::sync::{number, of_thread};

/// The number that tells groups apart.
pub(crate) type Id = usize;

/// A member that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Here {
    pub(crate) group: Id,
    /// From one, as texts count; or one that is only there to tell it from others: see [`unnumbered`].
    pub(crate) number: u64,
    pub(crate) place: &'static Location<'static>,
    /// The root that its group belongs to.
    pub(crate) root: u64,
}

/// Numbers from here on stand in no text.
const UNNUMBERED: u64 = 1 << 63;

/// A number for a member that has none, as others have not got.
pub(crate) fn unnumbered() -> u64 {
    UNNUMBERED | number() as u64
}

/// For whom a thread works.
#[derive(Clone, Copy, Debug)]
enum For {
    Member(Here),
    /// Nobody in particular, below this root.
    Root(u64),
}

of_thread! { static HERE: Cell<For> = Cell::new(For::Root(0)) }
of_thread! {
    /// How many more waits the member that runs here has begun than ended, since it was entered.
    static LEFT: Cell<i32> = Cell::new(0)
}

// The member's number; zero in a map's crowd between two of its items. Apart from the rest, because items of a map follow
// each other and differ in nothing else.
of_thread! { static NUMBER: Cell<u64> = Cell::new(0) }

of_thread! {
    /// For whom the thread works between two items of the innermost crowd.
    static BETWEEN: Cell<For> = Cell::new(For::Root(0))
}

/// For whom this thread works.
#[inline]
fn now() -> For {
    match (HERE.with(Cell::get), NUMBER.with(Cell::get)) {
        (For::Member(_), 0) => BETWEEN.with(Cell::get),
        (For::Member(here), number) => For::Member(Here { number, ..here }),
        (root, _) => root,
    }
}

/// The member that runs on this thread, if any.
#[inline]
pub(crate) fn here() -> Option<Here> {
    match now() {
        For::Member(here) => Some(here),
        For::Root(_) => None,
    }
}

/// The root below which this thread works; zero for none.
#[inline]
pub(crate) fn root() -> u64 {
    match now() {
        For::Member(here) => here.root,
        For::Root(root) => root,
    }
}

/// Says that a member runs on this thread, until the guard is dropped. Items of a map have [`turn`]s instead, and say elsewhere
/// on which thread they are; so the member that runs the map on its own thread, if one does, is still seen there.
#[inline]
pub(crate) fn enter(here: Here) -> Inside {
    threads::says(Some(here));
    let number = NUMBER.with(|before| before.replace(here.number));
    let left = LEFT.with(|before| before.replace(0));
    Inside { before: HERE.with(|before| before.replace(For::Member(here))), number, left }
}

/// Says that this thread works for no member, below `root`, until the guard is dropped.
#[cfg(any(test, all(feature = "testing", not(any(loom, shuttle)))))]
pub(crate) fn enter_root(root: u64) -> Inside {
    threads::says(None);
    let (number, left) = (NUMBER.with(Cell::get), LEFT.with(Cell::get));
    Inside { before: HERE.with(|before| before.replace(For::Root(root))), number, left }
}

/// Says that the member that runs on this thread is over: so are the waits that it has left behind, wherever their futures are.
#[inline]
pub(crate) fn end() {
    if LEFT.with(Cell::get) != 0 {
        LEFT.with(|left| left.set(0));
        here().into_iter().for_each(gone);
    }
}

/// A member runs here; gives way to the one before when it is dropped.
#[derive(Debug)]
pub(crate) struct Inside {
    before: For,
    number: u64,
    left: i32,
}

impl Inside {
    /// How many more waits the member has begun than ended meanwhile. Whoever runs a member little by little adds them up, and
    /// if it is not nothing in the end the member's waits are [`gone`] with it: their futures may be anywhere.
    #[inline]
    pub(crate) fn left(&self) -> i32 {
        LEFT.with(Cell::get)
    }
}

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        HERE.with(|here| here.set(self.before));
        NUMBER.with(|now| now.set(self.number));
        LEFT.with(|left| left.set(self.left));
        threads::says(here());
    }
}
