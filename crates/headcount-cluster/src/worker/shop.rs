//! What all posts of a worker share, and who sends them out: looks for groups, and listens for hints.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use headcount::Context;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use super::job::Handler;
use super::post::Post;
use super::{AttemptEnd, Observer, Served, Unknown, WorkerEvent};
use crate::again::{jittered, within};
use crate::store::{CHUNK, Finished, GroupId, Store, StoreError};

pub(super) struct Shop<S> {
    pub(super) store: S,
    pub(super) name: String,
    pub(super) handlers: HashMap<String, Handler>,
    /// Who runs takes one of these.
    pub(super) places: Arc<Semaphore>,
    pub(super) grace: Duration,
    pub(super) patience_with_handlers: Duration,
    pub(super) unknown: Unknown,
    /// What members' contexts are below: never cancelled by itself.
    pub(super) base: Context,
    /// Cancelled when nobody is to be claimed any more.
    pub(super) drained: Context,
    /// Cancelled when there is no grace any more either.
    pub(super) hard: Context,
    /// Called when somebody may be ready.
    pub(super) hint: Notify,
    pub(super) observer: Option<Observer>,
    served: Mutex<Served>,
    /// Groups that have nobody for us; and whether that goes for everybody else.
    idle: Mutex<HashMap<GroupId, bool>>,
    any_idle: Notify,
}

/// How often is looked for new groups, and how often at all of them.
const LOOK: Duration = Duration::from_secs(1);
const ALL: Duration = Duration::from_secs(30);
/// A group that was over may be open again when the engine went back in time. It does so soon or never.
const MAY_RETURN: Duration = Duration::from_secs(300);
/// How many new groups are found by one look.
const NEWEST: usize = 50;

impl<S: Store> Shop<S> {
    #[expect(clippy::too_many_arguments, reason = "taken apart at once, in one place")]
    pub(super) fn new(
        store: S,
        name: String,
        handlers: HashMap<String, Handler>,
        limit: usize,
        [grace, patience_with_handlers]: [Duration; 2],
        unknown: Unknown,
        [base, drained, hard]: [Context; 3],
        observer: Option<Observer>,
    ) -> Self {
        Self {
            store,
            name,
            handlers,
            places: Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))),
            grace,
            patience_with_handlers,
            unknown,
            base,
            drained,
            hard,
            hint: Notify::new(),
            observer,
            served: Mutex::default(),
            idle: Mutex::default(),
            any_idle: Notify::new(),
        }
    }

    pub(super) fn event(&self, event: impl FnOnce() -> WorkerEvent) {
        if let Some(observer) = &self.observer {
            observer(&event());
        }
    }

    pub(super) fn away(&self, error: &StoreError) {
        self.event(|| WorkerEvent::EngineAway { error: error.to_string() });
    }

    pub(super) fn ended(&self, how: AttemptEnd, said: Option<Finished>) {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let count = match (said, how) {
            (None, _) => &mut served.unheard,
            (Some(Finished::Stale), _) => &mut served.stale,
            (_, AttemptEnd::Done) => &mut served.done,
            (_, AttemptEnd::Failed) => &mut served.failed,
            (_, AttemptEnd::Returned) => &mut served.returned,
        };
        *count += 1;
    }

    pub(super) fn served(&self) -> Served {
        *self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<GroupId, bool>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_idle(&self, group: GroupId, nobody_left: bool) {
        self.idle().insert(group, nobody_left);
        self.any_idle.notify_one();
    }

    pub(super) fn set_busy(&self, group: GroupId) {
        self.idle().remove(&group);
    }

    /// Passes on hints to those that are idle. What is lost here costs one look.
    pub(super) async fn hints(&self) {
        loop {
            let idle: Vec<_> = self.idle().keys().take(CHUNK).copied().collect();
            if idle.is_empty() {
                self.any_idle.notified().await;
                continue;
            }
            let asked = Instant::now();
            match self.store.ready(&idle, LOOK).await {
                Ok(()) if asked.elapsed() < LOOK => {
                    self.hint.notify_waiters();
                    // Members come in chunks: not a call for each.
                    sleep(Duration::from_millis(5)).await;
                }
                Ok(()) => {}
                Err(_) => sleep(LOOK).await,
            }
        }
    }
}

/// What a task of ours came to. Handlers' panics are caught: what panicked is an observer, or what somebody had hung on a context, and
/// that is for whoever runs the worker to hear. A worker that went on without one of its posts would leave a group alone.
pub(super) fn unpanicked<T>(ended: Result<T, JoinError>) -> T {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(value) => value,
        Err(Ok(panic)) => resume_unwind(panic),
        Err(Err(error)) => unreachable!("nobody aborts it but by dropping all: {error}"),
    }
}

/// The posts of a worker, and the groups that need none any more.
pub(super) struct Posts<S> {
    shop: Arc<Shop<S>>,
    posts: JoinSet<GroupId>,
    posted: Vec<GroupId>,
    past: HashMap<GroupId, Instant>,
    all_seen: Option<Instant>,
    /// The newest group that was found.
    newest: Option<GroupId>,
}

impl<S: Store> Posts<S> {
    pub(super) fn new(shop: Arc<Shop<S>>) -> Self {
        Self {
            shop,
            posts: JoinSet::new(),
            posted: Vec::new(),
            past: HashMap::new(),
            all_seen: None,
            newest: None,
        }
    }

    /// Serves these groups until they are over.
    pub(super) async fn these(&mut self, groups: &[GroupId], until_idle: bool) -> Result<(), StoreError> {
        for group in groups {
            let asked = within(Duration::MAX, || self.shop.store.summary(*group));
            tokio::select! {
                now = asked => {
                    if !now?.state.is_terminal() {
                        self.post(*group);
                    }
                }
                _ = self.shop.drained.wait_async() => return Ok(()),
            }
        }
        while !self.posted.is_empty() && self.pause(false).await && !(until_idle && self.nobody_left()) {}
        Ok(())
    }

    /// Serves whatever groups there are.
    pub(super) async fn any(&mut self, until_idle: bool) {
        loop {
            let all = until_idle || self.all_seen.is_none_or(|seen| seen.elapsed() >= ALL);
            let shop = Arc::clone(&self.shop);
            let looked = tokio::select! {
                looked = self.look(all) => looked,
                _ = shop.drained.wait_async() => return,
            };
            match looked {
                Ok(()) if all => self.all_seen = Some(Instant::now()),
                Ok(()) => {}
                Err(error) => self.shop.away(&error),
            }
            if until_idle && self.all_seen.is_some() && self.nobody_left() {
                return;
            }
            if !self.pause(true).await {
                return;
            }
        }
    }

    /// Lets all posts end. They claim nobody any more.
    pub(super) async fn end(mut self) {
        while let Some(ended) = self.posts.join_next().await {
            unpanicked(ended);
        }
    }

    /// Looks for groups that have no post: among the newest, or among all.
    async fn look(&mut self, all: bool) -> Result<(), StoreError> {
        let (mut after, mut listed) = (None, HashMap::new());
        loop {
            let most = if all { CHUNK } else { NEWEST };
            let page = self.shop.store.groups(after.as_deref(), most).await?;
            for group in page.items {
                self.newest = self.newest.max(Some(group));
                let over = self.past.get(&group).copied();
                if let Some(over) = over {
                    listed.insert(group, over);
                }
                let settled = over.is_some_and(|over| !all || over.elapsed() > MAY_RETURN);
                if settled || self.posted.contains(&group) {
                    continue;
                }
                match self.shop.store.summary(group).await {
                    Ok(now) if now.state.is_terminal() => {
                        let over = over.unwrap_or_else(Instant::now);
                        self.past.insert(group, over);
                        listed.insert(group, over);
                    }
                    Ok(_) => self.post(group),
                    Err(error) if error.is_passing() => return Err(error),
                    // Gone meanwhile, or none of ours.
                    Err(_) => {}
                }
            }
            after = page.next.filter(|_| all);
            if after.is_none() {
                break;
            }
        }
        if all {
            // Those that the engine has forgotten need not be remembered.
            self.past = listed;
        }
        Ok(())
    }

    fn post(&mut self, group: GroupId) {
        self.past.remove(&group);
        self.posted.push(group);
        let shop = Arc::clone(&self.shop);
        self.posts.spawn(async move {
            Post::serve(shop, group).await;
            group
        });
    }

    /// Waits for the next look; for news no longer than until a group is made. Not if the worker drains.
    async fn pause(&mut self, for_news: bool) -> bool {
        let (shop, newest, patience) = (Arc::clone(&self.shop), self.newest, jittered(LOOK));
        let look = async {
            let asked = Instant::now();
            if !for_news || shop.store.opened(newest, patience).await.is_err() {
                sleep(patience.saturating_sub(asked.elapsed())).await;
            }
        };
        tokio::pin!(look);
        loop {
            tokio::select! {
                biased;
                _ = self.shop.drained.wait_async() => return false,
                Some(ended) = self.posts.join_next() => {
                    let group = unpanicked(ended);
                    self.posted.retain(|posted| *posted != group);
                    self.shop.set_busy(group);
                    self.past.insert(group, Instant::now());
                    if self.posted.is_empty() {
                        return true;
                    }
                }
                () = &mut look => return true,
            }
        }
    }

    /// Whether there is nothing to do for us, in any group.
    fn nobody_left(&self) -> bool {
        let idle = self.shop.idle();
        self.posted.iter().all(|group| idle.get(group) == Some(&true))
    }
}
