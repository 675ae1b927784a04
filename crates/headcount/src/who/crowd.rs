//! Items of a map that run one after the other on one thread, or in one task.
//!
//! They differ in nothing but their numbers. So whoever runs them says once that the map's items run here ([`enter_crowd`],
//! [`Crowded`]), and then of each only its number, when it has its turn ([`turn`]). Between two turns the thread works for whom it
//! did before: the map's source is asked there, and its values are folded.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use pin_project_lite::pin_project;

use super::{BETWEEN, For, HERE, Here, LEFT, NUMBER, end, now};

/// Says that items of the map that `here` is a member of run on this thread, until the guard is dropped.
#[inline]
pub(crate) fn enter_crowd(here: Here) -> Crowd {
    let between = BETWEEN.with(|between| between.replace(now()));
    let number = NUMBER.with(|before| before.replace(0));
    Crowd { before: HERE.with(|before| before.replace(For::Member(here))), number, between }
}

/// Items of a map run here; gives way to the member before when it is dropped.
#[derive(Debug)]
pub(crate) struct Crowd {
    before: For,
    number: u64,
    between: For,
}

impl Drop for Crowd {
    #[inline]
    fn drop(&mut self) {
        HERE.with(|here| here.set(self.before));
        NUMBER.with(|now| now.set(self.number));
        BETWEEN.with(|between| between.set(self.between));
    }
}

/// The item of this number has its turn, in the crowd that was entered last, until the guard is dropped.
#[inline]
pub(crate) fn turn(number: u64) -> Turn {
    NUMBER.with(|now| now.set(number));
    Turn { left: LEFT.with(|before| before.replace(0)) }
}

/// An item of a crowd runs here.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Of whoever the thread works for in between.
    left: i32,
}

impl Turn {
    /// Says that the item is over, and that from now on it is the one of this number.
    #[inline]
    pub(crate) fn next(&self, number: u64) {
        end();
        NUMBER.with(|now| now.set(number));
    }

    /// As [`Inside::left`](super::Inside::left).
    #[inline]
    pub(crate) fn left(&self) -> i32 {
        LEFT.with(Cell::get)
    }
}

impl Drop for Turn {
    #[inline]
    fn drop(&mut self) {
        NUMBER.with(|now| now.set(0));
        LEFT.with(|left| left.set(self.left));
    }
}

pin_project! {
    /// A task in which items of a map run: a crowd is entered for each of its polls.
    pub(crate) struct Crowded<F> {
        here: Here,
        #[pin]
        future: F,
    }
}

impl<F> Crowded<F> {
    /// `here` is any of the map's items.
    pub(crate) fn new(here: Here, future: F) -> Self {
        Self { here, future }
    }
}

impl<F: Future> Future for Crowded<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _crowd = enter_crowd(*this.here);
        this.future.poll(cx)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::super::{Here, LEFT, enter, here};
    use super::{enter_crowd, turn};
    use std::panic::Location;

    fn member(group: usize, number: u64) -> Here {
        Here { group, number, place: Location::caller(), root: 7 }
    }

    fn who() -> Option<(usize, u64)> {
        here().map(|here| (here.group, here.number))
    }

    #[test]
    fn between_two_turns_the_thread_works_for_whom_it_did_before() {
        let crowd = enter_crowd(member(3, 1));
        assert_eq!(who(), None, "nobody ran the map");
        drop(crowd);
        let outer = enter(member(2, 5));
        let crowd = enter_crowd(member(3, 1));
        assert_eq!(who(), Some((2, 5)));
        let first = turn(1);
        assert_eq!(who(), Some((3, 1)));
        first.next(2);
        assert_eq!(who(), Some((3, 2)));
        drop(first);
        assert_eq!(who(), Some((2, 5)));
        drop(crowd);
        assert_eq!(who(), Some((2, 5)));
        drop(outer);
        assert_eq!(who(), None);
    }

    #[test]
    fn crowds_and_members_stand_in_each_other_as_they_come() {
        let _outer = enter(member(2, 5));
        let crowd = enter_crowd(member(3, 1));
        let item = turn(9);
        // An item that runs a map, whose source runs a member, whose ...
        let inner = enter_crowd(member(4, 1));
        assert_eq!(who(), Some((3, 9)));
        let innermost = enter(member(5, 6));
        assert_eq!(who(), Some((5, 6)));
        drop(innermost);
        assert_eq!(who(), Some((3, 9)));
        let inner_item = turn(2);
        let other = enter(member(6, 1));
        assert_eq!(who(), Some((6, 1)));
        drop(other);
        assert_eq!(who(), Some((4, 2)));
        drop(inner_item);
        drop(inner);
        assert_eq!(who(), Some((3, 9)));
        drop(item);
        assert_eq!(who(), Some((2, 5)));
        drop(crowd);
        assert_eq!(who(), Some((2, 5)));
    }

    #[test]
    fn waits_left_behind_are_those_of_the_one_whose_turn_it_is() {
        let outer = enter(member(2, 5));
        LEFT.with(|left| left.set(1));
        let crowd = enter_crowd(member(3, 1));
        let first = turn(1);
        assert_eq!(first.left(), 0);
        LEFT.with(|left| left.set(2));
        assert_eq!(first.left(), 2);
        first.next(2);
        assert_eq!(first.left(), 0, "the one before is over, and so are its waits");
        drop(first);
        drop(crowd);
        assert_eq!(outer.left(), 1);
    }
}
