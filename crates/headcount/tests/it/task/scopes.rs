//! Scopes on the caller's own task: members borrow, take turns, and are gone when the scope is.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use ::tokio::task::yield_now;
use headcount::{CancelKind, Cancelled, Context, ok, task};

use super::paused;

/// Counts its drops.
struct Dropped<'c>(&'c AtomicUsize);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn background() -> Context {
    Context::background()
}

#[test]
fn members_borrow_and_their_values_come_in_the_order_of_spawning() {
    paused(|| async {
        let words = vec![String::from("three"), String::from("is"), String::from("a")];
        let lengths = task::scope(&background(), async |scope| {
            for (nth, word) in words.iter().enumerate() {
                scope.spawn(move |ctx| async move {
                    // The last is the first to be ready.
                    ctx.sleep_async(Duration::from_secs(10 - nth as u64)).await?;
                    Ok::<_, Cancelled>(word.len())
                });
            }
        });
        assert_eq!(lengths.await.unwrap(), [5, 2, 1]);
        drop(words);
    });
}

#[test]
fn a_scope_of_nobody_is_over_at_once() {
    paused(|| async {
        assert!(task::scope(&background(), async |_: task::Scope<'_, u8>| {}).await.unwrap().is_empty());
    });
}

#[test]
fn the_first_failure_cancels_the_rest_and_is_the_root() {
    paused(|| async {
        let error = task::scope(&background(), async |scope| {
            scope.spawn_named("patient", |ctx| async move { Err::<(), _>(ctx.wait_async().await) });
            scope.spawn_named("rash", |_| async {
                yield_now().await;
                Err("no time")
            });
        });
        let error = error.await.unwrap_err();
        assert_eq!(error.member().unwrap().name(), Some("rash"));
        assert_eq!((error.tally().failed, error.tally().cancelled), (1, 1));
    });
}

#[test]
fn an_error_of_the_body_is_one_more_failed_member_named_body() {
    paused(|| async {
        let error = task::scope(&background(), async |scope| {
            scope.spawn(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
            Err("nothing to do")
        });
        let error = error.await.unwrap_err();
        assert_eq!(error.member().unwrap().name(), Some("body"));
        assert!(error.to_string().ends_with("failed: nothing to do"), "{error}");
    });
}

#[test]
fn members_spawn_siblings_ten_thousand_deep() {
    fn deeper(scope: task::Scope<'_, usize>, left: usize) {
        let next = scope.clone();
        scope.spawn(move |_| async move {
            if left > 0 {
                deeper(next, left - 1);
            }
            ok(left)
        });
    }
    paused(|| async {
        let values = task::scope(&background(), async |scope| deeper(scope, 10_000)).await.unwrap();
        assert!(values.into_iter().eq((0..=10_000).rev()));
    });
}

#[test]
fn a_panic_goes_on_unchanged_when_everyone_is_gone() {
    for in_the_body in [false, true] {
        paused(move || async move {
            let dropped = AtomicUsize::new(0);
            let scope = async {
                task::scope(&background(), async |scope| {
                    scope.spawn(|ctx| {
                        let held = Dropped(&dropped);
                        async move {
                            let why = ctx.wait_async().await;
                            drop(held);
                            Err::<(), _>(why)
                        }
                    });
                    yield_now().await;
                    if in_the_body {
                        std::panic::panic_any(7u8);
                    }
                    scope.spawn(|_| async {
                        if true {
                            std::panic::panic_any(7u8);
                        }
                        ok(())
                    });
                })
                .await
            };
            let panic = catch(scope).await;
            assert_eq!(*panic.downcast::<u8>().unwrap(), 7);
            assert_eq!(dropped.load(SeqCst), 1, "a member was left behind");
        });
    }
}

/// The panic that `future` ends with.
async fn catch<F: Future>(future: F) -> Box<dyn std::any::Any + Send>
where
    F::Output: std::fmt::Debug,
{
    let mut future = Box::pin(future);
    std::future::poll_fn(|cx| {
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| future.as_mut().poll(cx)));
        match polled {
            Ok(std::task::Poll::Ready(value)) => panic!("it ended with {value:?}"),
            Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
            Err(panic) => std::task::Poll::Ready(panic),
        }
    })
    .await
}

#[test]
fn a_member_that_does_not_heed_the_deadline_is_called_off_after_the_grace() {
    paused(|| async {
        let (ctx, begun) = (background().with_timeout(Duration::from_secs(1)), ::tokio::time::Instant::now());
        let error = task::scope(&ctx, async |scope| {
            scope.spawn(|_| async { ok(std::future::pending::<()>().await) });
        });
        let error = error.await.unwrap_err();
        assert_eq!(error.cancelled().unwrap().kind(), CancelKind::DeadlineExceeded);
        assert_eq!(error.tally().aborted, 1);
        assert_eq!(begun.elapsed().as_secs(), 6, "one of time and five of grace");
    });
}

#[test]
fn dropping_the_scope_drops_its_members_where_they_stand() {
    paused(|| async {
        let dropped = AtomicUsize::new(0);
        let mut kept = None;
        {
            let scope = task::scope(&background(), async |scope| {
                kept = Some(scope.context().clone());
                for _ in 0..3 {
                    scope.spawn(|_| {
                        let held = Dropped(&dropped);
                        async move {
                            std::future::pending::<()>().await;
                            drop(held);
                            ok(())
                        }
                    });
                }
                std::future::pending::<()>().await;
            });
            ::tokio::time::timeout(Duration::from_millis(1), scope).await.unwrap_err();
        }
        assert_eq!(dropped.load(SeqCst), 3);
        assert_eq!(kept.unwrap().cancelled_because().unwrap().kind(), CancelKind::Dropped);
    });
}

#[test]
fn the_roll_call_names_who_is_out_and_cancel_reaches_them() {
    paused(|| async {
        let scope = task::scope(&background(), async |scope| {
            scope.spawn_named("left", |ctx| async move { Err::<(), _>(ctx.wait_async().await) });
            yield_now().await;
            let roll_call = scope.roll_call();
            assert_eq!(roll_call.iter().map(|member| member.name()).collect::<Vec<_>>(), [Some("left")]);
            scope.cancel();
        });
        assert_eq!(scope.await.unwrap_err().cancelled().unwrap().kind(), CancelKind::Cancelled);
    });
}

#[test]
fn a_scope_can_be_spawned_and_its_body_need_not_be_shareable() {
    fn spawnable<F: Future + Send>(future: F) -> F {
        future
    }
    paused(|| async {
        let scope = spawnable(task::scope(&background(), |scope| async move {
            let turns = Cell::new(0);
            scope.spawn(|_| async { ok(1) });
            yield_now().await;
            turns.set(turns.get() + 1);
        }));
        assert_eq!(scope.await.unwrap(), [1]);
    });
}
