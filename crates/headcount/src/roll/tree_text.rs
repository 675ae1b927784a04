//! The roll of the process as people read it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::panic::Location;
use std::time::Duration;

use super::paint::Paint;
use super::tree::{RollNode, RollTree};
use super::{Missing, State, brief};

/// As many members of a group as are shown, and as many groups below one; the rest is counted.
const SHOWN: usize = 20;

/// How many places are told apart among those who are counted.
const PLACES: usize = 5;

impl fmt::Display for RollTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.groups.is_empty() {
            return f.write_str("nobody is out");
        }
        let shown = if f.alternate() { usize::MAX } else { SHOWN };
        let mut text = Text { out: f, coloured: self.coloured, shown, first: true };
        text.groups(&self.groups, "")
    }
}

struct Text<'t, 'f> {
    out: &'t mut fmt::Formatter<'f>,
    coloured: bool,
    shown: usize,
    /// Nothing has been written yet.
    first: bool,
}

impl Text<'_, '_> {
    fn groups(&mut self, groups: &[RollNode], indent: &str) -> fmt::Result {
        let (shown, rest) = groups.split_at(groups.len().min(self.shown));
        for group in shown {
            self.group(group, indent)?;
        }
        let (more, out) = (rest.len(), rest.iter().map(out_below).sum::<usize>());
        if more > 0 {
            self.line(indent)?;
            write!(self.out, "and {more} more {}, with {out} out", plural(more, "group"))?;
        }
        Ok(())
    }

    fn group(&mut self, group: &RollNode, indent: &str) -> fmt::Result {
        self.line(indent)?;
        self.paint(Paint::Heading, Heading(group))?;
        let deeper = format!("{indent}  ");

        // Below whose line a group stands. One that a member has made who is not listed comes after all of them.
        let mut made: BTreeMap<u64, Vec<&RollNode>> = BTreeMap::new();
        for child in &group.children {
            made.entry(child.member.unwrap_or(0)).or_default().push(child);
        }
        let parents = |member: &Missing| made.contains_key(&member.number);
        let all = &group.roll_call.missing;
        // Who has something below is what people look for, so they are shown even if they have not been out long.
        let mut with_groups = all.iter().skip(self.shown).filter(|member| parents(member));
        let shown: Vec<&Missing> =
            all.iter().take(self.shown).chain(with_groups.by_ref().take(self.shown)).collect();

        let columns = Columns::of(&shown);
        for member in &shown {
            self.member(member, &columns, &deeper)?;
            for child in made.remove(&member.number).unwrap_or_default() {
                self.group(child, &format!("{deeper}  "))?;
            }
        }
        self.rest(all, &shown, &deeper)?;
        match group.roll_call.unlisted_count() {
            // The heading has said it.
            _ if group.roll_call.place().is_none() => {}
            0 => {}
            n => {
                self.line(&deeper)?;
                let verb = if n == 1 { "is" } else { "are" };
                let and = if all.is_empty() { "" } else { "and " };
                write!(self.out, "{and}{n} that {verb} counted and not listed")?;
            }
        }
        let left: Vec<RollNode> = made.into_values().flatten().cloned().collect();
        self.groups(&left, &deeper)
    }

    fn member(&mut self, member: &Missing, columns: &Columns, indent: &str) -> fmt::Result {
        self.line(indent)?;
        let [number, name, age] = member.columns();
        write!(self.out, "{number:<0$}  ", columns.number)?;
        if columns.name > 0 {
            write!(self.out, "{name:<0$}  ", columns.name)?;
        }
        let state = format!("{:<1$}", member.state, columns.state);
        self.paint(Paint::of(member.state), state)?;
        let place = member.place;
        write!(self.out, "  {age:>0$}  {1}:{2}", columns.age, place.file(), place.line())?;
        let mut notes = Vec::new();
        if let Some(what) = member.waits_for() {
            notes.push(format!("waits for {what}"));
        }
        if member.state != State::Out && !member.can_be_stopped() {
            notes.push("cannot be stopped".to_owned());
        }
        if let Some(thread) = member.thread() {
            notes.push(format!("on thread {thread}"));
        }
        if !notes.is_empty() {
            let notes = format!("  ({})", notes.join(", "));
            self.paint(Paint::Faint, notes)?;
        }
        Ok(())
    }

    /// Counts those who are not shown, by the places where they were launched; the most first.
    fn rest(&mut self, all: &[Missing], shown: &[&Missing], indent: &str) -> fmt::Result {
        if all.len() == shown.len() {
            return Ok(());
        }
        struct Crowd {
            count: usize,
            longest: Option<Duration>,
        }
        let mut crowds: BTreeMap<(&Location<'_>, State), Crowd> = BTreeMap::new();
        let late: Vec<_> = shown.iter().skip(self.shown).map(|member| member.number).collect();
        for member in all.iter().skip(self.shown).filter(|member| !late.contains(&member.number)) {
            let crowd =
                crowds.entry((member.place, member.state)).or_insert(Crowd { count: 0, longest: member.age });
            crowd.count += member.count;
        }
        let mut crowds: Vec<_> = crowds.into_iter().collect();
        crowds.sort_by_key(|(_, crowd)| std::cmp::Reverse(crowd.count));
        let (told, untold) = crowds.split_at(crowds.len().min(PLACES));
        for ((place, state), Crowd { count, longest }) in told {
            self.line(indent)?;
            write!(self.out, "and {count} more {state}, launched at {}:{}", place.file(), place.line())?;
            if let Some(longest) = longest {
                write!(self.out, ", for up to {}", brief(*longest))?;
            }
        }
        let untold: usize = untold.iter().map(|(_, crowd)| crowd.count).sum();
        if untold > 0 {
            self.line(indent)?;
            write!(self.out, "and {untold} more, launched elsewhere")?;
        }
        Ok(())
    }

    fn line(&mut self, indent: &str) -> fmt::Result {
        if !std::mem::take(&mut self.first) {
            self.out.write_char('\n')?;
        }
        self.out.write_str(indent)
    }

    fn paint(&mut self, paint: Paint, what: impl fmt::Display) -> fmt::Result {
        paint.write(self.coloured, what, self.out)
    }
}

struct Heading<'n>(&'n RollNode);

impl fmt::Display for Heading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.roll_call.write_heading(f)?;
        self.0.roll_call.write_limit(f)
    }
}

/// How wide they are.
struct Columns {
    number: usize,
    name: usize,
    state: usize,
    age: usize,
}

impl Columns {
    fn of(members: &[&Missing]) -> Self {
        let rows: Vec<_> = members.iter().map(|member| member.columns()).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let state = members.iter().map(|member| member.state.word().len()).max().unwrap_or(0);
        Self { number: width(0), name: width(1), state, age: width(2) }
    }
}

/// How many are out of a group and of all below it.
fn out_below(group: &RollNode) -> usize {
    let mut out = 0;
    let mut ahead = vec![group];
    while let Some(group) = ahead.pop() {
        out += group.roll_call.outstanding();
        ahead.extend(&group.children);
    }
    out
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 { word.to_owned() } else { format!("{word}s") }
}
