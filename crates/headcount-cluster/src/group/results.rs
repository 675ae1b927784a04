//! What the members of a group came to, one by one.

use std::error::Error;
use std::fmt;

use serde::de::DeserializeOwned;

use super::{Group, WaitError};
use crate::again::within;
use crate::member::Member;
use crate::store::{CHUNK, Ended, Place, Store, StoreError};
use crate::worker::decode;

/// Why a member ended without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemberError {
    /// Its last attempt failed.
    Failed {
        /// Which that was.
        attempt: u32,
        /// What its handler said.
        why: Vec<u8>,
    },
    /// Its workers vanished, as often as that is put up with.
    Lost {
        /// The last attempt.
        attempt: u32,
    },
    /// It never began, or was stopped, because the group was over.
    Cancelled,
}

impl fmt::Display for MemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { why, .. } => f.write_str(&String::from_utf8_lossy(why)),
            Self::Lost { attempt } => {
                write!(f, "lost: no worker was heard of again, the last in its attempt {attempt}")
            }
            Self::Cancelled => f.write_str("cancelled, because the group was over"),
        }
    }
}

impl Error for MemberError {}

impl<S: Store> Group<S> {
    /// Waits for the group, and gives the values of those who succeeded, in the order of spawning.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`WaitError::Result`] for a value that is no `T`.
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait): results are kept for [as long as the group is](crate::Settings::keep), and may be asked for again.
    ///
    /// # Cost
    ///
    /// A step of the engine for every 500 members, and memory for all of them.
    pub async fn results<T: DeserializeOwned>(&self) -> Result<Vec<T>, WaitError> {
        self.wait().await?;
        let all = self.bytes().await?;
        let done = all.into_iter().filter_map(|(member, ended)| Some((member, ended.ok()?)));
        done.map(|(member, bytes)| decode(&bytes).map_err(|source| WaitError::Result { member, source }))
            .collect()
    }

    /// Waits for the group, however it ends, and gives everybody's value or error, in the order of spawning.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), but for a group that failed, and [`WaitError::Result`] for a value that is no `T`.
    ///
    /// # Cancel safety
    ///
    /// As [`results`](Self::results), and so is the cost.
    pub async fn outcomes<T: DeserializeOwned>(
        &self,
    ) -> Result<Vec<(Member, Result<T, MemberError>)>, WaitError> {
        match self.wait().await {
            Ok(_) | Err(WaitError::Failed(_)) => {}
            Err(error) => return Err(error),
        }
        let mut outcomes = Vec::new();
        for (member, ended) in self.bytes().await? {
            let ended = match ended {
                Ok(bytes) => match decode(&bytes) {
                    Ok(value) => Ok(value),
                    Err(source) => return Err(WaitError::Result { member, source }),
                },
                Err(error) => Err(error),
            };
            outcomes.push((member, ended));
        }
        Ok(outcomes)
    }

    /// Everybody who has ended, in the order of spawning, with what is kept of it. Of a group that is not over these are those
    /// who have ended so far.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    ///
    /// # Cancel safety
    ///
    /// As [`results`](Self::results), and so is the cost.
    pub async fn bytes(&self) -> Result<Vec<(Member, Result<Vec<u8>, MemberError>)>, StoreError> {
        let (mut members, mut page) = (Vec::new(), None::<String>);
        loop {
            let listed = within(self.patience, || self.store.standings(self.id, page.as_deref())).await?;
            members.extend(listed.items.into_iter().filter_map(|standing| match standing.place {
                Place::Ended(end) => Some((Member::of(&standing.member), end, standing.attempt)),
                _ => None,
            }));
            page = listed.next;
            if page.is_none() {
                break;
            }
        }
        members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        // A page may list somebody twice.
        members.dedup_by(|a, b| a.0 == b.0);
        let mut told = Vec::with_capacity(members.len());
        let mut members = members.into_iter();
        loop {
            let chunk: Vec<_> = members.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(told);
            }
            let ids: Vec<_> = chunk.iter().map(|(member, ..)| member.id().to_owned()).collect();
            let kept = within(self.patience, || self.store.results(self.id, &ids)).await?;
            told.extend(chunk.into_iter().zip(kept).map(|((member, end, attempt), kept)| {
                let kept = kept.unwrap_or_default();
                let ended = match end {
                    Ended::Done => Ok(kept),
                    Ended::Failed => Err(MemberError::Failed { attempt, why: kept }),
                    Ended::Lost => Err(MemberError::Lost { attempt }),
                    Ended::Cancelled => Err(MemberError::Cancelled),
                };
                (member, ended)
            }));
        }
    }
}
