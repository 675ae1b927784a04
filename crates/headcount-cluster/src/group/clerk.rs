//! Who takes members to the engine: collects them into chunks, says that the registrar is still there, and seals.
//!
//! A task of its own, told by a channel. The engine is asked for one thing at a time, so that members come in in their order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::again::within;
use crate::group::Group;
use crate::store::{Added, CHUNK, Store, StoreError, Summary, WORDS};

/// What a clerk is told.
#[derive(Debug)]
pub(super) enum Note {
    Member(String, Vec<u8>),
    /// Everything before this is to be with the engine.
    Flush(oneshot::Sender<()>),
    /// So many are all.
    Seal(u64, oneshot::Sender<Result<Summary, Arc<StoreError>>>),
}

/// What went wrong for good, or that it is of no use any more.
#[derive(Debug, Default)]
pub(super) struct Desk(Mutex<Stands>);

#[derive(Debug, Default, Clone)]
pub(super) struct Stands {
    pub(super) failed: Option<Arc<StoreError>>,
    pub(super) over: bool,
}

impl Desk {
    pub(super) fn stands(&self) -> Stands {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Stands)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// How long members wait for others to be taken along.
const GATHER: Duration = Duration::from_millis(10);
/// How many bytes are taken along at most; an engine is not kept waiting by one step.
const HEAVY: usize = 1 << 20;

pub(super) struct Clerk<S> {
    pub(super) group: Group<S>,
    pub(super) notes: mpsc::Receiver<Note>,
    pub(super) desk: Arc<Desk>,
    pub(super) owner_lease: Duration,
}

impl<S: Store> Clerk<S> {
    pub(super) async fn work(mut self) {
        let (mut chunk, mut bytes, mut due) = (Vec::with_capacity(CHUNK), 0, Instant::now());
        let mut keep = Instant::now() + self.owner_lease / 3;
        loop {
            let full = chunk.len() == CHUNK || bytes >= HEAVY;
            tokio::select! {
                biased;
                () = std::future::ready(()), if full => {
                    self.add(&mut chunk, &mut bytes).await;
                    keep = Instant::now() + self.owner_lease / 3;
                }
                note = self.notes.recv() => match note {
                    Some(Note::Member(id, payload)) => {
                        if chunk.is_empty() {
                            due = Instant::now() + GATHER;
                        }
                        bytes += id.len() + payload.len();
                        chunk.push((id, payload));
                    }
                    Some(Note::Flush(done)) => {
                        self.add(&mut chunk, &mut bytes).await;
                        let _ = done.send(());
                    }
                    Some(Note::Seal(total, done)) => {
                        self.add(&mut chunk, &mut bytes).await;
                        let _ = done.send(self.seal(total).await);
                        return;
                    }
                    None => return self.forgotten().await,
                },
                () = sleep_until(due), if !chunk.is_empty() => {
                    self.add(&mut chunk, &mut bytes).await;
                    keep = Instant::now() + self.owner_lease / 3;
                }
                () = sleep_until(keep) => {
                    let group = &self.group;
                    // Not for longer than until the next time.
                    let kept = within(Duration::ZERO, || group.store.keep(group.id)).await;
                    self.heard(kept);
                    keep = Instant::now() + self.owner_lease / 3;
                }
            }
        }
    }

    fn heard(&self, now: Result<Summary, StoreError>) {
        match now {
            Ok(now) if now.state != crate::GroupState::Open => self.desk.change(|stands| stands.over = true),
            Err(error) if !error.is_passing() => {
                self.desk.change(|stands| stands.failed = stands.failed.take().or(Some(Arc::new(error))));
            }
            _ => {}
        }
    }

    async fn add(&self, chunk: &mut Vec<(String, Vec<u8>)>, bytes: &mut usize) {
        let stands = self.desk.stands();
        if !chunk.is_empty() && stands.failed.is_none() && !stands.over {
            let group = &self.group;
            let members = &chunk[..];
            match within(group.patience, || group.store.add(group.id, members)).await {
                Ok(Added::In { group: now, .. } | Added::Over(now)) => self.heard(Ok(now)),
                Ok(Added::Sealed(now)) => {
                    let asked = now.tally.registered + 1;
                    let total =
                        StoreError::Total { group: group.id, asked, registered: now.tally.registered };
                    self.desk.change(|stands| stands.failed = Some(Arc::new(total)));
                }
                Err(error) => self.desk.change(|stands| stands.failed = Some(Arc::new(error))),
            }
        }
        chunk.clear();
        *bytes = 0;
    }

    async fn seal(&self, total: u64) -> Result<Summary, Arc<StoreError>> {
        let group = &self.group;
        let sealed = match self.desk.stands().failed {
            Some(failed) => Err(failed),
            None => within(group.patience, || group.store.seal(group.id, total)).await.map_err(Arc::new),
        };
        if let Err(failed) = &sealed {
            self.give_up(&format!("it could not be sealed: {failed}")).await;
        }
        sealed
    }

    async fn forgotten(self) {
        self.give_up("whoever registered members gave up before saying how many there are").await;
    }

    /// Nobody will say how many there are, unless somebody has: then the group is complete, and none of our business. Told at once it
    /// need not wait for its owner's lease to end, which comes to the same; so this is asked for once.
    async fn give_up(&self, why: &str) {
        let Group { store, id, .. } = &self.group;
        if store.summary(*id).await.is_ok_and(|now| !now.sealed) {
            let why: String = why.chars().take(WORDS / 4).collect();
            let _ = store.cancel(*id, &why).await;
        }
    }
}
