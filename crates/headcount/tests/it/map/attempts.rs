//! Maps whose items are tried again, hedged, paced, or given so much time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::ConstantBuilder;
use headcount::{Cancelled, CollectAll, Context, MemberError, task, thread};
use tokio::time::{Instant, sleep};

use crate::within;

const SECOND: Duration = Duration::from_secs(1);

fn every_second(times: usize) -> ConstantBuilder {
    ConstantBuilder::default().with_delay(SECOND).with_max_times(times)
}

fn at_once(times: usize) -> ConstantBuilder {
    every_second(times).with_delay(Duration::ZERO)
}

/// Counts the calls for each item; an item that is divisible by three fails twice.
#[derive(Default)]
struct Calls(Mutex<BTreeMap<u32, u32>>);

impl Calls {
    fn call(&self, n: u32) -> Result<u32, String> {
        let mut calls = self.0.lock().unwrap();
        let call = calls.entry(n).or_default();
        *call += 1;
        if n % 3 == 0 && *call < 3 { Err(format!("{n} failed, call {call}")) } else { Ok(n) }
    }

    fn total(&self) -> u32 {
        self.0.lock().unwrap().values().sum()
    }
}

fn paused<R>(body: impl Future<Output = R>) -> (R, f64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let begin = Instant::now();
        (body.await, begin.elapsed().as_secs_f64())
    })
}

#[test]
fn items_are_called_for_again_and_keep_their_places() {
    within(|| {
        let expected: Vec<u32> = (0..100).collect();
        let calls = Calls::default();
        let values = thread::map(0..100).limit(3).retry(at_once(2)).run(|_, n| calls.call(n));
        assert_eq!((values.unwrap(), calls.total()), (expected.clone(), 100 + 2 * 34));

        let (values, seconds) = paused(async {
            let calls = Calls::default();
            let values = task::map(0..100).limit(100).retry(every_second(2)).run(|_, n| {
                let end = calls.call(n);
                async { end }
            });
            (values.await.unwrap(), calls.total())
        });
        assert_eq!(values, (expected.clone(), 100 + 2 * 34));
        assert!((2.0..2.1).contains(&seconds), "all at the same time: {seconds} s");

        let (values, _) = paused(async {
            let calls = Arc::new(Calls::default());
            let there = Arc::clone(&calls);
            let body = move |_, n| {
                let end = there.call(n);
                async { end }
            };
            let values = task::map(0..100).retry(every_second(2)).limit(7).spawned().run(body).await;
            (values.unwrap(), calls.total())
        });
        assert_eq!(values, (expected, 100 + 2 * 34));
    });
}

#[test]
fn an_item_whose_attempts_have_all_failed_fails_its_map_with_the_last_error() {
    within(|| {
        let calls = Calls::default();
        let error = thread::map(1..10).retry(at_once(1)).run(|_, n| calls.call(n)).unwrap_err();
        assert!(error.to_string().ends_with("failed, call 2"), "{error}");
        let told =
            thread::map(1..10).policy(CollectAll).retry(at_once(1)).run(|_, n| Calls::default().call(n));
        assert_eq!(told.iter().filter(|end| end.is_err()).count(), 3);
    });
}

#[test]
fn items_that_are_only_paced_need_not_be_cloned() {
    struct Once(u32);
    let (values, seconds) = paused(async {
        let items = (0..30).map(Once);
        task::map(items).rate(10).run(|_, Once(n)| async move { headcount::ok(n) }).await.unwrap()
    });
    assert_eq!(values, (0..30).collect::<Vec<_>>());
    assert!((2.8..3.1).contains(&seconds), "{seconds} s");
    within(|| {
        let begin = std::time::Instant::now();
        let sum = thread::map((0..10).map(Once)).rate(1000).fold(
            0,
            |_, Once(n)| headcount::ok(n),
            |sum, n| sum + n,
        );
        assert_eq!(sum.unwrap(), 45);
        // Ten places, a thousandth of a second apart but for the first burst of ten.
        assert!(begin.elapsed() < SECOND * 10);
    });
}

#[test]
fn a_slow_call_is_hedged() {
    let calls = AtomicUsize::new(0);
    let (values, seconds) = paused(async {
        let map = task::map(0..3).limit(1).hedge_after(SECOND);
        map.run(|_, n| {
            let slow = calls.fetch_add(1, SeqCst) == 2;
            async move {
                if slow {
                    sleep(SECOND * 60).await;
                }
                headcount::ok(n)
            }
        })
        .await
        .unwrap()
    });
    assert_eq!((values, calls.into_inner()), (vec![0, 1, 2], 4));
    assert!((1.0..1.1).contains(&seconds), "{seconds} s");
}

#[test]
fn each_attempt_has_its_own_time() {
    let calls = AtomicUsize::new(0);
    let (values, seconds) = paused(async {
        let map = task::map([7]).retry(every_second(2)).timeout_each(SECOND * 2);
        map.run(|_, n| {
            let call = calls.fetch_add(1, SeqCst);
            async move {
                sleep(if call < 2 { SECOND * 60 } else { SECOND }).await;
                Ok::<_, &str>(n)
            }
        })
        .await
        .unwrap()
    });
    assert_eq!(values, [7]);
    assert!((7.0..7.1).contains(&seconds), "{seconds} s");
    within(|| {
        let map = thread::map([()]).timeout_each(Duration::from_millis(1));
        let error = map.run(|ctx, ()| ctx.sleep(SECOND * 60)).unwrap_err();
        assert!(error.downcast_ref::<Cancelled>().is_some(), "{error}");
    });
}

#[test]
fn an_item_that_is_cancelled_between_two_attempts_has_not_failed() {
    let (ends, seconds) = paused(async {
        let ctx = Context::background().with_timeout(SECOND / 2);
        let map = task::map(0..2).context(&ctx).policy(CollectAll).retry(every_second(9));
        map.run(|_, _| async { Err::<(), _>("busy") }).await
    });
    assert!(ends.iter().all(|end| matches!(end, Err(MemberError::Cancelled(_)))), "{ends:?}");
    assert!((0.5..0.6).contains(&seconds), "{seconds} s");
}

#[test]
fn spawned_maps_with_attempts_also_fold_and_run_for_each() {
    let (ends, _) = paused(async {
        let calls = Arc::new((Calls::default(), Calls::default()));
        let there = Arc::clone(&calls);
        let sum = task::map(0..100).retry(every_second(2)).spawned().fold(
            0,
            move |_, n| {
                let end = there.0.call(n);
                async { end }
            },
            |sum, n| sum + n,
        );
        let sum = sum.await.unwrap();
        let there = Arc::clone(&calls);
        let each = task::map(0..100).retry(every_second(2)).spawned().for_each(move |_, n| {
            let end = there.1.call(n).map(drop);
            async { end }
        });
        each.await.unwrap();
        (sum, calls.0.total(), calls.1.total())
    });
    assert_eq!(ends, (4950, 100 + 2 * 34, 100 + 2 * 34));
}
