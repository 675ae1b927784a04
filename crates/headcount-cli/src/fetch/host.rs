//! How many transfers run at once from one host, and how long a host wants to be left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Url;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::locked;

/// So many hosts are known before those that nobody asks are looked for.
const MANY: usize = 1024;

/// See the room's text.
#[derive(Debug)]
pub(super) struct Host {
    /// One a transfer that may run; nothing if there is no limit.
    places: Option<Arc<Semaphore>>,
    /// Until then nothing is asked of it.
    held: Mutex<Option<Instant>>,
}

/// A place at a host. Where there is no limit it is nothing.
pub(super) type Place = Option<OwnedSemaphorePermit>;

impl Host {
    /// How long it is to be left alone yet.
    pub(super) fn held_for(&self) -> Option<Duration> {
        let until = (*locked(&self.held))?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Leaves it alone for so long. True if that was not known.
    pub(super) fn hold(&self, time: Duration) -> bool {
        let until = Instant::now().checked_add(time);
        let mut held = locked(&self.held);
        let news = held.is_none_or(|held| held < Instant::now());
        *held = (*held).max(until);
        news
    }

    /// A place, if there is one now.
    pub(super) fn try_place(&self) -> Option<Place> {
        match &self.places {
            None => Some(None),
            Some(places) => match Arc::clone(places).try_acquire_owned() {
                Ok(place) => Some(Some(place)),
                Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => None,
            },
        }
    }

    /// Waits for a place, in order.
    pub(super) async fn place(&self) -> Place {
        match &self.places {
            None => None,
            // They are never closed.
            Some(places) => Arc::clone(places).acquire_owned().await.ok(),
        }
    }
}

/// All hosts that are asked.
#[derive(Debug)]
pub(super) struct Hosts {
    /// For each, if there is a limit.
    places: Option<usize>,
    known: Mutex<HashMap<String, Arc<Host>>>,
}

impl Hosts {
    pub(super) fn new(places: Option<usize>) -> Self {
        Self { places, known: Mutex::default() }
    }

    /// The host of this address: scheme, name and port.
    pub(super) fn of(&self, url: &Url) -> Arc<Host> {
        let port = url.port_or_known_default().unwrap_or(0);
        let key = format!("{}://{}:{port}", url.scheme(), url.host_str().unwrap_or_default());
        let mut known = locked(&self.known);
        if let Some(host) = known.get(&key) {
            return Arc::clone(host);
        }
        if known.len() >= MANY {
            known.retain(|_, host| Arc::strong_count(host) > 1 || host.held_for().is_some());
        }
        let places = self.places.map(|places| Arc::new(Semaphore::new(places)));
        let host = Arc::new(Host { places, held: Mutex::default() });
        known.insert(key, Arc::clone(&host));
        host
    }
}
