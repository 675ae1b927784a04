//! The roll of the whole process: who is out, group by group, each below the member that made it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::registry::{self, Found};
use super::{Missing, RollCall};
use crate::who::threads;

/// Everybody who is out in this process, as a tree: groups, their members, and below a member the groups that it made.
///
/// From [`headcount::roll_call()`](roll_call()). Groups of tasks and threads are in it, wait groups, maps, pipelines, crews,
/// and contexts that somebody waits for. Those with nobody out are left out, unless somebody is below them.
///
/// Printed, it is a heading for each group and a line for each member, the longest out first; groups that a member made stand
/// below its line; those of more than a hundred levels begin anew at the top. The `{}` form shows twenty members of a group and counts the rest by the places where they were launched;
/// `{:#}` shows all. [`coloured`](Self::coloured) marks states for a terminal.
///
/// With the feature `serde` it can be serialized. The names are part of the interface, and more may be added: of the tree
/// `outstanding`, `groups`; of a group `kind`, `name`, `place`, `outstanding`, `total`, `limit`, `unlisted`, `member` (of the group
/// above it, which made it), `missing`, `children`; of a member `number`, `count`, `name`, `state`, `age_ms`, `place`,
/// `can_be_stopped`, `waits_for`, `thread`. What is not known is `null`.
///
/// # Examples
///
/// ```
/// use headcount::WaitGroup;
///
/// let group = WaitGroup::new();
/// let _token = group.add_named("the reader");
///
/// let roll = headcount::roll_call();
/// assert!(roll.outstanding() >= 1);
/// let named = roll.iter().flat_map(|group| group.roll_call()).filter_map(|member| member.name());
/// assert!(named.into_iter().any(|name| name == "the reader"));
/// eprintln!("{roll}"); // wait group (src/main.rs:3): 1 still out …
/// ```
#[derive(Clone, Debug)]
pub struct RollTree {
    pub(super) groups: Vec<RollNode>,
    pub(super) coloured: bool,
}

/// A group in a [`RollTree`].
#[derive(Clone, Debug)]
pub struct RollNode {
    pub(super) roll_call: RollCall,
    /// The number of the member that made it, of the group above; zero if that has no numbers.
    pub(super) member: Option<u64>,
    pub(super) children: Vec<RollNode>,
}

/// Calls the roll of the whole process: all groups that are there, who is out of each, and how they depend on each other.
///
/// It stops nobody. Each group is looked at for itself, one after the other, so the whole is no picture of one moment.
///
/// # Cost
///
/// Grows with the number of groups and of members that are out; a million members take some tenths of a second. Those who run
/// may wait for a group's lock while a list of its pages is copied, which is one reference for sixty members.
#[must_use]
pub fn roll_call() -> RollTree {
    RollTree::of(registry::all(|_| true))
}

impl RollTree {
    /// The tree of these groups.
    pub(crate) fn of(groups: Vec<Found>) -> Self {
        let seen = threads::look();
        let ids: BTreeSet<_> = groups.iter().map(|found| found.id).collect();
        let mut below: BTreeMap<Option<usize>, Vec<(usize, RollNode)>> = BTreeMap::new();
        for Found { id, parent, group, .. } in groups {
            // One that has been made by a member of a group which is gone has nobody above it.
            let parent = parent.filter(|parent| parent.group != id && ids.contains(&parent.group));
            let roll_call = group.roll_call(&seen);
            drop(group);
            let member = parent.map(|parent| parent.number);
            let node = RollNode { roll_call, member, children: Vec::new() };
            below.entry(parent.map(|parent| parent.group)).or_default().push((id, node));
        }
        let tops = below.remove(&None).unwrap_or_default();
        Self { groups: assemble(tops, &mut below), coloured: false }
    }

    /// The same with its text coloured, if `yes`, by the escape codes that terminals know. Ask whether it is one:
    /// `roll.coloured(std::io::stderr().is_terminal())`.
    #[must_use]
    pub fn coloured(mut self, yes: bool) -> Self {
        self.coloured = yes;
        self
    }

    /// The groups that nobody's member has made, with all that is below them.
    #[must_use]
    pub fn groups(&self) -> &[RollNode] {
        &self.groups
    }

    /// All groups: each before those below it.
    pub fn iter(&self) -> impl Iterator<Item = &RollNode> {
        let mut ahead: Vec<&RollNode> = self.groups.iter().rev().collect();
        std::iter::from_fn(move || {
            let next = ahead.pop()?;
            ahead.extend(next.children.iter().rev());
            Some(next)
        })
    }

    /// How many members are out, of all groups.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.iter().map(|node| node.roll_call.outstanding()).sum()
    }

    /// Whether nobody is out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

impl RollNode {
    /// Who is out of this group.
    #[must_use]
    pub fn roll_call(&self) -> &RollCall {
        &self.roll_call
    }

    /// The member that made this group, of the group above it, if that member is still listed.
    #[must_use]
    pub fn made_by<'a>(&self, above: &'a RollNode) -> Option<&'a Missing> {
        above.roll_call.iter().find(|member| Some(member.number()) == self.member)
    }

    /// The groups that members of this one have made.
    #[must_use]
    pub fn children(&self) -> &[RollNode] {
        &self.children
    }
}

/// As deep as groups stand below each other: whoever prints, copies or drops a tree goes down in it by recursion, and tasks can
/// be nested deeper than a thread's stack is.
const DEEPEST: usize = 100;

/// Puts everybody in their places, from the bottom up and without recursion, as groups may be nested deeply. Groups that have
/// nobody out, and nobody below, are dropped. What is deeper than [`DEEPEST`] begins anew at the top.
fn assemble(
    tops: Vec<(usize, RollNode)>,
    below: &mut BTreeMap<Option<usize>, Vec<(usize, RollNode)>>,
) -> Vec<RollNode> {
    /// Groups of one parent: those to come, the one that is being filled, and those that are whole.
    struct Level {
        coming: VecDeque<(usize, RollNode)>,
        open: Option<RollNode>,
        whole: Vec<RollNode>,
    }
    let level = |groups: Vec<_>| Level { coming: groups.into(), open: None, whole: Vec::new() };
    let mut levels = vec![level(tops)];
    loop {
        let Some(last) = levels.last_mut() else { return Vec::new() };
        if let Some((id, node)) = last.coming.pop_front() {
            last.open = Some(node);
            let mut children = below.remove(&Some(id)).unwrap_or_default();
            if levels.len() >= DEEPEST {
                let anew = children.drain(..).map(|(id, node)| (id, RollNode { member: None, ..node }));
                levels[0].coming.extend(anew);
            }
            levels.push(level(children));
            continue;
        }
        let mut whole = levels.pop().map_or_else(Vec::new, |last| last.whole);
        whole.sort_by_key(|node| std::cmp::Reverse(node.longest()));
        let Some(above) = levels.last_mut() else { return whole };
        if let Some(mut node) = above.open.take() {
            node.children = whole;
            if !node.roll_call.is_empty() || !node.children.is_empty() {
                above.whole.push(node);
            }
        }
    }
}

impl RollNode {
    /// How long the one is out who is out longest.
    fn longest(&self) -> Option<std::time::Duration> {
        self.roll_call.iter().next().and_then(Missing::age)
    }
}
