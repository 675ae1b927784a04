//! What only pipelines on tasks have: futures that may be dropped, stages that are awaited, a runtime to be fair to.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use headcount::{Context, Pipeline, ok};

use super::Census;
use crate::{LIMIT, within};

/// On a runtime of one thread: whoever would block it, or keep it for himself, is found out.
#[track_caller]
pub(super) fn alone<F: Future>(f: impl FnOnce() -> F + Send + 'static) -> F::Output
where
    F::Output: Send + 'static,
{
    within(|| {
        let mut builder = ::tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async { f().await })
    })
}

/// Lets the others run until `census` is empty.
pub(super) async fn all_gone(census: &Census) {
    let begun = Instant::now();
    while census.alive() > 0 {
        assert!(begun.elapsed() < LIMIT, "{} are left", census.alive());
        ::tokio::task::yield_now().await;
    }
}

#[test]
fn all_kinds_of_stages_run_on_one_thread() {
    let sum = alone(|| {
        Pipeline::sources([0..500_u64, 500..1_000])
            .stage("one", 2, |_, n| ok(n))
            .stage_async("two", 3, |ctx, n| async move {
                ctx.sleep_async(Duration::from_millis(n % 3)).await.map(|()| n)
            })
            .ordered()
            .filter_map("three", 2, |_, n| ok(Some(n)))
            .tee("beside", |_, _| ok(()))
            .run_fold_async(&Context::background(), 0, |sum, n| sum + n)
    });
    assert_eq!(sum.unwrap(), 499_500);
}

#[test]
fn an_awaited_stage_works_on_as_many_items_as_it_has_workers_and_keeps_order() {
    let (all, elapsed) = alone(|| async {
        let begun = ::tokio::time::Instant::now();
        let pipeline = Pipeline::source(0..100).stage_async("fetch", 50, |ctx, n| async move {
            ctx.sleep_async(Duration::from_millis(100 + n)).await.map(|()| n)
        });
        let all: Vec<u64> = pipeline.ordered().run_collect_async(&Context::background()).await.unwrap();
        (all, begun.elapsed())
    });
    assert!(all.into_iter().eq(0..100));
    // Paused time: two rounds of at most 200 ms, not a hundred of them.
    assert!(elapsed < Duration::from_millis(500), "{elapsed:?}");
}

#[test]
fn others_on_the_same_thread_get_their_turn() {
    alone(|| async {
        let bell = std::sync::Arc::new(::tokio::sync::Notify::new());
        let rings = std::sync::Arc::clone(&bell);
        ::tokio::spawn(async move { rings.notify_one() });
        let rung = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let hears = std::sync::Arc::clone(&rung);
        ::tokio::spawn(async move {
            bell.notified().await;
            hears.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        // Endless, and never without input: it ends only because the other two get to run.
        let pipeline = Pipeline::source(0..).stage("spin", 1, |_, n: u64| ok(n));
        let run = pipeline.run_async(&Context::background(), |_| {
            match rung.load(std::sync::atomic::Ordering::SeqCst) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        run.await.unwrap();
    });
}

#[test]
fn a_run_that_is_dropped_leaves_nobody() {
    alone(|| async {
        for polls in [0, 1, 2, 10, 100] {
            let census = Census::default();
            let (one, held) = (census.clone(), census.one());
            let pipeline = Pipeline::source(std::iter::repeat_with(move || one.one()))
                .stage("pass", 3, move |_, item| {
                    let _held = &held;
                    ok(item)
                })
                .ordered()
                .stage_async("for ever", 2, |_, item| async move {
                    std::future::pending::<()>().await;
                    ok(item)
                });
            let mut run = Box::pin(pipeline.run_for_each_async(&Context::background(), drop));
            for _ in 0..polls {
                assert!(futures_poll(run.as_mut()).await.is_none());
                ::tokio::task::yield_now().await;
            }
            drop(run);
            all_gone(&census).await;
        }
    });
}

/// Polls a future once.
async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[test]
fn an_endless_source_ends_when_the_sink_has_enough() {
    alone(|| async {
        let census = Census::default();
        let one = census.clone();
        let mut seen = 0;
        let pipeline = Pipeline::source(std::iter::repeat_with(move || one.one()))
            .stage("one", 3, |_, item| ok(item))
            .stage_async("two", 3, |_, item| async move { ok(item) })
            .tee("beside", |_, _| ok(()));
        let run = pipeline.run_async(&Context::background(), |_| {
            seen += 1;
            if seen == 1_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        run.await.unwrap();
        assert_eq!(seen, 1_000);
        all_gone(&census).await;
    });
}

#[test]
fn an_error_of_an_awaited_stage_names_it_and_its_place() {
    let line = line!() + 3;
    let error = alone(|| {
        Pipeline::source(0..10)
            .stage_async("fetch", 1, |_, n| async move { if n == 5 { Err("no route") } else { Ok(n) } })
            .run_for_each_async(&Context::background(), drop)
    });
    let error = error.unwrap_err();
    let member = error.member().unwrap();
    assert_eq!((member.name(), member.place().line()), (Some("fetch"), line));
    assert!(error.to_string().starts_with(&format!("group ({}:{})", file!(), line + 1)), "{error}");
}

#[test]
fn a_sink_may_borrow_from_its_task_and_the_run_may_be_sent() {
    fn sent<F: Future + Send>(future: F) -> F {
        future
    }
    let seen = alone(|| async {
        let mut seen = Vec::new();
        let pipeline = Pipeline::source(0..3).stage("one", 1, |_, n| ok(n));
        sent(pipeline.run_for_each_async(&Context::background(), |n| seen.push(n))).await.unwrap();
        seen
    });
    assert_eq!(seen, [0, 1, 2]);
}

#[test]
fn a_blocking_run_in_a_task_is_refused_and_names_its_twin() {
    let refused = within(|| {
        let runtime = ::tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let task =
                ::tokio::spawn(async { Pipeline::source(0..3).run_for_each(&Context::background(), drop) });
            task.await.unwrap_err().into_panic()
        })
    });
    let text = crate::message(&*refused).to_owned();
    assert!(text.contains("Pipeline::run would block") && text.contains("Pipeline::run_async(..)"), "{text}");
}
