//! Retry, hedge, rate and timeout: how the bodies of members are called.
//!
//! Time is Tokio's, paused, or a driven clock: nothing here waits for the one on the wall.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::{ConstantBuilder, ExponentialBuilder};
use headcount::{Cancelled, CollectAll, Context, DrivenClock, GroupError, MemberError, task, thread};
use tokio::time::{Instant, sleep};

use crate::within;

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

/// A body that takes so long.
async fn lasts(time: Duration) -> Result<(), &'static str> {
    sleep(time).await;
    Ok(())
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

#[test]
fn no_more_bodies_begin_in_a_second_than_the_rate_says() {
    for rate in [1, 2, 10, 100, 1000, 5000] {
        let members = 3 * rate as usize;
        let (starts, _) = paused(async {
            let group = task::Group::new(&background()).rate(rate);
            let begin = Instant::now();
            for n in 0..members {
                let body = move |_| async move { headcount::ok(begin.elapsed().as_secs_f64()) };
                match n % 3 {
                    0 => group.spawn(body),
                    1 => group.spawn_named("call", body),
                    _ => group.submit(body).await.unwrap(),
                }
            }
            group.wait().await.unwrap()
        });
        let mut starts = starts;
        starts.sort_by(f64::total_cmp);
        let burst = (rate / 100).max(1) as usize;
        for window in starts.windows(rate as usize + burst + 1) {
            let took = window[window.len() - 1] - window[0];
            assert!(took >= 0.99, "{} of {rate} a second within {took} s", window.len());
        }
        let last = starts[members - 1];
        assert!((1.9..3.6).contains(&last), "rate {rate}: the last began after {last} s");
    }
}

#[test]
fn a_rate_of_zero_is_refused() {
    let panic = std::panic::catch_unwind(|| thread::Scope::<()>::new(&background()).rate(0)).unwrap_err();
    assert!(crate::message(&*panic).contains("a rate of 0 calls a second"));
}

#[test]
fn whoever_waits_for_its_turn_can_be_cancelled() {
    let (error, seconds) = paused(async {
        let group = task::Group::new(&background()).rate(1);
        (0..3).for_each(|n| group.spawn(move |_| async move { if n == 1 { Err("torn") } else { Ok(()) } }));
        group.wait().await.unwrap_err()
    });
    assert!(error.to_string().ends_with("failed: torn"), "{error}");
    assert_eq!((error.tally().cancelled, error.others().len()), (1, 0));
    about(seconds, 1.0);
}

#[test]
fn a_call_that_takes_too_long_fails_and_says_who_asked_for_it() {
    let line = line!() + 2;
    let (error, seconds) = paused(async {
        let group = task::Group::new(&background()).timeout_each(SECOND);
        group.spawn(|_| lasts(SECOND / 2));
        group.spawn_named("slow", |_| lasts(SECOND * 9));
        group.wait().await.unwrap_err()
    });
    assert_eq!(error.member().unwrap().name(), Some("slow"));
    assert!(error.downcast_ref::<Cancelled>().is_some());
    assert!(error.to_string().contains(&format!("attempts.rs:{line}")), "{error}");
    about(seconds, 1.0);
}

#[test]
fn each_attempt_has_its_own_time_and_a_timeout_may_be_worth_another() {
    let (values, seconds) = paused(async {
        let group = task::Group::new(&background())
            .timeout_each(SECOND)
            .retry(times(3))
            .retry_if(|error| error.is::<Cancelled>());
        let calls = AtomicUsize::new(0);
        group.spawn_repeatable(move |_| {
            let call = calls.fetch_add(1, SeqCst);
            async move {
                if call < 2 {
                    sleep(SECOND * 9).await;
                }
                Ok::<_, &str>(call)
            }
        });
        group.wait().await.unwrap()
    });
    assert_eq!(values, [2]);
    about(seconds, 4.0);
}

#[test]
fn a_group_that_is_cancelled_gives_members_their_grace_also_under_a_timeout() {
    let (error, _) = paused(async {
        let (ctx, canceller) = background().with_cancel();
        let group = task::Group::<()>::new(&ctx).timeout_each(SECOND * 60);
        group.spawn(|ctx| async move {
            ctx.wait_async().await;
            sleep(SECOND).await; // clears up
            Err("cleared up, and found a fault")
        });
        sleep(SECOND).await;
        canceller.cancel();
        group.wait().await.unwrap_err()
    });
    assert!(error.to_string().ends_with("failed: cleared up, and found a fault"), "{error}");
}

#[test]
fn options_hold_for_forks_and_for_members_that_block() {
    let (result, seconds) = paused(async {
        let group = task::Group::<()>::new(&background()).timeout_each(SECOND);
        let fork = group.fork(|_| async { Ok::<_, &str>(7) });
        group.spawn_blocking(|ctx| ctx.deadline().map(drop).ok_or("it has no deadline"));
        let _late = group.fork(|_| async { pending::<Result<u8, &str>>().await });
        (group.wait().await, fork.take())
    });
    assert!(result.0.unwrap_err().downcast_ref::<Cancelled>().is_some());
    assert_eq!(result.1, Some(7));
    about(seconds, 1.0);
}

#[test]
fn threads_try_again_on_the_clock_of_their_context() {
    within(|| {
        let clock = DrivenClock::new();
        let (ctx, begin) = (clock.context(), clock.now());
        let calls = AtomicUsize::new(0);
        let values = std::thread::scope(|scope| {
            let driver = scope.spawn(|| {
                while calls.load(SeqCst) < 3 {
                    clock.advance(SECOND / 4);
                    std::thread::yield_now();
                }
            });
            let values = thread::Scope::new(&ctx).retry(times(2)).run(|group| {
                group.spawn_repeatable(|_| match calls.fetch_add(1, SeqCst) {
                    2 => Ok(7),
                    _ => Err("busy"),
                });
            });
            driver.join().unwrap();
            values
        });
        assert_eq!(values.unwrap(), [7]);
        assert!(clock.now() - begin >= SECOND * 2);
    });
}

#[test]
fn a_thread_that_is_cancelled_between_two_attempts_has_not_failed() {
    within(|| {
        let (ctx, canceller) = background().with_cancel();
        let calls = AtomicUsize::new(0);
        let outcomes = thread::Scope::with_policy(&ctx, CollectAll)
            .retry(ConstantBuilder::default().with_delay(SECOND * 3600))
            .run(|group| {
                group.spawn_repeatable(|_| {
                    calls.fetch_add(1, SeqCst);
                    Err::<(), _>("busy")
                });
                while calls.load(SeqCst) == 0 {
                    std::thread::yield_now();
                }
                canceller.cancel();
            });
        assert!(matches!(outcomes[..], [Err(MemberError::Cancelled(_))]), "{outcomes:?}");
    });
}
