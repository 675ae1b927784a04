//! Carriers: the few tasks of an executor that poll all members of a group. What they know of each other stands on their
//! [`desk`](super::desk).
//!
//! A member is a future in an allocation of its own that knows where to go when it is woken: to its group's queue of members
//! that are *ready*. A *carrier* is a task of the executor that takes some of them on its *tray* and polls one after the
//! other. So a member costs the executor nothing, and a wake-up of many members is a wake-up of few tasks.
//!
//! # Words
//!
//! A carrier is *coming* while its executor has it to poll, *carrying* while it is polled, and otherwise *at home*, where it
//! stays only while there are members who may be woken.
//!
//! # Rules
//!
//! * **K1, somebody comes.** While a member is ready, in the queue or on a tray, some carrier is coming, or is at the desk, or
//!   is between two members and has nobody on its tray. So a member that blocks its thread holds up nobody but itself, if
//!   the executor has another thread: who comes takes from the queue, and if that is empty from the trays of others.
//! * **K2, one lock.** Trays are filled at the desk, under its lock. Who finds, under that lock, the queue and all trays empty
//!   may go home; who makes a member ready puts it in the queue under that lock, and looks who is coming. So either the one
//!   who goes home sees the member, or the one who brings it sees him at home.
//! * **K3, as many as are needed.** As many come as there are members ready, but not more than [`Carriers::most`]. One would
//!   do for K1 if executors were fair. Tokio keeps the task that a thread woke last in a place where no other thread can
//!   get at it; so there is one more than there are such places, and then one of them can be had by whoever is free.
//! * **K4, who is dropped speaks for the executor.** An executor that drops a carrier is shutting down. All members
//!   that are out are called off then, and those who are ready are dropped by that carrier, unpolled. That is why
//!   one stays at home while members are out: they may all be parked, and nobody else would tell them.
//! * **K5, who is last tells the others.** Whoever finds that all who were ever counted out are over sends those home who
//!   are at home: they end.
//!
//! Lock order: the desk's, then those of trays, or that of the group's books. Nobody is woken, started, polled or dropped
//! under them.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

use async_task::{Runnable, ScheduleInfo, WithInfo};

use super::carrier::Carrier;
use super::desk::{Call, Desk, TRAY, Tray};
use super::executor::Executor;
use crate::fault::{self, Fault};
use crate::group::panics;
use crate::sync::of_thread;
use crate::wait::lock::Lock;

/// A carrier that had at least so many to poll comes again before it goes home, so many times: more are likely to come, and
/// whoever brings them need not wake anybody.
const BUSY: usize = 8;
const LINGER: u32 = 8;

/// The group that is carried.
pub(super) trait Aboard: Send + Sync {
    /// How many members were ever counted out.
    fn spawned(&self) -> u64;
    /// Calls everybody off who is out now, but not those who come later (K4).
    fn executor_is_gone(&self);
}

/// The carriers of one group.
pub(crate) struct Carriers {
    pub(super) executor: Executor,
    desk: Lock<Desk>,
    group: OnceLock<Weak<dyn Aboard>>,
}

/// Where a member goes when it is woken.
///
/// Each member holds one of these and not its [`Carriers`] directly, because it is counted: members end on other threads
/// than launch the next ones, and would fight over the count. See [`Ways`].
#[derive(Debug)]
pub(super) struct Way(Arc<Carriers>);

/// References to ways, made many at a time before anybody else sees them: so launching a member counts nothing.
#[derive(Debug, Default)]
pub(super) struct Ways(Vec<Arc<Way>>);

impl Ways {
    /// As many as a page of the group's book has lines.
    const STOCK: usize = 60;

    pub(super) fn next(&mut self, carriers: &Arc<Carriers>) -> Arc<Way> {
        self.0.pop().unwrap_or_else(|| {
            // The first member of a group may be its only one.
            let stock = if self.0.capacity() == 0 { 3 } else { Self::STOCK };
            let way = Arc::new(Way(Arc::clone(carriers)));
            self.0.resize(stock, Arc::clone(&way));
            way
        })
    }
}

/// What a carrier has done in one go.
pub(super) struct Carried {
    polled: usize,
    /// Members that are over.
    over: u64,
}

/// What a carrier does that has polled what was on its tray.
pub(super) enum Then {
    /// Let the executor's other tasks run, and come again.
    Yield,
    /// Wait until it is woken.
    Home,
    End,
}

of_thread! {
    /// The carriers of which one is carrying on this thread, by address, and how many members are over since it began.
    static ABOARD: Cell<(usize, u64)> = Cell::new((0, 0))
}

impl Carriers {
    pub(super) fn new(executor: Executor) -> Arc<Self> {
        Arc::new(Self { executor, desk: Lock::default(), group: OnceLock::new() })
    }

    /// Whose members are carried. Before the first of them.
    pub(super) fn carry(&self, group: Weak<dyn Aboard>) {
        let _ = self.group.set(group);
    }

    fn group(&self) -> Option<Arc<dyn Aboard>> {
        self.group.get().and_then(Weak::upgrade)
    }

    /// K3.
    fn most(&self) -> usize {
        match self.executor.threads() {
            1 => 1,
            threads => threads + 1,
        }
    }

    /// Launches a member.
    pub(super) fn launch(way: Arc<Way>, member: impl Future<Output = ()> + Send + 'static) {
        let schedule = move |member, info: ScheduleInfo| way.0.ready(member, info.woken_while_running);
        let (member, handle) = async_task::spawn(member, WithInfo(schedule));
        handle.detach();
        member.schedule();
    }

    /// A member wants to be polled; or, after it has been, `again`: then its carrier, who is told by the executor of members
    /// as well, sees to it that somebody comes (K1).
    fn ready(self: &Arc<Self>, member: Runnable, again: bool) {
        let most = self.most();
        if fault::planted(Fault::LookThenReady) && self.desk.lock().coming > 0 {
            return self.desk.lock().ready.push_back(member);
        }
        let mut desk = self.desk.lock();
        desk.ready.push_back(member);
        if again {
            return;
        }
        // K2: the other side is `depart`.
        let ready = desk.ready.len();
        let call = desk.call(ready.min(most));
        drop(desk);
        self.make(call);
    }

    fn make(self: &Arc<Self>, call: Option<Call>) {
        match call {
            None => {}
            Some(Call::Wake(waker)) => waker.wake(),
            Some(Call::Start(tray)) => self.executor.spawn(Carrier::new(Arc::clone(self), tray)),
        }
    }

    /// A carrier that was coming is here, or that was at home: it takes some members on its tray.
    pub(super) fn arrive(self: &Arc<Self>, tray: &Arc<Tray>) {
        let mut desk = self.desk.lock();
        let waker = desk.arrive(tray);
        let large = desk.fill(tray);
        let call = desk.call_for_the_rest(self.most());
        drop(desk);
        drop((waker, large));
        if call.is_some() {
            self.make(call);
            self.see_to_the_rest();
        }
    }

    /// K1, K3: for those on trays, and for those who are left in the queue; the caller is about to poll one of them.
    pub(super) fn see_to_the_rest(self: &Arc<Self>) {
        loop {
            let call = self.desk.lock().call_for_the_rest(self.most());
            if call.is_none() {
                return;
            }
            self.make(call);
        }
    }

    /// A carrier has polled what it had.
    pub(super) fn depart(
        self: &Arc<Self>,
        tray: &Arc<Tray>,
        waker: &Waker,
        carried: &Carried,
        linger: &mut u32,
    ) -> Then {
        if carried.polled >= BUSY {
            *linger = LINGER;
        }
        let (most, group, waker) = (self.most(), self.group(), waker.clone());
        let mut home = Vec::new();
        let mut desk = self.desk.lock();
        desk.over += carried.over;
        // K2: the other side is `ready`.
        let then = if desk.waiting(1) > 0 && !fault::planted(Fault::HomeUnlooked) {
            desk.coming += 1;
            Then::Yield
        } else if group.as_ref().is_none_or(|group| group.spawned() == desk.over) {
            // K5.
            if !fault::planted(Fault::LastUntold) {
                home = std::mem::take(&mut desk.home);
            }
            desk.coming += home.len();
            desk.leave(tray);
            Then::End
        } else if *linger > 0 {
            *linger -= 1;
            desk.coming += 1;
            Then::Yield
        } else if desk.home.len() < most {
            desk.home.push((Arc::clone(tray), waker));
            Then::Home
        } else {
            desk.leave(tray);
            Then::End
        };
        drop(desk);
        // Perhaps the last reference.
        drop(group);
        home.into_iter().for_each(|(_, waker)| waker.wake());
        then
    }

    /// A carrier is dropped by its executor (K4).
    pub(super) fn is_dropped(self: &Arc<Self>, tray: &Arc<Tray>) {
        let mut desk = self.desk.lock();
        let waker = desk.arrive(tray);
        // It stands for one who comes, until everything is gone.
        desk.coming += 1;
        drop(desk);
        drop(waker);
        if let Some(group) = self.group() {
            group.executor_is_gone();
        }
        loop {
            let mut desk = self.desk.lock();
            let ready = desk.take_all();
            if ready.is_empty() && fault::planted(Fault::DroppedUnlooked) {
                drop(desk);
                desk = self.desk.lock();
            }
            if ready.is_empty() {
                desk.coming -= 1;
                desk.leave(tray);
                return;
            }
            drop(desk);
            panics::drop_each_quietly(ready);
        }
    }

    /// A member is over: just now, on this thread.
    #[inline]
    pub(super) fn one_is_over(self: &Arc<Self>) {
        let counted = ABOARD.with(|aboard| {
            let (whose, over) = aboard.get();
            let here = whose == self.address();
            if here {
                aboard.set((whose, over + 1));
            }
            here
        });
        if !counted {
            self.one_is_over_elsewhere();
        }
    }

    #[cold]
    fn one_is_over_elsewhere(&self) {
        let group = self.group();
        let mut desk = self.desk.lock();
        desk.over += 1;
        let mut home = Vec::new();
        if !desk.home.is_empty() && group.as_ref().is_none_or(|group| group.spawned() == desk.over) {
            // K5.
            home = std::mem::take(&mut desk.home);
            desk.coming += home.len();
        }
        drop(desk);
        drop(group);
        home.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Polls what is on `tray`, within reason.
    pub(super) fn carry_all(self: &Arc<Self>, tray: &Tray) -> Carried {
        let aboard = Carrying(ABOARD.with(|aboard| aboard.replace((self.address(), 0))));
        let mut polled = 0;
        while polled < TRAY {
            let member = tray.lock().pop_front();
            let Some(member) = member else { break };
            polled += 1;
            // K1: it is in the queue again, and the next on the tray may be one that blocks.
            if member.run() && !tray.lock().is_empty() {
                self.see_to_the_rest();
            }
            if self.executor.is_exhausted() {
                break;
            }
        }
        Carried { polled, over: aboard.over() }
    }
}

/// One is carrying on this thread; gives way to who was before, if a member of that one has polled it.
struct Carrying((usize, u64));

impl Carrying {
    fn over(&self) -> u64 {
        ABOARD.with(|aboard| aboard.get().1)
    }
}

impl Drop for Carrying {
    fn drop(&mut self) {
        ABOARD.with(|aboard| aboard.set(self.0));
    }
}

impl fmt::Debug for Carriers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let desk = self.desk.lock();
        f.debug_struct("Carriers")
            .field("ready", &desk.ready.len())
            .field("coming", &desk.coming)
            .field("home", &desk.home.len())
            .finish_non_exhaustive()
    }
}
