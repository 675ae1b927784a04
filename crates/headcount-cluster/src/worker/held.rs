//! Whom a worker holds in one group, and until when: by its own clock, counted from before it asked, so that it never believes
//! in a lease for longer than the engine does.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headcount::Canceller;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Stopped;
use crate::store::Token;

#[derive(Debug, Default)]
pub(super) struct Held {
    table: Mutex<HashMap<String, Entry>>,
    taken: Notify,
}

#[derive(Debug)]
struct Entry {
    token: Token,
    /// When the lease is over at the earliest.
    until: Instant,
    lease: Duration,
    /// Until it is told to stop; then, and for who never began, nothing.
    stop: Option<Canceller>,
    /// The engine has said that it is not ours any more.
    lost: bool,
}

impl Entry {
    /// Heartbeats are three to a lease.
    fn beat(&self) -> Instant {
        self.until - self.lease + self.lease / 3
    }

    /// When it is stopped if no heartbeat was answered: with time left to end in.
    fn last_moment(&self) -> Instant {
        self.until - self.lease / 6
    }
}

impl Held {
    fn table(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table().is_empty()
    }

    /// One more, leased when it was asked for.
    pub(super) fn take(&self, token: Token, asked: Instant, lease: Duration, stop: Option<Canceller>) {
        let entry = Entry { token, until: asked + lease, lease, stop, lost: false };
        let before = self.table().insert(entry.token.member.clone(), entry);
        // Given out to us twice: our first attempt was taken for lost.
        if let Some(stop) = before.and_then(|entry| entry.stop) {
            stop.cancel_because(Stopped::LeaseLost);
        }
    }

    /// Whoever waits for the next moment looks again.
    pub(super) fn changed(&self) {
        self.taken.notify_waiters();
    }

    /// This attempt is over, here.
    pub(super) fn gone(&self, token: &Token) {
        let entry = {
            let mut table = self.table();
            if table.get(&token.member).is_some_and(|entry| entry.token == *token) {
                table.remove(&token.member)
            } else {
                None
            }
        };
        drop(entry);
    }

    /// Whether this attempt is ours as far as we know, and until when.
    pub(super) fn until(&self, token: &Token) -> Option<(Instant, Duration)> {
        let table = self.table();
        let entry = table.get(&token.member).filter(|entry| entry.token == *token && !entry.lost)?;
        Some((entry.until, entry.lease))
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        self.table().values().filter(|entry| !entry.lost).map(|entry| entry.token.clone()).collect()
    }

    /// These were prolonged when it was asked for.
    pub(super) fn renewed(&self, tokens: &[Token], asked: Instant, lease: Duration) {
        let mut table = self.table();
        for token in tokens {
            if let Some(entry) = table.get_mut(&token.member).filter(|entry| entry.token == *token) {
                (entry.until, entry.lease) = (entry.until.max(asked + lease), lease);
            }
        }
    }

    /// Heartbeats were answered and prolonged nothing: the group is about to end. They go on at their pace, to hear how it goes.
    pub(super) fn paced(&self, tokens: &[Token], asked: Instant) {
        let mut table = self.table();
        for token in tokens {
            if let Some(entry) = table.get_mut(&token.member).filter(|entry| entry.token == *token) {
                entry.until = asked + entry.lease;
            }
        }
    }

    /// Tells them to stop, and why.
    pub(super) fn stop(&self, why: &Stopped) {
        self.stop_those(why, |_| true);
    }

    /// Tells those to stop whose lease nobody has prolonged in time.
    pub(super) fn stop_overdue(&self) {
        let now = Instant::now();
        self.stop_those(&Stopped::EngineAway, |entry| entry.last_moment() <= now);
    }

    /// The engine has given these to others.
    pub(super) fn lose(&self, tokens: &[Token], stale: &[String]) {
        for token in tokens.iter().filter(|token| stale.contains(&token.member)) {
            let stop = {
                let mut table = self.table();
                let entry = table.get_mut(&token.member).filter(|entry| entry.token == *token);
                entry.and_then(|entry| {
                    entry.lost = true;
                    entry.stop.take()
                })
            };
            if let Some(stop) = stop {
                stop.cancel_because(Stopped::LeaseLost);
            }
        }
    }

    fn stop_those(&self, why: &Stopped, which: impl Fn(&Entry) -> bool) {
        let told: Vec<_> = {
            let mut table = self.table();
            table.values_mut().filter(|entry| which(entry)).filter_map(|entry| entry.stop.take()).collect()
        };
        // Callbacks of handlers run here: under no lock.
        for stop in told {
            stop.cancel_because(why.clone());
        }
    }

    /// Comes back when a heartbeat is due.
    pub(super) async fn beat(&self) {
        self.moment(|table| table.values().filter(|entry| !entry.lost).map(Entry::beat).min()).await;
    }

    /// Comes back when somebody's last moment has come.
    pub(super) async fn overdue(&self) {
        self.moment(|table| {
            table.values().filter(|entry| entry.stop.is_some()).map(Entry::last_moment).min()
        })
        .await;
    }

    async fn moment(&self, next: impl Fn(&HashMap<String, Entry>) -> Option<Instant>) {
        loop {
            let taken = self.taken.notified();
            tokio::pin!(taken);
            // Listened before the look.
            taken.as_mut().enable();
            let at = next(&self.table());
            match at {
                Some(at) if at <= Instant::now() => return,
                Some(at) => {
                    tokio::select! {
                        () = sleep_until(at) => {}
                        () = taken => {}
                    }
                }
                None => taken.await,
            }
        }
    }
}
