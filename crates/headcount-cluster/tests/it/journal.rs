//! The engine in a file: the same tests, once as it is and once closed and opened again between the steps; and the file.

mod file;
mod reopened;

use std::path::PathBuf;
use std::time::Duration;

use headcount_cluster::conformance::Bench;
use headcount_cluster::{Clock, GroupId, Journal, Passing};

struct InFile {
    journal: Journal,
    time: Passing,
    _folder: tempfile::TempDir,
}

/// A folder, and a file in it that is not there yet.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("engine");
    (folder, path)
}

impl InFile {
    fn new() -> Self {
        let (folder, path) = place();
        let time = Passing::default();
        let journal = Journal::open_with_clock(path, Clock::Driven(time.clone())).expect("opened");
        Self { journal, time, _folder: folder }
    }
}

impl Bench for InFile {
    type Store = Journal;

    fn store(&self) -> &Journal {
        &self.journal
    }

    async fn pass(&self, _: GroupId, time: Duration) {
        self.time.pass(time);
    }
}

headcount_cluster::conformance_tests!(InFile::new());
