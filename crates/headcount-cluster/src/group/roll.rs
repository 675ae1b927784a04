//! Who is still out, of a group whose members run on several machines.

use std::fmt;
use std::time::Duration;

use super::Group;
use crate::again::within;
use crate::member::Member;
use crate::payload::Payload;
use crate::store::{GroupId, Place, Standing, Store, StoreError, Summary};

/// Who was out when it was asked: a roll call.
///
/// ```text
/// group "thumbnails" (0199…): 3 of 10 still out after 5.0 s
///   #3  "cat.png"  running  4.9 s    on web-1:712, attempt 1  resize  src/main.rs:31
///   #7  "dog.png"  waiting           attempt 2                resize  src/main.rs:31
///   and 1 more
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missing {
    /// The group.
    pub group: GroupId,
    /// How it stood.
    pub summary: Summary,
    /// How long somebody had waited, if somebody did.
    pub after: Option<Duration>,
    /// Those who are out: who runs first, then the others, each in the order of spawning. Of many these are some.
    pub members: Vec<Out>,
}

/// A member that is out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Out {
    /// The member.
    pub member: Member,
    /// Where it stands: queued, waiting for its next attempt, or running.
    pub place: Place,
    /// The last attempt that began; 0 if none did.
    pub attempt: u32,
    /// By whom it is run, and since when.
    pub runs: Option<(String, Duration)>,
    /// By which handler it is to be run.
    pub handler: Option<String>,
    /// Where it was spawned.
    pub launched: Option<String>,
}

/// So many are listed of each kind.
const LISTED: usize = 100;

impl Missing {
    /// How many are out.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.summary.tally.registered - self.summary.tally.ended()
    }
}

impl<S: Store> Group<S> {
    /// Who is out right now.
    ///
    /// # Cost
    ///
    /// Where the engine lists members in no order, as Redis does, it is asked for all of them, 500 at a time.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    ///
    /// # Cancel safety
    ///
    /// It only asks.
    pub async fn missing(&self) -> Result<Missing, StoreError> {
        self.missing_after(None).await
    }

    pub(super) async fn missing_after(&self, after: Option<Duration>) -> Result<Missing, StoreError> {
        let summary = self.summary().await?;
        let tally = summary.tally;
        let out = tally.registered - tally.ended();
        let listed = |count: u64| usize::try_from(count).unwrap_or(LISTED).min(LISTED);
        let (runs, rest) = (listed(tally.running), listed(out.saturating_sub(tally.running)));
        let (mut running, mut others) = (Vec::new(), Vec::new());
        let mut page = None;
        // What changes meanwhile may make it look through all of them, and no further.
        while running.len() < runs || others.len() < rest {
            let from: Option<&str> = page.as_deref();
            let listed = within(self.patience, || self.store.standings(self.id, from)).await?;
            for standing in listed.items {
                match standing.place {
                    Place::Running => running.push(standing),
                    Place::Ended(_) => {}
                    Place::Queued | Place::Waiting => others.push(standing),
                }
            }
            page = listed.next;
            if page.is_none() {
                break;
            }
        }
        let members = self.told([running, others]).await?;
        Ok(Missing { group: self.id, summary, after, members })
    }

    /// With what they carry.
    async fn told(&self, kinds: [Vec<Standing>; 2]) -> Result<Vec<Out>, StoreError> {
        let mut told = Vec::new();
        for kind in kinds {
            let mut members: Vec<_> = kind.iter().map(|standing| Member::of(&standing.member)).collect();
            members.sort_unstable();
            // A page may list somebody twice.
            members.dedup();
            members.truncate(LISTED);
            let ids: Vec<_> = members.iter().map(|member| member.id().to_owned()).collect();
            let details = within(self.patience, || self.store.details(self.id, &ids)).await?;
            for (member, detail) in members.into_iter().zip(details) {
                let Some(detail) = detail else { continue };
                let Standing { place, attempt, runs, .. } = detail.standing;
                if matches!(place, Place::Ended(_)) {
                    // Meanwhile.
                    continue;
                }
                let payload = Payload::decode(&detail.payload);
                let (handler, launched) =
                    payload.map_or((None, None), |payload| (Some(payload.handler), payload.place));
                told.push(Out { member, place, attempt, runs, handler, launched });
            }
        }
        Ok(told)
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { name, state, tally, sealed, .. } = &self.summary;
        let out = self.outstanding();
        write!(f, "group {name:?} ({}): {out} of {}", self.group, tally.registered)?;
        if !sealed {
            f.write_str(" so far")?;
        }
        f.write_str(" still out")?;
        if let Some(after) = self.after {
            write!(f, " after {}", seconds(after))?;
        }
        if *state != crate::GroupState::Open {
            write!(f, ", {state}")?;
        } else if !sealed {
            f.write_str(", and more may come: it is not sealed")?;
        }
        let lines: Vec<_> = self.members.iter().map(Out::columns).collect();
        let mut widths = [0; 6];
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for line in &lines {
            let mut row = String::from(" ");
            for (width, cell) in widths.iter().zip(line).filter(|(width, _)| **width > 0) {
                row.push_str(&format!(" {cell:width$} "));
            }
            write!(f, "\n{}", row.trim_end())?;
        }
        match out.saturating_sub(self.members.len() as u64) {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

impl Out {
    /// As it is printed.
    fn columns(&self) -> [String; 6] {
        let number = self.member.number().map_or_else(String::new, |number| format!("#{number}"));
        let name = self.member.name().map_or_else(String::new, |name| format!("{name:?}"));
        let place = match self.place {
            Place::Queued => "queued",
            Place::Waiting => "waiting",
            Place::Running => "running",
            Place::Ended(_) => "ended",
        };
        let runs = match (&self.runs, self.attempt) {
            (Some((worker, since)), attempt) => format!("{} on {worker}, attempt {attempt}", seconds(*since)),
            (None, 0) => String::new(),
            (None, attempt) => format!("after attempt {attempt}"),
        };
        let handler = self.handler.clone().unwrap_or_default();
        let launched = self.launched.clone().unwrap_or_default();
        [number, name, place.into(), runs, handler, launched]
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
