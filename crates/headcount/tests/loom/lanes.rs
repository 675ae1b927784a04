//! Models of a group's limit: slots handed over, raised, granted to those who wait to launch, and cancelled.

use std::pin::Pin;
use std::sync::Arc;

use headcount::{MemberError, ok};
use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::tasks::limited;
use crate::{CountedWaker, check};

/// Counts who runs, and who has run.
#[derive(Clone)]
struct Rooms(Arc<[AtomicUsize; 2]>);

impl Rooms {
    fn new() -> Self {
        Self(Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]))
    }

    /// A member's body: at most `most` are in it at once.
    async fn stay(self, most: usize) -> Result<(), headcount::BoxError> {
        assert!(self.0[0].fetch_add(1, Ordering::AcqRel) < most, "more ran than the limit allows");
        self.0[1].fetch_add(1, Ordering::AcqRel);
        self.0[0].fetch_sub(1, Ordering::AcqRel);
        Ok(())
    }

    fn visits(&self) -> usize {
        self.0[1].load(Ordering::Acquire)
    }
}

models! {
    /// R2: a slot is given back while somebody queues for it, and whoever queues gets it.
    a_slot_is_given_back_while_somebody_queues, 4 => {
        let (group, tasks) = limited(1);
        let rooms = Rooms::new();
        let (first, second) = (rooms.clone(), rooms.clone());
        group.spawn(move |_| first.stay(1));
        let runner = tasks.take();
        let thread = thread::spawn(move || block_on(runner));
        group.spawn(move |_| second.stay(1));
        thread.join().unwrap();
        tasks.run_all();
        assert_eq!((rooms.visits(), group.queued()), (2, 0), "somebody queues and nobody runs");
        assert!(block_on(group.wait()).iter().all(Result::is_ok));
    }

    /// The same with two slots that are given back at once.
    two_slots_are_given_back_while_somebody_queues, 3 => {
        let (group, tasks) = limited(2);
        let rooms = Rooms::new();
        for _ in 0..2 {
            let rooms = rooms.clone();
            group.spawn(move |_| rooms.stay(2));
        }
        let threads = [tasks.take(), tasks.take()].map(|runner| thread::spawn(move || block_on(runner)));
        let third = rooms.clone();
        group.spawn_weighted(2, move |_| third.stay(1));
        // Those who have nothing to do stay until everybody is over.
        tasks.run_all();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        tasks.run_all();
        assert_eq!((rooms.visits(), group.queued()), (3, 0), "somebody queues and nobody runs");
        assert!(block_on(group.wait()).iter().all(Result::is_ok));
    }

    /// The limit is raised while a slot is given back: all run, none twice, and never more than there is room for.
    a_limit_is_raised_while_a_slot_is_given_back, 4 => {
        let (group, tasks) = limited(1);
        let rooms = Rooms::new();
        for _ in 0..3 {
            let rooms = rooms.clone();
            group.spawn(move |_| rooms.stay(2));
        }
        let (runner, more) = (tasks.take(), tasks.clone());
        let thread = thread::spawn(move || { block_on(runner); more.run_all(); });
        group.set_limit(2);
        tasks.run_all();
        thread.join().unwrap();
        assert_eq!((rooms.visits(), group.queued()), (3, 0), "somebody queues and nobody runs");
        assert_eq!(block_on(group.wait()).len(), 3);
    }

    /// A limit is set while a member runs that was launched without one: it takes up a slot, and gives it back once.
    a_limit_is_set_while_an_unlimited_member_ends, 4 => {
        let (group, tasks) = crate::tasks::group();
        let group = group.grace(std::time::Duration::MAX);
        let rooms = Rooms::new();
        let (first, second) = (rooms.clone(), rooms.clone());
        group.spawn(move |_| first.stay(1));
        let task = tasks.take();
        let thread = thread::spawn(move || block_on(task));
        group.set_limit(1);
        group.spawn(move |_| second.stay(1));
        tasks.run_all();
        thread.join().unwrap();
        tasks.run_all();
        assert_eq!((rooms.visits(), group.queued()), (2, 0), "somebody queues and nobody runs");
        // Nothing is left of the slot that the first had taken up.
        group.try_spawn(|_| async { ok(()) }).expect("a free slot");
        assert!(group.try_spawn(|_| async { ok(()) }).expect_err("no second one").is_full());
        tasks.run_all();
        assert_eq!(block_on(group.wait()).len(), 3);
    }

    /// Whoever waits to launch a member is woken by the slot that becomes free.
    a_turn_that_is_granted_wakes_who_waits_for_it, 4 => {
        let (group, tasks) = limited(1);
        group.spawn(|_| async { ok(1) });
        let runner = tasks.take();
        let thread = thread::spawn(move || block_on(runner));
        block_on(group.submit(|_| async { ok(2) })).expect("a slot");
        thread.join().unwrap();
        tasks.run_all();
        assert_eq!(block_on(group.wait()).len(), 2);
    }

    /// A turn is given up while it is granted: its slot is free afterwards, whoever of the two came first.
    a_turn_is_given_up_while_it_is_granted, 4 => {
        let (group, tasks) = limited(1);
        let waker = CountedWaker::new();
        group.spawn(|_| async { ok(1) });
        let mut turn: Pin<Box<_>> = Box::pin(group.submit(|_| async { ok(2) }));
        assert!(!waker.poll_ready(&mut turn));
        let runner = tasks.take();
        let thread = thread::spawn(move || block_on(runner));
        drop(turn);
        thread.join().unwrap();
        group.try_spawn(|_| async { ok(3) }).expect("a free slot");
        tasks.run_all();
        assert_eq!(block_on(group.wait()).len(), 2);
    }

    /// The same with somebody in the queue behind the turn: the slot goes on to that one.
    a_slot_goes_past_a_turn_that_is_given_up, 4 => {
        let (group, tasks) = limited(1);
        let waker = CountedWaker::new();
        group.spawn(|_| async { ok(1) });
        let mut turn: Pin<Box<_>> = Box::pin(group.submit(|_| async { ok(2) }));
        assert!(!waker.poll_ready(&mut turn));
        group.spawn(|_| async { ok(3) });
        let runner = tasks.take();
        let thread = thread::spawn(move || block_on(runner));
        drop(turn);
        thread.join().unwrap();
        tasks.run_all();
        assert_eq!(group.queued(), 0, "somebody queues and nobody runs");
        assert_eq!(block_on(group.wait()).len(), 2);
    }

    /// R3: a member that queues while its group is cancelled is sent home, by the one side or the other.
    a_member_queues_while_its_group_is_cancelled, 4 => {
        let (group, tasks) = limited(1);
        group.spawn(|_| async { ok(1) });
        let (runner, spawner) = (tasks.take(), group.spawner());
        let thread = thread::spawn(move || spawner.cancel());
        group.spawn(|_| async { ok(2) });
        thread.join().unwrap();
        assert_eq!((group.queued(), group.running()), (0, 1), "somebody queues in a group that is over");
        block_on(runner);
        let results = block_on(group.wait());
        let cancelled = |result: &Result<_, _>| matches!(result, Err(MemberError::Cancelled(_)));
        assert!(results.iter().all(cancelled), "who never began was cancelled: {results:?}");
    }

    /// R3, for somebody who waits to launch one.
    a_turn_is_waited_for_while_the_group_is_cancelled, 4 => {
        let (group, tasks) = limited(1);
        group.spawn(|_| async { ok(1) });
        let (runner, spawner) = (tasks.take(), group.spawner());
        let thread = thread::spawn(move || spawner.cancel());
        let refused = block_on(group.submit(|_| async { ok(2) })).expect_err("the one slot is taken");
        assert!(refused.is_over());
        thread.join().unwrap();
        block_on(runner);
        assert_eq!(block_on(group.wait()).len(), 1);
    }
}
