//! How members of a group with a limit get their turn: runners.
//!
//! A *runner* holds slots and polls one member at a time; when that is over it takes the next from the queue and goes on with it.
//! It is carried as members without a limit are (see `carriers`), which hold nothing.
//!
//! Invariants:
//!
//! * **R1.** Slots are held by runners, by blocking members, and by granted turns; whoever holds them gives them to
//!   [`release`] or [`next`], once, on every way out.
//! * **R2.** While somebody queues, somebody holds slots. So whoever gives slots back looks at the queue, and who queues needs
//!   not look after anybody.
//! * **R3.** Whoever queues looks afterwards whether the group has been cancelled. A cancellation clears the queue after it
//!   was set; so either it finds the one who queues, or that one sees it. Nobody queues in a group that is over.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use pin_project_lite::pin_project;

use super::carriers::Carriers;
use super::lane::{Granted, Job, Queued};
use super::turn::Turn;
use super::{BoxTask, TaskCore};
use crate::fault::{self, Fault};
use crate::group::ending::Riders;
use crate::group::panics;
use crate::sync::of_thread;
use crate::who::Id;

/// How many members a runner takes up in one go before it lets the executor's other tasks run.
const IN_ONE_GO: usize = 32;

pin_project! {
    /// Holds slots, and polls one member after the other.
    pub(super) struct Runner<M, T, E, P>
    where
        T: Send, T: 'static,
        E: Send, E: 'static,
        P: Send, P: 'static,
    {
        core: Arc<TaskCore<T, E, P>>,
        held: usize,
        #[pin]
        first: Option<M>,
        next: Option<BoxTask>,
    }

    impl<M, T, E, P> PinnedDrop for Runner<M, T, E, P>
    where
        T: Send, T: 'static,
        E: Send, E: 'static,
        P: Send, P: 'static,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // A runner that has come to its end holds nothing.
            if *this.held > 0 {
                // Its executor has dropped it, and would drop those that it launched now: nobody will run any more.
                this.first.set(None);
                drop(this.next.take());
                clear(this.core);
                release(this.core, *this.held);
            }
        }
    }
}

impl<M, T, E, P> Runner<M, T, E, P>
where
    M: Future<Output = ()>,
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    /// R1: with `held` slots, which it gives back.
    pub(super) fn new(core: Arc<TaskCore<T, E, P>>, held: usize, first: M) -> Self {
        Self { core, held, first: Some(first), next: None }
    }
}

impl<M, T, E, P> Future for Runner<M, T, E, P>
where
    M: Future<Output = ()>,
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let mut this = self.project();
        for _ in 0..IN_ONE_GO {
            if let Some(first) = this.first.as_mut().as_pin_mut() {
                ready!(first.poll(cx));
                this.first.set(None);
            } else if let Some(next) = this.next {
                ready!(next.as_mut().poll(cx));
                *this.next = None;
            }
            match next(this.core, std::mem::take(this.held)) {
                Some((held, task)) => (*this.held, *this.next) = (held, Some(task)),
                None => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T, E, P> Riders for TaskCore<T, E, P>
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    fn rider_left(self: &Arc<Self>) {
        release(self, 1);
    }

    fn one_is_over(self: &Arc<Self>) {
        self.kind.carriers.one_is_over();
    }
}

of_thread! {
    /// The group in which this thread is launching those who may go on.
    static LAUNCHING: Cell<Option<Id>> = Cell::new(None)
}

/// This thread is launching; gives way to what was before when it is dropped.
struct Launching(Option<Id>);

impl Launching {
    /// Nothing if this thread is launching in this group already, further out.
    ///
    /// An executor that has shut down drops what it is given, and that gives its slots back while we launch it. Whoever
    /// launches goes on with them (R2: it looks at the queue again); if the one who gives them back did, the recursion would be as deep as the queue.
    fn begin(group: Id) -> Option<Self> {
        let before = LAUNCHING.with(|before| before.replace(Some(group)));
        (before != Some(group)).then(|| Self(before))
    }
}

impl Drop for Launching {
    fn drop(&mut self) {
        LAUNCHING.with(|now| now.set(self.0));
    }
}

/// Gives slots back, and launches whoever may go on now, in order.
pub(super) fn release<T, E, P>(core: &Arc<TaskCore<T, E, P>>, mut held: usize)
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    let Some(_launching) = Launching::begin(core.id) else {
        return core.books.lock().lane.give_back(held);
    };
    if fault::planted(Fault::LookThenGiveBack) && core.books.lock().lane.is_empty() {
        return core.books.lock().lane.give_back(held);
    }
    loop {
        let granted = core.books.lock().lane.release(std::mem::take(&mut held));
        let Some(granted) = granted else { return };
        held = start(core, granted);
    }
}

/// Gives slots back; the next member that the caller may poll with new ones. Launches all others who may go on.
fn next<T, E, P>(core: &Arc<TaskCore<T, E, P>>, mut held: usize) -> Option<(usize, BoxTask)>
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    let Some(_launching) = Launching::begin(core.id) else {
        core.books.lock().lane.give_back(held);
        return None;
    };
    let mut mine = None;
    if fault::planted(Fault::LookThenGiveBack) && core.books.lock().lane.is_empty() {
        core.books.lock().lane.give_back(held);
        return None;
    }
    loop {
        let granted = core.books.lock().lane.release(std::mem::take(&mut held));
        match granted {
            None => return mine,
            Some((slots, Queued::Job(Job::Task(task)))) if mine.is_none() => mine = Some((slots, task)),
            Some(granted) => held = start(core, granted),
        }
    }
}

/// Lets one go on; slots that it has no use for.
fn start<T, E, P>(core: &Arc<TaskCore<T, E, P>>, (held, who): Granted) -> usize
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    match who {
        Queued::Job(Job::Task(task)) => {
            let way = core.books.lock().lane.way(&core.kind.carriers);
            Carriers::launch(way, Runner::new(Arc::clone(core), held, task));
        }
        Queued::Job(Job::Blocking(closure)) => {
            let slots = Slots::new(Arc::clone(core), held);
            core.kind.carriers.executor.spawn_blocking(move || {
                // Given back last, and also if it is dropped unrun.
                let _slots = slots;
                closure();
            });
        }
        Queued::Turn(turn) if !turn.grant(held) && !fault::planted(Fault::TurnUnlooked) => return held,
        Queued::Turn(_) => {}
    }
    0
}

/// Queues, or goes on at once if there is room.
pub(super) fn enter<T, E, P>(core: &Arc<TaskCore<T, E, P>>, weight: usize, who: Queued)
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    let granted = core.books.lock().lane.enter(weight, who);
    if let Some(granted) = granted {
        let unused = start(core, granted);
        release(core, unused);
    } else if core.ctx.is_cancelled() && !fault::planted(Fault::QueuedUnlooked) {
        // R3.
        clear(core);
    }
}

/// Sends everyone home who queues.
pub(super) fn clear<T, E, P>(core: &Arc<TaskCore<T, E, P>>) {
    let queue = core.books.lock().lane.clear();
    for (_, who) in queue {
        match who {
            // Dropped without the lock: a member that never began ends here.
            Queued::Job(job) => panics::drop_quietly(job),
            Queued::Turn(turn) => turn.refuse(),
        }
    }
}

/// Gives up a turn, and what it may have been granted.
pub(super) fn give_up<T, E, P>(core: &Arc<TaskCore<T, E, P>>, turn: &Arc<Turn>)
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    // Out of the queue first: who is not there any more cannot be granted anything, or has been.
    core.books.lock().lane.give_up(turn);
    // Also when nothing was granted: it may have stood at the head and in the way of lighter ones.
    let held = turn.give_up().unwrap_or(0);
    release(core, held);
}

/// Slots that are held outside a runner: by a blocking member, or for one about to be launched.
pub(super) struct Slots<T, E, P>
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    core: Arc<TaskCore<T, E, P>>,
    held: usize,
}

impl<T, E, P> Slots<T, E, P>
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    pub(super) fn new(core: Arc<TaskCore<T, E, P>>, held: usize) -> Self {
        Self { core, held }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Somebody else holds them from now on.
    pub(super) fn pass_on(mut self) -> usize {
        std::mem::take(&mut self.held)
    }
}

impl<T, E, P> Drop for Slots<T, E, P>
where
    T: Send + 'static,
    E: Send + 'static,
    P: Send + 'static,
{
    fn drop(&mut self) {
        if self.held > 0 {
            release(&self.core, self.held);
        }
    }
}
