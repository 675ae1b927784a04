//! The `cluster` rows: groups across machines, in a Redis server of our own on this machine.
//!
//! Each sample has a server to itself, on a socket in a folder of its own, without a file on disk; it ends with this process, however
//! that ends. Members do nothing, so that what is timed is the counting. Workers are processes of their own.

mod alone;
mod celery;
mod ours;

// The same server as in the tests of the engines.
#[allow(dead_code, reason = "the tests ask more of it")]
#[path = "../../../headcount-cluster/tests/it/redis/server.rs"]
mod server;

use std::time::{Duration, Instant};

use crate::contestants::Role;
use crate::row::Row;
use crate::timing::{Effort, Sample};

pub(crate) use ours::serve;

/// How many workers there are, in every row that has some.
const WORKERS: usize = 2;
/// How many members a worker has at once.
const AT_ONCE: usize = 64;

/// Something that keeps a group for several machines.
pub(crate) struct Fleet {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    rows: &'static [Row],
    needs: fn() -> Result<(), String>,
    time: fn(Row, &Effort) -> Result<f64, String>,
}

use Row::{ClusterBytes, ClusterCancel, ClusterFlat, ClusterRegister, ClusterRun, ClusterWake};

pub(crate) const ALL: &[Fleet] = &[
    Fleet {
        name: "headcount",
        role: Role::Ours,
        rows: &[ClusterRegister, ClusterRun, ClusterBytes, ClusterWake, ClusterCancel],
        needs: server_there,
        time: ours::time,
    },
    // The same numbers of writes, without anybody who decides: no leases, no attempts, no end.
    Fleet {
        name: "Redis alone",
        role: Role::Floor,
        rows: &[ClusterRegister, ClusterRun, ClusterBytes, ClusterWake, ClusterCancel],
        needs: server_there,
        time: alone::time,
    },
    Fleet {
        name: "Celery chord",
        role: Role::Peer,
        rows: &[ClusterRegister, ClusterRun],
        needs: celery::installed,
        time: celery::time,
    },
    sized("headcount, 10³ members", |_, effort| ours::run(sized_by(effort, 1_000))),
    sized("headcount, 10⁴ members", |_, effort| ours::run(sized_by(effort, 10_000))),
    sized("headcount, 10⁵ members", |_, effort| ours::run(sized_by(effort, 100_000))),
    sized("headcount, 10⁶ members", |_, effort| ours::run(sized_by(effort, 1_000_000))),
];

const fn sized(name: &'static str, time: fn(Row, &Effort) -> Result<f64, String>) -> Fleet {
    Fleet { name, role: Role::Ours, rows: &[ClusterFlat], needs: server_there, time }
}

/// With less effort a part of it.
fn sized_by(effort: &Effort, members: usize) -> usize {
    (members / (Effort::FULL.members / effort.members)).max(1)
}

/// How many members a group has where the row does not say.
fn members(effort: &Effort) -> usize {
    sized_by(effort, 10_000)
}

impl Fleet {
    pub(crate) fn takes_part(&self, row: Row) -> bool {
        self.rows.contains(&row)
    }

    /// Whether it can be had.
    pub(crate) fn find(&self) -> Result<(), String> {
        (self.needs)()
    }

    /// One sample.
    pub(crate) fn time(&self, row: Row, effort: Effort) -> Result<Sample, String> {
        (self.time)(row, &effort).map(Sample::of)
    }
}

fn server_there() -> Result<(), String> {
    let there = crate::commands::in_path("redis-server");
    there.map(drop).ok_or("SKIPPED: no redis-server on this machine".to_owned())
}

/// What is done to members is timed until here.
fn each(begun: Instant, members: usize) -> f64 {
    begun.elapsed().as_nanos() as f64 / members as f64
}

/// How long somebody who waits is given to be asleep in it.
const ASLEEP: Duration = Duration::from_millis(50);
