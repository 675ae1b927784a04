//! What every engine can do: the steps a group is made of.
//!
//! Rules, which [`conformance`](crate::conformance) holds every engine to:
//!
//! 1. A step happens whole or not at all, and steps of one group happen one after the other.
//! 2. Every step may be asked for again when its answer was lost, and then changes nothing more.
//! 3. A member ends once, by the attempt that runs: known by its number and its nonce, see [`Token`].
//! 4. Counts change only together with where a member stands.
//! 5. Nobody is registered once the total is sealed, and a group ends by itself only when it is.
//! 6. The group ends once, in the step that ends its last member.
//! 7. Time is the engine's, never that of who asks.

mod error;
mod place;
mod settings;

use std::fmt;
use std::future::Future;
use std::time::Duration;

pub use error::StoreError;
pub use place::{Detail, Ended, GroupState, Page, Place, Standing, Summary};
pub use settings::{Backoff, Settings};
use uuid::Uuid;

/// The most members that one step takes.
pub const CHUNK: usize = 500;

/// The most bytes that a group's name, or the reason of a cancellation, may have: every summary carries them.
pub const WORDS: usize = 4096;

/// A group's name for machines: a UUID of version 7, so that ids sort by the time they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(Uuid);

impl GroupId {
    /// A new one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each is another: there is no default id")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// As it is written down.
    #[cfg(unix)]
    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    #[cfg(unix)]
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// One that was printed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An attempt of a member, as its worker holds it: the fence. Another attempt has another number, and one that was given
/// out again after the engine forgot it (a failover to a replica that lagged behind) has another nonce.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Token {
    /// The member.
    pub member: String,
    /// Counted from 1.
    pub attempt: u32,
    /// Given out once.
    pub nonce: String,
}

/// A member that a worker may run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What to report with.
    pub token: Token,
    /// What was registered with the member.
    pub payload: Vec<u8>,
}

/// What came of [`Store::add`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// They are in; these were before, and are as they were.
    In {
        /// Those that were known.
        known: Vec<String>,
        /// How the group stands.
        group: Summary,
    },
    /// The total is sealed, and somebody of these is not part of it. Nothing was changed.
    Sealed(Summary),
    /// The group is over, or about to be. Nothing was changed.
    Over(Summary),
}

/// What came of [`Store::claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// How the group stands. Nobody is given out unless it is open.
    pub group: Summary,
    /// The attempts that begin.
    pub claims: Vec<Claim>,
}

/// What came of [`Store::renew`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewed {
    /// How the group stands: whoever sees that it is not open ends what runs.
    pub group: Summary,
    /// Members whose attempt is not the one that runs any more. Their worker stops them: nobody counts them.
    pub stale: Vec<String>,
}

/// How an attempt ended, as its worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// Well, with this result.
    Done(Vec<u8>),
    /// It failed, with these words. With `again` it may be tried again, as often as the settings allow.
    Failed {
        /// Why.
        why: Vec<u8>,
        /// Whether another attempt makes sense.
        again: bool,
    },
    /// It was stopped because the group was over.
    Cancelled,
    /// It was stopped, or did not begin, for reasons of its worker's, and is ready again after this time: neither a failure nor a
    /// loss. When nobody begins any more it is cancelled.
    Returned {
        /// How long nobody is to have it.
        after: Duration,
    },
}

/// What came of [`Store::finish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// It counts.
    Counted,
    /// It failed or was given back, and there will be another attempt after this time.
    Again(Duration),
    /// It counted before: the answer to a report that is made twice.
    AlreadySame,
    /// It is not this attempt that runs, or it ended otherwise. Nothing was changed.
    Stale,
}

/// What came of [`Store::reap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaped {
    /// So many leases were over, and their members are ready again.
    pub redelivered: u64,
    /// So many leases were over for the last time.
    pub lost: u64,
    /// How the group stands.
    pub group: Summary,
}

/// An engine. Each step is one round trip, and of bounded size: at most [`CHUNK`] members.
///
/// Each ends by itself, with an error if there is no answer: whoever asks sets no limit of its own.
///
/// # Cancel safety
///
/// A step that is dropped in the middle may or may not have happened; asked for again it does no more (rule 2). For
/// [`claim`](Store::claim) that means: what was given out and not heard comes back when its lease is over.
pub trait Store: Clone + Send + Sync + 'static {
    /// Creates the group, or finds it.
    ///
    /// # Errors
    ///
    /// See [`StoreError`]; that goes for all steps.
    fn open(
        &self,
        group: GroupId,
        settings: &Settings,
    ) -> impl Future<Output = Result<Summary, StoreError>> + Send;

    /// Registers members, each with what its worker is to be given.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn add(
        &self,
        group: GroupId,
        members: &[(String, Vec<u8>)],
    ) -> impl Future<Output = Result<Added, StoreError>> + Send;

    /// Says that all are registered, and how many that should be.
    ///
    /// # Errors
    ///
    /// [`StoreError::Total`] when it is another number that is registered or was sealed: then a registration was lost, or is
    /// still under way.
    fn seal(&self, group: GroupId, total: u64) -> impl Future<Output = Result<Summary, StoreError>> + Send;

    /// Says that whoever registers members is still there.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn keep(&self, group: GroupId) -> impl Future<Output = Result<Summary, StoreError>> + Send;

    /// Takes up to so many members to run.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn claim(
        &self,
        group: GroupId,
        worker: &str,
        most: usize,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Says that these still run.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn renew(
        &self,
        group: GroupId,
        held: &[Token],
    ) -> impl Future<Output = Result<Renewed, StoreError>> + Send;

    /// Says how an attempt ended.
    ///
    /// # Errors
    ///
    /// [`StoreError::TooLarge`] when the result is more than is kept; the attempt runs on.
    fn finish(
        &self,
        group: GroupId,
        token: &Token,
        report: &Report,
    ) -> impl Future<Output = Result<(Finished, Summary), StoreError>> + Send;

    /// Says how several attempts ended: what [`finish`](Self::finish) does, one after the other, in one step if the engine can.
    ///
    /// # Errors
    ///
    /// When it is an error, some of them may have been done, and what came of them is heard by asking again. With
    /// [`StoreError::TooLarge`] for one, ask for each by itself.
    fn finish_all(
        &self,
        group: GroupId,
        reports: &[(Token, Report)],
    ) -> impl Future<Output = Result<(Vec<Finished>, Summary), StoreError>> + Send {
        async move {
            let mut said = Vec::with_capacity(reports.len());
            let mut now = None;
            for (token, report) in reports {
                let (finished, after) = self.finish(group, token, report).await?;
                said.push(finished);
                now = Some(after);
            }
            match now {
                Some(now) => Ok((said, now)),
                None => Ok((said, self.summary(group).await?)),
            }
        }
    }

    /// Draws the conclusions from time that has passed. Anybody may, at any time.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn reap(&self, group: GroupId) -> impl Future<Output = Result<Reaped, StoreError>> + Send;

    /// Ends the group: nobody begins, and whoever runs hears of it.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn cancel(
        &self,
        group: GroupId,
        reason: &str,
    ) -> impl Future<Output = Result<Summary, StoreError>> + Send;

    /// How the group stands.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn summary(&self, group: GroupId) -> impl Future<Output = Result<Summary, StoreError>> + Send;

    /// Where members stand, a page of them; `after` is what the page before said.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn standings(
        &self,
        group: GroupId,
        after: Option<&str>,
    ) -> impl Future<Output = Result<Page<Standing>, StoreError>> + Send;

    /// What these members came to; nothing for who has not ended.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn results(
        &self,
        group: GroupId,
        members: &[String],
    ) -> impl Future<Output = Result<Vec<Option<Vec<u8>>>, StoreError>> + Send;

    /// Which run of the engine this is, where it can say so: another one than [`Summary::incarnation`] means that it was restarted since the
    /// group was made, or that another server has taken its place.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn incarnation(&self) -> impl Future<Output = Result<Option<String>, StoreError>> + Send {
        async { Ok(None) }
    }

    /// All that is known of these members; nothing for who is not registered.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn details(
        &self,
        group: GroupId,
        members: &[String],
    ) -> impl Future<Output = Result<Vec<Option<Detail>>, StoreError>> + Send;

    /// The groups there are, by the time in their ids, the newest first, a page of at most so many; `after` is what the page
    /// before said. A page may be short, or empty, and not be the last.
    ///
    /// A listing and no truth: no group depends on being found there.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn groups(
        &self,
        after: Option<&str>,
        most: usize,
    ) -> impl Future<Output = Result<Page<GroupId>, StoreError>> + Send;

    /// Comes back when a group may have been made after this one, and at the latest after `patience`: a hint for those who look for
    /// groups. The default lets patience pass, so that groups are found later; the suite asks for better.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn opened(
        &self,
        newest: Option<GroupId>,
        patience: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = newest;
        async move {
            tokio::time::sleep(patience).await;
            Ok(())
        }
    }

    /// Comes back when the group may be over, and at the latest after `patience`: a hint, as [`changed`](Self::changed) is, for
    /// those whom nothing else concerns.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn ended(
        &self,
        group: GroupId,
        patience: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Comes back when somebody in one of these groups may be ready, and at the latest after `patience`. A hint.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn ready(
        &self,
        groups: &[GroupId],
        patience: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Comes back when something may have changed since the summary with this revision, and at the latest after `patience`.
    /// A hint: whoever waits reads the summary afterwards, whatever this says.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    fn changed(
        &self,
        group: GroupId,
        revision: u64,
        patience: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A name that an engine takes: of a member, or of a worker.
pub(crate) fn checked_name(name: &str) -> Result<(), StoreError> {
    if (1..=512).contains(&name.len()) { Ok(()) } else { Err(StoreError::Name(name.into())) }
}

/// Words for people that every summary carries: a group's name, or why it was cancelled.
pub(crate) fn checked_words(words: &str) -> Result<(), StoreError> {
    if words.len() <= WORDS { Ok(()) } else { Err(StoreError::Words(words.len())) }
}

/// Members that fit into one step.
pub(crate) fn checked_members(members: &[(String, Vec<u8>)]) -> Result<(), StoreError> {
    checked_count(members.len())?;
    members.iter().try_for_each(|(member, _)| checked_name(member))
}

pub(crate) fn checked_count(members: usize) -> Result<(), StoreError> {
    if members > CHUNK { Err(StoreError::TooMany(members)) } else { Ok(()) }
}

/// Something that nobody had before: 16 digits in hexadecimal. An attempt's nonce is this and its place in the claim.
pub(crate) fn nonce() -> String {
    format!("{:016x}", random())
}

/// Bits that are random but for two.
pub(crate) fn random() -> u64 {
    // The lower half of such an id is.
    Uuid::now_v7().as_u64_pair().1
}
