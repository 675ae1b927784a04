//! Groups in this process: for one machine, and for tests, which can turn the clock.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::book::{Book, Millis};
use crate::store::{
    Added, Claimed, Detail, Finished, GroupId, Page, Reaped, Renewed, Report, Settings, Standing, Store,
    StoreError, Summary, Token, checked_count, checked_members, checked_name, checked_words,
};

/// The engine of one process. Clones are the same engine. Nothing outlives the process.
///
/// ```
/// use headcount_cluster::{GroupId, Memory, Report, Settings, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), headcount_cluster::StoreError> {
/// let (engine, group) = (Memory::new(), GroupId::new());
/// engine.open(group, &Settings::new("thumbnails")).await?;
/// engine.add(group, &[("cat.png".into(), Vec::new())]).await?;
/// engine.seal(group, 1).await?;
///
/// let claim = engine.claim(group, "worker 1", 1).await?.claims.remove(0);
/// let (_, summary) = engine.finish(group, &claim.token, &Report::Done(b"12 KiB".to_vec())).await?;
/// assert!(summary.state.is_terminal());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Clock,
    groups: Mutex<HashMap<GroupId, Book>>,
    changed: Notify,
}

/// What time it is for an engine in this process.
#[derive(Debug, Clone)]
pub enum Clock {
    /// Time passes, as it does for Tokio: it stands still where Tokio's is paused.
    Running(Instant),
    /// Time stands still, until [`Passing::pass`].
    Driven(Passing),
}

/// A clock that stands still until somebody turns it. Clones are the same clock.
#[derive(Clone, Default)]
pub struct Passing(Arc<Mutex<Millis>>);

impl Passing {
    /// So much time passes, at once. Milliseconds count; parts of one are dropped.
    pub fn pass(&self, time: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += crate::book::millis(time);
    }
}

impl fmt::Debug for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passing").finish_non_exhaustive()
    }
}

impl Clock {
    fn now(&self) -> Millis {
        match self {
            Self::Running(since) => crate::book::millis(since.elapsed()),
            Self::Driven(time) => *time.0.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Memory {
    /// An engine without groups.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(Clock::Running(Instant::now()))
    }

    /// One whose clock somebody turns.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        let shared = Shared { clock, groups: Mutex::default(), changed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    fn books(&self) -> MutexGuard<'_, HashMap<GroupId, Book>> {
        // A book is whole between steps, and no step panics in the middle.
        self.shared.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks whenever something changes, until it has come about or patience is over.
    async fn until(
        &self,
        patience: Duration,
        look: impl Fn() -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let looks = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                // Listened before the look: a change in between is heard.
                changed.as_mut().enable();
                if look()? {
                    return Ok(());
                }
                changed.await;
            }
        };
        tokio::time::timeout(patience, looks).await.unwrap_or(Ok(()))
    }

    /// One step of one group.
    fn step<R>(
        &self,
        group: GroupId,
        step: impl FnOnce(&mut Book, Millis) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let now = self.shared.clock.now();
        let mut groups = self.books();
        let book = groups.get_mut(&group).ok_or(StoreError::Vanished(group))?;
        let before = book.revision();
        let answer = step(book, now);
        if book.revision() != before {
            self.shared.changed.notify_waiters();
        }
        answer
    }
}

impl Store for Memory {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        checked_words(&settings.name)?;
        let now = self.shared.clock.now();
        let mut groups = self.books();
        let book = groups.entry(group).or_insert_with(|| Book::new(settings.clone(), now));
        Ok(book.summary(now))
    }

    async fn add(&self, group: GroupId, members: &[(String, Vec<u8>)]) -> Result<Added, StoreError> {
        checked_members(members)?;
        self.step(group, |book, now| book.add(members, now))
    }

    async fn seal(&self, group: GroupId, total: u64) -> Result<Summary, StoreError> {
        self.step(group, |book, now| book.seal(group, total, now))
    }

    async fn keep(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.step(group, |book, now| Ok(book.keep(now)))
    }

    async fn claim(&self, group: GroupId, worker: &str, most: usize) -> Result<Claimed, StoreError> {
        checked_name(worker)?;
        let nonce = crate::store::nonce();
        let most = most.min(crate::store::CHUNK);
        self.step(group, |book, now| Ok(book.claim(worker, most, &nonce, now)))
    }

    async fn renew(&self, group: GroupId, held: &[Token]) -> Result<Renewed, StoreError> {
        checked_count(held.len())?;
        self.step(group, |book, now| Ok(book.renew(held, now)))
    }

    async fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> Result<(Finished, Summary), StoreError> {
        self.step(group, |book, now| book.finish(token, report, now))
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        self.step(group, |book, now| Ok(book.reap(now)))
    }

    async fn cancel(&self, group: GroupId, reason: &str) -> Result<Summary, StoreError> {
        checked_words(reason)?;
        self.step(group, |book, now| Ok(book.cancel(reason, now)))
    }

    async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.step(group, |book, now| Ok(book.summary(now)))
    }

    async fn standings(&self, group: GroupId, after: Option<&str>) -> Result<Page<Standing>, StoreError> {
        let from = after.and_then(|after| after.parse().ok()).unwrap_or(0);
        self.step(group, |book, now| {
            let (items, next) = book.standings(from, now);
            Ok(Page { items, next: next.map(|next| next.to_string()) })
        })
    }

    async fn results(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        checked_count(members.len())?;
        self.step(group, |book, _| Ok(members.iter().map(|member| book.result(member)).collect()))
    }

    async fn details(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Detail>>, StoreError> {
        checked_count(members.len())?;
        self.step(group, |book, now| Ok(members.iter().map(|member| book.detail(member, now)).collect()))
    }

    async fn groups(&self, after: Option<&str>, most: usize) -> Result<Page<GroupId>, StoreError> {
        let after = after.and_then(GroupId::parse);
        let mut items: Vec<_> = self.books().keys().copied().collect();
        items.retain(|group| after.is_none_or(|after| *group < after));
        items.sort_unstable_by(|a, b| b.cmp(a));
        let rest = items.len() > most.max(1);
        items.truncate(most.max(1));
        let next = items.last().filter(|_| rest).map(GroupId::to_string);
        Ok(Page { items, next })
    }

    async fn ended(&self, group: GroupId, patience: Duration) -> Result<(), StoreError> {
        self.until(patience, || self.step(group, |book, now| Ok(book.summary(now).state.is_terminal()))).await
    }

    async fn ready(&self, groups: &[GroupId], patience: Duration) -> Result<(), StoreError> {
        let is_ready =
            |group: &GroupId| self.step(*group, |book, now| Ok(book.is_ready(now))).unwrap_or(false);
        self.until(patience, || Ok(groups.iter().any(is_ready))).await
    }

    async fn changed(&self, group: GroupId, revision: u64, patience: Duration) -> Result<(), StoreError> {
        self.until(patience, || self.step(group, |book, _| Ok(book.revision() != revision))).await
    }
}
