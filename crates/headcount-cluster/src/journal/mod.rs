//! Groups in this process and in a file: for one machine, where they have to outlive the process.
//!
//! The engine is the book of [`Memory`], and the file has the steps that were taken: what was asked, when, and by which nonce. The book
//! is pure, so the same steps come to the same book. Its promises:
//!
//! 1. *Ahead.* A step is in the file before it is taken and answered. After `kill -9` the kernel has all of them.
//! 2. *Synced* at most [`Journal::INTERVAL`] after it was written, for the case that the machine dies too. What is lost then is the end: the
//!    group is as it was after one of its steps, as with every engine.
//! 3. One engine at a time: the file is locked. Who comes second is turned away.
//! 4. What is not understood is not touched. A torn tail is cut, damage is told and left.
//! 5. Time goes on while nobody has the file open, by the machine's clock, and never goes back.
//!
//! Claims and looks at the time that would change nothing are not written: they are asked for all the time. The file grows with what
//! is done; when it is opened, groups whose time of being remembered is over are left out of it.

mod file;
mod step;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::book::{Book, Millis, millis};
use crate::memory::{Clock, Memory, step_of};
use crate::store::{
    Added, CHUNK, Claimed, Detail, Finished, GroupId, Page, Reaped, Renewed, Report, Settings, Standing,
    Store, StoreError, Summary, Token, checked_count, checked_members, checked_name, checked_words, nonce,
};
use file::{Pen, Record};
use step::Step;

/// The engine of one process, in a file. Clones are the same engine.
///
/// # Blocking
///
/// Each step that changes something writes to the file: into the kernel's memory, so for microseconds, unless the machine is short of it.
///
/// ```
/// use headcount_cluster::{GroupId, Journal, Report, Settings, Store};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("thumbnails.engine");
/// let group = GroupId::new();
/// {
///     let engine = Journal::open_file(&path)?;
///     engine.open(group, &Settings::new("thumbnails")).await?;
///     engine.add(group, &[("cat.png".into(), Vec::new())]).await?;
///     // The process is killed here.
/// }
/// let engine = Journal::open_file(&path)?;
/// engine.seal(group, 1).await?;
/// let claim = engine.claim(group, "worker 1", 1).await?.claims.remove(0);
/// let (_, summary) = engine.finish(group, &claim.token, &Report::Done(Vec::new())).await?;
/// assert!(summary.state.is_terminal());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Journal(Arc<Open>);

#[derive(Debug)]
struct Open {
    memory: Memory,
    desk: Arc<Desk>,
    syncer: Option<JoinHandle<()>>,
}

/// Where the pen lies. Whoever has it takes the step before giving it back, so that steps are taken in the order they are written.
#[derive(Debug)]
struct Desk {
    held: Mutex<Held>,
    turned: Condvar,
}

#[derive(Debug)]
struct Held {
    pen: Pen,
    /// Since when something waits to be synced.
    dirty: Option<Instant>,
    closing: bool,
}

impl Journal {
    /// How long what is written may wait to be synced.
    pub const INTERVAL: Duration = Duration::from_millis(100);

    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] when it cannot be opened, is no journal of an engine, is damaged, or somebody else has it. Then it is as it was.
    pub fn open_file(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with_clock(path, Clock::Running(tokio::time::Instant::now()))
    }

    /// The same with a clock that somebody turns.
    ///
    /// # Errors
    ///
    /// See [`open_file`](Self::open_file).
    pub fn open_with_clock(path: impl AsRef<Path>, clock: Clock) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let (mut books, mut seen, mut last) = (HashMap::<GroupId, Book>::new(), HashSet::new(), 0);
        let mut pen = Pen::open(path, |Record { at, group, step }| {
            seen.insert(group);
            last = at.max(last);
            if let Step::Open(settings) = &step {
                books.entry(group).or_insert_with(|| Book::new(settings.clone().into_owned(), at));
            }
            let _ = step_of(&mut books, group, at, |book, now| {
                step.take_again(book, group, now);
                Ok(())
            });
            Ok(())
        })?;
        let wall = match clock {
            Clock::Running(_) => millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
            Clock::Driven(_) => 0,
        };
        let memory = Memory::going_on(clock, last.max(wall), books);
        let groups = memory.known();
        if seen.iter().any(|group| !groups.contains(group)) {
            pen = pen.without(path, |group| groups.contains(group))?;
        }
        let file = pen.file.try_clone().map_err(|why| file::error("open its journal", why))?;
        let held = Held { pen, dirty: None, closing: false };
        let desk = Arc::new(Desk { held: Mutex::new(held), turned: Condvar::new() });
        let its = Arc::clone(&desk);
        let syncer = std::thread::Builder::new().name("journal".into()).stack_size(64 * 1024);
        let syncer = syncer
            .spawn(move || its.keep_synced(&file))
            .map_err(|why| file::error("open its journal", why))?;
        Ok(Self(Arc::new(Open { memory, desk, syncer: Some(syncer) })))
    }

    /// Writes a step down and takes it.
    fn take<R>(
        &self,
        group: GroupId,
        step: &Step<'_>,
        take: impl FnOnce(&mut Book, Millis) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        self.take_if(group, step, |_, _| true, take)
    }

    /// The same, but what would change nothing is not written down. It is asked, written and taken at one time: whoever is due a
    /// moment later is not due.
    fn take_if<R>(
        &self,
        group: GroupId,
        step: &Step<'_>,
        changes: impl FnOnce(&Book, Millis) -> bool,
        take: impl FnOnce(&mut Book, Millis) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut held = self.0.desk.held();
        let now = self.0.memory.now();
        // Of a group that is not there nothing is written.
        if self.0.memory.at(group, now, |book, now| Ok(changes(book, now)))? {
            self.0.desk.write(&mut held, now, group, step)?;
        }
        self.0.memory.at(group, now, take)
    }
}

impl Desk {
    fn held(&self) -> MutexGuard<'_, Held> {
        // What it guards is whole between two statements.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, held: &mut Held, now: Millis, group: GroupId, step: &Step<'_>) -> Result<(), StoreError> {
        held.pen.write(now, group, step)?;
        if held.dirty.is_none() {
            held.dirty = Some(Instant::now());
            self.turned.notify_all();
        }
        Ok(())
    }

    /// Syncs what has waited long enough, and the rest when nothing more comes.
    fn keep_synced(&self, file: &std::fs::File) {
        let mut held = self.held();
        loop {
            let left = held.dirty.map(|since| Journal::INTERVAL.saturating_sub(since.elapsed()));
            held = match left {
                None if held.closing => return,
                None => self.turned.wait(held).unwrap_or_else(PoisonError::into_inner),
                Some(left) if !left.is_zero() && !held.closing => {
                    self.turned.wait_timeout(held, left).unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    held.dirty = None;
                    drop(held);
                    // What is written meanwhile is not held up, and counts as not synced.
                    let synced = file.sync_data();
                    let mut held = self.held();
                    if let Err(why) = synced {
                        // What the disk has is not known any more: nobody is told that a step was taken.
                        held.pen.broken = Some(format!("it could not be synced: {why}"));
                    }
                    held
                }
            };
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.desk.held().closing = true;
        self.desk.turned.notify_all();
        if let Some(syncer) = self.syncer.take() {
            // It does not panic.
            let _ = syncer.join();
        }
        // Told, and not left to the closing of the file: a child that is being started may have it for a moment longer.
        self.desk.held().pen.unlock();
    }
}

impl Store for Journal {
    async fn open(&self, group: GroupId, settings: &Settings) -> Result<Summary, StoreError> {
        checked_words(&settings.name)?;
        let mut held = self.0.desk.held();
        let memory = &self.0.memory;
        let now = memory.now();
        match memory.at(group, now, |book, now| Ok(book.summary(now))) {
            Err(StoreError::Vanished(_)) => {
                self.0.desk.write(&mut held, now, group, &Step::Open(Cow::Borrowed(settings)))?;
                Ok(memory.make(group, settings, now))
            }
            found => found,
        }
    }

    async fn add(&self, group: GroupId, members: &[(String, Vec<u8>)]) -> Result<Added, StoreError> {
        checked_members(members)?;
        self.take(group, &Step::Add(Cow::Borrowed(members)), |book, now| book.add(members, now))
    }

    async fn seal(&self, group: GroupId, total: u64) -> Result<Summary, StoreError> {
        self.take(group, &Step::Seal(total), |book, now| book.seal(group, total, now))
    }

    async fn keep(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.take(group, &Step::Keep, |book, now| Ok(book.keep(now)))
    }

    async fn claim(&self, group: GroupId, worker: &str, most: usize) -> Result<Claimed, StoreError> {
        checked_name(worker)?;
        let (nonce, most) = (nonce(), most.min(CHUNK));
        let step =
            Step::Claim { worker: Cow::Borrowed(worker), most: most as u64, nonce: Cow::Borrowed(&nonce) };
        self.take_if(group, &step, Book::has_for_claim, |book, now| Ok(book.claim(worker, most, &nonce, now)))
    }

    async fn renew(&self, group: GroupId, held: &[Token]) -> Result<Renewed, StoreError> {
        checked_count(held.len())?;
        let step = Step::Renew(Cow::Borrowed(held));
        self.take_if(group, &step, |_, _| !held.is_empty(), |book, now| Ok(book.renew(held, now)))
    }

    async fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> Result<(Finished, Summary), StoreError> {
        let step = Step::Finish(Cow::Borrowed(token), Cow::Borrowed(report));
        self.take(group, &step, |book, now| book.finish(token, report, now))
    }

    async fn reap(&self, group: GroupId) -> Result<Reaped, StoreError> {
        self.take_if(group, &Step::Reap, Book::has_for_reap, |book, now| Ok(book.reap(now)))
    }

    async fn cancel(&self, group: GroupId, reason: &str) -> Result<Summary, StoreError> {
        checked_words(reason)?;
        self.take(group, &Step::Cancel(reason.into()), |book, now| Ok(book.cancel(reason, now)))
    }

    async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.0.memory.summary(group).await
    }

    async fn standings(&self, group: GroupId, after: Option<&str>) -> Result<Page<Standing>, StoreError> {
        self.0.memory.standings(group, after).await
    }

    async fn results(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.0.memory.results(group, members).await
    }

    async fn details(&self, group: GroupId, members: &[String]) -> Result<Vec<Option<Detail>>, StoreError> {
        self.0.memory.details(group, members).await
    }

    async fn groups(&self, after: Option<&str>, most: usize) -> Result<Page<GroupId>, StoreError> {
        self.0.memory.groups(after, most).await
    }

    async fn opened(&self, newest: Option<GroupId>, patience: Duration) -> Result<(), StoreError> {
        self.0.memory.opened(newest, patience).await
    }

    async fn ended(&self, group: GroupId, patience: Duration) -> Result<(), StoreError> {
        self.0.memory.ended(group, patience).await
    }

    async fn ready(&self, groups: &[GroupId], patience: Duration) -> Result<(), StoreError> {
        self.0.memory.ready(groups, patience).await
    }

    async fn changed(&self, group: GroupId, revision: u64, patience: Duration) -> Result<(), StoreError> {
        self.0.memory.changed(group, revision, patience).await
    }
}
