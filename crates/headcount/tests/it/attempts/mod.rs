//! Retry, hedge, rate and timeout: how the bodies of members are called.
//!
//! Time is Tokio's, paused, or a driven clock: nothing here waits for the one on the wall.

mod paced;
mod threads;

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::{ConstantBuilder, ExponentialBuilder};
use headcount::{CollectAll, Context, GroupError, MemberError, task};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn background() -> Context {
    Context::background()
}

fn times(n: usize) -> ConstantBuilder {
    ConstantBuilder::default().with_delay(SECOND).with_max_times(n)
}

/// Runs `body` in paused time; how many seconds of it passed.
fn paused<R>(body: impl Future<Output = R>) -> (R, f64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let begin = Instant::now();
        (body.await, begin.elapsed().as_secs_f64())
    })
}

/// Seconds are counted to the millisecond: no timer is finer.
#[track_caller]
fn about(seconds: f64, expected: f64) {
    assert!((seconds - expected).abs() < 0.01, "{seconds} s where {expected} s were expected");
}

#[test]
fn a_body_is_called_again_until_it_succeeds_after_the_delays_of_the_policy() {
    for failures in 0..4 {
        let calls = Arc::new(AtomicUsize::new(0));
        let group = |ctx: &Context| {
            let policy =
                ExponentialBuilder::default().with_min_delay(SECOND).with_factor(2.0).with_max_times(3);
            let (group, calls) = (task::Group::new(ctx).retry(policy), Arc::clone(&calls));
            group.spawn_repeatable(move |_| {
                let call = calls.fetch_add(1, SeqCst);
                async move { if call < failures { Err("not yet") } else { Ok(call) } }
            });
            group
        };
        let (values, seconds) = paused(async { group(&background()).wait().await });
        assert_eq!(values.unwrap(), [failures]);
        assert_eq!(calls.load(SeqCst), failures + 1);
        about(seconds, f64::from((1 << failures) - 1));
    }
}

#[test]
fn when_all_attempts_have_failed_the_error_is_that_of_the_last() {
    let (error, seconds) = paused(async {
        let group = task::Group::<()>::new(&background()).retry(times(2)).named("calls");
        let calls = AtomicUsize::new(0);
        group.spawn_repeatable(move |_| {
            let call = calls.fetch_add(1, SeqCst);
            async move { Err(format!("attempt {call} failed")) }
        });
        group.wait().await.unwrap_err()
    });
    assert!(error.to_string().ends_with("failed: attempt 2 failed"), "{error}");
    about(seconds, 2.0);
}

#[test]
fn an_error_that_is_not_worth_it_ends_the_attempts() {
    let (calls, _) = paused(async {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let group =
            task::Group::<()>::new(&background()).retry(times(9)).retry_if(|e| e.to_string() != "gone");
        group.spawn_repeatable(move |_| {
            let call = counted.fetch_add(1, SeqCst);
            async move { Err(if call < 2 { "busy" } else { "gone" }) }
        });
        let error = group.wait().await.unwrap_err();
        assert!(error.to_string().ends_with("failed: gone"), "{error}");
        calls.load(SeqCst)
    });
    assert_eq!(calls, 3);
}

#[test]
fn asking_whether_it_is_worth_it_may_panic_and_means_no() {
    let (error, _) = paused(async {
        let group = task::Group::<()>::new(&background()).retry(times(9)).retry_if(|_| panic!("who asks"));
        group.spawn_repeatable(|_| async { Err("busy") });
        group.wait().await.unwrap_err()
    });
    assert!(error.to_string().ends_with("failed: busy"), "{error}");
}

#[test]
fn a_member_that_is_cancelled_between_two_attempts_has_not_failed() {
    let (outcomes, seconds) = paused(async {
        let (ctx, canceller) = background().with_cancel();
        let group = task::Group::<(), _, _>::with_policy(&ctx, CollectAll).retry(times(9));
        group.spawn_repeatable(|_| async { Err("busy") });
        sleep(SECOND / 2).await;
        canceller.cancel();
        group.wait().await
    });
    assert!(matches!(outcomes[..], [Err(MemberError::Cancelled(_))]), "{outcomes:?}");
    about(seconds, 0.5);
}

#[test]
fn a_panic_is_not_tried_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (error, _) = paused(async {
        let group = task::Group::<()>::new(&background()).retry(times(9)).panics(headcount::Panics::AsError);
        group.spawn_repeatable(move |_| {
            counted.fetch_add(1, SeqCst);
            async { if true { panic!("out of paper") } else { Err("busy") } }
        });
        group.wait().await.unwrap_err()
    });
    assert_eq!((error.panic().unwrap().message(), calls.load(SeqCst)), (Some("out of paper"), 1));
}

/// How one call of a hedged body goes: after so many seconds, well or not.
type Plan = (u64, Result<u32, &'static str>);

/// A hedged member whose first and second call go as planned; what came of it, when, and how many calls there were.
fn hedged(first: Plan, second: Plan) -> (Result<Vec<u32>, GroupError>, f64, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (result, seconds) = paused(async {
        let group = task::Group::new(&background()).hedge_after(SECOND * 2);
        group.spawn_repeatable(move |_| {
            let (after, end) = [first, second][counted.fetch_add(1, SeqCst)];
            async move {
                sleep(SECOND * after as u32).await;
                end
            }
        });
        group.wait().await
    });
    (result, seconds, calls.load(SeqCst))
}

#[test]
fn the_second_call_begins_after_the_pause_and_the_first_value_counts() {
    let ends: [Result<u32, &'static str>; 2] = [Ok(1), Err("first")];
    for first_after in [0, 1, 3, 5, 9] {
        for first_end in ends {
            for second_after in [0, 1, 2, 4, 8] {
                for second_end in [Ok(2), Err("second")] {
                    // The oracle: both calls on one line of time, the second from two seconds on.
                    let hedges = first_after > 2;
                    let second_at = 2 + second_after;
                    let (at, end) = match (first_end, second_end) {
                        _ if !hedges => (first_after, first_end),
                        (Ok(_), Ok(_)) if first_after == second_at => continue, // either may be first
                        (Ok(_), Ok(_)) if first_after < second_at => (first_after, first_end),
                        (_, Ok(_)) if first_end.is_err() || second_at < first_after => {
                            (second_at, second_end)
                        }
                        (Ok(_), _) => (first_after, first_end),
                        (Err(_), Err(_)) if first_after == second_at => continue,
                        (Err(_), _) => (
                            first_after.max(second_at),
                            if first_after < second_at { first_end } else { second_end },
                        ),
                    };
                    let (result, seconds, calls) =
                        hedged((first_after, first_end), (second_after, second_end));
                    let told = format!("{first_after} {first_end:?} {second_after} {second_end:?}");
                    about(seconds, at as f64);
                    assert_eq!(calls, 1 + usize::from(hedges), "{told}");
                    match (result, end) {
                        (Ok(values), Ok(value)) => assert_eq!(values, [value], "{told}"),
                        (Err(error), Err(text)) => {
                            assert!(error.to_string().ends_with(text), "{told}: {error}")
                        }
                        (result, end) => panic!("{told}: {result:?} instead of {end:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn the_call_that_is_not_needed_any_more_is_cancelled_and_dropped() {
    struct Told(Context, Arc<Mutex<Vec<bool>>>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0.is_cancelled());
        }
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let there = Arc::clone(&told);
    let (values, seconds) = paused(async {
        let group = task::Group::new(&background()).hedge_after(SECOND);
        let calls = AtomicUsize::new(0);
        group.spawn_repeatable(move |ctx| {
            let (call, told) = (calls.fetch_add(1, SeqCst), Told(ctx, Arc::clone(&there)));
            async move {
                let _told = told;
                if call == 0 { pending().await } else { headcount::ok(call) }
            }
        });
        group.wait().await.unwrap()
    });
    assert_eq!(values, [1]);
    assert_eq!(told.lock().unwrap().len(), 2);
    about(seconds, 1.0);
}

#[test]
fn a_member_that_is_cancelled_before_its_hedge_gets_none() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let (error, seconds) = paused(async {
        let (ctx, canceller) = background().with_cancel();
        let group = task::Group::<()>::new(&ctx).hedge_after(SECOND);
        group.spawn_repeatable(move |ctx| {
            counted.fetch_add(1, SeqCst);
            async move { Err(ctx.wait_async().await) }
        });
        sleep(SECOND / 4).await;
        canceller.cancel();
        group.wait().await.unwrap_err()
    });
    assert!(error.cancelled().is_some(), "{error}");
    about(seconds, 0.25);
    assert_eq!(calls.load(SeqCst), 1);
}
