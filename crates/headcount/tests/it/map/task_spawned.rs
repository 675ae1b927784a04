//! Maps on the runtime's workers: the same promises on one worker and on several, and that work moves.

use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ::tokio::runtime::{Builder, Runtime};
use ::tokio::sync::Semaphore;
use ::tokio::task::yield_now;
use headcount::{Cancelled, CollectAll, Context, Discard, FirstOk, MemberError, Panics, ok, task};

use crate::{LIMIT, message, within};

fn runtimes() -> [Runtime; 2] {
    [
        Builder::new_current_thread().enable_time().build().unwrap(),
        Builder::new_multi_thread().worker_threads(3).enable_time().build().unwrap(),
    ]
}

/// Runs on either kind of runtime, within a limit.
#[track_caller]
pub(super) fn on_both<F: Future<Output = ()>>(f: impl Fn() -> F + Send + Sync + 'static) {
    within(move || {
        for runtime in runtimes() {
            runtime.block_on(f());
        }
    });
}

async fn heed<T>(ctx: Context) -> Result<T, Cancelled> {
    Err(ctx.wait_async().await)
}

#[test]
fn results_come_in_the_order_of_the_items() {
    on_both(|| async {
        for limit in [1, 2, 7, 64, 5_000] {
            let map = task::map(0..3_000_usize).limit(limit).spawned();
            let values = map.run(|_, n| async move {
                if n % 5 == 0 {
                    yield_now().await;
                }
                ok(n * 2)
            });
            assert!(values.await.unwrap().into_iter().eq((0..3_000).map(|n| n * 2)), "limit {limit}");
        }
        assert!(task::map(0..0).spawned().run(|_, n: u8| async move { ok(n) }).await.unwrap().is_empty());
    });
}

#[test]
fn no_more_run_at_once_than_the_limit_allows_and_no_fewer() {
    on_both(|| async {
        let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let all_there = Arc::new(Semaphore::new(0));
        let (counted, seen, gate) = (Arc::clone(&inside), Arc::clone(&most), Arc::clone(&all_there));
        let map = task::map(0..500).limit(9).spawned().for_each(move |_, _| {
            let (inside, most, gate) = (Arc::clone(&counted), Arc::clone(&seen), Arc::clone(&gate));
            async move {
                let now = inside.fetch_add(1, SeqCst) + 1;
                most.fetch_max(now, SeqCst);
                if now == 9 {
                    // Only when nine are inside may any go on.
                    gate.add_permits(1 << 20);
                }
                gate.acquire().await.unwrap().forget();
                inside.fetch_sub(1, SeqCst);
                ok(())
            }
        });
        map.await.unwrap();
        assert_eq!((inside.load(SeqCst), most.load(SeqCst)), (0, 9));
    });
}

#[test]
fn the_first_error_cancels_the_rest() {
    on_both(|| async {
        let map = task::map(0..).limit(4).spawned();
        let error = map.run(|ctx, n| async move {
            if n == 3 {
                return Err("out of cheese".into());
            }
            heed::<()>(ctx).await.map_err(Box::<dyn std::error::Error + Send + Sync>::from)
        });
        let error = error.await.unwrap_err();
        assert_eq!(error.member().unwrap().index(), 3);
        assert!(error.to_string().ends_with("failed: out of cheese"), "{error}");
        assert_eq!((error.tally().failed, error.others().len()), (1, 0));
    });
}

#[test]
fn every_end_is_collected() {
    on_both(|| async {
        let map = task::map(0..300).limit(7).policy(CollectAll).panics(Panics::AsError).spawned();
        let outcomes = map.run(|_, n| async move {
            if n % 4 == 0 {
                yield_now().await;
            }
            match n % 3 {
                0 => Ok(n),
                1 => Err(n.to_string()),
                _ => std::panic::panic_any(n),
            }
        });
        for (n, outcome) in outcomes.await.into_iter().enumerate() {
            match (n % 3, outcome) {
                (0, Ok(value)) => assert_eq!(value, n),
                (1, Err(MemberError::Failed(error))) => assert_eq!(error.to_string(), n.to_string()),
                (2, Err(MemberError::Panicked(report))) => {
                    assert_eq!(report.into_payload().downcast_ref(), Some(&n));
                }
                (_, outcome) => panic!("item {n}: {outcome:?}"),
            }
        }
        let first = task::map(0..).policy(FirstOk).spawned();
        let first = first.run(|_, n| async move { if n < 3 { Err("too small") } else { Ok(n) } });
        assert!(first.await.unwrap() >= 3);
    });
}

#[test]
fn a_panic_goes_on_unchanged_when_all_are_over() {
    let alive = Arc::new(AtomicUsize::new(0));
    struct Alive(Arc<AtomicUsize>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }
    let counted = Arc::clone(&alive);
    on_both(move || {
        let alive = Arc::clone(&counted);
        async move {
            let members = Arc::clone(&alive);
            let map = ::tokio::spawn(task::map(0..).limit(5).spawned().for_each(move |ctx, n| {
                members.fetch_add(1, SeqCst);
                let alive = Alive(Arc::clone(&members));
                async move {
                    let _alive = alive;
                    if n == 4 {
                        std::panic::panic_any(77_u8);
                    }
                    heed(ctx).await
                }
            }));
            let payload = map.await.unwrap_err().into_panic();
            assert_eq!(payload.downcast_ref::<u8>(), Some(&77));
            assert_eq!(alive.load(SeqCst), 0);
        }
    });
}

#[test]
fn a_panic_of_the_source_or_of_the_fold_goes_on() {
    on_both(|| async {
        let items = (0..).inspect(|n| assert!(*n < 20, "no further"));
        let map = ::tokio::spawn(task::map(items).spawned().for_each(|_, _| async { ok(()) }));
        assert!(message(&*map.await.unwrap_err().into_panic()).contains("no further"));
        let fold = task::map(0..).spawned().fold(
            0,
            |_, n: u32| async move { ok(n) },
            |_, n| {
                assert!(n < 20, "no more");
                n
            },
        );
        assert!(message(&*::tokio::spawn(fold).await.unwrap_err().into_panic()).contains("no more"));
    });
}

#[test]
fn a_cancellation_ends_an_endless_map() {
    on_both(|| async {
        let (ctx, canceller) = Context::background().with_cancel();
        let begun = Arc::new(Semaphore::new(0));
        let members = Arc::clone(&begun);
        let map = ::tokio::spawn(task::map(0..).context(&ctx).limit(5).spawned().run(move |ctx, _| {
            members.add_permits(1);
            heed::<()>(ctx)
        }));
        begun.acquire_many(5).await.unwrap().forget();
        canceller.cancel();
        let error = map.await.unwrap().unwrap_err();
        assert!(error.cancelled().is_some(), "{error}");
        assert!(error.tally().cancelled >= 6, "five, and one that was not begun: {}", error.tally());
    });
}

#[test]
fn a_map_that_is_cancelled_before_it_begins_pulls_nothing() {
    on_both(|| async {
        let (ctx, canceller) = Context::background().with_cancel();
        canceller.cancel();
        let pulled = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&pulled);
        let items = (0..9).inspect(move |_| _ = counted.fetch_add(1, SeqCst));
        let map = task::map(items).context(&ctx).spawned().run(|_, n| async move { ok(n) });
        assert!(map.await.unwrap_err().cancelled().is_some());
        assert_eq!(pulled.load(SeqCst), 0);
    });
}

#[test]
fn a_member_that_misses_its_own_deadline_has_failed() {
    on_both(|| async {
        let map = task::map(0..3).timeout_each(Duration::from_secs(1)).spawned();
        let run = map.run(|_, n| async move {
            if n == 1 {
                pending::<()>().await;
            }
            ok(n)
        });
        let error = run.await.unwrap_err();
        assert_eq!(error.member().unwrap().index(), 1);
        assert!(error.downcast_ref::<Cancelled>().unwrap().is_deadline());
    });
}

#[test]
fn dropped_half_way_members_are_gone_when_their_tasks_next_come_up() {
    on_both(|| async {
        let begun = Arc::new(Semaphore::new(0));
        let alive = Arc::new(());
        let (members, held) = (Arc::clone(&begun), Arc::clone(&alive));
        let mut map = Box::pin(task::map(0..).limit(6).spawned().for_each(move |_, _| {
            members.add_permits(1);
            let held = Arc::clone(&held);
            async move {
                let _held = held;
                pending::<()>().await;
                ok(())
            }
        }));
        ::tokio::select! {
            biased;
            _ = &mut map => unreachable!("it is endless"),
            permits = begun.acquire_many(6) => permits.unwrap().forget(),
        }
        drop(map);
        while Arc::strong_count(&alive) > 1 {
            yield_now().await;
        }
    });
}

/// A member that computes until another has run: it must not hold what its lane has taken.
#[test]
fn a_member_that_computes_long_holds_nobody_up() {
    within(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let done = Arc::new((Mutex::new(0), Condvar::new()));
            let members = Arc::clone(&done);
            let all = 5_000;
            let map = task::map(0..all).limit(8).spawned().for_each(move |_, n| {
                let done = Arc::clone(&members);
                async move {
                    let (count, all_others) = &*done;
                    if n == all / 2 {
                        // Blocks its worker, until all the others are over.
                        let count = count.lock().unwrap();
                        let wait = all_others.wait_timeout_while(count, LIMIT, |count| *count < all - 1);
                        assert!(!wait.unwrap().1.timed_out(), "items are held up");
                    } else {
                        *count.lock().unwrap() += 1;
                        all_others.notify_all();
                    }
                    ok(())
                }
            });
            map.await.unwrap();
        });
    });
}

#[test]
fn members_run_in_parallel() {
    within(|| {
        let runtime = Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(async {
            let both = Arc::new(std::sync::Barrier::new(2));
            // Each blocks its worker until another one is there.
            let map = task::map(0..10).spawned().for_each(move |_, _| {
                let both = Arc::clone(&both);
                async move {
                    both.wait();
                    ok(())
                }
            });
            map.await.unwrap();
        });
    });
}

#[test]
fn spawned_maps_nest() {
    on_both(|| async {
        let map = task::map(1..=4_u32).limit(2).spawned().run(|ctx, n| async move {
            task::map(1..=4_u32)
                .context(&ctx)
                .limit(2)
                .spawned()
                .run(move |_, m| async move { ok(n * m) })
                .await
        });
        let tables = map.await.unwrap();
        assert_eq!(tables[3], [4, 8, 12, 16]);
    });
}

#[test]
fn other_executors_run_them_too() {
    let tally = within(|| {
        let map =
            task::map(0..2_000).limit(10).policy(Discard).spawned().on(|task| smol::spawn(task).detach());
        smol::block_on(map.run(|_, n| async move {
            if n % 3 == 0 {
                smol::future::yield_now().await;
            }
            if n % 7 == 0 { Err("seven") } else { Ok(n) }
        }))
    });
    assert_eq!((tally.total(), tally.failed), (2_000, 286));
}

#[test]
fn outside_a_runtime_it_says_so_and_leaves_nothing() {
    let map = task::map(0..3).spawned().run(|_, n| async move { ok(n) });
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| smol::block_on(map))).unwrap_err();
    assert!(message(&*panic).contains("outside a Tokio runtime"));
}
