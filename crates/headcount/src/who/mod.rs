//! Which member runs on this thread, and which members wait for which groups: so that a wait that can only end after the
//! one who waits has ended is told, instead of hanging.
//!
//! A wait for a group ends when *all* its members have. So if a member of A waits for B, and a member of B waits for A, or
//! through others for A, neither ends, whatever the rest does. That is a cycle of edges "a member of this group waits for
//! that one", and it is looked for by whoever would close it. The threads that a wait group launches itself are members in
//! this sense as well; whose token somebody holds is not known. Only waits inside members have edges; all others cost one
//! look at a variable of the thread. A wait with a limit of time may be refused and leaves no edge: it ends by itself.
//!
//! What a thread runs is also said to those who call rolls, in `threads`; and what a task waits for, in `pending`.

pub(crate) mod pending;
pub(crate) mod threads;

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::ops::DerefMut;
use std::panic::Location;
use std::time::Duration;

use crate::roll::Title;
use crate::sync::of_thread;

/// The number that tells groups apart.
pub(crate) type Id = usize;

/// A member that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Here {
    pub(crate) group: Id,
    /// From one, as texts count; zero if it has none.
    pub(crate) number: u64,
    pub(crate) place: &'static Location<'static>,
    /// The root that its group belongs to.
    pub(crate) root: u64,
}

/// For whom a thread works.
#[derive(Clone, Copy, Debug)]
enum For {
    Member(Here),
    /// Nobody in particular, below this root.
    Root(u64),
}

of_thread! { static HERE: Cell<For> = Cell::new(For::Root(0)) }

// The member's number. Apart from the rest, because items of a map follow each other and differ in nothing else.
of_thread! { static NUMBER: Cell<u64> = Cell::new(0) }

/// The member that runs on this thread, if any.
#[inline]
pub(crate) fn here() -> Option<Here> {
    match HERE.with(Cell::get) {
        For::Member(here) => Some(Here { number: NUMBER.with(Cell::get), ..here }),
        For::Root(_) => None,
    }
}

/// The root below which this thread works; zero for none.
#[inline]
pub(crate) fn root() -> u64 {
    match HERE.with(Cell::get) {
        For::Member(here) => here.root,
        For::Root(root) => root,
    }
}

/// Says that a member runs on this thread, until the guard is dropped.
#[inline]
pub(crate) fn enter(here: Here) -> Inside {
    threads::says(Some(here));
    Inside(enter_item(here))
}

/// The same of an item of a map, which says elsewhere on which thread it is. So the member that runs the map on its own
/// thread, if one does, is still seen there.
#[inline]
pub(crate) fn enter_item(here: Here) -> AtItem {
    let number = NUMBER.with(|before| before.replace(here.number));
    AtItem { before: HERE.with(|before| before.replace(For::Member(here))), number }
}

/// Says that this thread works for no member, below `root`, until the guard is dropped.
#[cfg(any(test, all(feature = "testing", not(any(loom, shuttle)))))]
pub(crate) fn enter_root(root: u64) -> Inside {
    threads::says(None);
    let number = NUMBER.with(Cell::get);
    Inside(AtItem { before: HERE.with(|before| before.replace(For::Root(root))), number })
}

/// A member runs here; gives way to the one before when it is dropped.
#[derive(Debug)]
pub(crate) struct Inside(AtItem);

impl Drop for Inside {
    #[inline]
    fn drop(&mut self) {
        threads::says(match self.0.before {
            For::Member(here) => Some(Here { number: self.0.number, ..here }),
            For::Root(_) => None,
        });
    }
}

/// An item of a map runs here; gives way to the member before when it is dropped.
#[derive(Debug)]
pub(crate) struct AtItem {
    before: For,
    number: u64,
}

impl AtItem {
    /// Says that from now on it is the item of this number, of the same map.
    #[inline]
    pub(crate) fn next(&self, number: u64) {
        NUMBER.with(|now| now.set(number));
    }
}

impl Drop for AtItem {
    #[inline]
    fn drop(&mut self) {
        HERE.with(|here| here.set(self.before));
        NUMBER.with(|now| now.set(self.number));
    }
}

/// A member of a group waits for another group.
#[derive(Clone, Debug)]
struct Edge {
    number: u64,
    from: Here,
    to: Id,
    /// It waits until no more than so many are out.
    at_most: u64,
    title: Title,
}

#[derive(Debug)]
struct Edges {
    edges: Vec<Edge>,
    numbered: u64,
}

const NONE: Edges = Edges { edges: Vec::new(), numbered: 0 };

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

/// Looks whether the member that runs here may wait for the group `to`.
pub(crate) fn may_wait(to: Id, title: impl FnOnce() -> Title) -> Result<(), WouldDeadlock> {
    match here() {
        Some(from) => edges().look(from, to, &title()),
        None => Ok(()),
    }
}

/// Says that the member that runs here waits for the group `to`, until the guard is dropped.
pub(crate) fn wait_for(to: Id, title: impl FnOnce() -> Title) -> Result<Waiting, WouldDeadlock> {
    let Some(from) = here() else { return Ok(Waiting(None)) };
    let title = title();
    let mut edges = edges();
    edges.look(from, to, &title)?;
    edges.numbered += 1;
    let number = edges.numbered;
    edges.edges.push(Edge { number, from, to, at_most: 0, title });
    Ok(Waiting(Some(number)))
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
    let mut edge = Edge { number: 0, from, to, at_most, title: title() };
    let mut looks = if cfg!(any(loom, shuttle)) { 0 } else { LOOKS };
    loop {
        let mut edges = edges();
        let others = edges.edges.iter().filter(|other| other.from.group == to && other.to == to);
        let all: Vec<Edge> = std::iter::once(&edge).chain(others).cloned().collect();
        if is_over() || all.iter().any(|one| one.at_most >= all.len() as u64) {
            edges.numbered += 1;
            edge.number = edges.numbered;
            let number = edge.number;
            edges.edges.push(edge);
            return Ok(Waiting(Some(number)));
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

/// A wait of a member for a group.
#[derive(Debug)]
pub(crate) struct Waiting(Option<u64>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(number) = self.0 else { return };
        let mut edges = edges();
        let at = edges.edges.iter().position(|edge| edge.number == number);
        let gone = at.map(|at| edges.edges.swap_remove(at));
        drop(edges);
        drop(gone);
    }
}

impl Edges {
    /// Looks for a way from `to` back to the group of `from`.
    fn look(&self, from: Here, to: Id, title: &Title) -> Result<(), WouldDeadlock> {
        let mut way = vec![Edge { number: 0, from, to, at_most: 0, title: title.clone() }];
        let mut seen = vec![to];
        if self.lead_back(&mut way, &mut seen) { Err(WouldDeadlock { way }) } else { Ok(()) }
    }

    /// Whether the last edge leads on to the first one's group; `way` is then the way there. Depth first, without recursion.
    fn lead_back(&self, way: &mut Vec<Edge>, seen: &mut Vec<Id>) -> bool {
        let home = way[0].from.group;
        while let Some(last) = way.last() {
            if last.to == home {
                return true;
            }
            let on =
                |edge: &&Edge| edge.at_most == 0 && edge.from.group == last.to && !seen.contains(&edge.to);
            let next = self.edges.iter().find(on);
            match next {
                Some(edge) => {
                    seen.push(edge.to);
                    way.push(edge.clone());
                }
                None => _ = way.pop(),
            }
        }
        false
    }
}

/// A wait was refused, because it could only end after the member that asked for it has ended.
///
/// Its text names the cycle:
///
/// ```text
/// would wait for itself: member #1 (src/main.rs:7) of group "outer" (src/main.rs:5) waits for group "inner"
/// (src/main.rs:6), whose member #2 (src/main.rs:9) waits for group "outer" (src/main.rs:5)
/// ```
///
/// Or it names all who wait, if they are all that is left of a group and wait for each other to leave it:
///
/// ```text
/// would wait for itself: member (src/main.rs:9) of wait group (src/main.rs:6) waits until no more than 1 of that group
/// are out, as member (src/main.rs:8) does for 1
/// ```
///
/// Launch a member that is to do what comes after, or wait outside the group.
#[derive(Clone)]
pub struct WouldDeadlock {
    way: Vec<Edge>,
}

impl fmt::Display for WouldDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = |Here { number, place, .. }: Here| match number {
            0 => format!("({}:{})", place.file(), place.line()),
            _ => format!("#{number} ({}:{})", place.file(), place.line()),
        };
        if let Some(Edge { from, at_most, title, .. }) = self.way.first().filter(|edge| edge.at_most > 0) {
            write!(f, "would wait for itself: member {} of {title} waits until ", member(*from))?;
            write!(f, "no more than {at_most} of that group are out")?;
            for other in &self.way[1..] {
                write!(f, ", as member {} does for {}", member(other.from), other.at_most)?;
            }
            return Ok(());
        }
        for (nth, edge) in self.way.iter().enumerate() {
            match nth {
                // The group it comes from is where the way ends.
                0 => {
                    let home = self.way.last().map_or(&edge.title, |last| &last.title);
                    write!(f, "would wait for itself: member {} of {home} waits for ", member(edge.from))?;
                }
                _ => write!(f, ", whose member {} waits for ", member(edge.from))?,
            }
            match self.way.len() {
                1 => f.write_str("that group, and so for itself")?,
                _ => write!(f, "{}", edge.title)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for WouldDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WouldDeadlock: {self}")
    }
}

impl Error for WouldDeadlock {}

#[cfg(test)]
mod tests {
    use super::{Edge, Edges, Here};
    use crate::roll::Title;
    use std::panic::Location;

    fn here(group: usize) -> Here {
        Here { group, number: 1, place: Location::caller(), root: 0 }
    }

    fn edges(pairs: &[(usize, usize)]) -> Edges {
        let title = Title::new(None, Location::caller());
        let edge = |&(from, to)| Edge { number: 0, from: here(from), to, at_most: 0, title: title.clone() };
        Edges { edges: pairs.iter().map(edge).collect(), numbered: 0 }
    }

    #[test]
    fn a_way_back_is_found_among_dead_ends_and_loops_elsewhere() {
        let title = Title::new(None, Location::caller());
        let edges = edges(&[(2, 9), (2, 3), (3, 4), (4, 3), (3, 5), (5, 1), (7, 1)]);
        let way = edges.look(here(1), 2, &title).unwrap_err().way;
        assert_eq!(way.iter().map(|edge| edge.to).collect::<Vec<_>>(), [2, 3, 5, 1]);
        assert!(edges.look(here(1), 1, &title).is_err(), "itself");
        assert!(edges.look(here(1), 9, &title).is_ok());
        assert!(edges.look(here(8), 2, &title).is_ok(), "a loop that does not lead home");
    }
}
