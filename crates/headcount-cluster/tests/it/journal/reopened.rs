//! An engine that is closed and opened again while its groups are under way: whatever it knows it has from its file.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount_cluster::conformance::Bench;
use headcount_cluster::store::{Page, Standing};
use headcount_cluster::{
    Added, Claimed, Clock, Detail, Finished, GroupId, Journal, Passing, Reaped, Renewed, Report, Settings,
    Store, StoreError, Summary, Token,
};

/// Every so many calls, unless somebody waits in it: often, and as often as not in the middle of something.
const EVERY: u64 = 7;

#[derive(Clone)]
struct Reopened {
    current: Arc<Mutex<Option<Arc<Journal>>>>,
    path: PathBuf,
    time: Passing,
    calls: Arc<AtomicU64>,
    reopened: Arc<AtomicU64>,
}

impl Reopened {
    fn open(&self) -> Arc<Journal> {
        Arc::new(Journal::open_with_clock(&self.path, Clock::Driven(self.time.clone())).expect("opened"))
    }

    fn fresh(&self) -> Arc<Journal> {
        let mut current = self.current.lock().unwrap();
        let due = self.calls.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY - 1;
        if due && current.as_ref().is_some_and(|journal| Arc::strong_count(journal) == 1) {
            *current = None;
            self.reopened.fetch_add(1, Ordering::Relaxed);
        }
        Arc::clone(current.get_or_insert_with(|| self.open()))
    }
}

impl Store for Reopened {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        Store::open(&*self.fresh(), group, settings).await
    }

    async fn add(&self, group: GroupId, members: &[(String, Vec<u8>)]) -> Result<Added, StoreError> {
        self.fresh().add(group, members).await
    }

    async fn seal(&self, group: GroupId, total: u64) -> Result<Summary, StoreError> {
        self.fresh().seal(group, total).await
    }

    async fn keep(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.fresh().keep(group).await
    }

    async fn claim(&self, group: GroupId, worker: &str, most: usize) -> Result<Claimed, StoreError> {
        self.fresh().claim(group, worker, most).await
    }

    async fn renew(&self, group: GroupId, held: &[Token]) -> Result<Renewed, StoreError> {
        self.fresh().renew(group, held).await
    }

    async fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> Result<(Finished, Summary), StoreError> {
        self.fresh().finish(group, token, report).await
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        self.fresh().reap(group).await
    }

    async fn cancel(&self, group: GroupId, reason: &str) -> Result<Summary, StoreError> {
        self.fresh().cancel(group, reason).await
    }

    async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.fresh().summary(group).await
    }

    async fn standings(&self, group: GroupId, after: Option<&str>) -> Result<Page<Standing>, StoreError> {
        self.fresh().standings(group, after).await
    }

    async fn results(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.fresh().results(group, members).await
    }

    async fn details(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Detail>>, StoreError> {
        self.fresh().details(group, members).await
    }

    async fn groups(&self, after: Option<&str>, most: usize) -> Result<Page<GroupId>, StoreError> {
        self.fresh().groups(after, most).await
    }

    async fn opened(&self, newest: Option<GroupId>, patience: Duration) -> Result<(), StoreError> {
        self.fresh().opened(newest, patience).await
    }

    async fn ended(&self, group: GroupId, patience: Duration) -> Result<(), StoreError> {
        self.fresh().ended(group, patience).await
    }

    async fn ready(&self, groups: &[GroupId], patience: Duration) -> Result<(), StoreError> {
        self.fresh().ready(groups, patience).await
    }

    async fn changed(&self, group: GroupId, revision: u64, patience: Duration) -> Result<(), StoreError> {
        self.fresh().changed(group, revision, patience).await
    }
}

struct Trial(Reopened, #[expect(dead_code, reason = "gone with it")] tempfile::TempDir);

impl Trial {
    fn new() -> Self {
        let (folder, path) = super::place();
        let (current, time) = (Arc::default(), Passing::default());
        let (calls, reopened) = (Arc::default(), Arc::default());
        Self(Reopened { current, path, time, calls, reopened }, folder)
    }
}

impl Bench for Trial {
    type Store = Reopened;

    fn store(&self) -> &Reopened {
        &self.0
    }

    async fn pass(&self, _: GroupId, time: Duration) {
        self.0.time.pass(time);
    }
}

headcount_cluster::conformance_tests!(Trial::new());

#[test]
fn the_trials_above_do_open_it_again() {
    let trial = Trial::new();
    let twin = headcount_cluster::conformance::random_steps_come_to_what_the_book_says(&trial);
    headcount_cluster::conformance::runtime().block_on(twin);
    let (calls, reopened) = (&trial.0.calls, &trial.0.reopened);
    assert_eq!(reopened.load(Ordering::Relaxed), calls.load(Ordering::Relaxed) / EVERY);
}
