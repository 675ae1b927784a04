//! A worker's post in one group: it claims members, keeps their leases, takes back what others left, and hears how the group
//! goes.
//!
//! What is awaited here and what becomes of it when the answer does not come:
//!
//! - *claim*: members given out and not heard of come back when their lease is over, which counts as a loss.
//! - *renew*: asked again until the last moment of a lease; then the member is stopped (`held.rs`).
//! - *finish*: together with others (`desk.rs`), then by itself, again for a lease longer (`attempt.rs`); then the member comes back for somebody else.
//! - *reap*: asked again at the next turn, by us or by anybody.
//!
//! Everything of a post is in one future: dropped, it takes its members along, and their leases end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::desk::Desk;
use super::held::Held;
use super::job::Job;
use super::shop::{Shop, unpanicked};
use super::{Stopped, Unknown, WorkerEvent};
use crate::again::{Again, jittered};
use crate::member::Member;
use crate::payload::Payload;
use crate::store::{CHUNK, Claim, GroupId, GroupState, Report, Store, StoreError, Summary};

/// How a post sees its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Open,
    /// Nobody begins any more.
    Closing,
    /// It is over, or gone.
    Over,
}

pub(super) struct Post<S> {
    pub(super) shop: Arc<Shop<S>>,
    pub(super) group: GroupId,
    pub(super) held: Held,
    pub(super) desk: Desk,
    stage: watch::Sender<Stage>,
}

/// What is looked at when nobody calls: for members that are ready, and sooner where some wait for their next attempt.
const LOOK: Duration = Duration::from_secs(1);
const LOOK_SOON: Duration = Duration::from_millis(100);
/// Members that are none of ours are given back for so many seconds at most, and looked at that seldom: two to the power of this.
const STAY_AWAY: u32 = 3;

impl<S: Store> Post<S> {
    /// Serves a group until it is over or the worker ends.
    pub(super) async fn serve(shop: Arc<Shop<S>>, group: GroupId) {
        let stage = watch::Sender::new(Stage::Open);
        let post = Arc::new(Self { shop, group, held: Held::default(), desk: Desk::default(), stage });
        let failed = |error: &StoreError| {
            if error.is_passing() {
                post.shop.away(error);
            }
        };
        let sits = async {
            post.desk.sit(&post.shop.store, group, |now| post.saw(now), failed).await;
            std::future::pending::<()>().await
        };
        tokio::select! {
            () = post.claims() => {}
            () = sits => {}
            () = post.heart() => {}
            () = post.reaps() => {}
            () = post.ends() => {}
        }
    }

    /// Hears how the group stands. From answers that may overtake each other: it only goes on, see [`Self::reaps`].
    pub(super) fn saw(&self, now: &Summary) {
        let stage = stage_of(now.state);
        self.stage.send_if_modified(|known| {
            let goes_on = stage > *known;
            *known = stage.max(*known);
            goes_on
        });
        self.heed(stage, now);
    }

    fn heed(&self, stage: Stage, now: &Summary) {
        if stage != Stage::Open {
            let state = now.toward.unwrap_or(now.state);
            self.held.stop(&Stopped::GroupOver { state, reason: now.reason.clone() });
        }
    }

    /// The engine does not know the group any more, or not as we do.
    fn gone(&self, error: &StoreError) {
        self.shop.away(error);
        self.stage.send_replace(Stage::Over);
        self.held.stop(&Stopped::GroupVanished);
    }

    /// Claims members and lets them run, until the worker drains or the group is over; then waits for those that run.
    async fn claims(self: &Arc<Self>) {
        let (mut running, mut again, mut strangers) = (JoinSet::new(), Again::new(), 0);
        let mut stage = self.stage.subscribe();
        loop {
            while let Some(ended) = running.try_join_next() {
                unpanicked(ended);
            }
            let known = *stage.borrow_and_update();
            if self.shop.drained.is_cancelled() || known == Stage::Over {
                break;
            }
            if known == Stage::Closing {
                tokio::select! {
                    _ = stage.changed() => {}
                    _ = self.shop.drained.wait_async() => {}
                }
                continue;
            }
            let Some(places) = self.places(&mut stage).await else { continue };
            let asked = Instant::now();
            // Not raced with anything: what it gives out has to be heard.
            let claimed = self.shop.store.claim(self.group, &self.shop.name, places.num_permits()).await;
            match claimed {
                Ok(claimed) => {
                    again = Again::new();
                    self.saw(&claimed.group);
                    let claims = claimed.claims.len();
                    let others = self.begin(claimed.claims, &claimed.group, asked, places, &mut running);
                    // Who finds nobody but strangers, again and again, leaves them to those who know them.
                    strangers = match claims {
                        0 => strangers,
                        _ if others < claims => 0,
                        _ => STAY_AWAY.min(strangers + 1),
                    };
                    if strangers > 1 {
                        self.stay_away(jittered(LOOK * 2_u32.pow(strangers)), &mut stage).await;
                    } else if claims == 0 || others > 0 {
                        self.idle(&claimed.group, &mut stage).await;
                    }
                }
                Err(error) if error.is_passing() => {
                    drop(places);
                    self.shop.away(&error);
                    again.pause().await;
                }
                Err(error) => self.gone(&error),
            }
        }
        while let Some(ended) = running.join_next().await {
            unpanicked(ended);
        }
    }

    /// At least one free place, and all others that are free; nothing when there is something else to see to first.
    async fn places(&self, stage: &mut watch::Receiver<Stage>) -> Option<OwnedSemaphorePermit> {
        let mut places = tokio::select! {
            biased;
            _ = self.shop.drained.wait_async() => return None,
            _ = stage.changed() => return None,
            place = Arc::clone(&self.shop.places).acquire_owned() => place.ok()?,
        };
        while places.num_permits() < CHUNK {
            let room = CHUNK - places.num_permits();
            let free = self.shop.places.available_permits().min(room);
            let free = u32::try_from(free).unwrap_or(0);
            if free == 0 {
                break;
            }
            match Arc::clone(&self.shop.places).try_acquire_many_owned(free) {
                Ok(more) => places.merge(more),
                Err(_) => break,
            }
        }
        Some(places)
    }

    /// Lets claimed members run. How many of them were none of ours.
    fn begin(
        self: &Arc<Self>,
        claims: Vec<Claim>,
        now: &Summary,
        asked: Instant,
        mut places: OwnedSemaphorePermit,
        running: &mut JoinSet<()>,
    ) -> usize {
        let mut others = 0;
        // One timer for all.
        let base = match now.left.filter(|_| !claims.is_empty()) {
            Some(left) => self.shop.base.with_timeout(left),
            None => self.shop.base.clone(),
        };
        for claim in claims {
            let Some(place) = places.split(1) else { break };
            let post = Arc::clone(self);
            let Claim { token, payload } = claim;
            let (payload, found) = self.find(&payload);
            match found {
                Ok(handler) if !self.shop.drained.is_cancelled() => {
                    let job = Job {
                        group: self.group,
                        member: Member::of(&token.member),
                        attempt: token.attempt,
                        handler: payload.handler,
                        place: payload.place,
                        args: payload.args,
                    };
                    let (ctx, stop) = base.with_cancel();
                    self.held.take(token.clone(), asked, now.lease, Some(stop));
                    self.shop.event(|| WorkerEvent::Began { group: self.group, token: token.clone() });
                    running.spawn(post.attempt(token, handler, job, ctx, place));
                }
                Ok(_) => self.give_back(token, asked, now.lease, Duration::ZERO, place, running),
                Err(why) => {
                    others += 1;
                    let (group, token) = (self.group, token);
                    self.shop.event(|| WorkerEvent::Unknown {
                        group,
                        token: token.clone(),
                        why: why.clone(),
                    });
                    if payload.handler.is_empty() || self.shop.unknown == Unknown::Fail {
                        self.held.take(token.clone(), asked, now.lease, None);
                        let report = Report::Failed { why: why.into_bytes(), again: false };
                        running.spawn(async move {
                            post.report(token, report).await;
                            drop(place);
                        });
                    } else {
                        // Later each time, so that a member whom nobody knows costs little.
                        let after = LOOK * 2_u32.pow(STAY_AWAY.min(token.attempt - 1));
                        self.give_back(token, asked, now.lease, after, place, running);
                    }
                }
            }
        }
        self.held.changed();
        others
    }

    /// The handler a member asks for, or why there is none. A payload without a handler is none that we know.
    fn find(&self, payload: &[u8]) -> (Payload, Result<super::job::Handler, String>) {
        let worker = &self.shop.name;
        let Some(payload) = Payload::decode(payload) else {
            let none = Payload { handler: String::new(), place: None, args: Vec::new() };
            return (
                none,
                Err(format!("what it carries names no handler: worker \"{worker}\" cannot run it")),
            );
        };
        let found = self.shop.handlers.get(&payload.handler).cloned().ok_or_else(|| {
            let mut known: Vec<_> = self.shop.handlers.keys().map(String::as_str).collect();
            known.sort_unstable();
            let handler = &payload.handler;
            format!("worker \"{worker}\" has no handler \"{handler}\" (it has: {})", known.join(", "))
        });
        (payload, found)
    }

    fn give_back(
        self: &Arc<Self>,
        token: crate::store::Token,
        asked: Instant,
        lease: Duration,
        after: Duration,
        place: OwnedSemaphorePermit,
        running: &mut JoinSet<()>,
    ) {
        let post = Arc::clone(self);
        self.held.take(token.clone(), asked, lease, None);
        running.spawn(async move {
            post.report(token, Report::Returned { after }).await;
            drop(place);
        });
    }

    /// Waits until there may be somebody to claim.
    async fn idle(&self, now: &Summary, stage: &mut watch::Receiver<Stage>) {
        let tally = now.tally;
        let look = if tally.waiting > 0 { LOOK_SOON } else { jittered(LOOK) };
        let nobody_left = tally.registered == tally.ended() + tally.running && tally.waiting == 0;
        let hint = self.shop.hint.notified();
        tokio::pin!(hint);
        // Listened before it is said that we listen.
        hint.as_mut().enable();
        self.shop.set_idle(self.group, nobody_left && self.held.is_empty());
        tokio::select! {
            () = hint => {}
            () = sleep(look) => {}
            _ = stage.changed() => {}
            _ = self.shop.drained.wait_async() => {}
        }
        self.shop.set_busy(self.group);
    }

    /// Claims nobody for a while, whoever calls: there is nothing to do for us.
    async fn stay_away(&self, time: Duration, stage: &mut watch::Receiver<Stage>) {
        tokio::select! {
            () = sleep(time) => {}
            _ = stage.changed() => {}
            _ = self.shop.drained.wait_async() => {}
        }
    }

    /// Prolongs leases, three times as often as they end, and stops those for whom nobody answered.
    async fn heart(&self) {
        let beats = async {
            let mut again = Again::new();
            loop {
                self.held.beat().await;
                match self.beat().await {
                    Ok(()) => again = Again::new(),
                    Err(error) if error.is_passing() => {
                        self.shop.away(&error);
                        again.pause().await;
                    }
                    Err(error) => {
                        self.gone(&error);
                        // Their reports end them.
                        sleep(LOOK).await;
                    }
                }
            }
        };
        let guard = async {
            loop {
                self.held.overdue().await;
                self.held.stop_overdue();
            }
        };
        tokio::join!(beats, guard);
    }

    async fn beat(&self) -> Result<(), StoreError> {
        for tokens in self.held.tokens().chunks(CHUNK) {
            let asked = Instant::now();
            let renewed = self.shop.store.renew(self.group, tokens).await?;
            if renewed.group.state == GroupState::Open {
                self.held.renewed(tokens, asked, renewed.group.lease);
            } else {
                self.held.paced(tokens, asked);
            }
            self.held.lose(tokens, &renewed.stale);
            self.saw(&renewed.group);
        }
        Ok(())
    }

    /// Draws the conclusions from time that has passed, in turns with everybody else who does. Its answers do not overtake each
    /// other, so that it also sees when the engine has gone back in time and the group is open again.
    async fn reaps(&self) {
        let mut pause = Duration::ZERO;
        loop {
            sleep(jittered(pause)).await;
            match self.shop.store.reap(self.group).await {
                Ok(reaped) => {
                    let stage = stage_of(reaped.group.state);
                    self.stage.send_if_modified(|known| std::mem::replace(known, stage) != stage);
                    self.heed(stage, &reaped.group);
                    let tally = reaped.group.tally;
                    let sweeps = stage == Stage::Closing && tally.ended() + tally.running < tally.registered;
                    pause = if sweeps {
                        // Who has not begun is cancelled a chunk at a time.
                        Duration::ZERO
                    } else {
                        (reaped.group.lease / 3).clamp(LOOK_SOON, 5 * LOOK)
                    };
                }
                Err(error) if error.is_passing() => pause = LOOK,
                Err(error) => {
                    self.gone(&error);
                    pause = LOOK;
                }
            }
        }
    }

    /// Stops those that run when the worker's grace is over.
    async fn ends(&self) {
        self.shop.drained.wait_async().await;
        tokio::select! {
            () = sleep(self.shop.grace) => {}
            _ = self.shop.hard.wait_async() => {}
        }
        self.held.stop(&Stopped::Draining);
        // Nobody begins any more, but one that was being claimed meanwhile is given back by itself.
        std::future::pending().await
    }
}

fn stage_of(state: GroupState) -> Stage {
    match state {
        GroupState::Open => Stage::Open,
        GroupState::Cancelling => Stage::Closing,
        _ => Stage::Over,
    }
}
