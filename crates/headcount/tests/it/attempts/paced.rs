//! So many calls a second, and so much time for each.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use headcount::{Cancelled, task, thread};
use tokio::time::{Instant, sleep};

use super::{SECOND, about, background, paused, times};

/// A body that takes so long.
async fn lasts(time: Duration) -> Result<(), &'static str> {
    sleep(time).await;
    Ok(())
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
    assert!(error.to_string().contains(&format!("paced.rs:{line}")), "{error}");
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
