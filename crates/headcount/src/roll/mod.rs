//! The roll call: who is still out, since when, and where they were launched.
//!
//! | file | idea |
//! |---|---|
//! | here | [`RollCall`], the answer, and its text |
//! | `missing` | [`Missing`]: one of its lines |
//! | `name`, `title` | what members and groups are called |
//! | `doing` | what is known of a member besides |
//! | `paint` | colours |
//! | `roster` | the list that a group keeps while its members are out |
//! | `registry` | all groups that are there |
//! | `roots` | which of them, and of the timers and callbacks, belong to one test |
//! | `tree`, `tree_text` | the roll of the whole process, and its text |
//! | `json` | all of it for machines (feature `serde`) |

#[cfg(feature = "std")]
mod doing;
#[cfg(all(test, feature = "std", not(any(loom, shuttle))))]
mod golden;
#[cfg(feature = "serde")]
mod json;
mod missing;
mod name;
mod paint;
#[cfg(feature = "std")]
pub(crate) mod registry;
#[cfg(feature = "std")]
pub(crate) mod roots;
pub(crate) mod roster;
#[cfg(feature = "std")]
mod title;
#[cfg(feature = "std")]
mod tree;
#[cfg(feature = "std")]
mod tree_text;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::panic::Location;
use core::time::Duration;

#[cfg(feature = "std")]
pub use self::doing::WaitsFor;
pub use self::missing::{Missing, State};
pub use self::name::Name;
use self::paint::Paint;
#[cfg(feature = "std")]
pub(crate) use self::title::Title;
#[cfg(feature = "std")]
pub use self::tree::{RollNode, RollTree, roll_call};

/// A list of the members that are still out, taken at one moment.
///
/// Printed, it is a heading and one line for each member, the longest out first. The `{}` form shows twenty members
/// and counts the rest; `{:#}` shows all. Of members of a group it adds what they wait for and on which thread they run, where that is
/// known. [`coloured`](Self::coloured) marks states for a terminal.
///
/// ```text
/// wait group (src/main.rs:12): 3 still out
///   #3  "sku 42"  out  4.98 s  src/prices.rs:31
///   #7  "sku 77"  out  1.20 s  src/prices.rs:31
///   and 1 that is not listed (unnamed, in a group that is not tracked)
/// ```
///
/// # Examples
///
/// ```
/// use headcount::WaitGroup;
///
/// let group = WaitGroup::new();
/// let token = group.add_named("the reader");
///
/// let roll_call = group.roll_call();
/// assert_eq!(roll_call.outstanding(), 1);
/// assert_eq!(roll_call.iter().next().unwrap().name(), Some("the reader"));
///
/// drop(token);
/// assert!(group.roll_call().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct RollCall {
    heading: Heading,
    outstanding: usize,
    /// Longest out first.
    missing: Vec<Missing>,
    coloured: bool,
}

/// What a roll call says of the group.
#[derive(Clone, Debug)]
pub(crate) struct Heading {
    pub(crate) what: &'static str,
    pub(crate) name: Option<Name>,
    pub(crate) place: Option<&'static Location<'static>>,
    /// How many members there ever were, if that is known.
    pub(crate) total: Option<usize>,
    /// How many may run at once.
    pub(crate) limit: Option<usize>,
}

/// What a context is called, of which those are counted who wait for it.
const CONTEXT: &str = "context";

impl RollCall {
    fn new(
        what: &'static str,
        place: Option<&'static Location<'static>>,
        outstanding: usize,
        missing: Vec<Missing>,
    ) -> Self {
        Self::headed(Heading { what, name: None, place, total: None, limit: None }, outstanding, missing)
    }

    /// The roll call of a group that lists everybody.
    #[cfg(feature = "std")]
    pub(crate) fn of_group(heading: Heading, missing: Vec<Missing>) -> Self {
        Self::headed(heading, 0, missing)
    }

    /// The same of one that counts `outstanding`, and lists some of them.
    #[cfg(feature = "std")]
    pub(crate) fn counted(heading: Heading, outstanding: usize, missing: Vec<Missing>) -> Self {
        Self::headed(heading, outstanding, missing)
    }

    /// Those who wait for a context.
    #[cfg(feature = "std")]
    pub(crate) fn of_waiters(count: usize) -> Self {
        Self::unlisted(CONTEXT, None, count)
    }

    fn headed(heading: Heading, outstanding: usize, mut missing: Vec<Missing>) -> Self {
        missing.sort_by(|a, b| b.age.cmp(&a.age).then(a.number.cmp(&b.number)));
        // The count and the list are read one after the other. A member that left in between is in neither or only in
        // the count; one that came is only in the list. The heading never says less than the list shows.
        let listed = missing.iter().map(|member| member.count).sum();
        Self { heading, outstanding: outstanding.max(listed), missing, coloured: false }
    }

    /// A roll call of members that are counted and not listed.
    #[cfg(feature = "std")]
    pub(crate) fn unlisted(
        what: &'static str,
        place: Option<&'static Location<'static>>,
        outstanding: usize,
    ) -> Self {
        Self::new(what, place, outstanding, Vec::new())
    }

    /// How many members are out, listed or not.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding
    }

    /// Whether nobody is out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outstanding == 0
    }

    /// Where the group was made, if that is known.
    #[must_use]
    pub fn place(&self) -> Option<&'static Location<'static>> {
        self.heading.place
    }

    /// Takes those off the list whom `excused` names, as if they were not out.
    #[cfg(all(feature = "testing", not(any(loom, shuttle))))]
    pub(crate) fn excuse(&mut self, excused: impl Fn(&Missing) -> bool) {
        let outstanding = &mut self.outstanding;
        self.missing.retain(|member| {
            let stays = !excused(member);
            *outstanding -= if stays { 0 } else { member.count };
            stays
        });
    }

    /// Whether it is of those who wait for a context.
    #[cfg(all(feature = "testing", not(any(loom, shuttle))))]
    pub(crate) fn is_of_waiters(&self) -> bool {
        self.heading.what == CONTEXT
    }

    /// What the group is called, if it was given a name.
    #[cfg(all(feature = "testing", not(any(loom, shuttle))))]
    pub(crate) fn name(&self) -> Option<&str> {
        self.heading.name.as_ref().map(Name::as_str)
    }

    /// The members that are listed, longest out first.
    pub fn iter(&self) -> core::slice::Iter<'_, Missing> {
        self.missing.iter()
    }

    /// The same with its text coloured, if `yes`, by the escape codes that terminals know. Ask whether it is one:
    /// `roll_call.coloured(std::io::stderr().is_terminal())`.
    #[must_use]
    pub fn coloured(mut self, yes: bool) -> Self {
        self.coloured = yes;
        self
    }

    /// How many are out without being listed.
    #[must_use]
    pub fn unlisted_count(&self) -> usize {
        self.outstanding - self.missing.iter().map(|member| member.count).sum::<usize>()
    }

    /// What the group is, for those who tell it in another form.
    #[cfg(all(unix, feature = "inspect", not(any(loom, shuttle))))]
    pub(crate) fn heading(&self) -> &Heading {
        &self.heading
    }

    pub(crate) fn write_heading(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.heading.name, self.heading.place) {
            (Some(name), _) => write!(f, "{name}")?,
            (None, Some(place)) => write!(f, "{} ({}:{})", self.heading.what, place.file(), place.line())?,
            (None, None) => f.write_str(self.heading.what)?,
        }
        if self.heading.what == CONTEXT {
            return write!(f, ": {} waiting for it", self.outstanding);
        }
        match (self.outstanding, self.heading.total) {
            (0, _) => f.write_str(": nobody is out"),
            (out, Some(total)) => write!(f, ": {out} of {total} still out"),
            (out, None) => write!(f, ": {out} still out"),
        }
    }

    /// The rest of the heading, after what was done about it.
    fn write_limit(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.heading.limit {
            Some(limit) if self.outstanding > 0 => write!(f, " (limit {limit})"),
            _ => Ok(()),
        }
    }

    pub(crate) fn write_members(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// As many lines as a person reads; more would push the heading off the screen.
        const SHOWN: usize = 20;
        self.write_limit(f)?;
        let shown = if f.alternate() { self.missing.len() } else { self.missing.len().min(SHOWN) };
        let (shown, rest) = self.missing.split_at(shown);

        let rows: Vec<[String; 3]> = shown.iter().map(Missing::columns).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (number, name, age) = (width(0), width(1), width(2));
        let state = shown.iter().map(|member| member.state.word().len()).max().unwrap_or(0);
        for (member, row) in shown.iter().zip(&rows) {
            write!(f, "\n  {:<number$}  ", row[0])?;
            if name > 0 {
                write!(f, "{:<name$}  ", row[1])?;
            }
            let place = member.place;
            let word = alloc::format!("{:<state$}", member.state);
            Paint::of(member.state).write(self.coloured, word, f)?;
            write!(f, "  {:>age$}  {}:{}", row[2], place.file(), place.line())?;
            self.write_notes(member, f)?;
        }
        match rest.iter().map(|member| member.count).sum() {
            0usize => {}
            more => write!(f, "\n  and {more} more, out for a shorter time")?,
        }
        match self.unlisted_count() {
            // A raw group lists nobody, ever: the heading has said it all.
            _ if self.heading.place.is_none() => Ok(()),
            0 => Ok(()),
            1 => f.write_str("\n  and 1 that is not listed (unnamed, in a group that is not tracked)"),
            n => write!(f, "\n  and {n} that are not listed (unnamed, in a group that is not tracked)"),
        }
    }
}

impl RollCall {
    /// What is known of a member besides.
    #[cfg(feature = "std")]
    fn write_notes(&self, member: &Missing, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks = member.blocks.then(|| "blocks, cannot be stopped".into());
        let waits_for = member.waits_for().map(|what| alloc::format!("waits for {what}"));
        let thread = member.thread().map(|thread| alloc::format!("on thread {thread}"));
        let notes: Vec<String> = [blocks, waits_for, thread].into_iter().flatten().collect();
        match notes.is_empty() {
            true => Ok(()),
            false => Paint::Faint.write(self.coloured, format_args!("  ({})", notes.join(", ")), f),
        }
    }

    /// Nothing is.
    #[cfg(not(feature = "std"))]
    fn write_notes(&self, _: &Missing, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl<'a> IntoIterator for &'a RollCall {
    type Item = &'a Missing;
    type IntoIter = core::slice::Iter<'a, Missing>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for RollCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Top<'r>(&'r RollCall);
        impl fmt::Display for Top<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.write_heading(f)
            }
        }
        Paint::Heading.write(self.coloured, Top(self), f)?;
        self.write_members(f)
    }
}

/// A duration as a person would say it: three figures or so, and a unit.
pub(crate) fn brief(duration: Duration) -> impl fmt::Display {
    struct Brief(Duration);
    impl fmt::Display for Brief {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let seconds = self.0.as_secs();
            match seconds {
                0 => write!(f, "{} ms", self.0.as_millis()),
                1..60 => write!(f, "{:.2} s", self.0.as_secs_f64()),
                60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
                _ => write!(f, "{} h {} min", seconds / 3600, seconds % 3600 / 60),
            }
        }
    }
    Brief(duration)
}
