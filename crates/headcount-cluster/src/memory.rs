//! Groups in this process: for one machine, and for tests, which can turn the clock.

use std::collections::{HashMap, HashSet};
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
    /// What the clock is behind.
    base: Millis,
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
        Self::going_on(clock, 0, HashMap::new())
    }

    /// One that has groups, on whose clock it is at least so late.
    pub(crate) fn going_on(clock: Clock, at: Millis, groups: HashMap<GroupId, Book>) -> Self {
        let base = at.saturating_sub(clock.now());
        let shared = Shared { clock, base, groups: Mutex::new(groups), changed: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// What time it is here.
    pub(crate) fn now(&self) -> Millis {
        self.shared.base + self.shared.clock.now()
    }

    /// All groups that can be found.
    pub(crate) fn known(&self) -> HashSet<GroupId> {
        let now = self.now();
        let mut books = self.books();
        books.retain(|_, book| !book.is_forgotten(now));
        books.keys().copied().collect()
    }

    /// Makes a group, or finds it.
    pub(crate) fn make(&self, group: GroupId, settings: &Settings, now: Millis) -> Summary {
        let mut books = self.books();
        if books.get_mut(&group).is_some_and(|book| book.is_forgotten(now)) {
            books.remove(&group);
        }
        let book = books.entry(group).or_insert_with(|| {
            self.shared.changed.notify_waiters();
            Book::new(settings.clone(), now)
        });
        book.summary(now)
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
        self.at(group, self.now(), step)
    }

    /// One step of one group, at this time.
    pub(crate) fn at<R>(
        &self,
        group: GroupId,
        now: Millis,
        step: impl FnOnce(&mut Book, Millis) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut books = self.books();
        let revision = |books: &HashMap<GroupId, Book>| books.get(&group).map(Book::revision);
        let before = revision(&books);
        let answer = step_of(&mut books, group, now, step);
        if revision(&books) != before {
            self.shared.changed.notify_waiters();
        }
        answer
    }
}

/// One step of one of these groups. One that is over is there for as long as it is to be remembered.
pub(crate) fn step_of<R>(
    books: &mut HashMap<GroupId, Book>,
    group: GroupId,
    now: Millis,
    step: impl FnOnce(&mut Book, Millis) -> Result<R, StoreError>,
) -> Result<R, StoreError> {
    let book = books.get_mut(&group).ok_or(StoreError::Vanished(group))?;
    if book.is_forgotten(now) {
        books.remove(&group);
        return Err(StoreError::Vanished(group));
    }
    let answer = step(book, now);
    book.is_forgotten(now);
    answer
}

impl Store for Memory {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        checked_words(&settings.name)?;
        Ok(self.make(group, settings, self.now()))
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
        let mut items: Vec<_> = self.known().into_iter().collect();
        items.retain(|group| after.is_none_or(|after| *group < after));
        items.sort_unstable_by(|a, b| b.cmp(a));
        let rest = items.len() > most.max(1);
        items.truncate(most.max(1));
        let next = items.last().filter(|_| rest).map(GroupId::to_string);
        Ok(Page { items, next })
    }

    async fn opened(&self, newest: Option<GroupId>, patience: Duration) -> Result<(), StoreError> {
        let is_newer = |group: &GroupId| newest.is_none_or(|newest| *group > newest);
        self.until(patience, || Ok(self.known().iter().any(is_newer))).await
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
