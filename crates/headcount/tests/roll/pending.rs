//! A task that is not being polled says what it waits for, as far as its last poll has said so.

use super::{alone, member};
use headcount::{Context, Pipeline, RollTree, WaitsFor, task};
use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

/// Lets the other tasks run until the roll is as it should be.
async fn until(what: &str, is: impl Fn(&RollTree) -> bool) -> RollTree {
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        tokio::task::yield_now().await;
        let roll = headcount::roll_call();
        if is(&roll) {
            return roll;
        }
        assert!(Instant::now() < end, "never came: {what}\n{roll:#}");
    }
}

/// Runs the test as a task of a runtime with one thread, and wants nobody to be left.
fn on_one_thread(test: impl Future<Output = ()>) {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
    drop(runtime);
    assert!(headcount::roll_call().is_empty(), "{:#}", headcount::roll_call());
}

/// Waits for what nobody knows of, for ever.
async fn elsewhere() -> Result<(), Infallible> {
    pending().await
}

fn waits_for<'r>(roll: &'r RollTree, name: &str) -> Option<&'r WaitsFor> {
    member(roll, name).unwrap_or_else(|| panic!("no {name:?} in {roll:#}")).waits_for()
}

#[test]
fn members_say_that_they_wait_for_a_context_or_sleep_or_run_something_under_one() {
    on_one_thread(async {
        let group = task::Group::<()>::new(&Context::background());
        let (other, _kept) = Context::background().with_cancel();
        group.spawn_named("waits", |ctx| async move {
            ctx.wait_async().await;
            headcount::ok(())
        });
        group.spawn_named("sleeps", |ctx| async move { ctx.sleep_async(HOUR).await });
        group.spawn_named("runs", |ctx| async move { ctx.run_async(pending::<()>()).await });
        group.spawn_named("runs what says more", |ctx| async move {
            ctx.run_async(other.wait_async()).await.map(drop)
        });
        group.spawn_named("elsewhere", |_| elsewhere());
        let roll = until("all have begun", |roll| {
            ["waits", "sleeps", "runs", "runs what says more"]
                .iter()
                .all(|name| waits_for(roll, name).is_some())
        })
        .await;
        assert_eq!(waits_for(&roll, "waits"), Some(&WaitsFor::Context));
        assert_eq!(waits_for(&roll, "sleeps"), Some(&WaitsFor::Sleep));
        assert_eq!(waits_for(&roll, "runs"), Some(&WaitsFor::UnderContext));
        assert_eq!(waits_for(&roll, "runs what says more"), Some(&WaitsFor::Context));
        assert_eq!(waits_for(&roll, "elsewhere"), None, "{roll}");
        assert!(roll.to_string().contains("waits for something under a context"), "{roll}");
        drop(group);
        until("all are gone", RollTree::is_empty).await;
    });
}

#[test]
fn what_was_given_up_in_the_same_poll_is_not_said_to_be_waited_for() {
    on_one_thread(async {
        let group = task::Group::<()>::new(&Context::background());
        group.spawn_named("gives up", |ctx| async move {
            let looked = poll_fn(|cx| {
                let mut wait = pin!(ctx.wait_async());
                Poll::Ready(wait.as_mut().poll(cx).is_pending())
            });
            assert!(looked.await);
            elsewhere().await
        });
        group.spawn_named("waits", |ctx| async move {
            ctx.wait_async().await;
            headcount::ok(())
        });
        let roll = until("the second has begun", |roll| waits_for(roll, "waits").is_some()).await;
        assert_eq!(waits_for(&roll, "gives up"), None, "{roll}");
        drop(group);
        until("all are gone", RollTree::is_empty).await;
    });
}

#[test]
fn who_goes_on_does_not_wait_any_more() {
    on_one_thread(async {
        let group = task::Group::<()>::new(&Context::background());
        let (first, canceller) = Context::background().with_cancel();
        group.spawn_named("goes on", |_| async move {
            first.wait_async().await;
            elsewhere().await
        });
        let says = |roll: &RollTree| waits_for(roll, "goes on").cloned();
        until("it waits", |roll| says(roll) == Some(WaitsFor::Context)).await;
        canceller.cancel();
        until("it stands elsewhere", |roll| says(roll).is_none()).await;
        assert_eq!(group.running(), 1);
        drop(group);
        until("it is gone", RollTree::is_empty).await;
    });
}

#[test]
fn tasks_say_that_they_wait_for_a_slot_or_at_a_hand_off() {
    on_one_thread(async {
        let full = task::Group::<()>::new(&Context::background()).limit(1);
        full.spawn_named("holds the slot", |_| elsewhere());
        let group = task::Group::<()>::new(&Context::background());
        let spawner = full.spawner();
        group.spawn_named("submits", |_| async move {
            let _ = spawner.submit(|_| async { headcount::ok(()) }).await;
            headcount::ok(())
        });
        let run = tokio::spawn(
            Pipeline::source(0..1)
                .stage_async("parse", 1, |_, _| elsewhere())
                .stage("store", 1, |_, nothing| headcount::ok(nothing))
                .run_for_each_async(&Context::background(), drop),
        );
        let roll = until("two wait", |roll| {
            ["submits", "store"]
                .iter()
                .all(|name| member(roll, name).is_some_and(|m| m.waits_for().is_some()))
        })
        .await;
        assert_eq!(waits_for(&roll, "submits"), Some(&WaitsFor::Slot));
        assert_eq!(waits_for(&roll, "store"), Some(&WaitsFor::HandOff));
        run.abort();
        drop((full, group));
        until("all are gone", RollTree::is_empty).await;
    });
}

#[test]
fn items_of_a_spawned_map_say_so_too() {
    on_one_thread(async {
        let map = task::map([0, 1]).named("items").spawned().for_each(|ctx, n| async move {
            match n {
                0 => elsewhere().await,
                _ => {
                    ctx.wait_async().await;
                    headcount::ok(())
                }
            }
        });
        let run = tokio::spawn(map);
        let says = |roll: &RollTree, number| {
            let items =
                super::find(roll, "items")?.roll_call().iter().find(|item| item.number() == number)?;
            Some(items.waits_for().cloned())
        };
        let roll = until("the second waits", |roll| says(roll, 2) == Some(Some(WaitsFor::Context))).await;
        assert_eq!(says(&roll, 1), Some(None), "{roll}");
        run.abort();
        until("all are gone", RollTree::is_empty).await;
    });
}
