//! Spawning the members of a group.

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::clerk::{Clerk, Desk, Note};
use super::{Group, SpawnError};
use crate::member::Member;
use crate::payload::Payload;
use crate::store::{CHUNK, Settings, Store, StoreError};

/// Spawns the members of a group, and says when that is all. Everything that can be asked of a [`Group`] can be asked of it.
///
/// Members begin while others are still being spawned. They are taken to the engine in chunks: a member that was spawned is there
/// a few milliseconds later, or after [`flush`](Self::flush). Meanwhile the engine hears regularly that somebody is at it.
///
/// # Dropped before the seal
///
/// The group cannot end well then, and it is cancelled at once (not if [somebody else](Group::open_as) has sealed it); if the process died, or the engine cannot be reached, it is
/// abandoned when the owner's lease is over ([`Settings::owner_lease`]). Either way whoever waits is told.
pub struct Registrar<S> {
    group: Group<S>,
    notes: mpsc::Sender<Note>,
    desk: Arc<Desk>,
    /// So many were spawned.
    spawned: AtomicU64,
    largest: usize,
}

/// The engine hears of whoever spawns three times as often as this, however long the owner's lease is.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

impl<S: Store> Registrar<S> {
    pub(super) fn new(group: Group<S>, settings: &Settings) -> Self {
        let desk = Arc::new(Desk::default());
        let (notes, told) = mpsc::channel(4 * CHUNK);
        let clerk = Clerk {
            group: group.clone(),
            notes: told,
            desk: Arc::clone(&desk),
            owner_lease: settings.owner_lease.min(KEPT),
        };
        // It ends when it has sealed, or when this is dropped: the channel is closed then.
        tokio::spawn(clerk.work());
        Self { group, notes, desk, spawned: AtomicU64::new(0), largest: settings.largest }
    }

    /// Spawns a member: `handler` is what workers know it by, and gets `args`.
    ///
    /// Waits only when the engine does not keep up. In a group that is over already the member is taken for cancelled, as on one
    /// machine; [`is_over`](Self::is_over) says so.
    ///
    /// # Errors
    ///
    /// [`SpawnError`]: what is wrong with this member, or with the engine for a minute. After the latter nobody can be spawned
    /// any more.
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle, nobody was spawned.
    ///
    /// # Cost
    ///
    /// A place in a channel. Members are taken to the engine 500 at a time, or after 10 milliseconds.
    #[track_caller]
    pub fn spawn<A>(
        &self,
        handler: &str,
        args: &A,
    ) -> impl Future<Output = Result<Member, SpawnError>> + Send + use<'_, A, S>
    where
        A: Serialize + ?Sized,
    {
        self.spawn_json(None, handler, args, Location::caller())
    }

    /// The same with a name for people, who find it in roll calls and errors.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cancel safety
    ///
    /// As [`spawn`](Self::spawn).
    #[track_caller]
    pub fn spawn_named<A>(
        &self,
        name: &str,
        handler: &str,
        args: &A,
    ) -> impl Future<Output = Result<Member, SpawnError>> + Send + use<'_, A, S>
    where
        A: Serialize + ?Sized,
    {
        self.spawn_json(Some(name), handler, args, Location::caller())
    }

    fn spawn_json<A>(
        &self,
        name: Option<&str>,
        handler: &str,
        args: &A,
        place: &Location<'_>,
    ) -> impl Future<Output = Result<Member, SpawnError>> + Send + use<'_, A, S>
    where
        A: Serialize + ?Sized,
    {
        let place = format!("{}:{}", place.file(), place.line());
        let payload = serde_json::to_vec(args).map(|args| {
            let payload = Payload { handler: handler.into(), place: Some(place), args };
            payload.encode()
        });
        let name = name.map(str::to_owned);
        async move { self.register(name.as_deref(), payload.map_err(SpawnError::args)?).await }
    }

    /// Spawns a member that carries this. For handlers that read bytes.
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cancel safety
    ///
    /// As [`spawn`](Self::spawn).
    pub async fn spawn_payload(&self, name: Option<&str>, payload: &Payload) -> Result<Member, SpawnError> {
        self.register(name, payload.encode()).await
    }

    async fn register(&self, name: Option<&str>, payload: Vec<u8>) -> Result<Member, SpawnError> {
        if payload.len() > self.largest {
            let member = name.map_or_else(|| "without a name".into(), str::to_owned);
            let (bytes, largest) = (payload.len(), self.largest);
            return Err(SpawnError::engine(StoreError::TooLarge { member, bytes, largest }));
        }
        // A place first: from here to the end nothing waits, so a number that was given out was used.
        let place = self.notes.reserve().await.map_err(|_| self.gone())?;
        let stands = self.desk.stands();
        if let Some(failed) = stands.failed {
            return Err(SpawnError::Engine(failed));
        }
        let member = Member::new(self.spawned.fetch_add(1, Ordering::Relaxed) + 1, name);
        place.send(Note::Member(member.id().into(), payload));
        Ok(member)
    }

    /// The clerk is there until we are not, unless its runtime is no more.
    fn gone(&self) -> SpawnError {
        self.desk.stands().failed.map_or(SpawnError::Runtime, SpawnError::Engine)
    }

    /// How many were spawned.
    #[must_use]
    pub fn spawned(&self) -> u64 {
        self.spawned.load(Ordering::Relaxed)
    }

    /// Whether it is known that the group is over, or about to be, so that spawning is of no use any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.desk.stands().over
    }

    /// Waits until all that were spawned are with the engine.
    ///
    /// # Errors
    ///
    /// [`SpawnError`], when they could not be taken there.
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle they are taken there all the same.
    pub async fn flush(&self) -> Result<(), SpawnError> {
        let (done, flushed) = oneshot::channel();
        self.notes.send(Note::Flush(done)).await.map_err(|_| self.gone())?;
        flushed.await.map_err(|_| self.gone())?;
        self.desk.stands().failed.map_or(Ok(()), |failed| Err(SpawnError::Engine(failed)))
    }

    /// Says that all are spawned. From now on the group ends by itself, whatever becomes of us.
    ///
    /// # Errors
    ///
    /// [`SpawnError`]: members could not be taken to the engine, or it has another number of them. The group is cancelled then, unless
    /// somebody has sealed it before.
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle the group is either sealed or cancelled, as if it had not been.
    pub async fn seal(self) -> Result<Group<S>, SpawnError> {
        let (done, sealed) = oneshot::channel();
        let total = self.spawned();
        self.notes.send(Note::Seal(total, done)).await.map_err(|_| self.gone())?;
        sealed.await.map_err(|_| self.gone())?.map_err(SpawnError::Engine)?;
        Ok(self.group)
    }
}

impl<S> Deref for Registrar<S> {
    type Target = Group<S>;
    fn deref(&self) -> &Group<S> {
        &self.group
    }
}

impl<S> fmt::Debug for Registrar<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar")
            .field("group", &self.group.id)
            .field("spawned", &self.spawned)
            .finish_non_exhaustive()
    }
}
