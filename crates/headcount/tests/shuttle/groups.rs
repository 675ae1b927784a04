//! Models of a group of tasks on an executor of its own: more members and more threads than loom can go through, with waits
//! that are longer. What a member's end publishes is loom's to prove.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use headcount::task::{Group, Spawner};
use headcount::{BoxError, CollectAll, Context, MemberError, ok};
use shuttle::future::{JoinHandle, block_on, yield_now};
use shuttle::sync::Mutex;
use shuttle::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use shuttle::thread;

type Tasks<T> = Group<T, BoxError, CollectAll>;

/// A group whose members are shuttle's tasks, and those tasks.
fn group<T: Send + 'static>() -> (Tasks<T>, Hands) {
    let group = Group::with_policy(&Context::background(), CollectAll).grace(Duration::MAX);
    let hands = Hands::default();
    let own = Hands(Arc::clone(&hands.0));
    let group = group.on(move |task| {
        let hand = shuttle::future::spawn(task);
        own.0.lock().unwrap().push(hand);
    });
    (group, hands)
}

/// Tasks that members have run in. They are over a little later than the members, and a model must not end before.
#[derive(Default)]
pub(crate) struct Hands(pub(crate) Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Hands {
    /// Drops the tasks where they stand, as an executor does that shuts down.
    fn abort(&self) {
        let hands = std::mem::take(&mut *self.0.lock().unwrap());
        hands.iter().for_each(JoinHandle::abort);
        // Whether it was over before is not asked.
        hands.into_iter().for_each(|hand| _ = block_on(hand).is_ok());
    }

    pub(crate) fn join(self) {
        let next = || self.0.lock().unwrap().pop();
        while let Some(hand) = next() {
            block_on(hand).expect("a member's task does not panic");
        }
    }
}

/// A room for so many at once, which counts its visitors.
#[derive(Clone)]
struct Room(Arc<[AtomicUsize; 2]>);

impl Room {
    fn new() -> Self {
        Self(Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]))
    }

    async fn visit(self, most: usize) -> Result<(), BoxError> {
        assert!(self.0[0].fetch_add(1, SeqCst) < most, "more ran than the limit allows");
        yield_now().await;
        self.0[0].fetch_sub(1, SeqCst);
        self.0[1].fetch_add(1, SeqCst);
        Ok(())
    }

    fn visits(&self) -> usize {
        self.0[1].load(SeqCst)
    }
}

/// How many of each kind of end.
fn count<T>(results: &[Result<T, MemberError>]) -> (usize, usize) {
    let cancelled = |result: &&Result<T, MemberError>| matches!(result, Err(MemberError::Cancelled(_)));
    (results.iter().filter(|result| result.is_ok()).count(), results.iter().filter(cancelled).count())
}

/// Spawns two siblings below each member, `depth` deep; each counts that it runs.
fn tree(spawner: &Spawner<usize, BoxError, CollectAll>, depth: usize, ran: &Arc<AtomicUsize>) {
    let (below, ran) = (spawner.clone(), Arc::clone(ran));
    spawner.spawn(move |_| async move {
        ran.fetch_add(1, SeqCst);
        if depth > 0 {
            tree(&below, depth - 1, &ran);
            yield_now().await;
            tree(&below, depth - 1, &ran);
        }
        ok(depth)
    });
}

models! {
    /// R2: whoever queues gets the slots that others give back, in whatever order they come and go.
    slots_are_handed_on => {
        let ((group, hands), room) = (group(), Room::new());
        group.set_limit(2);
        let (spawner, other) = (group.spawner(), room.clone());
        let thread = thread::spawn(move || {
            for weight in [1, 2] {
                let room = other.clone();
                spawner.spawn_weighted(weight, move |_| room.visit(2));
            }
        });
        for _ in 0..3 {
            let room = room.clone();
            group.spawn(move |_| room.visit(2));
        }
        thread.join().unwrap();
        assert_eq!(count(&block_on(group.wait())), (5, 0));
        assert_eq!(room.visits(), 5);
        hands.join();
    }

    /// R2, for the last one: nobody comes after it whose end would make up for a slot that was not handed on.
    a_slot_is_handed_on_to_the_last => {
        let ((group, hands), room) = (group(), Room::new());
        group.set_limit(1);
        let other = room.clone();
        group.spawn(move |_| other.visit(1));
        thread::yield_now();
        let other = room.clone();
        group.spawn(move |_| other.visit(1));
        assert_eq!(count(&block_on(group.wait())), (2, 0));
        hands.join();
    }

    /// K1: a member that blocks its thread until others have run, who were on the same tray.
    a_member_that_blocks_its_thread_holds_up_nobody => {
        let (group, hands) = group();
        let (gate, opening) = Context::background().with_cancel();
        // More than there are carriers on their way at once.
        for _ in 0..4 {
            let gate = gate.clone();
            group.spawn(move |_| async move {
                gate.wait();
                ok(())
            });
        }
        let (begin, begun) = Context::background().with_cancel();
        group.spawn(move |_| async move {
            begun.cancel();
            yield_now().await;
            opening.cancel();
            ok(())
        });
        // Parked, until somebody else has run.
        group.spawn(move |_| async move {
            begin.wait_async().await;
            ok(())
        });
        assert_eq!(count(&block_on(group.wait())), (6, 0));
        hands.join();
    }

    /// K4: an executor drops a carrier while members run, are ready, are parked, and are spawned.
    a_carrier_is_dropped_while_members_are_spawned => {
        let (group, hands) = group();
        let spawner = group.spawner();
        let parked = |_| std::future::pending::<Result<(), BoxError>>();
        group.spawn(parked);
        let thread = thread::spawn(move || (0..2).for_each(|_| spawner.spawn(parked)));
        thread::yield_now();
        hands.abort();
        thread.join().unwrap();
        hands.abort();
        let results = block_on(group.wait());
        assert!(matches!(results[..], [Err(MemberError::Dropped), Err(MemberError::Dropped), Err(MemberError::Dropped)]));
    }

    /// The limit goes up and down while members queue.
    the_limit_changes_while_members_queue => {
        let ((group, hands), room) = (group(), Room::new());
        group.set_limit(1);
        let spawner = group.spawner();
        let thread = thread::spawn(move || [3, 1, 2].map(|limit| spawner.set_limit(limit)));
        for _ in 0..5 {
            let room = room.clone();
            group.spawn(move |_| room.visit(3));
        }
        assert_eq!(count(&block_on(group.wait())), (5, 0));
        thread.join().unwrap();
        hands.join();
    }

    /// R3: members that are spawned while the group is cancelled run, or are sent home; none queues for ever.
    spawns_race_with_the_cancellation => {
        let (group, hands) = group();
        group.set_limit(1);
        let spawner = group.spawner();
        let thread = thread::spawn(move || spawner.cancel());
        for _ in 0..3 {
            group.spawn(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
        }
        assert_eq!(count(&block_on(group.wait())), (0, 3));
        thread.join().unwrap();
        hands.join();
    }

    /// G2, G3: whoever is spawned is waited for, or never runs, however the wait meets spawns and ends.
    whoever_runs_is_waited_for => {
        let ((group, hands), ran) = (group(), Arc::default());
        tree(&group, 2, &ran);
        let (spawner, count) = (group.spawner(), Arc::clone(&ran));
        let late = thread::spawn(move || (0..2).for_each(|_| {
            tree(&spawner, 0, &count);
            thread::yield_now();
        }));
        let results = block_on(group.wait());
        late.join().unwrap();
        hands.join();
        assert_eq!(results.len(), ran.load(SeqCst), "a member was missed");
        assert!(matches!(results.len(), 7..=9));
    }

    /// A group may be waited for until it is idle, again and again, while others spawn.
    an_idle_group_goes_on => {
        let ((group, hands), room) = (group(), Room::new());
        let (spawner, other) = (group.spawner(), room.clone());
        let thread = thread::spawn(move || (0..2).for_each(|_| {
            let room = other.clone();
            spawner.spawn(move |_| room.visit(3));
            block_on(spawner.wait_idle());
            assert!(other.visits() > 0);
        }));
        block_on(group.wait_idle());
        let last = room.clone();
        group.spawn(move |_| last.visit(3));
        thread.join().unwrap();
        assert_eq!((block_on(group.wait()).len(), room.visits()), (3, 3));
        hands.join();
    }

    /// Back-pressure: those who wait for a turn get one, also when others give theirs up half way.
    turns_are_granted_and_given_up => {
        let ((group, hands), room) = (group(), Room::new());
        group.set_limit(1);
        let (spawner, other) = (group.spawner(), room.clone());
        let thread = thread::spawn(move || {
            let mut turn = Some(Box::pin(spawner.submit(move |_| other.visit(1))));
            let mut patience = 2;
            block_on(poll_fn(move |cx| {
                let Some(waiting) = &mut turn else { return Poll::Ready(()) };
                patience -= 1;
                if waiting.as_mut().poll(cx).is_ready() || patience == 0 {
                    turn = None;
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            }));
        });
        for _ in 0..3 {
            let room = room.clone();
            block_on(group.submit(move |_| room.visit(1))).expect("a slot");
        }
        thread.join().unwrap();
        assert_eq!(block_on(group.wait()).len(), room.visits());
        assert!(matches!(room.visits(), 3 | 4));
        hands.join();
    }

    /// R3: whoever waits for a turn when the group is cancelled is told at once, also while a member holds on to the slot.
    a_turn_is_refused_by_the_cancellation => {
        let (group, hands) = group();
        group.set_limit(1);
        let (gate, opening) = Context::background().with_cancel();
        group.spawn(move |_| async move { ok(gate.wait_async().await) });
        let spawner = group.spawner();
        let thread = thread::spawn(move || spawner.cancel());
        let refused = block_on(group.submit(|ctx| async move { Err(ctx.wait_async().await) }));
        assert!(refused.expect_err("the one slot is taken").is_over());
        opening.cancel();
        thread.join().unwrap();
        assert_eq!(block_on(group.wait()).len(), 1);
        hands.join();
    }

    /// Each result is told when it comes: here the next one does not come before the first was taken.
    a_result_is_told_when_it_comes => {
        let (group, hands) = group();
        let (gate, opening) = Context::background().with_cancel();
        group.spawn(|_| async { ok(1) });
        group.spawn(move |_| async move { gate.wait_async().await; ok(2) });
        let mut results = group.stream();
        assert_eq!(block_on(results.next()).unwrap().1.unwrap(), 1);
        opening.cancel();
        assert_eq!(block_on(results.next()).unwrap().1.unwrap(), 2);
        assert!(block_on(results.next()).is_none());
        hands.join();
    }

    /// Results come once each, while members are still spawned, and the end is told.
    results_come_as_members_end => {
        let ((group, hands), ran) = (group(), Arc::default());
        tree(&group, 1, &ran);
        let (spawner, count) = (group.spawner(), Arc::clone(&ran));
        let thread = thread::spawn(move || tree(&spawner, 0, &count));
        let mut results = group.stream();
        let mut come = Vec::new();
        while let Some((member, result)) = block_on(results.next()) {
            assert!(result.is_ok());
            come.push(member.index());
        }
        thread.join().unwrap();
        hands.join();
        assert_eq!(come.len(), ran.load(SeqCst), "a result was lost, or came twice: {come:?}");
        come.sort_unstable();
        come.dedup();
        assert_eq!(come.len(), ran.load(SeqCst), "a result came twice");
    }

    /// A group that is dropped calls everybody off, who runs and who queues; each future is dropped.
    a_dropped_group_leaves_nobody => {
        let ((group, hands), room) = (group(), Room::new());
        group.set_limit(2);
        let spawner = group.spawner();
        let dropped = room.clone();
        let thread = thread::spawn(move || (0..3).for_each(|_| {
            let gone = Gone(dropped.clone());
            spawner.spawn(move |_| async move {
                let _gone = gone;
                std::future::pending::<Result<(), BoxError>>().await
            });
        }));
        let watch = group.spawner();
        drop(group);
        thread.join().unwrap();
        block_on(watch.wait_idle());
        assert_eq!((room.visits(), watch.queued()), (3, 0));
        hands.join();
    }
}

/// Counts a visit when it is dropped.
struct Gone(Room);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.0[1].fetch_add(1, SeqCst);
    }
}
