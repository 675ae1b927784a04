//! Who takes part, and in which rows.
//!
//! A contestant is a name and a table: row, timing. Each is used the way its authors mean it to be, in a file of its
//! own; where that leaves it out of a row, the file says why. Go is not here, because it is another program; the
//! commands of the `run` rows are not either.

mod awaitgroup;
mod contexts;
mod crossbeam;
mod floor;
mod futex;
mod futures;
mod join_set;
mod ours;
mod rayon;
mod stages;
mod std_threads;
mod task_groups;
mod task_maps;
mod task_tracker;
mod thread_maps;
mod thread_scopes;
mod tokio_spawn;
mod wg;

use crate::row::Row;
use crate::timing::{Effort, Sample};

/// What a contestant is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Ours.
    Ours,
    /// Somebody else's answer to the same question.
    Peer,
    /// Not an answer, but the cheapest thing that could do the job.
    Floor,
}

/// Takes one sample.
pub(crate) type Timing = fn(Effort) -> Sample;

/// One implementation, and how it is timed in each row it takes part in.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    timings: &'static [(Row, Timing)],
}

impl Contestant {
    pub(crate) fn timing(&self, row: Row) -> Option<Timing> {
        self.timings.iter().find(|(timed, _)| *timed == row).map(|(_, timing)| *timing)
    }
}

/// Everybody who can be run inside this process.
pub(crate) fn all() -> impl Iterator<Item = &'static Contestant> {
    let groups: &[&'static [Contestant]] = &[
        ours::CONTESTANTS,
        contexts::CONTESTANTS,
        task_groups::CONTESTANTS,
        task_maps::CONTESTANTS,
        thread_scopes::CONTESTANTS,
        thread_maps::CONTESTANTS,
        floor::CONTESTANTS,
        futex::CONTESTANTS,
        awaitgroup::CONTESTANTS,
        crossbeam::CONTESTANTS,
        futures::CONTESTANTS,
        join_set::CONTESTANTS,
        rayon::CONTESTANTS,
        stages::CONTESTANTS,
        std_threads::CONTESTANTS,
        task_tracker::CONTESTANTS,
        tokio_spawn::CONTESTANTS,
        wg::CONTESTANTS,
    ];
    groups.iter().copied().flatten()
}
