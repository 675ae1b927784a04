//! Models of spawned maps on shuttle's executor: lanes that take items, wait, and start others in their stead; and whoever takes
//! the values meanwhile. Loom cannot run them: their end sets an alarm, and the timer's thread would outlive the model.

use std::sync::Arc;

use headcount::{WaitGroup, ok, task};
use shuttle::future::{JoinHandle, block_on, yield_now};
use shuttle::sync::Mutex;

use crate::groups::Hands;

/// Starts tasks on shuttle's executor, and keeps them in mind.
fn executor(hands: &Hands) -> impl Fn(task::BoxTask) + Send + Sync + 'static {
    let own: Arc<Mutex<Vec<JoinHandle<()>>>> = Arc::clone(&hands.0);
    move |task| {
        let hand = shuttle::future::spawn(task);
        own.lock().unwrap().push(hand);
    }
}

models! {
    /// All values come, in order, though lanes wait and others go on in their stead.
    values_come_in_order_whoever_is_first => {
        let hands = Hands::default();
        let mut values = task::map(0..4).limit(2).spawned().on(executor(&hands)).stream(|_, n| async move {
            for _ in n..3 {
                yield_now().await;
            }
            ok(n)
        });
        block_on(async {
            for n in 0..4 {
                assert_eq!(values.next().await.unwrap().unwrap(), n);
            }
            assert!(values.next().await.is_none());
        });
        drop(values);
        hands.join();
    }

    /// A value is told when it comes: the next member goes on only when it was taken.
    a_value_is_told_when_it_comes => {
        let (hands, group) = (Hands::default(), WaitGroup::new());
        let (taken, group) = (group.add(), Arc::new(group));
        let mut values = task::map(0..2).limit(1).spawned().on(executor(&hands)).stream(move |_, n| {
            let group = Arc::clone(&group);
            async move {
                if n == 1 {
                    group.wait_async().await;
                }
                ok(n)
            }
        });
        assert_eq!(block_on(values.next()).unwrap().unwrap(), 0);
        drop(taken);
        assert_eq!(block_on(values.next()).unwrap().unwrap(), 1);
        assert!(block_on(values.next()).is_none());
        hands.join();
    }

    /// T1 to T3: every item is run once, whoever takes it, and the end is seen when the last is over.
    every_item_is_run_once => {
        let hands = Hands::default();
        let map = task::map(0..5).limit(3).spawned().on(executor(&hands)).run(|_, n| async move {
            if n % 2 == 0 {
                yield_now().await;
            }
            ok(n)
        });
        assert_eq!(block_on(map).unwrap(), [0, 1, 2, 3, 4]);
        hands.join();
    }

    /// A lane that waits has another go on in its stead: else members that wait for each other would wait for ever.
    members_may_wait_for_each_other => {
        let (hands, group) = (Hands::default(), WaitGroup::new());
        let token = Mutex::new(Some(group.add()));
        let (group, token) = (Arc::new(group), Arc::new(token));
        let map = task::map(0..4).limit(4).spawned().on(executor(&hands)).run(move |_, n| {
            let (group, token) = (Arc::clone(&group), Arc::clone(&token));
            async move {
                if n < 3 {
                    group.wait_async().await;
                } else {
                    drop(token.lock().unwrap().take());
                }
                ok(n)
            }
        });
        assert_eq!(block_on(map).unwrap(), [0, 1, 2, 3]);
        hands.join();
    }

    /// Whoever drops the values ends the map: nothing runs on.
    a_stream_that_is_dropped_ends_its_lanes => {
        let hands = Hands::default();
        let mut values = task::map(0..).limit(2).spawned().on(executor(&hands)).stream(|_, n: u32| async move {
            yield_now().await;
            ok(n)
        });
        assert_eq!(block_on(values.next()).unwrap().unwrap(), 0);
        drop(values);
        hands.join();
    }
}
