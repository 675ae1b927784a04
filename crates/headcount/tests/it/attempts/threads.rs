//! The same on threads: scopes, and crews.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backon::ConstantBuilder;
use headcount::{CollectAll, Context, Crew, DrivenClock, MemberError, thread};

use super::{SECOND, background, times};
use crate::{LIMIT, within};

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

/// At once, so often.
fn at_once(times: usize) -> ConstantBuilder {
    ConstantBuilder::default().with_delay(Duration::ZERO).with_max_times(times)
}

/// How often each job was called for.
type Calls = Arc<Mutex<Vec<usize>>>;

/// A crew of two whose jobs fail as often as they say, each counted.
fn stumbling(ctx: &Context) -> (Crew<(usize, u32), usize>, Calls) {
    let calls = Arc::new(Mutex::new(vec![0; 10]));
    let counted = Arc::clone(&calls);
    let crew = Crew::new(ctx, 2, move |_ctx, (n, failures): (usize, u32)| {
        let mut calls = counted.lock().unwrap();
        calls[n] += 1;
        if calls[n] <= failures as usize { Err(format!("job {n}, call {}", calls[n])) } else { Ok(n) }
    });
    (crew, calls)
}

#[test]
fn a_crew_calls_for_its_jobs_again_in_rounds_and_posts() {
    within(|| {
        let (crew, calls) = stumbling(&background());
        let crew = crew.retry(at_once(2));
        assert_eq!(crew.round([(0, 0), (1, 1), (2, 2)]).unwrap(), [0, 1, 2]);
        let error = crew.round([(3, 3)]).unwrap_err();
        assert!(error.to_string().ends_with("job 3, call 3"), "{error}");
        crew.post((4, 2)).unwrap();
        crew.stop(LIMIT).unwrap();
        assert_eq!(*calls.lock().unwrap(), [1, 2, 3, 3, 3, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn a_job_that_waits_for_its_next_attempt_is_cancelled_with_its_round() {
    within(|| {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let crew = Crew::<bool>::new(&background(), 2, move |_ctx, patient| {
            if patient {
                counted.fetch_add(1, SeqCst);
                return Err("busy");
            }
            while counted.load(SeqCst) == 0 {
                std::thread::yield_now();
            }
            Err("torn")
        });
        let hourly = ConstantBuilder::default().with_delay(SECOND * 3600);
        let crew = crew.retry(hourly).retry_if(|error| error.to_string() == "busy");
        let error = crew.round([true, false]).unwrap_err();
        assert!(error.to_string().ends_with("failed: torn"), "{error}");
        assert_eq!((error.tally().cancelled, error.others().len(), calls.load(SeqCst)), (1, 0, 1));
    });
}

#[test]
fn a_crew_keeps_to_its_rate_over_all_its_rounds_whatever_else_it_was_told() {
    within(|| {
        let clock = DrivenClock::new();
        let crew = Crew::new(&clock.context(), 3, |_ctx, ()| headcount::ok(()));
        let crew = crew.retry(at_once(2)).rate(10).timeout_each(SECOND * 60);
        let begun = clock.now();
        std::thread::scope(|scope| {
            let rounds =
                scope.spawn(|| (0..2).for_each(|_| assert_eq!(crew.round([(); 3]).unwrap().len(), 3)));
            while !rounds.is_finished() {
                if clock.wait_pending_timeout(1, Duration::from_millis(1)) {
                    clock.advance(SECOND / 100);
                }
            }
            rounds.join().unwrap();
        });
        // Six calls, a tenth of a second apart.
        assert!(clock.now() - begun >= SECOND / 2, "{:?}", clock.now() - begun);
    });
}

#[test]
fn each_call_for_a_job_has_so_much_time() {
    within(|| {
        let clock = DrivenClock::new();
        let crew = Crew::new(&clock.context(), 1, |ctx, ()| ctx.sleep(SECOND * 3600));
        let crew = crew.timeout_each(SECOND);
        let line = line!() - 1;
        let error = std::thread::scope(|scope| {
            let round = scope.spawn(|| crew.round([()]).unwrap_err());
            // The call's time, which is over before its sleep would be.
            assert!(clock.wait_pending_timeout(1, LIMIT));
            clock.advance(SECOND);
            round.join().unwrap()
        });
        assert!(error.to_string().contains(&format!("threads.rs:{line}")), "{error}");
    });
}
