//! The tests can fail: engines with a planted fault are objected to.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount_cluster::conformance::{self, Bench};
use headcount_cluster::store::{Page, Standing};
use headcount_cluster::{
    Added, Claimed, Clock, Detail, Finished, GroupId, Memory, Passing, Reaped, Renewed, Report, Settings,
    Store, StoreError, Summary, Token,
};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Whoever reports, it is taken for the attempt that runs.
    Unfenced,
    /// A report that is made twice is said to count twice.
    Recounts,
    /// A seal takes whatever number is registered.
    SealsAnything,
    /// Heartbeats are answered and not noted.
    ForgetsHeartbeats,
}

#[derive(Clone)]
struct Faulty {
    memory: Memory,
    fault: Fault,
    latest: Arc<Mutex<HashMap<String, Token>>>,
}

impl Store for Faulty {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        self.memory.open(group, settings).await
    }

    async fn add(&self, group: GroupId, members: &[(String, Vec<u8>)]) -> Result<Added, StoreError> {
        self.memory.add(group, members).await
    }

    async fn seal(&self, group: GroupId, total: u64) -> Result<Summary, StoreError> {
        let registered = self.memory.summary(group).await?.tally.registered;
        let total = if self.fault == Fault::SealsAnything { registered } else { total };
        self.memory.seal(group, total).await
    }

    async fn keep(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.memory.keep(group).await
    }

    async fn claim(&self, group: GroupId, worker: &str, most: usize) -> Result<Claimed, StoreError> {
        let claimed = self.memory.claim(group, worker, most).await?;
        let tokens = claimed.claims.iter().map(|claim| (claim.token.member.clone(), claim.token.clone()));
        self.latest.lock().unwrap().extend(tokens);
        Ok(claimed)
    }

    async fn renew(&self, group: GroupId, held: &[Token]) -> Result<Renewed, StoreError> {
        let held = if self.fault == Fault::ForgetsHeartbeats { &[] } else { held };
        self.memory.renew(group, held).await
    }

    async fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> Result<(Finished, Summary), StoreError> {
        let latest = self.latest.lock().unwrap().get(&token.member).cloned();
        let token = if self.fault == Fault::Unfenced { latest.as_ref().unwrap_or(token) } else { token };
        let (said, now) = self.memory.finish(group, token, report).await?;
        let again = said == Finished::AlreadySame && self.fault == Fault::Recounts;
        Ok((if again { Finished::Counted } else { said }, now))
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        self.memory.reap(group).await
    }

    async fn cancel(&self, group: GroupId, reason: &str) -> Result<Summary, StoreError> {
        self.memory.cancel(group, reason).await
    }

    async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.memory.summary(group).await
    }

    async fn standings(&self, group: GroupId, after: Option<&str>) -> Result<Page<Standing>, StoreError> {
        self.memory.standings(group, after).await
    }

    async fn results(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.memory.results(group, members).await
    }

    async fn details(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Detail>>, StoreError> {
        self.memory.details(group, members).await
    }

    async fn groups(&self, after: Option<&str>, most: usize) -> Result<Page<GroupId>, StoreError> {
        Store::groups(&self.memory, after, most).await
    }

    async fn ended(&self, group: GroupId, patience: Duration) -> Result<(), StoreError> {
        self.memory.ended(group, patience).await
    }

    async fn ready(&self, groups: &[GroupId], patience: Duration) -> Result<(), StoreError> {
        self.memory.ready(groups, patience).await
    }

    async fn changed(&self, group: GroupId, revision: u64, patience: Duration) -> Result<(), StoreError> {
        self.memory.changed(group, revision, patience).await
    }
}

struct Trial(Faulty, Passing);

impl Bench for Trial {
    type Store = Faulty;

    fn store(&self) -> &Faulty {
        &self.0
    }

    async fn pass(&self, _: GroupId, time: Duration) {
        self.1.pass(time);
    }
}

/// Whether the test objects to an engine with this fault.
fn objects(fault: Fault, test: impl AsyncFn(&Trial)) -> bool {
    let time = Passing::default();
    let memory = Memory::with_clock(Clock::Driven(time.clone()));
    let trial = Trial(Faulty { memory, fault, latest: Arc::default() }, time);
    let tried = AssertUnwindSafe(|| conformance::runtime().block_on(conformance::limited(test(&trial))));
    catch_unwind(tried).is_err()
}

#[test]
fn a_planted_fault_is_objected_to() {
    let fenced = async |trial: &Trial| {
        conformance::whoever_lost_its_lease_is_stale_and_the_next_attempt_counts(trial).await;
    };
    let twice = async |trial: &Trial| conformance::a_report_made_twice_counts_once(trial).await;
    let seals = async |trial: &Trial| conformance::a_seal_of_another_number_is_refused(trial).await;
    let beats = async |trial: &Trial| conformance::a_renewed_lease_is_not_reaped(trial).await;
    assert!(objects(Fault::Unfenced, fenced) && !objects(Fault::None, fenced));
    assert!(objects(Fault::Recounts, twice) && !objects(Fault::None, twice));
    assert!(objects(Fault::SealsAnything, seals) && !objects(Fault::None, seals));
    assert!(objects(Fault::ForgetsHeartbeats, beats) && !objects(Fault::None, beats));
}
