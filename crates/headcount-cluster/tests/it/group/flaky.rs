//! An engine that can be made to fail: to be away, to lose its answers, to say nothing.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount_cluster::store::{Page, Standing};
use headcount_cluster::{
    Added, Claimed, Detail, Finished, GroupId, Memory, Reaped, Renewed, Report, Settings, Store, StoreError,
    Summary, Token,
};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// It has happened, and nobody heard of it.
    Unheard,
    /// It has not happened.
    Refused,
    /// Neither happens, nor is it said.
    Hangs,
}

type Judge = Arc<Mutex<Box<dyn FnMut(&'static str) -> Fate + Send>>>;

/// As the engine behind it, but for what `judge` says to each call, by its name.
#[derive(Clone)]
pub(crate) struct Flaky {
    /// One after the other.
    engines: Vec<Memory>,
    current: Arc<AtomicUsize>,
    judge: Judge,
}

impl Flaky {
    pub(crate) fn new(engine: &Memory, judge: impl FnMut(&'static str) -> Fate + Send + 'static) -> Self {
        Self {
            engines: vec![engine.clone()],
            current: Arc::default(),
            judge: Arc::new(Mutex::new(Box::new(judge))),
        }
    }

    /// An engine and its replica.
    pub(crate) fn pair(primary: &Memory, replica: &Memory) -> Self {
        let mut both = Self::new(primary, |_| Fate::Answered);
        both.engines.push(replica.clone());
        both
    }

    /// From now on it is the replica that answers.
    pub(crate) fn fail_over(&self) {
        self.current.store(1, Ordering::SeqCst);
    }

    fn engine(&self) -> &Memory {
        &self.engines[self.current.load(Ordering::SeqCst)]
    }

    async fn call<T>(
        &self,
        asked: &'static str,
        step: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let fate = (self.judge.lock().unwrap())(asked);
        let away = || Err(StoreError::Engine { asked, source: "it is away".into() });
        match fate {
            Fate::Answered => step.await,
            Fate::Unheard => {
                step.await?;
                away()
            }
            Fate::Refused => away(),
            Fate::Hangs => std::future::pending().await,
        }
    }
}

impl Store for Flaky {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        self.call("open", self.engine().open(group, settings)).await
    }

    async fn add(&self, group: GroupId, members: &[(String, Vec<u8>)]) -> Result<Added, StoreError> {
        self.call("add", self.engine().add(group, members)).await
    }

    async fn seal(&self, group: GroupId, total: u64) -> Result<Summary, StoreError> {
        self.call("seal", self.engine().seal(group, total)).await
    }

    async fn keep(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.call("keep", self.engine().keep(group)).await
    }

    async fn claim(&self, group: GroupId, worker: &str, most: usize) -> Result<Claimed, StoreError> {
        self.call("claim", self.engine().claim(group, worker, most)).await
    }

    async fn renew(&self, group: GroupId, held: &[Token]) -> Result<Renewed, StoreError> {
        self.call("renew", self.engine().renew(group, held)).await
    }

    async fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> Result<(Finished, Summary), StoreError> {
        self.call("finish", self.engine().finish(group, token, report)).await
    }

    async fn finish_all(
        &self,
        group: GroupId,
        reports: &[(Token, Report)],
    ) -> Result<(Vec<Finished>, Summary), StoreError> {
        self.call("finish_all", self.engine().finish_all(group, reports)).await
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        self.call("reap", self.engine().reap(group)).await
    }

    async fn cancel(&self, group: GroupId, reason: &str) -> Result<Summary, StoreError> {
        self.call("cancel", self.engine().cancel(group, reason)).await
    }

    async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.call("summary", self.engine().summary(group)).await
    }

    async fn standings(&self, group: GroupId, after: Option<&str>) -> Result<Page<Standing>, StoreError> {
        self.call("standings", self.engine().standings(group, after)).await
    }

    async fn results(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.call("results", self.engine().results(group, members)).await
    }

    async fn details(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Detail>>, StoreError> {
        self.call("details", self.engine().details(group, members)).await
    }

    async fn groups(&self, after: Option<&str>, most: usize) -> Result<Page<GroupId>, StoreError> {
        self.call("groups", self.engine().groups(after, most)).await
    }

    async fn opened(&self, newest: Option<GroupId>, patience: Duration) -> Result<(), StoreError> {
        self.call("opened", self.engine().opened(newest, patience)).await
    }

    async fn ended(&self, group: GroupId, patience: Duration) -> Result<(), StoreError> {
        self.call("ended", self.engine().ended(group, patience)).await
    }

    async fn ready(&self, groups: &[GroupId], patience: Duration) -> Result<(), StoreError> {
        self.call("ready", self.engine().ready(groups, patience)).await
    }

    async fn changed(&self, group: GroupId, revision: u64, patience: Duration) -> Result<(), StoreError> {
        self.call("changed", self.engine().changed(group, revision, patience)).await
    }
}
