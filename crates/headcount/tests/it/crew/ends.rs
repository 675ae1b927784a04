//! What nobody waits for, and the end: posts, stops, drops.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use headcount::{BoxError, Crew, PostError, State};

use super::{background, because, doers, job};
use crate::{Count, LIMIT, within};

#[test]
fn posted_jobs_are_done_and_the_first_that_failed_is_told_at_the_stop() {
    within(|| {
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        let crew = Crew::<_>::new(&background(), 1, move |_, n: u32| {
            count.fetch_add(1, SeqCst);
            match n {
                2 => Err("two is odd, somehow"),
                5 => panic!("five is right out"),
                _ => Ok(()),
            }
        })
        .named("sums");
        let line = line!() + 1;
        (0..10).for_each(|n| crew.post(n).unwrap());
        let error = crew.stop(LIMIT).unwrap_err();
        assert_eq!(done.load(SeqCst), 10);
        let first = error.first_failed_post().unwrap();
        assert_eq!(first.member().unwrap().index(), 2);
        assert_eq!(first.member().unwrap().place().line(), line);
        assert_eq!(error.failed_posts(), 2);
        assert!(error.overran().is_none() && error.still_out().is_none());
        let text = error.to_string();
        assert!(text.starts_with("crew \"sums\" ("), "{text}");
        assert!(text.contains("failed: two is odd, somehow (and 1 other posted job failed)"), "{text}");
        crew.stop(LIMIT).unwrap();
    });
}

#[test]
fn a_posted_job_that_panics_is_a_failed_one() {
    within(|| {
        let crew =
            Crew::new(&background(), 1, |_, (): ()| -> Result<(), BoxError> { panic!("out of paint") });
        crew.post(()).unwrap();
        let error = crew.stop(LIMIT).unwrap_err();
        assert_eq!(error.first_failed_post().unwrap().panic().unwrap().message(), Some("out of paint"));
    });
}

#[test]
fn after_the_stop_jobs_are_given_back_and_rounds_are_refused() {
    within(|| {
        let crew = Crew::new(&background(), 2, |_, n: u32| headcount::ok(n));
        crew.stop(LIMIT).unwrap();
        let refused: PostError<u32> = crew.post(7).unwrap_err();
        assert!(refused.to_string().ends_with("takes no more jobs: it has been stopped"), "{refused}");
        assert_eq!((refused.cancelled().is_some(), refused.into_job()), (false, 7));
        let refused = crew.round([1, 2]).unwrap_err();
        assert_eq!(because(&refused), "the crew has been stopped");
        assert!(crew.round([]).unwrap().is_empty());
    });
}

#[test]
fn who_overran_is_cancelled_and_named() {
    within(|| {
        let crew = Crew::new(&background(), 2, |ctx, _: u32| Err::<(), _>(ctx.wait())).named("slow");
        crew.post(1).unwrap();
        crew.post(2).unwrap();
        crew.post(3).unwrap();
        let error = crew.stop(Duration::from_millis(5)).unwrap_err();
        assert_eq!(error.overran().unwrap().outstanding(), 3);
        assert!(error.first_failed_post().is_none(), "ending because one is cancelled is no failure");
        let text = error.to_string();
        assert!(text.contains("overran its grace of 5 ms") && text.contains(": slow: "), "{text}");
        // A machine with much else to do may not have let them go within the second five milliseconds.
        crew.stop(LIMIT).unwrap();
        assert!(crew.roll_call().is_empty());
    });
}

#[test]
fn who_does_not_heed_the_stop_is_named_and_waited_for_by_the_drop() {
    within(|| {
        let (go, gate) = mpsc::channel::<()>();
        let over = Arc::new(AtomicUsize::new(0));
        let there = Arc::clone(&over);
        let crew = doers(1);
        let (begun, begins) = mpsc::channel::<()>();
        crew.post(job(move |_| {
            begun.send(()).unwrap();
            gate.recv().unwrap();
            there.fetch_add(1, SeqCst);
            Ok(0)
        }))
        .unwrap();
        begins.recv().unwrap();
        let error = crew.stop(Duration::from_millis(1)).unwrap_err();
        let stubborn = error.still_out().unwrap();
        assert_eq!(stubborn.iter().map(|job| job.state()).collect::<Vec<_>>(), [State::Cancelled]);
        assert!(error.to_string().contains("not all heeded their cancellation"), "{error}");
        go.send(()).unwrap();
        drop(crew);
        assert_eq!(over.load(SeqCst), 1);
    });
}

#[test]
fn a_stop_waits_for_rounds_that_have_begun() {
    within(|| {
        let crew = doers(1);
        let (begun, begins) = mpsc::channel::<()>();
        let (go, gate) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let round = scope.spawn(|| {
                let first = job(move |_| {
                    begun.send(()).unwrap();
                    gate.recv().unwrap();
                    Ok(1)
                });
                crew.round([first, job(|_| Ok(2))])
            });
            begins.recv().unwrap();
            let stop = scope.spawn(|| crew.stop(LIMIT));
            go.send(()).unwrap();
            assert_eq!(round.join().unwrap().unwrap(), [1, 2]);
            stop.join().unwrap().unwrap();
        });
    });
}

#[test]
fn a_crew_that_is_stopped_by_its_own_job_says_so_and_goes_on() {
    within(|| {
        let crew = Arc::new(doers(1));
        let inner = Arc::clone(&crew);
        let stops = job(move |_| {
            let error = inner.stop(LIMIT).unwrap_err();
            assert!(error.would_deadlock().is_some());
            assert!(error.to_string().contains("would wait for itself"), "{error}");
            Ok(1)
        });
        assert_eq!(crew.round([stops]).unwrap(), [1]);
        assert_eq!(crew.round([job(|_| Ok(2))]).unwrap(), [2]);
    });
}

#[test]
fn dropping_a_crew_cancels_its_jobs_and_waits_for_them() {
    within(|| {
        let (begun, ended) = (Arc::new(Count::default()), Arc::new(AtomicUsize::new(0)));
        let (begins, count) = (Arc::clone(&begun), Arc::clone(&ended));
        let crew = Crew::new(&background(), 2, move |ctx, (): ()| {
            begins.add();
            ctx.wait();
            headcount::ok(_ = count.fetch_add(1, SeqCst))
        });
        crew.round([]).unwrap();
        (0..2).for_each(|_| crew.post(()).unwrap());
        // Who is merely counted as running may still find the crew cancelled, and never begin.
        begun.reaches(2);
        drop(crew);
        assert_eq!((ended.load(SeqCst), Arc::strong_count(&ended)), (2, 1));
    });
}

#[test]
fn the_last_handle_may_be_dropped_by_one_of_the_crews_own_jobs() {
    within(|| {
        let (over, is_over) = mpsc::channel::<()>();
        let crew = Arc::new(doers(1));
        let (go, gate) = mpsc::channel::<()>();
        let mine = Arc::clone(&crew);
        crew.post(job(move |_| {
            gate.recv().unwrap();
            drop(mine);
            over.send(()).unwrap();
            Ok(0)
        }))
        .unwrap();
        drop(crew);
        go.send(()).unwrap();
        is_over.recv_timeout(LIMIT).unwrap();
    });
}

#[test]
fn a_cancelled_context_ends_the_crew() {
    within(|| {
        let (ctx, canceller) = background().with_cancel();
        let crew = Crew::new(&ctx, 1, |ctx, (): ()| Err::<(), _>(ctx.wait()));
        thread::scope(|scope| {
            let round = scope.spawn(|| crew.round([(), ()]));
            while crew.running() == 0 {
                thread::yield_now();
            }
            canceller.cancel_because("the ship is sinking");
            let error = round.join().unwrap().unwrap_err();
            assert_eq!(because(&error), "the ship is sinking");
        });
        assert!(crew.post(()).unwrap_err().cancelled().is_some());
        crew.stop(LIMIT).unwrap();
    });
}
