//! What came back: everything that a group knows once its last member is over.

use std::fmt;
use std::mem;
use std::panic::Location;
use std::sync::Arc;

use super::error::{BoxError, MemberError};
use super::group_error::GroupError;
use super::member::Member;
use super::panics;
use super::sheet::Sheet;
use super::tally::Tally;
use crate::Cancelled;
use crate::roll::Title;

/// What came back from a group whose members are all over: the stuff that a [`Policy`](crate::Policy) makes its answer of.
pub struct Ended<T, E = BoxError> {
    title: Title,
    /// In the order of spawning.
    values: Vec<T>,
    /// Whose they are, in the same order.
    who: Who,
    /// In the order in which they happened.
    failures: Vec<Failure<E>>,
    tally: Tally,
    /// Why the group's own context is over, if it is.
    cancelled: Option<Cancelled>,
}

/// Who left the values. Most policies never ask.
pub(crate) enum Who {
    Members(Vec<Member>),
    /// On each sheet those whose bit is set.
    Lines(Vec<(Arc<Sheet>, u64)>),
    /// Items of a map, all launched at the same place: index of the first and how many, in their order.
    Runs(Vec<(usize, usize)>, &'static Location<'static>),
}

impl Who {
    fn into_members(self) -> Vec<Member> {
        match self {
            Self::Members(members) => members,
            Self::Lines(sheets) => {
                let of_sheet = |(sheet, lines): (Arc<Sheet>, u64)| {
                    let set = (0..sheet.filled()).filter(move |line| lines & (1 << line) != 0);
                    set.map(|line| sheet.member(line)).collect::<Vec<_>>()
                };
                sheets.into_iter().flat_map(of_sheet).collect()
            }
            Self::Runs(runs, place) => {
                let indices = runs.into_iter().flat_map(|(first, count)| first..first + count);
                indices.map(|index| Member::new(index, None, place)).collect()
            }
        }
    }

    /// Takes out the member with this index; how many stand before it.
    fn remove(&mut self, index: usize) -> Option<usize> {
        match self {
            Self::Members(members) => {
                let at = members.binary_search_by_key(&index, Member::index).ok()?;
                members.remove(at);
                Some(at)
            }
            Self::Lines(sheets) => {
                let mut before = 0;
                for (sheet, lines) in sheets {
                    match index.checked_sub(sheet.first()) {
                        Some(line) if line < sheet.filled() => {
                            let bit = 1 << line;
                            let found = *lines & bit != 0;
                            *lines &= !bit;
                            return found.then_some(before + (*lines & (bit - 1)).count_ones() as usize);
                        }
                        _ => before += lines.count_ones() as usize,
                    }
                }
                None
            }
            Self::Runs(runs, _) => {
                let at = runs.partition_point(|(first, _)| *first <= index).checked_sub(1)?;
                let before: usize = runs[..at].iter().map(|(_, count)| count).sum();
                let (first, count) = runs[at];
                let nth = index - first;
                if nth >= count {
                    return None;
                }
                runs[at].1 = nth;
                runs.insert(at + 1, (index + 1, count - nth - 1));
                Some(before + nth)
            }
        }
    }
}

/// A member that ended without a value.
#[derive(Debug)]
pub(crate) struct Failure<E> {
    pub(crate) member: Member,
    pub(crate) error: MemberError<E>,
    /// Cancelled by its own canceller, on purpose: this fails nobody.
    pub(crate) by_hand: bool,
}

impl<E> Failure<E> {
    /// Whether its member was stopped by others, who did not mean it alone.
    pub(crate) fn is_consequence(&self) -> bool {
        !self.error.is_failure() && !self.by_hand
    }
}

impl<T, E> Ended<T, E> {
    /// `values` and `who` in the order of spawning, `failures` in the order in which they happened.
    pub(crate) fn new(
        title: Title,
        values: Vec<T>,
        who: Who,
        failures: Vec<Failure<E>>,
        tally: Tally,
        cancelled: Option<Cancelled>,
    ) -> Self {
        Self { title, values, who, failures, tally, cancelled }
    }

    /// How many ended in which way.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Why the group itself was cancelled, if it was: from above, by hand, or because its policy had seen enough.
    #[must_use]
    pub fn cancelled(&self) -> Option<&Cancelled> {
        self.cancelled.as_ref()
    }

    /// Every member that left a value or an error, in spawn order. Forks that succeeded are not among them.
    #[must_use]
    pub fn into_outcomes(self) -> Vec<(Member, Result<T, MemberError<E>>)> {
        let values = self.who.into_members().into_iter().zip(self.values.into_iter().map(Ok));
        let failures = self.failures.into_iter().map(|failure| (failure.member, Err(failure.error)));
        let mut outcomes: Vec<_> = values.chain(failures).collect();
        outcomes.sort_by_key(|(member, _)| member.index());
        outcomes
    }

    /// The values, in spawn order, whatever else happened.
    #[must_use]
    pub fn into_values(self) -> Vec<T> {
        self.values
    }

    /// Takes out the value of the member with this [index](Member::index), if it left one.
    #[must_use]
    pub fn take_value(&mut self, index: usize) -> Option<T> {
        let at = self.who.remove(index)?;
        Some(self.values.remove(at))
    }

    /// The values in spawn order, and the group's error if anything went wrong.
    ///
    /// Something went wrong if a member failed or panicked, or if members were cancelled or aborted; not counting members
    /// that were cancelled one by one, on purpose.
    #[must_use]
    pub fn into_values_and_error(mut self) -> (Vec<T>, Option<GroupError<E>>) {
        let values = mem::take(&mut self.values);
        let failed = self.failures.iter().any(|failure| failure.error.is_failure());
        let wrong = failed || self.was_cut_short();
        if wrong {
            return (values, Some(self.into_error()));
        }
        self.discard();
        (values, None)
    }

    /// The group's error, for a policy that has decided that there is one.
    ///
    /// Its root is the first failure that happened; where there is none, the cancellation; and where there is none
    /// either, it says that no member succeeded.
    #[must_use]
    pub fn into_error(self) -> GroupError<E> {
        panics::drop_each_quietly(self.values);
        GroupError::new(self.title, self.failures, self.tally, self.cancelled)
    }

    /// The same where the cancellation is the root though members had failed before it.
    pub(super) fn into_cancellation_error(self) -> GroupError<E> {
        panics::drop_each_quietly(self.values);
        GroupError::cut_short(self.title, self.failures, self.tally, self.cancelled)
    }

    /// Drops all that has not been taken; what panics in its end is of no more interest.
    pub(super) fn discard(self) {
        panics::drop_each_quietly(self.values);
        panics::drop_each_quietly(self.failures);
    }

    /// Whether members were stopped by others, who did not mean them alone.
    pub(super) fn was_cut_short(&self) -> bool {
        self.failures.iter().any(Failure::is_consequence)
    }

    pub(super) fn into_members_and_values(self) -> Vec<(Member, T)> {
        self.who.into_members().into_iter().zip(self.values).collect()
    }

    pub(super) fn take_failures(&mut self) -> Vec<Failure<E>> {
        mem::take(&mut self.failures)
    }
}

/// Without the values and errors: they need not have a text of that kind.
impl<T, E> fmt::Debug for Ended<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ended")
            .field("title", &format_args!("{}", self.title))
            .field("tally", &self.tally)
            .field("cancelled", &self.cancelled)
            .finish_non_exhaustive()
    }
}
