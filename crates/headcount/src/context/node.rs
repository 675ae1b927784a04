//! The tree of contexts, and how a cancellation reaches all of it.
//!
//! A node is "a wait group with one member, who is out until the node is cancelled". So whether it is cancelled is one
//! load, at any depth, and waiting for it, blocked or polled, is the waiting that `raw` has proved already.
//!
//! # Invariants
//!
//! * **N1.** A child holds its parents strongly, a parent its children weakly. So a node in the middle lives as long as
//!   anything below it, and a node that nobody needs any more goes at once and takes its seat with it.
//! * **N2.** `cause` is set once, under the node's lock, and before its counter reaches zero. Who sees the counter at
//!   zero finds the cause.
//! * **N3.** A node sits with each live parent unless that parent was cancelled first: it takes its seat under the
//!   parent's lock, where it also looks for the parent's cause. So a child that is made while its parent is being
//!   cancelled is either found in its seat by the canceller, or finds the cause by itself.
//! * **N4.** A seat is kept until its node is dropped or its parent is *settled*: everything below it is cancelled. So
//!   whoever cancels walks all that is there, whatever others are doing: two cancellers help each other, and neither
//!   returns before every node below its own is cancelled.
//!
//! # Deadlock safety
//!
//! A thread holds one node's lock at a time, and no foreign code runs under it: `seat` and `leave` lock a parent while no
//! child is locked, `cancel` locks one node, copies what it needs, unlocks, and goes on. With never two locks held there is
//! no order to keep. (A node's counter has a lock inside; it is a leaf: `raw` calls nobody under it.)
//!
//! # Edges
//!
//! * **X1, cancel → seen.** What the canceller did happens before `is_cancelled` is seen true, and before every wait that it
//!   releases: E1 and E2 of `raw::counter`, with the canceller as the member.

use std::panic::Location;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use super::callback::{Callback, Callbacks};
use super::cancelled::{CancelKind, Cancelled};
use super::seats::Seats;
use super::timer::Alarm;
use crate::fault::{self, Fault};
use crate::raw;
use crate::roll::RollCall;
use crate::roll::registry::{self, Listed, Registered};
use crate::sync::{self, AtomicU8, AtomicU64, Relaxed};
use crate::wait::lock::Lock;
use crate::who::threads::Seen;

/// The order of the fields is kept: a crowd that is woken reads the cause and then lets go of its handles, on several cores.
/// What nobody writes then stands first, so that handles are not counted in the cache line that has the cause.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Node {
    /// One, or two for a merged context.
    parents: [Option<Arc<Node>>; 2],
    /// Where the node sits with each. Apart from the parents: what is written in two pieces and read in one is read slowly.
    seats: [AtomicU64; 2],
    pub(super) deadline: Option<Instant>,
    /// N2. Outside the lock, so that a crowd that is woken by one cancellation does not queue up to ask why.
    cause: OnceLock<Cancelled>,
    /// Whether a callback was ever registered: 0 or 1, set under the lock.
    called: AtomicU8,
    inner: Lock<Inner>,
    /// One member is out until the node is cancelled.
    pub(super) out: raw::WaitGroup,
}

/// The seat of a node that found its parent cancelled and has none.
const STANDING: u64 = u64::MAX;

#[derive(Debug, Default)]
struct Inner {
    /// Boxed, and the callbacks too: most contexts have neither, and are made and dropped often.
    children: Option<Box<Seats<Weak<Node>>>>,
    callbacks: Option<Box<Callbacks>>,
    /// N4: everything below is cancelled; nobody needs to walk here any more.
    settled: bool,
    /// What will cancel this node at its deadline.
    alarm: Option<Alarm>,
    /// It is among all that are waited for, since the first wait.
    registered: Option<Registered>,
}

impl Node {
    /// A node below its parents, cancelled at once if one of them is.
    pub(super) fn below(parents: [Option<&Arc<Node>>; 2], deadline: Option<Instant>) -> Arc<Self> {
        // Made where it stays, and not copied there: a node has a good two hundred bytes.
        let node = Arc::new_cyclic(|_| Self {
            parents: parents.map(|parent| parent.cloned()),
            seats: [AtomicU64::new(STANDING), AtomicU64::new(STANDING)],
            deadline,
            cause: OnceLock::new(),
            called: AtomicU8::new(0),
            inner: Lock::new(Inner::default()),
            out: raw::WaitGroup::with_one_out(),
        });
        // Seated when it is whole: a canceller that finds it in its seat must be able to reach it.
        for (parent, seat) in node.parents.iter().zip(&node.seats) {
            match parent.as_ref().map(|parent| parent.seat(&node)) {
                None => {}
                // Relaxed: read again only when the node is dropped, which is ordered after by the `Arc`.
                Some(Ok(number)) => seat.store(number as u64, Relaxed),
                Some(Err(cause)) => drop(node.cancel(&cause)),
            }
        }
        node
    }

    /// Whether a cancellation would be seen by nobody: the caller's handle is the last, and no callback was ever registered.
    /// Contexts below would hold this one, waits borrow it.
    ///
    /// Who registered one did so by a handle, and the count says that all others have been given up. (A canceller that walks
    /// down from above may hold the node for a moment; then this one cancels too.)
    pub(super) fn is_alone(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) == 1 && sync::newest(&self.called) == 0
    }

    /// N3: gives `child` a seat, unless this node is cancelled.
    fn seat(&self, child: &Arc<Node>) -> Result<usize, Cancelled> {
        let mut inner = self.inner.lock();
        match self.cause.get() {
            Some(cause) if !fault::planted(Fault::SeatUnlooked) => Err(cause.clone()),
            _ => Ok(inner.children.get_or_insert_default().take(Arc::downgrade(child))),
        }
    }

    #[inline]
    pub(super) fn is_cancelled(&self) -> bool {
        self.out.outstanding() == 0
    }

    pub(super) fn cause(&self) -> Option<Cancelled> {
        // Whether it is cancelled is the counter's to say, so that all who ask get one answer at one time.
        if self.is_cancelled() { self.cause.get().cloned() } else { None }
    }

    /// The cause, for whoever has seen the counter at zero or was released by it (N2).
    pub(super) fn cause_seen(&self) -> Cancelled {
        match self.cause.get() {
            Some(cause) => cause.clone(),
            None => unreachable!("N2: a cancelled node has its cause"),
        }
    }

    /// Cancels this node and all below it; gives the callbacks of those that were cancelled by this call.
    ///
    /// When it returns every node that was below this one when it was called is cancelled (N4), and its waiters are woken.
    /// No recursion, so depth is no danger; linear in the number of nodes below.
    #[must_use = "the callbacks are to be run, with no lock held"]
    pub(super) fn cancel(self: &Arc<Self>, cause: &Cancelled) -> Vec<Callback> {
        let mut walk = Walk { todo: Vec::new(), cause, callbacks: Vec::new() };
        walk.visit(self);
        walk.on();
        let callbacks = std::mem::take(&mut walk.callbacks);
        drop(walk);
        let (own, callbacks): (Vec<_>, Vec<_>) = callbacks.into_iter().partition(Callback::is_own);
        // Ours do not panic, but they wake others, who may.
        let _ = super::callback::run_quietly(own, cause);

        let mut inner = self.inner.lock();
        inner.settled = true;
        let children = inner.children.take();
        drop(inner);
        drop(children);
        callbacks
    }

    /// Registers a callback, or gives it back with the cause if the node is cancelled.
    pub(super) fn call(&self, callback: Callback) -> Result<u64, (Callback, Cancelled)> {
        let mut inner = self.inner.lock();
        match self.cause.get().cloned() {
            Some(cause) if !fault::planted(Fault::CallUnlooked) => Err((callback, cause)),
            _ => {
                if !fault::planted(Fault::CallUnannounced) {
                    // Relaxed: read only by the last handle, which is ordered after this one by their `Arc`.
                    self.called.store(1, Relaxed);
                }
                Ok(inner.callbacks.get_or_insert_default().add(callback))
            }
        }
    }

    /// Takes a callback back; it is given if it was not taken to be run.
    pub(super) fn uncall(&self, id: u64) -> Option<Callback> {
        self.inner.lock().callbacks.as_mut()?.remove(id)
    }

    /// Sets what cancels the node at its deadline. An alarm that has been or need not be is dropped by the caller.
    pub(super) fn set_alarm(&self, alarm: Alarm) -> Option<Alarm> {
        let mut inner = self.inner.lock();
        if self.cause.get().is_some() { Some(alarm) } else { inner.alarm.replace(alarm) }
    }

    /// Somebody begins to wait for the context: from now on it is where all rolls are called. Most contexts are never waited
    /// for, so none is registered when it is made.
    pub(super) fn is_waited_for(self: &Arc<Self>) {
        let mut inner = self.inner.lock();
        // The registry's lock is a leaf.
        inner.registered.get_or_insert_with(|| registry::register(sync::number(), &Arc::downgrade(self)));
    }

    /// How many children sit here; for tests.
    pub(super) fn children(&self) -> usize {
        self.inner.lock().children.as_ref().map_or(0, |children| children.len())
    }

    /// Cancels the node because its deadline has passed, which was set at `place`.
    pub(super) fn expire(self: &Arc<Self>, place: &'static Location<'static>) -> (Cancelled, Vec<Callback>) {
        let cause = Cancelled::new(CancelKind::DeadlineExceeded, None, place);
        let callbacks = self.cancel(&cause);
        (cause, callbacks)
    }

    fn leave_first(&mut self) -> Option<Arc<Node>> {
        // Relaxed: see `below`.
        let seat = self.seats[0].load(Relaxed);
        self.parents[0].take().inspect(|parent| parent.leave(seat))
    }

    fn leave_second(&mut self) -> Option<Arc<Node>> {
        // Relaxed: see `below`.
        let seat = self.seats[1].load(Relaxed);
        self.parents[1].take().inspect(|parent| parent.leave(seat))
    }

    fn leave(&self, seat: u64) {
        let Ok(seat) = usize::try_from(seat) else { return };
        let mut inner = self.inner.lock();
        // A settled node has cleared its seats.
        let left = if inner.settled {
            None
        } else {
            inner.children.as_mut().and_then(|children| children.leave(seat))
        };
        drop(inner);
        drop(left);
    }
}

/// Those who wait for the context are counted; who they are is not known.
impl Listed for Node {
    fn roll_call(&self, _: &Seen) -> RollCall {
        RollCall::of_waiters(self.out.counter().listed())
    }
}

/// A cancellation on its way down. Wakers are foreign code: if one panics, unwinding drops the walk, which goes on.
struct Walk<'c> {
    todo: Vec<Arc<Node>>,
    cause: &'c Cancelled,
    callbacks: Vec<Callback>,
}

impl Walk<'_> {
    fn on(&mut self) {
        while let Some(node) = self.todo.pop() {
            self.visit(&node);
        }
    }

    fn visit(&mut self, node: &Arc<Node>) {
        let mut inner = node.inner.lock();
        let first = node.cause.set(self.cause.clone()).is_ok();
        if first {
            self.callbacks
                .extend(inner.callbacks.take().into_iter().flat_map(|callbacks| callbacks.into_all()));
        }
        // N4: also when another canceller was here first; it may still be on its way down.
        if !inner.settled && (first || !fault::planted(Fault::SecondDoesNotHelp)) {
            let children = inner.children.iter().flat_map(|children| children.iter());
            self.todo.extend(children.filter_map(Weak::upgrade));
        }
        let alarm = inner.alarm.take();
        drop(inner);
        // Taking a deadline back locks the clock: not under ours.
        drop(alarm);
        // N2: the cause is there. Whoever comes first brings the counter to zero; the second changes nothing.
        node.out.done_if_out();
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        self.on();
    }
}

/// Leaves the seats, then lets go of the parents; the last child of a long chain takes the chain with it, one by one and
/// not by recursion.
impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.leave_first();
        // Only merged contexts have a second parent, and only then is there anything to remember.
        let mut later: Vec<Arc<Node>> = self.leave_second().into_iter().collect();
        while let Some(parent) = next.take().or_else(|| later.pop()) {
            if let Some(mut last) = Arc::into_inner(parent) {
                next = last.leave_first();
                later.extend(last.leave_second());
            }
        }
    }
}
