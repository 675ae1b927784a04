//! How much chaos: from the command line.

use std::fmt;

/// What this process is to do.
pub(crate) enum Asked {
    /// Work, for the engine at `url`, with a witness.
    Worker {
        url: String,
        witness: String,
    },
    Chaos(Size),
    /// The test runner asked for tests of other names.
    Nothing,
}

/// How much of everything.
#[derive(Debug)]
pub(crate) struct Size {
    pub members: u64,
    pub workers: usize,
    /// How many members a worker runs at once.
    pub limit: usize,
    /// How long a member takes, in milliseconds.
    pub takes: u64,
    pub kills: u64,
    pub pauses: u64,
    pub restarts: u64,
    /// When the engine's file is on its disk. Where that may be later than the answer, a busy disk loses by itself more than is said.
    pub fsync: &'static str,
}

/// With all the other tests: some seconds.
const SMALL: Size = Size {
    members: 1_000,
    workers: 3,
    limit: 8,
    takes: 15,
    kills: 6,
    pauses: 3,
    restarts: 3,
    fsync: "appendfsync always",
};
/// What is asked of the whole.
const FULL: Size = Size {
    members: 100_000,
    workers: 8,
    limit: 16,
    takes: 10,
    kills: 200,
    pauses: 100,
    restarts: 20,
    fsync: "appendfsync everysec",
};

pub(crate) fn asked(mut words: impl Iterator<Item = String>) -> Asked {
    let mut size = SMALL;
    while let Some(word) = words.next() {
        let mut number =
            || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a number behind it");
        match word.as_str() {
            "worker" => {
                let (url, witness) = (words.next().expect("an engine"), words.next().expect("a witness"));
                return Asked::Worker { url, witness };
            }
            "--full" => size = FULL,
            "--members" => size.members = number(),
            "--workers" => size.workers = usize::try_from(number()).expect("few enough"),
            "--limit" => size.limit = usize::try_from(number()).expect("few enough"),
            "--takes" => size.takes = number(),
            "--kills" => size.kills = number(),
            "--pauses" => size.pauses = number(),
            "--restarts" => size.restarts = number(),
            "--list" => return Asked::Nothing,
            // Whatever else a test runner says to its tests.
            other if other.starts_with('-') => {}
            filter if "chaos".contains(filter) => {}
            _ => return Asked::Nothing,
        }
    }
    Asked::Chaos(size)
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { members, workers, limit, takes, kills, pauses, restarts, .. } = self;
        write!(
            f,
            "{members} members of {takes} ms each, {workers} workers with {limit} at once; {kills} kills, {pauses} pauses of \
             workers, {restarts} restarts of the engine"
        )
    }
}
