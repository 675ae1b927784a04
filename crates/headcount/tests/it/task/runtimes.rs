//! On every executor: Tokio's two, smol, one made by hand; and on those that drop what they were given.

use std::panic::{AssertUnwindSafe, catch_unwind};

use headcount::task::Group;
use headcount::{CollectAll, Context, Discard, MemberError, ok};

use super::{Census, Gate, Hand, paused, threaded};

async fn a_bit_of_everything(group: Group<u32>) {
    let spawner = group.spawner();
    group.spawn(move |_| async move {
        for n in 1..100 {
            spawner.spawn(move |_| async move {
                smol::future::yield_now().await;
                ok(n)
            });
        }
        ok(0)
    });
    let group = group.limit(7);
    group.wait_idle().await;
    for n in 100..200 {
        group.submit(move |_| async move { ok(n) }).await.unwrap();
    }
    assert_eq!(group.wait().await.unwrap(), Vec::from_iter(0..200));
}

#[test]
fn groups_run_on_many_threads() {
    threaded(|| async {
        for _ in 0..50 {
            a_bit_of_everything(Group::new(&Context::background())).await;
        }
    });
}

#[test]
fn groups_run_on_one_thread() {
    paused(|| async { a_bit_of_everything(Group::new(&Context::background())).await });
}

#[test]
fn groups_run_on_smol() {
    crate::within(|| {
        for _ in 0..50 {
            let group = Group::new(&Context::background()).on(|task| smol::spawn(task).detach());
            smol::block_on(a_bit_of_everything(group));
        }
    });
}

#[test]
fn groups_run_on_an_executor_made_by_hand() {
    let hand = Hand::new();
    hand.finish(a_bit_of_everything(hand.group()));
}

#[test]
fn a_group_made_before_its_runtime_runs_in_that_of_its_first_member() {
    let group = Group::new(&Context::background());
    threaded(|| async move {
        group.spawn(|_| async { ok(::tokio::runtime::Handle::try_current().is_ok()) });
        // From outside, now that it is known.
        let group = std::thread::spawn(move || {
            group.spawn(|_| async { ok(::tokio::runtime::Handle::try_current().is_ok()) });
            group
        });
        assert_eq!(group.join().unwrap().wait().await.unwrap(), [true, true]);
    });
}

#[test]
fn a_member_without_a_runtime_is_a_panic_that_blames_the_caller_and_counts_nobody() {
    let group = Group::<()>::new(&Context::background());
    for _ in 0..2 {
        let spawned = catch_unwind(AssertUnwindSafe(|| group.spawn(|_| async { ok(()) })));
        assert!(crate::message(&*spawned.unwrap_err()).contains("`.on(…)`"));
    }
    let submitted =
        catch_unwind(AssertUnwindSafe(|| smol::block_on(group.submit(|_| async { ok(()) })).is_ok()));
    assert!(submitted.is_err());
    assert_eq!(group.running(), 0);
    assert!(smol::block_on(group.wait()).unwrap().is_empty());
}

#[test]
fn members_that_their_executor_drops_are_told_apart_and_lose_nobody() {
    for limit in [None, Some(1), Some(3)] {
        for stage in 0..2 {
            let (hand, census, gate) = (Hand::new(), Census::new(), Gate::closed());
            let mut group = hand.policed(CollectAll);
            if let Some(limit) = limit {
                group = group.limit(limit);
            }
            for _ in 0..10 {
                let (held, gate) = (census.one(), gate.clone());
                group.spawn(move |_| async move {
                    gate.pass().await;
                    ok(drop(held))
                });
            }
            if stage > 0 {
                hand.run();
            }
            hand.drop_tasks();
            assert_eq!((census.alive(), group.running(), group.queued()), (0, 0, 0));
            // And goes on with an executor that lives.
            group.spawn(|_| async { ok(()) });
            let outcomes = hand.finish(group.wait());
            assert!(outcomes[..10].iter().all(|outcome| matches!(outcome, Err(MemberError::Dropped))));
            let accused = outcomes[0].as_ref().unwrap_err().to_string();
            assert!(!accused.contains("heed"), "nobody had cancelled it: {accused}");
            assert!(outcomes[10].is_ok());
        }
    }
}

#[test]
fn a_member_that_was_dropped_by_its_executor_is_named_in_the_error() {
    let hand = Hand::new();
    let group = hand.group::<()>();
    group.spawn_named("the dropped one", |_| std::future::pending::<Result<_, String>>());
    hand.drop_tasks();
    let error = hand.finish(group.wait()).unwrap_err();
    assert!(error.to_string().contains("member #1 \"the dropped one\" ("), "{error}");
    assert!(error.to_string().ends_with("was dropped by its executor before it was over"), "{error}");
}

#[test]
fn an_executor_that_drops_everything_at_once_ends_every_group() {
    for limit in [None, Some(1), Some(3)] {
        let mut group = Group::with_policy(&Context::background(), Discard).on(drop);
        if let Some(limit) = limit {
            group = group.limit(limit);
        }
        for n in 0..1_000 {
            group.spawn(move |_| async move { ok(n) });
        }
        assert_eq!(Hand::new().finish(group.wait()).aborted, 1_000);
    }
}

/// The runtime goes while members run and others queue; the wait is elsewhere.
#[test]
fn a_runtime_that_shuts_down_midway_ends_its_groups() {
    for limit in [None, Some(2)] {
        for threads in [0, 2] {
            crate::within(move || {
                let runtime = match threads {
                    0 => ::tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap(),
                    _ => {
                        ::tokio::runtime::Builder::new_multi_thread().worker_threads(threads).build().unwrap()
                    }
                };
                let census = Census::new();
                let group = {
                    let _inside = runtime.enter();
                    Group::with_policy(&Context::background(), Discard)
                };
                let group = match limit {
                    Some(limit) => group.limit(limit),
                    None => group,
                };
                for _ in 0..100 {
                    let held = census.one();
                    group.spawn(move |_| async move {
                        std::future::pending::<()>().await;
                        ok(drop(held))
                    });
                }
                runtime.block_on(::tokio::task::yield_now());
                drop(runtime);
                assert_eq!(census.alive(), 0);
                // Who comes now is dropped as well, and counted.
                group.spawn(|_| async { ok(()) });
                assert_eq!(smol::block_on(group.wait()).aborted, 101);
            });
        }
    }
}

/// Once the runtime has gone, blocking members that queue are dropped one by one, each by the one before.
#[test]
fn many_blocking_members_that_queue_when_the_runtime_goes_do_not_exhaust_the_stack() {
    crate::within(|| {
        let runtime = ::tokio::runtime::Builder::new_current_thread().build().unwrap();
        let group = {
            let _inside = runtime.enter();
            Group::with_policy(&Context::background(), Discard).limit(1)
        };
        let (go, gone) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = std::sync::mpsc::channel();
        group.spawn_blocking(move |_| {
            begin.send(()).unwrap();
            ok(gone.recv().unwrap_or_default())
        });
        begun.recv().unwrap();
        for _ in 0..50_000 {
            group.spawn_blocking(|_| ok(()));
        }
        runtime.shutdown_background();
        drop(go);
        let tally = smol::block_on(group.wait());
        assert_eq!((tally.succeeded, tally.aborted), (1, 50_000));
    });
}

#[test]
fn the_limit_changes_while_threads_spawn_and_end() {
    threaded(|| async {
        for round in 0..20 {
            let group = Group::with_policy(&Context::background(), Discard);
            let (spawner, setter) = (group.spawner(), group.spawner());
            let feeder = ::tokio::spawn(async move {
                for n in 0..500 {
                    let task = |_| async {
                        ::tokio::task::yield_now().await;
                        ok(())
                    };
                    match n % 3 {
                        0 => spawner.spawn_weighted(n % 5 + 1, task),
                        1 => _ = spawner.submit(task).await.is_ok(),
                        _ => spawner.spawn(task),
                    }
                }
            });
            let setter = ::tokio::spawn(async move {
                for n in 0..200 {
                    setter.set_limit((n * 7 + round) % 10 + 1);
                    ::tokio::task::yield_now().await;
                }
            });
            feeder.await.unwrap();
            setter.await.unwrap();
            let tally = group.wait().await;
            assert_eq!((tally.succeeded, tally.total()), (500, 500));
        }
    });
}
