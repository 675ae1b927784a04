//! Contexts on Tokio: paused time, early drops, and deadlines that outlive their runtime.

use std::time::Duration;

use headcount::Context;
use tokio::runtime::Builder;

use crate::LIMIT;

const LONG: Duration = Duration::from_secs(3600);

fn paused() -> tokio::runtime::Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn paused_time_is_heeded() {
    paused().block_on(async {
        let begun = std::time::Instant::now();
        let ctx = Context::background().with_timeout(LONG);
        assert_eq!(ctx.remaining(), Some(LONG));
        assert!(ctx.wait_async().await.is_deadline());
        ctx.detached().sleep_async(LONG).await.unwrap();
        assert!(begun.elapsed() < LIMIT, "an hour took {:?}", begun.elapsed());
    });
}

#[test]
fn sleep_async_ends_by_time_or_by_cancel() {
    paused().block_on(async {
        let (ctx, canceller) = Context::background().with_cancel();
        ctx.sleep_async(LONG).await.unwrap();
        let parent = ctx.with_timeout(LONG);
        assert!(parent.sleep_async(2 * LONG).await.unwrap_err().is_deadline());
        let sleeping = tokio::spawn(async move { ctx.sleep_async(Duration::MAX).await });
        tokio::task::yield_now().await;
        canceller.cancel();
        assert!(!sleeping.await.unwrap().unwrap_err().is_deadline());
    });
}

#[test]
fn a_context_dropped_early_takes_its_task_with_it() {
    paused().block_on(async {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let crowd: Vec<_> = (0..1000).map(|_| Context::background().with_timeout(LONG)).collect();
        assert_eq!(tasks(), 1000);
        drop(crowd);
        let (ctx, canceller) = Context::background().with_cancel();
        let below = ctx.with_timeout(LONG);
        canceller.cancel();
        // The runtime drops what was aborted when it comes to it; none of it waits for the hour to be over.
        let begun = tokio::time::Instant::now();
        while tasks() > 0 {
            assert_eq!(begun.elapsed(), Duration::ZERO, "{} tasks still sleep", tasks());
            tokio::task::yield_now().await;
        }
        drop(below);
    });
}

#[test]
fn a_deadline_passes_although_its_runtime_is_gone() {
    let runtime = Builder::new_current_thread().enable_time().build().unwrap();
    let ctx = runtime.block_on(async { Context::background().with_timeout(Duration::from_millis(50)) });
    drop(runtime);
    assert!(ctx.wait_timeout(LIMIT).expect("it never passed").is_deadline());
}

#[test]
fn a_blocking_wait_in_a_task_names_its_async_twin() {
    paused().block_on(async {
        let (ctx, _canceller) = Context::background().with_cancel();
        let group = headcount::WaitGroup::new();
        let _token = group.add();
        for (twin, wait) in [
            ("wait_async()", Box::new(|| drop(ctx.wait())) as Box<dyn Fn()>),
            ("wait_async()", Box::new(|| drop(ctx.wait_timeout(LIMIT)))),
            ("sleep_async()", Box::new(|| drop(ctx.sleep(LIMIT)))),
            ("ctx.run_async(&group)", Box::new(|| drop(group.wait_with(&ctx)))),
        ] {
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait)).unwrap_err();
            let text = crate::message(&*panic);
            assert!(text.contains(&format!("`{twin}.await`")), "{text}");
        }
    });
}

#[test]
fn a_group_is_awaited_under_a_context() {
    paused().block_on(async {
        let group = headcount::WaitGroup::new();
        let _token = group.add();
        let ctx = Context::background().with_timeout(LONG);
        assert!(ctx.run_async(&group).await.unwrap_err().is_deadline());
    });
}
