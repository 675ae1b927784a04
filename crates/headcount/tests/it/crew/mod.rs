//! The promises of crews: rounds, posts, size, panics, and the end.

mod ends;

use std::collections::BTreeSet;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};

use headcount::{BoxError, Context, Crew, GroupError, Panics};
use proptest::prelude::*;

use crate::{LIMIT, message, within};

fn background() -> Context {
    Context::background()
}

type Job = Box<dyn FnOnce(&Context) -> Result<u32, BoxError> + Send>;

/// A crew whose jobs are what they do.
type Doers = Crew<Job, u32>;

fn doers(workers: usize) -> Doers {
    Crew::new(&background(), workers, |ctx, job: Job| job(ctx))
}

fn job(f: impl FnOnce(&Context) -> Result<u32, BoxError> + Send + 'static) -> Job {
    Box::new(f)
}

/// Why a round was cancelled.
fn because(error: &GroupError) -> String {
    error.cancelled().unwrap().source().unwrap().to_string()
}

#[test]
fn a_round_gives_its_results_in_the_order_of_its_jobs() {
    within(|| {
        for workers in [1, 2, 3, 8] {
            let crew = Crew::new(&background(), workers, |_, n: usize| headcount::ok(n * n));
            for jobs in [0, 1, 2, 7, 100, 1000] {
                let expected: Vec<_> = (0..jobs).map(|n| n * n).collect();
                assert_eq!(crew.round(0..jobs).unwrap(), expected, "{workers} workers");
            }
            crew.stop(LIMIT).unwrap();
        }
    });
}

#[test]
fn the_same_threads_work_round_after_round_and_are_gone_after_the_stop() {
    within(|| {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let there = Arc::clone(&seen);
        let id = |id: ThreadId| format!("{id:?}");
        let crew = Crew::new(&background(), 3, move |_, (): ()| {
            there.lock().unwrap().insert(id(thread::current().id()));
            headcount::ok(())
        });
        (0..50).for_each(|_| _ = crew.round([(); 10]).unwrap());
        crew.stop(LIMIT).unwrap();
        assert!((1..=3).contains(&seen.lock().unwrap().len()), "{:?}", seen.lock().unwrap());
        assert_eq!(Arc::strong_count(&seen), 2, "the crew's own closure");
        drop(crew);
        assert_eq!(Arc::strong_count(&seen), 1);
    });
}

#[test]
fn a_round_ends_when_its_own_jobs_are_over_whatever_else_is_going_on() {
    within(|| {
        let crew = doers(2);
        let (go, gate) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let long = scope.spawn(|| crew.round([job(move |_| Ok(gate.recv().map_or(0, |()| 1)))]));
            assert_eq!(crew.round((0..100).map(|n| job(move |_| Ok(n)))).unwrap().len(), 100);
            assert!(!long.is_finished());
            go.send(()).unwrap();
            assert_eq!(long.join().unwrap().unwrap(), [1]);
        });
    });
}

#[test]
fn no_more_jobs_run_at_once_than_there_are_workers_and_the_size_is_live() {
    within(|| {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (n, m) = (Arc::clone(&now), Arc::clone(&most));
        let crew = Crew::new(&background(), 2, move |_, ()| {
            m.fetch_max(n.fetch_add(1, SeqCst) + 1, SeqCst);
            thread::yield_now();
            n.fetch_sub(1, SeqCst);
            headcount::ok(())
        });
        for size in [2, 5, 1, 3] {
            crew.resize(size);
            assert_eq!(crew.size(), size);
            most.store(0, SeqCst);
            crew.round([(); 300]).unwrap();
            assert!((1..=size).contains(&most.load(SeqCst)), "{} of {size}", most.load(SeqCst));
        }
        assert_eq!(now.load(SeqCst), 0);
    });
}

#[test]
fn a_larger_crew_lets_jobs_run_that_the_others_wait_for() {
    within(|| {
        let crew = Arc::new(doers(1));
        let (go, gate) = mpsc::channel::<()>();
        let bigger = Arc::clone(&crew);
        let jobs = [
            job(move |_| {
                bigger.resize(2);
                Ok(gate.recv().map_or(0, |()| 1))
            }),
            job(move |_| Ok(go.send(()).map_or(0, |()| 2))),
        ];
        assert_eq!(crew.round(jobs).unwrap(), [1, 2]);
    });
}

#[test]
fn the_first_failure_cancels_its_round_and_no_other() {
    within(|| {
        let crew = doers(3);
        thread::scope(|scope| {
            let (go, gate) = mpsc::channel::<()>();
            let (begun, begins) = mpsc::channel::<()>();
            let other = scope.spawn(|| {
                crew.round([job(move |ctx| {
                    begun.send(()).unwrap();
                    gate.recv().unwrap();
                    ctx.check().map(|()| 7).map_err(BoxError::new)
                })])
            });
            begins.recv().unwrap();
            let failed = crew
                .round([
                    job(|ctx| Err(BoxError::new(ctx.wait()))),
                    job(|_| Err(BoxError::new("the tape is torn"))),
                ])
                .unwrap_err();
            assert_eq!(failed.member().unwrap().index(), 1);
            assert!(failed.to_string().ends_with("failed: the tape is torn"), "{failed}");
            assert_eq!((failed.others().len(), failed.tally().cancelled), (0, 1));
            go.send(()).unwrap();
            assert_eq!(other.join().unwrap().unwrap(), [7]);
        });
    });
}

#[test]
fn errors_name_the_crew_and_the_place_of_the_round() {
    within(|| {
        let crew = Crew::new(&background(), 1, |_, ()| Err::<(), _>("no")).named("resize");
        let line = line!() + 1;
        let text = crew.round([()]).unwrap_err().to_string();
        assert!(text.starts_with("crew \"resize\" (") && text.ends_with("failed: no"), "{text}");
        assert!(text.contains(&format!("mod.rs:{line}")), "{text}");
    });
}

#[test]
fn typed_crews_keep_the_error_type() {
    within(|| {
        let crew = Crew::typed(&background(), 1, |_, text: &'static str| text.parse::<u8>());
        let error = crew.round(["1", "x"]).unwrap_err().into_root().unwrap();
        assert_eq!(error, "x".parse::<u8>().unwrap_err());
    });
}

#[test]
fn a_panic_goes_on_in_who_holds_the_round_and_the_workers_survive_it() {
    within(|| {
        let crew = Crew::new(&background(), 1, |_, n: u32| {
            assert!(n != 3, "three is out of the question");
            headcount::ok(n)
        });
        for _ in 0..5 {
            let payload = catch_unwind(AssertUnwindSafe(|| crew.round([1, 3, 5]))).unwrap_err();
            assert_eq!(message(&*payload), "three is out of the question");
            assert_eq!(crew.round([1, 5]).unwrap(), [1, 5]);
        }
        let crew = crew.panics(Panics::AsError);
        let error = crew.round([1, 3]).unwrap_err();
        assert_eq!(error.panic().unwrap().message(), Some("three is out of the question"));
        crew.stop(LIMIT).unwrap();
    });
}

#[test]
fn jobs_that_panic_on_their_way_in_leave_nobody_behind() {
    within(|| {
        let crew = Crew::new(&background(), 2, |ctx, _: u32| headcount::ok(_ = ctx.wait()));
        let jobs = (0..9).inspect(|n| assert!(*n < 4, "no more jobs"));
        let payload = catch_unwind(AssertUnwindSafe(|| crew.round(jobs))).unwrap_err();
        assert_eq!(message(&*payload), "no more jobs");
        assert!(crew.roll_call().is_empty());
        crew.stop(LIMIT).unwrap();
    });
}

#[test]
fn a_job_may_hold_a_round_on_its_own_crew_even_if_it_is_the_only_worker() {
    fn depth(crew: &Arc<Doers>, left: u32) -> Result<u32, BoxError> {
        if left == 0 {
            return Ok(0);
        }
        let inner = Arc::clone(crew);
        let below = crew.round([job(move |_| depth(&inner, left - 1))]).map_err(BoxError::new)?;
        Ok(below[0] + 1)
    }
    within(|| {
        for workers in [1, 2] {
            let crew = Arc::new(doers(workers));
            let inner = Arc::clone(&crew);
            assert_eq!(crew.round([job(move |_| depth(&inner, 20))]).unwrap(), [20]);
            assert_eq!(crew.size(), workers);
            crew.stop(LIMIT).unwrap();
        }
    });
}

// Once a hang: the slot was taken back before those were waited for who needed it.
#[test]
fn jobs_of_a_round_in_a_job_that_panic_on_their_way_in_leave_nobody_behind() {
    within(|| {
        let crew = Arc::new(doers(1));
        let inner = Arc::clone(&crew);
        let outer = job(move |_| {
            let waits = job(|ctx| {
                ctx.wait();
                Ok(0)
            });
            let jobs =
                [waits, job(|_| Ok(0))].into_iter().chain(std::iter::from_fn(|| panic!("no more jobs")));
            let payload = catch_unwind(AssertUnwindSafe(|| inner.round(jobs))).unwrap_err();
            assert_eq!(message(&*payload), "no more jobs");
            Ok(7)
        });
        assert_eq!(crew.round([outer]).unwrap(), [7]);
        assert_eq!(crew.size(), 1);
        crew.stop(LIMIT).unwrap();
    });
}

#[test]
fn the_roll_call_names_the_crew_and_lists_rounds_and_posts() {
    within(|| {
        let (go, gate) = mpsc::channel::<()>();
        let crew = doers(1).named("ovens");
        crew.post(job(move |_| Ok(gate.recv().map_or(0, |()| 0)))).unwrap();
        thread::scope(|scope| {
            let round = scope.spawn(|| crew.round([job(|_| Ok(1)), job(|_| Ok(2))]));
            while crew.roll_call().outstanding() < 3 || crew.running() != 1 {
                thread::yield_now();
            }
            let text = crew.roll_call().to_string();
            assert!(text.starts_with("ovens: 3 still out (limit 1)"), "{text}");
            assert_eq!(crew.queued(), 2);
            go.send(()).unwrap();
            assert_eq!(round.join().unwrap().unwrap(), [1, 2]);
        });
    });
}

#[test]
#[should_panic(expected = "a crew of 0 workers would never do a job")]
fn a_crew_of_nobody_is_refused() {
    let _ = Crew::new(&background(), 0, |_, (): ()| headcount::ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// As if one did all jobs alone: the same results in the same order, or a failure that the oracle has too.
    #[test]
    fn rounds_do_what_one_alone_would(
        workers in 1..5usize,
        rounds in prop::collection::vec(prop::collection::vec((any::<u16>(), 0..40u8), 0..40), 1..6),
    ) {
        within(move || {
            let crew = Crew::new(&background(), workers, |_, (n, luck): (u16, u8)| match luck {
                0 => Err(format!("{n} failed")),
                _ => Ok(u32::from(n) + 1),
            });
            for jobs in rounds {
                let failing: Vec<_> = jobs.iter().filter(|(_, luck)| *luck == 0).map(|(n, _)| format!("{n} failed")).collect();
                match crew.round(jobs.iter().copied()) {
                    Ok(values) => {
                        assert!(failing.is_empty());
                        assert_eq!(values, jobs.iter().map(|(n, _)| u32::from(*n) + 1).collect::<Vec<_>>());
                    }
                    Err(error) => assert!(failing.contains(&error.root().unwrap().to_string()), "{error}"),
                }
            }
            crew.stop(LIMIT).unwrap();
        });
    }
}
