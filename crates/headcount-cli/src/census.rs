//! Who is out in another process, in words. Pure: from what the process said to text.
//!
//! Whatever it said is shown with control characters escaped: a name must not steer a terminal.

use std::fmt::Write as _;

use headcount::inspect::{Census, Group, Inside, Member};
use serde_json::{Value, json};

/// A member that was looked for, and its group.
pub(crate) type Found<'c> = (&'c Group, &'c Member);

/// A line for each process: who it is, how many are out, and since when the first one.
pub(crate) fn processes(all: &[Census]) -> String {
    let mut rows = vec![["PID", "OUT", "OLDEST", "GROUPS", "PROGRAM"].map(str::to_owned)];
    rows.extend(all.iter().map(|census| {
        let (pid, out, groups) = (census.pid, out(census), census.groups.len());
        [pid.to_string(), out.to_string(), age(oldest(census)), groups.to_string(), clean(&census.program)]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3].map(width);
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "{cell:>width$}  ");
        }
        let _ = writeln!(text, "{}", row[4]);
    }
    text
}

pub(crate) fn processes_json(all: &[Census]) -> Value {
    let one = |census: &Census| {
        json!({
            "pid": census.pid,
            "program": census.program,
            "out": out(census),
            "oldest_ms": oldest(census),
            "groups": census.groups.len(),
        })
    };
    all.iter().map(one).collect()
}

fn out(census: &Census) -> u64 {
    census.groups.iter().map(|group| group.out).sum()
}

fn oldest(census: &Census) -> Option<u64> {
    census.groups.iter().filter_map(|group| group.oldest_ms).max()
}

/// All that was said.
pub(crate) fn json(census: &Census) -> Value {
    serde_json::to_value(census).unwrap_or_else(|error| unreachable!("it came as JSON: {error}"))
}

/// Groups with their members, and below each member the groups that it made.
pub(crate) fn tree(census: &Census) -> String {
    let mut text = process(census);
    match out(census) {
        0 => text.push_str(": nobody is out\n"),
        out => _ = writeln!(text, ": {out} out"),
    }
    // With what is left to be told, and how deep it stands; the last is next.
    let mut stack: Vec<(&Group, usize)> = census
        .groups
        .iter()
        .rev()
        .filter(|group| above(census, group).is_none())
        .map(|group| (group, 1))
        .collect();
    // A group is told once, whatever was said about who made whom.
    let mut told = vec![false; census.groups.len()];
    while let Some((group, depth)) = stack.pop() {
        if let Some(at) = census.groups.iter().position(|other| std::ptr::eq(other, group)) {
            if std::mem::replace(&mut told[at], true) {
                continue;
            }
        }
        members(census, group, depth, &mut text, &mut told);
    }
    text
}

/// As deep as groups are told inside of each other; more would not be read, and this is a recursion.
const DEEPEST: usize = 50;

fn members(census: &Census, group: &Group, depth: usize, text: &mut String, told: &mut [bool]) {
    let indent = "  ".repeat(depth);
    let _ = writeln!(text, "{indent}{}", heading(group));
    if depth > DEEPEST {
        return;
    }
    let rows: Vec<_> = group.members.iter().map(columns).collect();
    // Nothing can be padded to more than 65,535 characters.
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count().min(200)).max().unwrap_or(0);
    let (number, name, state, age) = (width(0), width(1), width(2), width(3));
    for (member, row) in group.members.iter().zip(&rows) {
        let _ = write!(text, "{indent}  {:<number$}  ", row[0]);
        if name > 0 {
            let _ = write!(text, "{:<name$}  ", row[1]);
        }
        let _ = writeln!(
            text,
            "{:<state$}  {:>age$}  {}{}",
            row[2],
            row[3],
            clean(&member.place),
            remarks(member)
        );
        let inside = Inside { group: group.id, number: member.number };
        below(census, |of| of == inside, depth + 2, text, told);
    }
    let listed: u64 = group.members.iter().map(|member| member.count).sum();
    match group.out.saturating_sub(listed) {
        0 => {}
        more => _ = writeln!(text, "{indent}  and {more} more"),
    }
    // Made by members that are not listed.
    below(census, |of| of.group == group.id, depth + 1, text, told);
}

/// The groups that were made inside of those of whom `which` says yes, and that were not told before.
fn below(
    census: &Census,
    which: impl Fn(Inside) -> bool,
    depth: usize,
    text: &mut String,
    told: &mut [bool],
) {
    for (at, group) in census.groups.iter().enumerate() {
        if group.inside.is_some_and(&which) && !told[at] {
            told[at] = true;
            members(census, group, depth, text, told);
        }
    }
}

/// The group inside of which this one was made, if it is there still.
fn above<'c>(census: &'c Census, group: &Group) -> Option<&'c Group> {
    let inside = group.inside?;
    census.groups.iter().find(|other| other.id == inside.group && other.id != group.id)
}

/// The members of that name or number; without one the one that is out longest and made no group that has somebody out.
pub(crate) fn find<'c>(census: &'c Census, who: Option<&str>) -> Vec<Found<'c>> {
    let all = census.groups.iter().flat_map(|group| group.members.iter().map(move |member| (group, member)));
    match who {
        Some(who) => {
            let number = who.strip_prefix('#').unwrap_or(who);
            let is = |(_, member): &Found<'_>| {
                member.name.as_deref() == Some(who) || member.number.to_string() == number
            };
            all.filter(is).collect()
        }
        None => {
            let made_none = |(group, member): &Found<'_>| {
                let inside = Inside { group: group.id, number: member.number };
                !census.groups.iter().any(|group| group.inside == Some(inside))
            };
            all.filter(made_none).max_by_key(|(_, member)| member.age_ms).into_iter().collect()
        }
    }
}

/// Why it is waited for each of them.
pub(crate) fn whys(census: &Census, found: &[Found<'_>]) -> String {
    let one = |(group, member): &Found<'_>| why(census, group, member);
    found.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn why(census: &Census, group: &Group, member: &Member) -> String {
    let mut text = format!("{}\n  of {}\n", who(member), heading(group));
    let _ = writeln!(
        text,
        "  {} for {}, launched at {}",
        clean(&member.state),
        age(member.age_ms),
        clean(&member.place)
    );
    let waits = member.waits_for.as_deref().map_or_else(|| "not known".to_owned(), clean);
    let _ = writeln!(text, "  waits for: {waits}");
    let can = match member.can_be_stopped {
        true => "yes, its group can call it off",
        false => "no, it can only be asked to end",
    };
    let _ = writeln!(text, "  can be stopped: {can}");
    if let Some(thread) = &member.thread {
        let _ = writeln!(text, "  runs on thread {thread:?}");
    }
    for (group, member) in chain(census, group) {
        let member = member.map_or_else(|| "a member that has ended".to_owned(), who);
        let _ = writeln!(text, "  inside of {member} of {}", heading(group));
    }
    let _ = writeln!(text, "  in {}", process(census));
    text
}

/// The members inside of which the group was made, from the inside out.
fn chain<'c>(census: &'c Census, group: &'c Group) -> Vec<(&'c Group, Option<&'c Member>)> {
    let mut chain: Vec<(&Group, Option<&Member>)> = Vec::new();
    let mut group = group;
    while let (Some(next), Some(inside)) = (above(census, group), group.inside) {
        // What was said may be a circle.
        if chain.iter().any(|(seen, _)| seen.id == next.id) {
            break;
        }
        chain.push((next, next.members.iter().find(|member| member.number == inside.number)));
        group = next;
    }
    chain
}

pub(crate) fn whys_json(census: &Census, found: &[Found<'_>]) -> Value {
    let brief = |group: &Group| {
        json!({ "id": group.id, "what": group.what, "name": group.name, "place": group.place, "out": group.out,
                "total": group.total, "limit": group.limit })
    };
    let one = |(group, member): &Found<'_>| {
        let above = chain(census, group).into_iter();
        let above: Value =
            above.map(|(group, member)| json!({ "group": brief(group), "member": member })).collect();
        json!({ "member": member, "group": brief(group), "inside_of": above })
    };
    let members: Value = found.iter().map(one).collect();
    json!({ "pid": census.pid, "program": census.program, "members": members })
}

fn process(census: &Census) -> String {
    format!("process {} ({})", census.pid, clean(&census.program))
}

fn heading(group: &Group) -> String {
    let mut text = clean(&group.what);
    if let Some(name) = &group.name {
        let _ = write!(text, " {name:?}");
    }
    if let Some(place) = &group.place {
        let _ = write!(text, " ({})", clean(place));
    }
    match group.total {
        Some(total) => _ = write!(text, ": {} of {total} out", group.out),
        None => _ = write!(text, ": {} out", group.out),
    }
    if let Some(limit) = group.limit {
        let _ = write!(text, " (limit {limit})");
    }
    text
}

fn who(member: &Member) -> String {
    match &member.name {
        Some(name) => format!("member {} {name:?}", numbers(member)),
        None => format!("member {}", numbers(member)),
    }
}

fn numbers(member: &Member) -> String {
    match member.count {
        0 | 1 => format!("#{}", member.number),
        n => format!("#{}-{}", member.number, member.number.saturating_add(n - 1)),
    }
}

/// Number, name, state and age.
fn columns(member: &Member) -> [String; 4] {
    let name = member.name.as_ref().map_or_else(String::new, |name| format!("{name:?}"));
    [numbers(member), name, clean(&member.state), age(member.age_ms)]
}

fn remarks(member: &Member) -> String {
    let mut text = String::new();
    if let Some(what) = &member.waits_for {
        let _ = write!(text, "  waits for {}", clean(what));
    }
    text
}

/// An age as a person would say it.
fn age(ms: Option<u64>) -> String {
    let Some(ms) = ms else { return "-".to_owned() };
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{:02} s", ms % 1000 / 10),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn clean(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
