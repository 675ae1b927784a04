//! The waiters of one counter: an intrusive list whose nodes live inside the waits themselves.
//!
//! A wait puts a [`Node`] on its stack or in its future and lists it here; nothing is allocated, and a wait that is
//! over leaves nothing behind. A node stands in one of two chains: *waiting*, or *due*, where it has been released and
//! only its wake-up is still owed. Chains change only under the lock that the [`Waiters`] live in.
//!
//! # Rules that make the unsafe code sound
//!
//! * **L1, the lock.** A node's [`Links`] are read and written only by methods of the `Waiters` that it is listed in,
//!   and these need `&mut Waiters`, which only the lock's holder has. A node is listed in one `Waiters` in its life.
//! * **L2, the pin.** A listed node stays where it is and stays alive until it is out of its chain. Its owner sees to
//!   it: the node is pinned, and before it is dropped it is either seen [released](Node::is_released) or taken out
//!   with [`Waiters::leave`].
//! * **L3, the last touch.** Marking a node released is the releasing side's last access to it: the wake handle was
//!   taken out before. An owner that sees the mark may therefore drop the node without the lock.
//!
//! # Edges
//!
//! * **E4, release → waiter.** Marking a node released (Release) happens before its owner sees the mark (Acquire).

use core::fmt;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::ptr::NonNull;

use crate::fault::{self, Fault};
use crate::sync::{Acquire, AtomicU8, Relaxed, Release, UnsafeCell};
use crate::wait::wake::{Wake, WakeBatch};

/// Not listed yet.
const FRESH: u8 = 3;
/// Listed and not released; if the owner is a thread, it is awake and will look again before it sleeps.
const AWAKE: u8 = 0;
/// Listed and not released, and the owning thread sleeps or is about to: whoever releases the node must wake it.
const ASLEEP: u8 = 1;
/// The wait is over, by whatever way.
const RELEASED: u8 = 2;

/// One waiter. Pinned from the moment it is listed (rule L2).
pub(crate) struct Node {
    state: AtomicU8,
    /// The wait is over when this many members or fewer are out. Never changed; here it fills a gap.
    at_most: u32,
    links: UnsafeCell<Links>,
    _pin: PhantomPinned,
}

struct Links {
    prev: Option<NonNull<Node>>,
    next: Option<NonNull<Node>>,
    /// Before `list`: the round in which the wait began, or `OUT` for whichever is running then. Listed:
    /// the round the node waits for the end of; `RELEASED_ALONE` once it was released in the midst of its round. `OUT` as
    /// soon as the node is out of its chain, by whatever way.
    round: u64,
    wake: Option<Wake>,
}

/// Rounds are numbered from 1, so a node of round 0 is older than every round: due.
const RELEASED_ALONE: u64 = 0;
/// In no chain.
const OUT: u64 = u64::MAX;

// SAFETY: L1, the links are touched only under the lock; the state is atomic. What moves between threads with a node
// are wake handles, which are `Send`.
unsafe impl Send for Node {}
// SAFETY: L1, as above; a shared node gives no access to its links without the lock.
unsafe impl Sync for Node {}

// A panic cannot leave links half changed: no foreign code runs while they are changed.
impl core::panic::RefUnwindSafe for Node {}

impl Node {
    /// A waiter until `at_most` members or fewer are out, in the round that is running when it is listed.
    #[cfg_attr(
        not(any(loom, feature = "std")),
        allow(dead_code, reason = "only threads list themselves at once")
    )]
    pub(crate) fn new(at_most: u64) -> Self {
        Self::in_state(FRESH, at_most, OUT)
    }

    /// A waiter until `at_most` members or fewer are out, in round `round`; if there is none, its wait is over.
    #[inline]
    pub(crate) fn watching(at_most: u64, round: Option<u64>) -> Self {
        let state = if round.is_some() { FRESH } else { RELEASED };
        Self::in_state(state, at_most, round.unwrap_or(OUT))
    }

    #[inline]
    fn in_state(state: u8, at_most: u64, round: u64) -> Self {
        Self {
            state: AtomicU8::new(state),
            // More than can be out means the same as as many as can be.
            at_most: u32::try_from(at_most).unwrap_or(u32::MAX),
            links: UnsafeCell::new(Links { prev: None, next: None, round, wake: None }),
            _pin: PhantomPinned,
        }
    }

    /// Whether it was never listed; for its owner, who alone lists it.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        // Relaxed: only the owner ends this state.
        self.state.load(Relaxed) == FRESH
    }

    /// Ends the wait, for an owner whose node is in no chain.
    pub(crate) fn end(&self) {
        // Relaxed: nobody else knows of the node. What the owner has seen that ends its wait it has seen by other edges.
        self.state.store(RELEASED, Relaxed);
    }

    pub(crate) fn at_most(&self) -> u64 {
        self.at_most.into()
    }

    #[inline]
    pub(crate) fn is_released(&self) -> bool {
        // Acquire, E4: what the releasing side did, and saw done, is seen by this waiter.
        self.state.load(Acquire) == RELEASED
    }

    /// Announces that the owning thread is going to sleep; false if it has been released already.
    ///
    /// Why no wake-up is lost, this side: the mark goes from AWAKE to ASLEEP in one exchange. If the releasing side's
    /// swap (`Waiters::collect`) came first, the exchange fails and the thread does not sleep. If it comes later, it
    /// reads ASLEEP and wakes; a wake-up given before the sleep has begun is remembered by the parker.
    #[cfg_attr(not(any(loom, feature = "std")), expect(dead_code, reason = "without std no thread sleeps"))]
    pub(crate) fn announce_sleep(&self) -> bool {
        if fault::planted(Fault::SleepUnannounced) {
            return !self.is_released();
        }
        // Acquire on failure, E4: the thread returns from its wait on the strength of this read.
        // Relaxed on success: nothing is published by falling asleep.
        match self.state.compare_exchange(AWAKE, ASLEEP, Relaxed, Acquire) {
            Ok(_) => true,
            Err(state) => state == ASLEEP,
        }
    }

    fn links<R>(&self, f: impl FnOnce(&mut Links) -> R) -> R {
        self.links.with_mut(|links| {
            // SAFETY: L1, every caller is a method of `Waiters` with `&mut self`, so the lock is held and no other
            // reference to the links exists; none of the closures calls back into the list.
            f(unsafe { &mut *links })
        })
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("released", &self.is_released()).finish_non_exhaustive()
    }
}

/// Where a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In no chain: never listed, or released.
    Out,
    Waiting,
    /// Released; its wake-up is still owed.
    Due,
}

/// All waiters of one counter, and the number of the round that they wait for.
#[derive(Debug)]
pub(crate) struct Waiters {
    /// The running round, from 1. Every zero that is reached while somebody watches closes a round. A `u64` of rounds
    /// at one a nanosecond lasts 584 years.
    round: u64,
    waiting: Chain,
    due: Chain,
    /// How many in `waiting` wait for more than zero members; the counter's shortcut is off while there are any.
    at_mosts: usize,
}

// SAFETY: L1 and L2, the pointers in the chains are followed only under the lock that owns the `Waiters`, to nodes that
// are alive and `Sync`.
unsafe impl Send for Waiters {}

impl Waiters {
    pub(crate) const fn new() -> Self {
        Self { round: 1, waiting: Chain::new(), due: Chain::new(), at_mosts: 0 }
    }

    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    pub(crate) fn at_mosts(&self) -> usize {
        self.at_mosts
    }

    /// How many nodes stand in either chain.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len + self.due.len
    }

    /// Whether `node`, which is not listed yet, began in a round that is over.
    ///
    /// # Safety
    /// * The node was never listed in another `Waiters` (L1).
    pub(crate) unsafe fn has_missed(&self, node: &Node) -> bool {
        node.links(|links| links.round != OUT && links.round != self.round)
    }

    /// Lists `node` in the running round.
    ///
    /// # Safety
    /// * The node is not listed anywhere, and never was in another `Waiters` (L1).
    /// * It leaves before it is dropped, unless it is seen released (L2).
    pub(crate) unsafe fn list(&mut self, node: Pin<&Node>, wake: Wake) {
        let round = self.round;
        node.links(|links| {
            (links.round, links.wake) = (round, Some(wake));
        });
        debug_assert!(node.is_fresh());
        // Relaxed: a releasing side comes later and holds the lock.
        node.state.store(AWAKE, Relaxed);
        self.at_mosts += usize::from(node.at_most > 0);
        self.waiting.push_back(NonNull::from(node.get_ref()));
    }

    /// The round whose end `node` waits for, listed or not yet; nothing if it is released.
    ///
    /// # Safety
    /// * The node was never listed in another `Waiters` (L1).
    #[cfg(feature = "std")]
    pub(crate) unsafe fn round_of(&self, node: &Node) -> Option<u64> {
        node.links(|links| (links.round != OUT && links.round >= self.round).then_some(links.round))
    }

    /// Where `node` stands.
    ///
    /// # Safety
    /// * The node was never listed in another `Waiters` (L1).
    pub(crate) unsafe fn place(&self, node: &Node) -> Place {
        node.links(|links| match links.round {
            OUT => Place::Out,
            round if round < self.round => Place::Due,
            _ => Place::Waiting,
        })
    }

    /// Takes `node` out of its chain and says where it stood.
    ///
    /// # Safety
    /// * The node was never listed in another `Waiters` (L1).
    pub(crate) unsafe fn leave(&mut self, node: &Node) -> (Place, Option<Wake>) {
        // SAFETY: the caller's promise, passed on.
        let place = unsafe { self.place(node) };
        match place {
            Place::Out => return (place, None),
            Place::Waiting => {
                self.at_mosts -= usize::from(node.at_most > 0);
                self.waiting.remove(NonNull::from(node));
            }
            Place::Due => self.due.remove(NonNull::from(node)),
        }
        (place, node.links(|links| links.wake.take()))
    }

    /// Whether a listed `node` would wake this very task.
    ///
    /// # Safety
    /// * The node was never listed in another `Waiters` (L1).
    pub(crate) unsafe fn wakes(&mut self, node: &Node, waker: &core::task::Waker) -> bool {
        node.links(|links| matches!(&links.wake, Some(Wake::Task(own)) if own.will_wake(waker)))
    }

    /// Replaces the waker of a listed `node` and returns the old one, to be dropped outside the lock.
    ///
    /// # Safety
    /// * The node was never listed in another `Waiters` (L1).
    pub(crate) unsafe fn rewake(&mut self, node: &Node, wake: Wake) -> Option<Wake> {
        node.links(|links| links.wake.replace(wake))
    }

    /// Closes the round: everyone who waits becomes due, in one step however many they are.
    pub(crate) fn close_round(&mut self) {
        if !fault::planted(Fault::RoundNotClosed) {
            self.round += 1;
        }
        self.at_mosts = 0;
        self.due.append(&mut self.waiting);
    }

    /// Makes due those who wait for `members` or more to be left.
    pub(crate) fn release_at_most(&mut self, members: u64) {
        let mut next = self.waiting.head;
        while let Some(node) = next {
            // SAFETY: L2, a node in a chain is alive; L1, we hold the lock.
            let node = unsafe { node.as_ref() };
            next = node.links(|links| links.next);
            if node.at_most > 0 && node.at_most() >= members {
                self.at_mosts -= 1;
                self.waiting.remove(NonNull::from(node));
                node.links(|links| links.round = RELEASED_ALONE);
                self.due.push_back(NonNull::from(node));
            }
        }
    }

    /// Whether anybody is due.
    pub(crate) fn has_due(&self) -> bool {
        self.due.head.is_some()
    }

    /// Releases due nodes up to the first that must be woken, and gives its wake-up.
    pub(crate) fn next_due(&mut self) -> Option<Wake> {
        self.due.release_first()
    }

    /// Releases due nodes into `batch` until it is full; true when none is left.
    pub(crate) fn collect(&mut self, batch: &mut WakeBatch) -> bool {
        // The chain is in a place of its own meanwhile, still under the lock: those who were released already may be using what
        // stands beside the list, from other cores, and each end of the chain written there would cost a cache line's way.
        let mut due = core::mem::replace(&mut self.due, Chain::new());
        while !batch.is_full() {
            match due.release_first() {
                Some(wake) => batch.push(wake),
                None => break,
            }
        }
        self.due = due;
        !self.has_due()
    }
}

/// A doubly linked chain of nodes; all of its methods run under the lock (L1) and on live nodes (L2).
#[derive(Debug)]
struct Chain {
    head: Option<NonNull<Node>>,
    tail: Option<NonNull<Node>>,
    len: usize,
}

impl Chain {
    const fn new() -> Self {
        Self { head: None, tail: None, len: 0 }
    }

    /// Releases nodes up to the first that must be woken, and gives its wake-up.
    #[inline]
    fn release_first(&mut self) -> Option<Wake> {
        while let Some(node) = self.head {
            // SAFETY: L2, a node in a chain is alive; L1, we hold the lock.
            let node = unsafe { node.as_ref() };
            self.remove(NonNull::from(node));
            let wake = node.links(|links| links.wake.take());
            if matches!(wake, Some(Wake::Task(_))) {
                // Release, E4: what the releasing side did, and saw done. A task is woken in any case, so nothing is read.
                node.state.store(RELEASED, Release);
                // L3, as below.
                return wake;
            }
            // Release, E4, as above. The swap is one side of the sleep protocol (see `Node::announce_sleep`): either it
            // reads ASLEEP and the thread is woken, or the thread's exchange comes later, fails, and it does not sleep.
            let before = node.state.swap(RELEASED, Release);
            // L3: from here on the node may be gone.
            if before == ASLEEP {
                return wake;
            }
        }
        None
    }

    fn push_back(&mut self, node: NonNull<Node>) {
        let tail = self.tail.replace(node);
        at(node, |links| (links.prev, links.next) = (tail, None));
        match tail {
            Some(tail) => at(tail, |links| links.next = Some(node)),
            None => self.head = Some(node),
        }
        self.len += 1;
    }

    fn remove(&mut self, node: NonNull<Node>) {
        let (prev, next) = at(node, |links| {
            links.round = OUT;
            (links.prev.take(), links.next.take())
        });
        match prev {
            Some(prev) => at(prev, |links| links.next = next),
            None => self.head = next,
        }
        match next {
            Some(next) => at(next, |links| links.prev = prev),
            None => self.tail = prev,
        }
        self.len -= 1;
    }

    /// Moves all of `other` behind this chain's last.
    fn append(&mut self, other: &mut Chain) {
        let Some(first) = other.head.take() else { return };
        at(first, |links| links.prev = self.tail);
        match self.tail {
            Some(tail) => at(tail, |links| links.next = Some(first)),
            None => self.head = Some(first),
        }
        self.tail = other.tail.take();
        self.len += core::mem::take(&mut other.len);
    }
}

fn at<R>(node: NonNull<Node>, f: impl FnOnce(&mut Links) -> R) -> R {
    // SAFETY: L2, chains hold live nodes only; L1, chains are walked only under the lock.
    unsafe { node.as_ref() }.links(f)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use core::pin::pin;
    use core::task::Waker;

    use super::{Node, Place, Waiters};
    use crate::wait::wake::{Wake, WakeBatch};

    fn wake() -> Wake {
        Wake::Task(Waker::noop().clone())
    }

    /// No public call can bring this about at will: two rounds end before the wake-ups of the first are given.
    #[test]
    fn who_leaves_while_due_takes_nobody_along() {
        let mut waiters = Waiters::new();
        let nodes = [pin!(Node::new(0)), pin!(Node::new(0)), pin!(Node::new(0))];
        for node in &nodes {
            // SAFETY: L1 and L2, the nodes are listed once, here, and live to the end of the test, where all are out.
            unsafe { waiters.list(node.as_ref(), wake()) };
            waiters.close_round();
        }
        assert_eq!((waiters.len(), waiters.has_due()), (3, true));
        for gone in [1, 2] {
            // SAFETY: L1, as above.
            assert_eq!(unsafe { waiters.leave(&nodes[gone]) }.0, Place::Due);
        }
        let mut batch = WakeBatch::new();
        assert!(waiters.collect(&mut batch));
        assert!(nodes[0].is_released() && !nodes[1].is_released() && !nodes[2].is_released());
        assert_eq!(waiters.len(), 0);
    }
}
