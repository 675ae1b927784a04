//! Groups as their makers and those who wait for them see them.

mod account;
mod clerk;
mod error;
mod registrar;
mod results;
mod roll;
mod wait;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use account::Account;
pub use error::{GroupError, Root, SpawnError, WaitError};
pub use registrar::Registrar;
pub use results::MemberError;
pub use roll::{Missing, Out};
pub use wait::{Progress, Progressing};

use crate::again::within;
use crate::store::{GroupId, Settings, Store, StoreError, Summary};

/// A group on an engine, for whoever waits for it, from anywhere. Clones are the same group.
///
/// [`Group::open`] makes one, and gives a [`Registrar`] that spawns its members; [`Group::attach`] finds one that others made.
/// Nothing here keeps a group alive or ends it: dropping a `Group` does nothing.
///
/// Its nearest relative is `headcount::task::Group`, with the same policies and the same questions. That one runs closures, borrows
/// its context from its maker, and is gone with the process; this one runs handlers by name, and is where its engine is. Within one
/// process take that one.
///
/// ```
/// use headcount_cluster::{Group, Memory, Settings};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let engine = Memory::new();
/// let group = Group::open(engine.clone(), Settings::new("thumbnails")).await?;
/// group.spawn_named("cat.png", "resize", &("cat.png", 320)).await?;
/// let id = group.seal().await?.id();
///
/// // Elsewhere.
/// let group = Group::attach(engine, id).await?;
/// assert_eq!(group.summary().await?.tally.registered, 1);
/// println!("{}", group.missing().await?);
/// # Ok(())
/// # }
/// ```
pub struct Group<S> {
    store: S,
    id: GroupId,
    /// How long an engine that is away is waited for.
    patience: Duration,
    /// How often is looked when no hint comes.
    look: Duration,
    seen: Arc<Mutex<Seen>>,
}

/// What is known of the group's history.
#[derive(Debug, Default)]
struct Seen {
    revision: u64,
    rollbacks: u64,
}

/// How long an engine that is away is waited for, unless something else is said.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked without a hint, unless something else is said.
const LOOK: Duration = Duration::from_secs(5);

impl<S> fmt::Debug for Group<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<S: Clone> Clone for Group<S> {
    fn clone(&self) -> Self {
        let Self { store, id, patience, look, seen } = self;
        Self { store: store.clone(), id: *id, patience: *patience, look: *look, seen: Arc::clone(seen) }
    }
}

impl<S: Store> Group<S> {
    /// Makes a group. What comes back spawns its members, and says when that is all.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]; an engine that is away is waited for, for a minute.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime: members are taken to the engine by a task.
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle, there may be a group that nobody spawns into: it is abandoned when the owner's lease is over.
    pub async fn open(store: S, settings: Settings) -> Result<Registrar<S>, StoreError> {
        Self::open_as(store, GroupId::new(), settings).await
    }

    /// Makes the group with this id, or goes on with it: for who registers members and has to begin anew after a crash. Spawned
    /// in the same order again, members are who they were, and none is twice. The settings of a group that is there stay.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    ///
    /// # Panics
    ///
    /// As [`open`](Self::open).
    ///
    /// # Cancel safety
    ///
    /// As [`open`](Self::open); asked for again it is the same group.
    pub async fn open_as(store: S, id: GroupId, settings: Settings) -> Result<Registrar<S>, StoreError> {
        within(PATIENCE, || store.open(id, &settings)).await?;
        Ok(Registrar::new(Self::new(store, id), &settings))
    }

    /// Finds a group that somebody made.
    ///
    /// # Errors
    ///
    /// [`StoreError::Vanished`] when the engine knows none with this id.
    ///
    /// # Cancel safety
    ///
    /// It only asks.
    pub async fn attach(store: S, id: GroupId) -> Result<Self, StoreError> {
        let group = Self::new(store, id);
        group.summary().await?;
        Ok(group)
    }

    fn new(store: S, id: GroupId) -> Self {
        Self { store, id, patience: PATIENCE, look: LOOK, seen: Arc::default() }
    }

    /// How long an engine that does not answer is waited for before that is an error; a minute, unless something is said.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How often waits look when no hint comes; every 5 seconds, unless something is said. At least once in an hour they do.
    #[must_use]
    pub fn look_every(mut self, look: Duration) -> Self {
        self.look = look.clamp(Duration::from_millis(1), Duration::from_secs(60 * 60));
        self
    }

    /// What it is known by to machines.
    #[must_use]
    pub fn id(&self) -> GroupId {
        self.id
    }

    /// Its engine.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// How it stands. One step of the engine, however many members there are.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    ///
    /// # Cancel safety
    ///
    /// It only asks.
    pub async fn summary(&self) -> Result<Summary, StoreError> {
        self.asks(within(self.patience, || self.store.summary(self.id))).await
    }

    /// Ends it: nobody begins any more, and those that run are told so with their next heartbeat at the latest. One that is over
    /// stays as it ended.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]. Whether it was heard is not known then; asked for again it is done once.
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle it may be cancelled or not.
    pub async fn cancel(&self, reason: &str) -> Result<Summary, StoreError> {
        self.asks(within(self.patience, || self.store.cancel(self.id, reason))).await
    }

    /// How often the engine was seen to have gone back in time, by this group and its clones: after a failover to a replica that
    /// lagged behind, or a restart from a file that did not have everything. Members that ended in the time that is gone run
    /// again, and are counted once.
    #[must_use]
    pub fn rollbacks(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).rollbacks
    }

    /// Notes how it stands. Answers may overtake each other; one is from the past only if it is older than what was known
    /// before it was asked for.
    async fn asks(
        &self,
        asked: impl Future<Output = Result<Summary, StoreError>>,
    ) -> Result<Summary, StoreError> {
        let seen = || self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen().revision;
        let now = asked.await?;
        let mut seen = seen();
        if now.revision < known && seen.revision >= known {
            // The first to notice.
            seen.rollbacks += 1;
            seen.revision = now.revision;
        }
        seen.revision = seen.revision.max(now.revision);
        Ok(now)
    }
}
