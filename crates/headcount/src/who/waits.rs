//! Who waits for which group, and whether one more wait would close a circle.
//!
//! A wait for a group ends when *all* its members have. So if a member of A waits for B, and a member of B waits for A, or
//! through others for A, neither ends, whatever the rest does. That is a circle of edges "a member of this group waits for
//! that one", and it is looked for by whoever would close it. A wait with a limit of time may be refused and leaves no edge: it
//! ends by itself.
//!
//! A wait for a *slot* of a group ends when any one of those ends who hold them. Whoever asks for one is refused if there is a
//! circle at all: that is an error, not a panic, and somebody else may never make room. But others are not refused because
//! of one who waits for a slot, unless all slots are held by members that can never end.
//!
//! A wait may be over and its edge still be there, until the one who waited comes to strike it off: a task that is to be polled
//! next, a thread that is to run. If the group is used again meanwhile, whoever its new members wait for is not held up. So
//! a wait that may be over before its group is says itself how it stands; that of a thread which cannot is looked at again for a while.
//!
//! # Rules
//!
//! * **V1.** An edge is there while its wait is: it goes with the guard that it was made with, and at the latest with its member
//!   ([`gone`]), wherever the wait's future may be. So no circle leads over a member that has ended. (Items of a map that is dropped
//!   half way may leave edges; but nobody waits for such a map, so they lead on from nowhere.)
//! * **V2.** Looking and entering are one step, under one lock. So of those who close a circle together one is told.
//! * **V3.** Who is told could not have gone on: see [`Edges::stuck`].
//!
//! Under the lock nothing is called but what answers for a slot: leaves among the locks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::num::NonZeroU64;
use std::ops::DerefMut;
use std::sync::Arc;
use std::time::Duration;

use super::{Here, Id, LEFT, WouldDeadlock, here};
use crate::roll::Title;

/// A member of a group waits for another group.
#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) from: Here,
    pub(super) to: Id,
    /// It waits until no more than so many are out.
    pub(super) at_most: u64,
    /// It waits for a slot only.
    pub(super) for_slot: bool,
    pub(super) title: Title,
}

/// Asks a wait that a circle seems to lead over how many of those it waits for must never end, for it not to end either: of
/// those who hold slots, all. Nothing if it is over, or need not be waited any more.
pub(crate) type Needs = Arc<dyn Fn() -> Option<usize> + Send + Sync>;

/// Whether a wait holds up its member as long as its edge is there.
enum Standing {
    /// It ends with its group, or with its guard.
    Sure,
    /// Its thread may have been released, and not have come to say so.
    OfThread,
    Asked(Needs),
}

impl Standing {
    /// Whether the wait `of` is over. Who asks for a slot does not queue for it yet.
    fn is_over(&self, of: &Edge) -> bool {
        match self {
            // A checker's locks do not live under this one.
            Self::Asked(needs) => !cfg!(any(loom, shuttle)) && !of.for_slot && needs().is_none(),
            Self::Sure | Self::OfThread => false,
        }
    }
}

struct Kept {
    edge: Edge,
    standing: Standing,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.edge.fmt(f)
    }
}

/// Edges have numbers, from one.
#[derive(Debug)]
pub(super) struct Edges {
    kept: BTreeMap<u64, Kept>,
    /// The same by where they come from: group, member, edge.
    from: BTreeSet<(Id, u64, u64)>,
    numbered: u64,
}

const NONE: Edges = Edges { kept: BTreeMap::new(), from: BTreeSet::new(), numbered: 0 };

/// Std's own lock, also under the model checker: it is a static, and no protocol depends on it. The thread sanitizer does
/// not see into that one.
#[cfg(not(headcount_spin))]
fn edges() -> impl DerefMut<Target = Edges> {
    use std::sync::{Mutex, PoisonError};
    static EDGES: Mutex<Edges> = Mutex::new(NONE);
    EDGES.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(headcount_spin)]
fn edges() -> impl DerefMut<Target = Edges> {
    static EDGES: crate::wait::lock::Lock<Edges> = crate::wait::lock::Lock::new(NONE);
    EDGES.lock()
}

/// Which members wait for groups: for those who call rolls. Who waits for a slot says so itself.
pub(super) fn all() -> BTreeMap<(Id, u64), Title> {
    let edges = edges();
    let all = edges.kept.values().map(|Kept { edge, .. }| edge).filter(|edge| !edge.for_slot);
    all.map(|edge| ((edge.from.group, edge.from.number), edge.title.clone())).collect()
}

/// Looks whether the member that runs here may wait for the group `to`.
pub(crate) fn may_wait(to: Id, title: impl FnOnce() -> Title) -> Result<(), WouldDeadlock> {
    let Some(from) = here() else { return Ok(()) };
    let edge = Edge { from, to, at_most: 0, for_slot: false, title: title() };
    look_twice(&edge, &Standing::Sure).map(drop)
}

/// Says that the member that runs here waits for the group `to`, until the guard is dropped: for a wait that is over only
/// when that group has nobody any more.
pub(crate) fn wait_for(to: Id, title: impl FnOnce() -> Title) -> Result<Waiting, WouldDeadlock> {
    enter(to, title, false, || Standing::Sure)
}

/// The same for a thread that waits for a group that may be used again when it has nobody out, and cannot say whether it has been
/// released.
pub(crate) fn block_for(to: Id, title: impl FnOnce() -> Title) -> Result<Waiting, WouldDeadlock> {
    enter(to, title, false, || Standing::OfThread)
}

/// The same for a wait that can say so itself; `needs` says one, or nothing if it is over.
pub(crate) fn wait_for_round(
    to: Id,
    title: impl FnOnce() -> Title,
    needs: impl FnOnce() -> Needs,
) -> Result<Waiting, WouldDeadlock> {
    enter(to, title, false, || Standing::Asked(needs()))
}

/// The same for a slot of the group, for which it is not enough that the one who asks is not the last.
pub(crate) fn wait_for_slot(
    to: Id,
    title: impl FnOnce() -> Title,
    needs: impl FnOnce() -> Needs,
) -> Result<Waiting, WouldDeadlock> {
    enter(to, title, true, || Standing::Asked(needs()))
}

fn enter(
    to: Id,
    title: impl FnOnce() -> Title,
    for_slot: bool,
    standing: impl FnOnce() -> Standing,
) -> Result<Waiting, WouldDeadlock> {
    let Some(from) = here() else { return Ok(Waiting(None)) };
    let edge = Edge { from, to, at_most: 0, for_slot, title: title() };
    // Made before the lock is taken: it may touch a group.
    let standing = standing();
    let mut edges = look_twice(&edge, &standing)?;
    Ok(edges.keep(edge, standing))
}

/// Looks whether the wait `asked` would close a circle; `own` is how it stands itself. Blocks for a while before it refuses because
/// of what a thread does.
fn look_twice(asked: &Edge, own: &Standing) -> Result<impl DerefMut<Target = Edges> + use<>, WouldDeadlock> {
    let mut looks = if cfg!(any(loom, shuttle)) { 0 } else { LOOKS };
    loop {
        let edges = edges();
        // Threads count at last only.
        if let Some(way) = edges.circle(asked, looks == 0) {
            // What it waits for may have come before it was asked, and members that wait for its own group since.
            if own.is_over(asked) {
                return Ok(edges);
            }
            let way = way.into_iter().map(|kept| kept.edge.clone());
            return Err(WouldDeadlock { way: std::iter::once(asked.clone()).chain(way).collect() });
        }
        if looks == 0 || edges.circle(asked, true).is_none() {
            return Ok(edges);
        }
        drop(edges);
        looks -= 1;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The same for a wait until no more than `at_most` are out, of whom the one who waits may be one itself. `is_over` says that
/// it is so already.
///
/// Members of `to` that wait like this are out as long as they do. Once all others have left, as many are out as wait; so if
/// nobody of them puts up with that many, nobody ever goes on.
///
/// Blocks for a while before it refuses: one of those who wait may have been released, and not have come to say so.
pub(crate) fn wait_for_fewer(
    to: Id,
    at_most: u64,
    title: impl FnOnce() -> Title,
    is_over: impl Fn() -> bool,
) -> Result<Waiting, WouldDeadlock> {
    let Some(from) = here().filter(|from| from.group == to) else { return Ok(Waiting(None)) };
    let edge = Edge { from, to, at_most, for_slot: false, title: title() };
    let mut looks = if cfg!(any(loom, shuttle)) { 0 } else { LOOKS };
    loop {
        let mut edges = edges();
        let others = edges.out_of(to).map(|(_, kept)| &kept.edge).filter(|other| other.to == to);
        let all: Vec<Edge> = std::iter::once(&edge).chain(others).cloned().collect();
        if is_over() || all.iter().any(|one| one.at_most >= all.len() as u64) {
            return Ok(edges.keep(edge, Standing::Sure));
        }
        drop(edges);
        if looks == 0 {
            return Err(WouldDeadlock { way: all });
        }
        looks -= 1;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How often, a millisecond apart, a wait is looked at again before it is refused on the strength of what others do.
const LOOKS: u32 = 500;

/// Ends the waits that a member has left behind, which is over (V1).
#[cold]
pub(crate) fn gone(member: Here) {
    let mut edges = edges();
    let of_member = (member.group, member.number, 0)..=(member.group, member.number, u64::MAX);
    let numbers: Vec<u64> = edges.from.range(of_member).map(|(_, _, number)| *number).collect();
    let gone: Vec<_> = numbers.into_iter().map(|number| edges.strike(number)).collect();
    drop(edges);
    drop(gone);
}

/// A wait of a member for a group. Only its number: it is part of futures.
#[derive(Debug)]
pub(crate) struct Waiting(Option<NonZeroU64>);

impl Waiting {
    /// Whether it is one of a member's.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(number) = self.0 else { return };
        let gone = edges().strike(number.get());
        // Not if its member has gone before it, or if others have taken the future over.
        if gone.is_some_and(|gone| here() == Some(gone.edge.from)) {
            LEFT.with(|left| left.set(left.get() - 1));
        }
    }
}

impl Edges {
    /// Enters an edge out of the member that runs here.
    fn keep(&mut self, edge: Edge, standing: Standing) -> Waiting {
        LEFT.with(|left| left.set(left.get() + 1));
        Waiting(NonZeroU64::new(self.enter(edge, standing)))
    }

    fn enter(&mut self, edge: Edge, standing: Standing) -> u64 {
        self.numbered += 1;
        self.from.insert((edge.from.group, edge.from.number, self.numbered));
        self.kept.insert(self.numbered, Kept { edge, standing });
        self.numbered
    }

    /// Strikes an edge off; to be dropped without the lock.
    fn strike(&mut self, number: u64) -> Option<Kept> {
        let gone = self.kept.remove(&number)?;
        self.from.remove(&(gone.edge.from.group, gone.edge.from.number, number));
        Some(gone)
    }

    /// The edges out of a group's members.
    fn out_of(&self, group: Id) -> impl Iterator<Item = (u64, &Kept)> {
        let of_group = self.from.range((group, 0, 0)..=(group, u64::MAX, u64::MAX));
        of_group.map(|(_, _, number)| (*number, &self.kept[number]))
    }

    /// The circle that the wait `asked` would close, so that it never ended; if `threads` count, whose waits may be over.
    fn circle(&self, asked: &Edge, threads: bool) -> Option<Vec<&Kept>> {
        let (home, to) = (asked.from.group, asked.to);
        let counts = |number: u64| threads || !matches!(self.kept[&number].standing, Standing::OfThread);
        let way = self.way_home(home, to, counts)?;
        if way.iter().all(|kept| !matches!(kept.standing, Standing::Asked(_))) {
            return Some(way);
        }
        // Over somebody whose wait may be over, or who may yet get a slot.
        let stuck = self.stuck(asked, threads);
        self.way_home(home, to, |number| stuck.contains(&number))
    }

    /// The edges of those who can never go on if `asked` waits, among those that it leads to.
    ///
    /// At first it is all of them. Then those are taken out who may go on: who waits for a group of which nobody is left among
    /// them, or for a slot where fewer are left than hold slots; or whose wait is over. When nobody can be taken out any more, nobody who is left can be
    /// the first to go on: each needs the end of one that is left, or of all that hold a slot, who are all left.
    fn stuck(&self, asked: &Edge, threads: bool) -> BTreeSet<u64> {
        let mut left = self.led_to(asked.to, threads);
        loop {
            let mut members: BTreeMap<Id, BTreeSet<u64>> = BTreeMap::new();
            let waiting = left.keys().map(|number| self.kept[number].edge.from);
            for member in waiting.chain([asked.from]) {
                members.entry(member.group).or_default().insert(member.number);
            }
            let before = left.len();
            left.retain(|number, needs| {
                let there = members.get(&self.kept[number].edge.to).map_or(0, BTreeSet::len);
                there >= *needs
            });
            if left.len() == before {
                return left.into_keys().collect();
            }
        }
    }

    /// The edges that can be reached from the group `from`, and how many of those each waits for must never end, for it not to
    /// end either.
    fn led_to(&self, from: Id, threads: bool) -> BTreeMap<u64, usize> {
        let (mut led_to, mut seen, mut next) =
            (BTreeMap::new(), BTreeSet::from([from]), VecDeque::from([from]));
        while let Some(group) = next.pop_front() {
            for (number, kept) in self.out_of(group).filter(|(_, kept)| kept.edge.at_most == 0) {
                let Kept { edge, standing } = kept;
                let needs = match standing {
                    Standing::Sure => Some(1),
                    Standing::OfThread => threads.then_some(1),
                    // A checker's locks do not live under this one.
                    Standing::Asked(_) if cfg!(any(loom, shuttle)) => (!edge.for_slot).then_some(1),
                    Standing::Asked(needs) => needs(),
                };
                led_to.insert(number, needs.unwrap_or(usize::MAX));
                if seen.insert(edge.to) {
                    next.push_back(edge.to);
                }
            }
        }
        led_to
    }

    /// The way from the group `from` to the group `home`, over edges that are `allowed`. Depth first, without recursion.
    fn way_home(&self, home: Id, from: Id, allowed: impl Fn(u64) -> bool) -> Option<Vec<&Kept>> {
        let mut way: Vec<&Kept> = Vec::new();
        if from == home {
            return Some(way);
        }
        let mut seen = BTreeSet::from([from]);
        let mut on = vec![self.out_of(from)];
        while let Some(edges) = on.last_mut() {
            let is_new = |(number, kept): &(u64, &Kept)| {
                kept.edge.at_most == 0 && !seen.contains(&kept.edge.to) && allowed(*number)
            };
            match edges.find(is_new) {
                Some((_, kept)) => {
                    way.push(kept);
                    if kept.edge.to == home {
                        return Some(way);
                    }
                    seen.insert(kept.edge.to);
                    on.push(self.out_of(kept.edge.to));
                }
                None => {
                    on.pop();
                    way.pop();
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Edge, Edges, Here, NONE, Standing, wait_for, wait_for_round, wait_for_slot};
    use crate::roll::Title;
    use std::panic::Location;
    use std::sync::Arc;

    fn here(group: usize, number: u64) -> Here {
        Here { group, number, place: Location::caller(), root: 0 }
    }

    fn edge((from, to): (usize, usize), number: u64) -> Edge {
        let title = Title::new(None, Location::caller());
        Edge { from: here(from, number), to, at_most: 0, for_slot: false, title }
    }

    fn edges(pairs: &[(usize, usize)]) -> Edges {
        let mut edges = NONE;
        for &pair in pairs {
            edges.enter(edge(pair, 1), Standing::Sure);
        }
        edges
    }

    fn add_slot(edges: &mut Edges, pair: (usize, usize), limit: Option<usize>) {
        edges.enter(Edge { for_slot: true, ..edge(pair, 1) }, Standing::Asked(Arc::new(move || limit)));
    }

    /// The groups that the rest of the circle leads to, which `asked` would close.
    #[track_caller]
    fn leads_over(edges: &Edges, asked: &Edge) -> Vec<usize> {
        edges.circle(asked, true).expect("it closes a circle").iter().map(|kept| kept.edge.to).collect()
    }

    #[test]
    fn a_way_back_is_found_among_dead_ends_and_loops_elsewhere() {
        let edges = edges(&[(2, 9), (2, 3), (3, 4), (4, 3), (3, 5), (5, 1), (7, 1)]);
        assert_eq!(leads_over(&edges, &edge((1, 2), 1)), [3, 5, 1]);
        assert!(edges.circle(&edge((1, 1), 1), true).is_some(), "itself");
        assert!(edges.circle(&edge((1, 9), 1), true).is_none());
        assert!(edges.circle(&edge((8, 2), 1), true).is_none(), "a loop that does not lead home");
    }

    #[test]
    fn a_wait_for_a_slot_closes_a_circle_only_if_all_who_hold_slots_are_in_one() {
        for (limit, told) in [(Some(1), true), (Some(2), false), (None, false)] {
            let mut edges = edges(&[]);
            add_slot(&mut edges, (2, 1), limit);
            assert_eq!(edges.circle(&edge((1, 2), 1), true).is_some(), told, "limit {limit:?}");
        }
        // The other slot is held by one who waits for something that ends.
        let mut over = edges(&[(1, 8), (8, 9)]);
        add_slot(&mut over, (2, 1), Some(2));
        assert!(over.circle(&edge((1, 2), 2), true).is_none());
        // And by one who is in the circle too.
        over.enter(edge((8, 2), 2), Standing::Sure);
        assert_eq!(leads_over(&over, &edge((1, 2), 2)), [1]);
    }

    #[test]
    fn a_wait_that_is_over_closes_no_circle_though_it_is_not_struck_off_yet() {
        for over in [false, true] {
            let mut edges = edges(&[(3, 1)]);
            let standing = Standing::Asked(Arc::new(move || (!over).then_some(1)));
            edges.enter(edge((2, 3), 1), standing);
            assert_eq!(edges.circle(&edge((1, 2), 1), true).is_none(), over);
            // Another way round does.
            edges.enter(edge((2, 3), 2), Standing::Sure);
            assert_eq!(leads_over(&edges, &edge((1, 2), 1)), [3, 1]);
        }
    }

    #[test]
    fn a_circle_of_whole_groups_is_found_beside_one_over_a_slot() {
        let mut edges = NONE;
        add_slot(&mut edges, (2, 1), Some(5));
        edges.enter(edge((2, 3), 2), Standing::Sure);
        edges.enter(edge((3, 1), 1), Standing::Sure);
        assert_eq!(leads_over(&edges, &edge((1, 2), 1)), [3, 1]);
    }

    #[test]
    fn a_thread_that_may_have_been_released_counts_when_it_is_asked_for_only() {
        // On the way itself, and beside it as one who has a slot.
        let mut on_it = edges(&[(3, 1)]);
        on_it.enter(edge((2, 3), 1), Standing::OfThread);
        let mut beside = edges(&[]);
        add_slot(&mut beside, (2, 1), Some(2));
        beside.enter(edge((1, 2), 2), Standing::OfThread);
        for edges in [on_it, beside] {
            assert!(edges.circle(&edge((1, 2), 1), false).is_none());
            assert!(edges.circle(&edge((1, 2), 1), true).is_some());
        }
    }

    /// Between the making of a wait and the look for circles its group may have emptied, and been used again.
    #[test]
    fn who_asks_for_a_wait_that_is_over_already_is_not_refused() {
        const ONE: usize = usize::MAX - 1;
        const OTHER: usize = usize::MAX - 2;
        let title = || Title::new(None, Location::caller());
        let as_member = |group: usize| crate::who::enter(here(group, 1));
        let inside = as_member(OTHER);
        let waiting = wait_for(ONE, title).unwrap();
        drop(inside);
        let _inside = as_member(ONE);
        assert!(wait_for_round(OTHER, title, || Arc::new(|| Some(1))).is_err());
        assert!(wait_for_round(OTHER, title, || Arc::new(|| None)).is_ok());
        // It is about whoever asks for a slot to queue for it.
        assert!(wait_for_slot(OTHER, title, || Arc::new(|| None)).is_err());
        drop(waiting);
    }

    #[test]
    fn an_edge_is_struck_off_once() {
        let mut edges = NONE;
        let number = edges.enter(edge((1, 2), 1), Standing::Sure);
        assert_eq!(edges.out_of(1).count(), 1);
        assert!(edges.strike(number).is_some() && edges.strike(number).is_none());
        assert_eq!((edges.out_of(1).count(), edges.from.len()), (0, 0));
    }
}
