//! What is asked of a process, and what it answers: everything in it that can be waited for, and who is out.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::roll::{Missing, registry};
use crate::who::threads::{self, Seen};

/// What is asked of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// As many members of each group are told at most, those who are out longest.
    pub members: u64,
    /// Only members with this name or number are told, however many there are, and those above them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<String>,
}

impl Ask {
    /// The groups and how many members are out, and no members.
    #[must_use]
    pub fn summary() -> Self {
        Self { members: 0, find: None }
    }

    /// The groups with at most so many members of each, those who are out longest.
    #[must_use]
    pub fn members(most: u64) -> Self {
        Self { members: most, find: None }
    }

    /// The groups with the members of this name or number, and those inside of which the groups were made.
    #[must_use]
    pub fn member(name: impl Into<String>) -> Self {
        Self { members: 0, find: Some(name.into()) }
    }
}

/// Who is out in a process, taken at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// The process.
    pub pid: u32,
    /// What it runs.
    pub program: String,
    /// What can be waited for in it and has members out, in the order in which it was made.
    pub groups: Vec<Group>,
}

/// Something that can be waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its number in the process.
    pub id: u64,
    /// What it is: a group, a wait group, a crew.
    pub what: String,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// Where it was made: file and line.
    pub place: Option<String>,
    /// How many members are out.
    pub out: u64,
    /// How many there ever were, if that is known.
    pub total: Option<u64>,
    /// How many may run at once.
    pub limit: Option<u64>,
    /// How long the one that is out longest has been, in milliseconds.
    pub oldest_ms: Option<u64>,
    /// The member inside of which it was made.
    pub inside: Option<Inside>,
    /// Those members that were asked for, longest out first.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Inside {
    /// The group's number in the process.
    pub group: u64,
    /// The member's in the group.
    pub number: u64,
}

/// A member that is out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number in its group, from 1.
    pub number: u64,
    /// How many it stands for: more than one for a block of tokens.
    pub count: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// How it stands: `out`, `queued`, `running` or `cancelled`.
    pub state: String,
    /// How long it has been out, in milliseconds.
    pub age_ms: Option<u64>,
    /// Where it was launched: file and line.
    pub place: String,
    /// Whether its group can end it without its help; see [`Missing::can_be_stopped`].
    pub can_be_stopped: bool,
    /// What it waits for, if that is known; see [`Missing::waits_for`].
    pub waits_for: Option<String>,
    /// The name or number of the thread that it runs on, if it does at this moment.
    #[serde(default)]
    pub thread: Option<String>,
}

impl Census {
    /// Answers `ask` for this process.
    pub(super) fn take(ask: &Ask) -> Self {
        let found = registry::all(|_| true);
        let seen = threads::look();
        let mut groups = Vec::new();
        for found in &found {
            let roll = found.group.roll_call(&seen);
            if roll.is_empty() {
                continue;
            }
            let heading = roll.heading();
            groups.push(Group {
                id: found.id as u64,
                what: heading.what.to_owned(),
                name: heading.name.as_ref().map(ToString::to_string),
                place: heading.place.map(place),
                out: roll.outstanding() as u64,
                total: heading.total.map(|total| total as u64),
                limit: heading.limit.map(|limit| limit as u64),
                oldest_ms: roll.iter().next().and_then(Missing::age).map(millis),
                inside: found
                    .parent
                    .map(|parent| Inside { group: parent.group as u64, number: parent.number }),
                members: chosen(&roll, ask).map(Member::new).collect(),
            });
        }
        let mut census = Self { pid: std::process::id(), program: program(), groups };
        if ask.find.is_some() {
            census.add_those_above(&found, &seen);
        }
        census
    }

    /// The members inside of which the groups of those members were made that are told, and so on upwards.
    fn add_those_above(&mut self, found: &[registry::Found], seen: &Seen) {
        let above: HashMap<u64, Inside> =
            self.groups.iter().filter_map(|group| Some((group.id, group.inside?))).collect();
        let told = self.groups.iter().filter(|group| !group.members.is_empty()).map(|group| group.id);
        let mut missing = HashSet::new();
        for mut id in told {
            while let Some(inside) = above.get(&id) {
                // Stops where somebody has been before; and a circle cannot hold it up.
                if !missing.insert(*inside) {
                    break;
                }
                id = inside.group;
            }
        }
        for group in &mut self.groups {
            let Some(found) = found.iter().find(|found| found.id as u64 == group.id) else { continue };
            let wanted = |member: &&Missing| {
                missing.contains(&Inside { group: group.id, number: member.number() })
                    && !group.members.iter().any(|told| told.number == member.number())
            };
            if missing.iter().any(|inside| inside.group == group.id) {
                let roll = found.group.roll_call(seen);
                let more: Vec<_> = roll.iter().filter(wanted).collect();
                let more = more.into_iter().map(Member::new);
                let more: Vec<_> = more.collect();
                group.members.extend(more);
            }
        }
    }
}

/// The members of a roll that were asked for.
fn chosen<'r>(roll: &'r crate::RollCall, ask: &'r Ask) -> impl Iterator<Item = &'r Missing> {
    let most =
        if ask.find.is_some() { usize::MAX } else { usize::try_from(ask.members).unwrap_or(usize::MAX) };
    let wanted = move |member: &&Missing| match &ask.find {
        Some(who) => {
            let number = who.strip_prefix('#').unwrap_or(who);
            member.name() == Some(who.as_str()) || member.number().to_string() == number
        }
        None => true,
    };
    roll.iter().filter(wanted).take(most)
}

impl Member {
    fn new(member: &Missing) -> Self {
        Self {
            number: member.number(),
            count: member.count() as u64,
            name: member.name().map(str::to_owned),
            state: member.state().to_string(),
            age_ms: member.age().map(millis),
            place: place(member.place()),
            can_be_stopped: member.can_be_stopped(),
            waits_for: member.waits_for().map(ToString::to_string),
            thread: member.thread().map(str::to_owned),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn place(place: &Location<'_>) -> String {
    format!("{}:{}", place.file(), place.line())
}

/// What this process runs, without the way to it.
fn program() -> String {
    let path = std::env::current_exe().ok().or_else(|| std::env::args_os().next().map(Into::into));
    let name = path.as_deref().and_then(|path| path.file_name());
    name.map_or_else(|| "?".to_owned(), |name| name.to_string_lossy().into_owned())
}
