//! Waiting for a group: how it stands is read, then a hint is listened for, then it is read again, at the latest after a while.
//!
//! A hint that was lost costs one look, and nothing else. Whoever waits also draws the conclusions from time that has passed
//! (`reap`), so that a group ends also where no worker is left.

use std::time::Duration;

use headcount::Context;
use tokio::time::{Instant, sleep, timeout};

use super::{Account, Group, GroupError, Missing, Root, WaitError};
use crate::again::{jittered, within};
use crate::member::Member;
use crate::store::{GroupState, Store, StoreError, Summary};

/// Hints may come one after the other: an engine is not asked more often than this.
const PAUSE: Duration = Duration::from_millis(10);
/// So long a roll call may take once time is up.
const CALL: Duration = Duration::from_secs(10);

impl<S: Store> Group<S> {
    /// Waits until the group is over. From anywhere, as many as like, also when it has long been over: all get the same.
    ///
    /// # Errors
    ///
    /// [`WaitError::Failed`] when it did not come to what its policy asks for, and [`WaitError::Engine`] when the engine does not
    /// know it any more or is away for [too long](Self::patience).
    ///
    /// # Cancel safety
    ///
    /// A wait leaves nothing behind, and may be made again.
    ///
    /// # Cost
    ///
    /// The same for ten members and for a million: one look, then a hint that it is over, and every few seconds
    /// ([`look_every`](Self::look_every)) another look. On Redis each wait has a connection meanwhile.
    pub async fn wait(&self) -> Result<Account, WaitError> {
        let now = self.over(&mut None).await?;
        self.judge(now).await
    }

    /// Waits so long at most. The error knows who is out.
    ///
    /// An engine that does not answer is given some seconds more to say who that is, and is an error if it never said anything.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`WaitError::TimedOut`].
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait).
    pub async fn wait_timeout(&self, patience: Duration) -> Result<Account, WaitError> {
        let mut last = None;
        if let Ok(now) = timeout(patience, self.over(&mut last)).await {
            return self.judge(now?).await;
        }
        let brief = self.clone().patience(self.patience.min(CALL / 2));
        let called = timeout(CALL, brief.missing_after(Some(patience))).await;
        let missing = match (called, last) {
            (Ok(Ok(missing)), _) => missing,
            // It is gone, or none of ours.
            (Ok(Err(error)), _) if !error.is_passing() => return Err(error.into()),
            // As it was when the engine last said something. Who is out it did not.
            (_, Some(summary)) => {
                Missing { group: self.id, summary, after: Some(patience), members: Vec::new() }
            }
            (Ok(Err(error)), None) => return Err(error.into()),
            (Err(_), None) => {
                let (asked, source) = ("say how a group stands", "no answer in time".into());
                return Err(StoreError::Engine { asked, source }.into());
            }
        };
        Err(WaitError::TimedOut(Box::new(missing)))
    }

    /// Waits until this context is cancelled at most. The group goes on.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait), and [`WaitError::Cancelled`].
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Self::wait).
    pub async fn wait_with(&self, ctx: &Context) -> Result<Account, WaitError> {
        let now = ctx.run_async(self.over(&mut None)).await??;
        self.judge(now).await
    }

    /// Tells how the group goes, until it is over.
    pub fn progress(&self) -> Progressing<'_, S> {
        Progressing { group: self, last: None, rollbacks: self.rollbacks(), over: false }
    }

    /// How it stands once it is over; meanwhile, how it last stood.
    async fn over(&self, last: &mut Option<Summary>) -> Result<Summary, StoreError> {
        let mut reap = Instant::now() + jittered(self.look);
        loop {
            let now = self.summary().await?;
            if now.state.is_terminal() {
                return Ok(now);
            }
            *last = Some(now.clone());
            if Instant::now() >= reap || sweeps(&now) {
                self.reap().await?;
                reap = Instant::now() + jittered(self.look);
                continue;
            }
            let asked = Instant::now();
            let look = (reap - asked).min(self.look);
            // An engine that hangs is no reason to: what it hints at is of no consequence.
            match timeout(look, self.store.ended(self.id, look)).await {
                Ok(Ok(())) => sleep(PAUSE.saturating_sub(asked.elapsed())).await,
                Ok(Err(_)) => sleep(look).await,
                Err(_) => {}
            }
        }
    }

    async fn reap(&self) -> Result<(), StoreError> {
        let reaped = async {
            let reaped = within(self.patience, || self.store.reap(self.id)).await?;
            Ok(reaped.group)
        };
        self.asks(reaped).await.map(drop)
    }

    /// What its end is for who waited.
    async fn judge(&self, now: Summary) -> Result<Account, WaitError> {
        if now.state == GroupState::Done {
            return Ok(Account::new(self.id, now));
        }
        let root = match now.first_failure.clone() {
            Some(member) => Some(self.root(member).await?),
            None => None,
        };
        let account = Account::new(self.id, now);
        Err(WaitError::Failed(Box::new(GroupError { account, root })))
    }

    async fn root(&self, member: String) -> Result<Root, StoreError> {
        let ids = [member];
        let details = within(self.patience, || self.store.details(self.id, &ids)).await?;
        let why = within(self.patience, || self.store.results(self.id, &ids)).await?;
        let detail = details.into_iter().next().flatten();
        let failed = detail
            .as_ref()
            .is_some_and(|detail| detail.standing.place == crate::Place::Ended(crate::store::Ended::Failed));
        let why = why.into_iter().next().flatten().or_else(|| failed.then(Vec::new));
        let attempt = detail.map(|detail| detail.standing.attempt);
        Ok(Root { member: Member::of(&ids[0]), attempt, why: why.filter(|_| failed) })
    }
}

/// Whether there are members that never began and are to be cancelled: a chunk of them each time somebody asks.
fn sweeps(now: &Summary) -> bool {
    let tally = now.tally;
    now.state == GroupState::Cancelling && tally.ended() + tally.running < tally.registered
}

/// How a group goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// How it stands.
    pub summary: Summary,
    /// Whether the engine has gone back in time since the last look, so that members run again which had ended.
    pub rolled_back: bool,
}

/// News of a group, see [`Group::progress`].
#[derive(Debug)]
#[must_use = "it tells nothing unless `next` is called"]
pub struct Progressing<'g, S> {
    group: &'g Group<S>,
    last: Option<(Summary, Instant)>,
    /// So often it was told of them.
    rollbacks: u64,
    over: bool,
}

/// News come no more often than this.
const NEWS: Duration = Duration::from_millis(100);

impl<S: Store> Progressing<'_, S> {
    /// How it stands, first at once, then whenever it has changed, ten times a second at most; nothing any more after its end.
    ///
    /// # Errors
    ///
    /// [`WaitError::Engine`].
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle, no news are lost.
    pub async fn next(&mut self) -> Result<Option<Progress>, WaitError> {
        if self.over {
            return Ok(None);
        }
        let group = self.group;
        loop {
            if let Some((last, told)) = &self.last {
                sleep((*told + NEWS).saturating_duration_since(Instant::now())).await;
                let look = jittered(group.look);
                match timeout(look, group.store.changed(group.id, last.revision, look)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => sleep(look).await,
                    Err(_) => group.reap().await?,
                }
            }
            let now = group.summary().await?;
            // Whoever of us saw it first.
            let rollbacks = group.rollbacks();
            let rolled_back = rollbacks > std::mem::replace(&mut self.rollbacks, rollbacks);
            let asked = Instant::now();
            let same = self.last.as_ref().is_some_and(|(last, _)| last.revision == now.revision);
            self.over = now.state.is_terminal();
            self.last = Some((now.clone(), asked));
            if !same || rolled_back {
                return Ok(Some(Progress { summary: now, rolled_back }));
            }
            if sweeps(&now) {
                group.reap().await?;
            }
        }
    }
}
