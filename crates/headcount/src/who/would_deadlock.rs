//! A circle of waits, in words.

use std::error::Error;
use std::fmt;

use super::waits::Edge;
use super::{Here, UNNUMBERED};

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
    pub(super) way: Vec<Edge>,
}

impl fmt::Display for WouldDeadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let member = |Here { number, place, .. }: Here| match number {
            UNNUMBERED.. => format!("({}:{})", place.file(), place.line()),
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
            if edge.for_slot {
                f.write_str("a slot of ")?;
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
