//! The few threads that carry everybody: each looks after whoever has something to do, so that who only waits, for a
//! child for example, takes no thread.
//!
//! A *hand* is such a thread. All of them sleep in one place, on the files of everybody ([`set`]) and until the next
//! alarm ([`alarm`]). The system wakes one hand for each file that is ready, and that hand goes on with whoever waits for the
//! file: nothing is handed from thread to thread, and a hand that is held up for a moment, as by the start of a child,
//! leaves the others on watch. They run tasks for the batch's group ([`Spawn`]) and know nothing of members.
//!
//! # Rules
//!
//! * **H1, somebody comes.** While a task is ready, some hand is awake and will look for one before it sleeps, or one was called
//!   and has not looked yet. Who makes a task ready and who goes to sleep do so under one lock: either the one sees the
//!   other asleep, or the other sees the task. Who takes one task and leaves others calls the next hand.
//! * **H2, who sets an alarm looks at it.** A hand looks at the alarms before it sleeps, and sleeps no longer than to the first. So
//!   whoever sets one need not call anybody, unless the hand is going to be held up.
//! * **H3, who is held up says so.** A task must not block its thread for long. Where it cannot be helped, because a reader does not
//!   read, it says so ([`held_up`]): another hand takes over, a new one if all are busy. Only who holds a lock that there is one
//!   of blocks so, which is what bounds the number of hands. Where there is a hand for every lane ([`is_one_each`]) a task may
//!   sleep for a few milliseconds without a word: nobody else needs its hand.
//!
//! Hands are started when there is something for them to do, up to as many as were asked for, and stay.

pub(crate) mod alarm;
mod aside;
mod set;
#[cfg(test)]
mod tests;
mod watched;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_task::Runnable;
use headcount::task::{BoxTask, Spawn};

pub(crate) use alarm::within;
pub(crate) use aside::{aside, wait_here, wait_here_for};
pub(crate) use watched::Watched;

use crate::locked;
use alarm::Alarms;
use set::{BELL, Set};

/// Enough for what a member asks of its thread.
const STACK: usize = 512 * 1024;

/// A hand that finds one task after the other looks at the files in between, after so many.
const IN_ONE_GO: u32 = 16;

thread_local! {
    /// Those to whom this thread belongs.
    static MINE: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
    /// It is waking tasks, and will look for one next.
    static WAKING: Cell<bool> = const { Cell::new(false) };
}

/// See the room's text. Dropping it ends the hands, each when it has nothing to do.
#[derive(Debug)]
pub(crate) struct Hands(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    set: Set,
    inner: Mutex<Inner>,
    /// So many are to be there who are not held up.
    most: usize,
    /// That is as many as there are lanes.
    one_each: bool,
}

#[derive(Debug, Default)]
struct Inner {
    ready: VecDeque<Runnable>,
    alarms: Alarms,
    /// How many hands there are; who sleeps of them, or is about to; and who is held up.
    hands: usize,
    asleep: usize,
    held_up: usize,
    /// The bell was rung, and nobody has come yet.
    called: bool,
    over: bool,
}

/// What is to be done so that somebody comes.
#[must_use]
enum Call {
    /// Nothing: all are busy, or one was called.
    Nobody,
    Ring,
    Start,
}

impl Hands {
    /// Up to so many for so many lanes, of which the first is there.
    ///
    /// # Errors
    /// When the system gives no thread, or no place to sleep in.
    pub(crate) fn new(most: usize, lanes: usize) -> io::Result<Self> {
        let most = most.max(1);
        let shared =
            Arc::new(Shared { set: Set::new()?, inner: Mutex::default(), most, one_each: lanes <= most });
        locked(&shared.inner).hands = 1;
        shared.start()?;
        Ok(Self(shared))
    }

    /// What a group runs its tasks with.
    pub(crate) fn executor(&self) -> impl Spawn + use<> {
        let shared = Arc::clone(&self.0);
        move |task: BoxTask| {
            let whose = Arc::clone(&shared);
            let (runnable, task) = async_task::spawn(task, move |runnable| whose.add(runnable));
            task.detach();
            runnable.schedule();
        }
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        locked(&self.0.inner).over = true;
        self.0.set.ring();
    }
}

impl Inner {
    /// Somebody is wanted.
    fn call(&mut self, most: usize) -> Call {
        if self.asleep > 0 {
            if self.called {
                return Call::Nobody;
            }
            self.called = true;
            return Call::Ring;
        }
        if self.hands - self.held_up >= most {
            return Call::Nobody;
        }
        self.hands += 1;
        Call::Start
    }
}

impl Shared {
    /// The hands this thread is one of.
    fn mine() -> io::Result<Arc<Self>> {
        MINE.with_borrow(Clone::clone).ok_or_else(|| io::Error::other("only a hand may wait so"))
    }

    /// H1: a task is ready.
    fn add(self: &Arc<Self>, task: Runnable) {
        let mut inner = locked(&self.inner);
        inner.ready.push_back(task);
        // Who wakes the one task there is takes it next.
        let call = if WAKING.get() && inner.ready.len() == 1 { Call::Nobody } else { inner.call(self.most) };
        drop(inner);
        self.carry_out(call);
    }

    fn carry_out(self: &Arc<Self>, call: Call) {
        match call {
            Call::Nobody => {}
            Call::Ring => self.set.ring(),
            // With fewer hands it takes longer; one is always there.
            Call::Start => drop(self.start()),
        }
    }

    /// Starts a hand, which is counted already.
    fn start(self: &Arc<Self>) -> io::Result<()> {
        let shared = Arc::clone(self);
        let started =
            thread::Builder::new().name("hand".into()).stack_size(STACK).spawn(move || shared.work());
        if started.is_err() {
            locked(&self.inner).hands -= 1;
        }
        started.map(drop)
    }

    /// What a hand does.
    fn work(self: Arc<Self>) {
        MINE.set(Some(Arc::clone(&self)));
        let mut events = Vec::new();
        let mut in_one_go = 0;
        loop {
            let mut inner = locked(&self.inner);
            let due = inner.alarms.take_due();
            if !due.is_empty() {
                drop(inner);
                WAKING.set(true);
                due.into_iter().for_each(std::task::Waker::wake);
                WAKING.set(false);
                continue;
            }
            if in_one_go < IN_ONE_GO {
                if let Some(task) = inner.ready.pop_front() {
                    let call = if inner.ready.is_empty() { Call::Nobody } else { inner.call(self.most) };
                    drop(inner);
                    self.carry_out(call);
                    in_one_go += 1;
                    task.run();
                    continue;
                }
            }
            if inner.over && inner.ready.is_empty() {
                drop(inner);
                // For the next one.
                self.set.ring();
                return;
            }
            in_one_go = 0;
            let limit = if inner.ready.is_empty() { inner.alarms.left() } else { Some(Duration::ZERO) };
            inner.asleep += 1;
            drop(inner);
            self.set.sleep(limit, &mut events);
            let mut inner = locked(&self.inner);
            inner.asleep -= 1;
            if events.contains(&BELL) {
                inner.called = false;
            }
            drop(inner);
            WAKING.set(true);
            events.drain(..).for_each(|event| self.set.tell(event));
            WAKING.set(false);
        }
    }
}

/// Whether there is a hand for everybody: then who sleeps for a moment keeps nobody waiting.
pub(crate) fn is_one_each() -> bool {
    MINE.with_borrow(|mine| mine.as_ref().is_some_and(|mine| mine.one_each))
}

/// H3: does what may take long, while another hand takes over from this one. Elsewhere than in a hand it is just done.
pub(crate) fn held_up<T>(wait: impl FnOnce() -> T) -> T {
    let Ok(mine) = Shared::mine() else { return wait() };
    let mut inner = locked(&mine.inner);
    inner.held_up += 1;
    // H2: also where nothing is ready, for the alarms.
    let call = inner.call(mine.most);
    drop(inner);
    mine.carry_out(call);
    let over = Over(&mine);
    let waited = wait();
    drop(over);
    waited
}

/// Whoever was held up goes on, also if it breaks down.
struct Over<'a>(&'a Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        locked(&self.0.inner).held_up -= 1;
    }
}
