//! On Tokio: awaiting groups, counting tasks, and the message for a blocking wait in the wrong place.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use headcount::{Context, Token, WaitGroup, raw, task};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, block_in_place, spawn_blocking, yield_now};

use crate::{LIMIT, message};

fn runtimes() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut builder| builder.worker_threads(2).enable_time().build().unwrap())
}

/// Runs `test` on both kinds of runtime, within the limit.
fn on_both<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for runtime in runtimes() {
        runtime.block_on(async {
            tokio::time::timeout(LIMIT, test()).await.expect("not over within the limit")
        });
    }
}

#[test]
fn a_group_is_awaited_by_reference() {
    on_both(|| async {
        let group = WaitGroup::new();
        for _ in 0..100 {
            let token = group.add();
            tokio::spawn(async move {
                yield_now().await;
                drop(token);
            });
        }
        (&group).await;
        assert_eq!(group.outstanding(), 0);
    });
}

#[test]
fn spawn_async_counts_a_task_to_its_end() {
    on_both(|| async {
        let (group, ended) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..100 {
            let ended = Arc::clone(&ended);
            drop(group.spawn_async(async move {
                yield_now().await;
                ended.fetch_add(1, Ordering::SeqCst);
            }));
        }
        group.wait_async().await;
        assert_eq!(ended.load(Ordering::SeqCst), 100);
    });
}

/// Says when it is dropped whether the group still counted its task then.
struct Witness(WaitGroup, Arc<AtomicBool>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.1.store(self.0.outstanding() > 0, Ordering::SeqCst);
    }
}

#[test]
fn an_aborted_task_comes_back_after_all_it_owned_is_dropped() {
    on_both(|| async {
        for polled in [false, true] {
            let (group, counted, started) =
                (WaitGroup::new(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
            let (witness, begun) = (Witness(group.clone(), Arc::clone(&counted)), Arc::clone(&started));
            let task: JoinHandle<()> = group.spawn_async(async move {
                let _witness = witness;
                begun.store(true, Ordering::SeqCst);
                pending::<()>().await;
            });
            while polled && !started.load(Ordering::SeqCst) {
                yield_now().await;
            }
            task.abort();
            group.wait_async().await;
            assert!(counted.load(Ordering::SeqCst), "polled: {polled}");
        }
    });
}

#[test]
fn a_task_that_panics_comes_back() {
    on_both(|| async {
        let group = WaitGroup::new();
        let task = group.spawn_async(async { std::panic::resume_unwind(Box::new(5_u8)) });
        group.wait_async().await;
        assert_eq!(*task.await.unwrap_err().into_panic().downcast::<u8>().unwrap(), 5);
    });
}

#[test]
fn a_timed_out_wait_leaves_nothing() {
    on_both(|| async {
        let group = WaitGroup::new();
        let token = group.add();
        assert!(tokio::time::timeout(Duration::from_millis(2), &group).await.is_err());
        assert!(format!("{group:?}").contains("waiting: 0"));
        drop(token);
        group.wait_async().await;
    });
}

#[test]
fn threads_and_tasks_are_members_of_one_group_and_wait_for_it() {
    on_both(|| async {
        let group = WaitGroup::new();
        let (token, other) = (group.add(), group.clone());
        let waiter = std::thread::spawn(move || other.wait());
        group.spawn(|| ());
        drop(group.spawn_async(async { yield_now().await }));
        drop(token);
        (&group).await;
        spawn_blocking(|| waiter.join().unwrap()).await.unwrap();
    });
}

/// What a task said that panicked.
async fn last_words(task: JoinHandle<()>) -> String {
    message(&*task.await.unwrap_err().into_panic()).to_string()
}

#[test]
fn a_task_that_waits_for_the_wait_group_that_launched_it_is_told() {
    on_both(|| async {
        let group = WaitGroup::new();
        let there = group.clone();
        let text = last_words(group.spawn_async(async move { there.wait_async().await })).await;
        assert!(text.starts_with("wait_async would wait for itself: member ("), "{text}");
        assert!(text.contains("of wait group ("), "{text}");
        // Told of fewer, it may be one of those who are left.
        let there = group.clone();
        drop(group.spawn_async(async move { there.wait_at_most_async(1).await }));
        group.wait_async().await;
    });
}

#[test]
fn a_circle_of_a_wait_group_and_a_group_of_tasks_is_told_while_it_is_one() {
    on_both(|| async {
        for over in [false, true] {
            let (group, tasks) = (WaitGroup::new(), task::Group::<()>::new(&Context::background()));
            let (waits, told) = oneshot::channel();
            let (go, gone) = oneshot::channel::<()>();
            let (last, first, spawner) = (group.add(), group.clone(), tasks.spawner());
            tasks.spawn(move |_| async move {
                let (mut waits, mut wait) = (Some(waits), pin!(first.wait_async()));
                let polled = poll_fn(|cx| {
                    let polled = wait.as_mut().poll(cx);
                    waits.take().into_iter().for_each(|waits| waits.send(()).unwrap());
                    polled
                });
                polled.await;
                // The wait is over, and its future is still there.
                if over {
                    gone.await.unwrap();
                }
                headcount::ok(())
            });
            told.await.unwrap();
            if over {
                drop(last);
                group.wait_async().await;
                let (there, came) = (spawner, oneshot::channel());
                let task = group.spawn_async(async move {
                    let mut idle = pin!(there.wait_idle());
                    let mut came = Some(came.0);
                    let idle = poll_fn(|cx| {
                        let polled = idle.as_mut().poll(cx);
                        came.take().into_iter().for_each(|came| came.send(()).unwrap());
                        polled
                    });
                    idle.await;
                });
                came.1.await.unwrap();
                go.send(()).unwrap();
                task.await.unwrap();
            } else {
                let text = last_words(group.spawn_async(async move { spawner.wait_idle().await })).await;
                assert!(text.starts_with("wait_idle would wait for itself: member ("), "{text}");
                assert!(
                    text.contains(", whose member #1 (") && text.contains("waits for wait group ("),
                    "{text}"
                );
                drop(last);
            }
            tasks.wait().await.unwrap();
        }
    });
}

/// The message of the panic that `wait` raises, if it does.
fn objection(wait: impl FnOnce()) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(wait)).err()?;
    Some(message(&*panic).to_string())
}

#[test]
fn a_blocking_wait_in_a_task_names_its_async_twin() {
    type Blocking = fn(&WaitGroup, &raw::WaitGroup);
    let waits: [(Blocking, &str); 6] = [
        (|group, _| group.wait(), "wait_async"),
        (|group, _| drop(group.wait_timeout(Duration::from_secs(1))), "wait_async"),
        (|group, _| drop(group.wait_deadline(std::time::Instant::now() + LIMIT)), "wait_async"),
        (|group, _| group.wait_at_most(0), "wait_at_most_async"),
        (|_, raw| raw.wait(), "wait_async"),
        (|_, raw| drop(raw.wait_timeout(Duration::from_secs(1))), "wait_async"),
    ];
    let check = move || {
        let (group, raw) = (WaitGroup::new(), raw::WaitGroup::new());
        raw.add(1);
        let token: Token = group.add();
        for (wait, twin) in waits {
            let text = objection(|| wait(&group, &raw)).expect("a panic");
            assert!(text.contains(&format!("`{twin}().await`")), "{text}");
        }
        drop(token);
        group.wait(); // Nobody is out, nothing would block: allowed.
    };
    on_both(move || async move {
        check();
        tokio::spawn(async move { check() }).await.unwrap();
        // With the budget of the poll used up as well.
        tokio::spawn(async move {
            poll_fn(|cx| {
                while let std::task::Poll::Ready(step) = tokio::task::coop::poll_proceed(cx) {
                    step.made_progress();
                    if !tokio::task::coop::has_budget_remaining() {
                        break;
                    }
                }
                std::task::Poll::Ready(())
            })
            .await;
            check();
        })
        .await
        .unwrap();
    });
}

#[test]
fn the_question_costs_the_task_nothing_of_its_budget() {
    on_both(|| async {
        let steps = || {
            poll_fn(|cx| {
                let mut steps = 0;
                while let std::task::Poll::Ready(step) = tokio::task::coop::poll_proceed(cx) {
                    step.made_progress();
                    steps += 1;
                }
                std::task::Poll::Ready(steps)
            })
        };
        let group = WaitGroup::new();
        let _token = group.add();
        let asking = tokio::spawn(async move {
            assert!(objection(|| group.wait()).is_some());
            steps().await
        });
        let not_asking = tokio::spawn(steps());
        assert_eq!(asking.await.unwrap(), not_asking.await.unwrap());
    });
}

#[test]
fn where_blocking_is_allowed_a_wait_blocks() {
    let blocks = || {
        let group = WaitGroup::new();
        group.spawn(|| ());
        group.wait_timeout(LIMIT).unwrap();
    };
    for runtime in runtimes() {
        let _entered = runtime.enter();
        blocks();
        runtime.block_on(async move { spawn_blocking(blocks).await.unwrap() });
    }
    let [_, multi] = runtimes();
    multi.block_on(async move { tokio::spawn(async move { block_in_place(blocks) }).await.unwrap() });
}
