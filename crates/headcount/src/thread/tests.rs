//! The promises of the workers, without a group above them. Nothing is proved by sleeping, and whoever waits gives up
//! after a time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::launch::Threads;
use super::workers::{Job, Workers};

type Crew<'scope, 'env> = Arc<Workers<'scope, Threads<'scope, 'env>>>;

const PATIENCE: Duration = Duration::from_secs(90);
const LIMITS: [Option<usize>; 5] = [Some(1), Some(2), Some(3), Some(64), None];

/// Runs `body` with workers, and helps them to the end, also when it panics: the scope joins them in any case.
fn crew<'env, R>(limit: Option<usize>, body: impl for<'scope> FnOnce(&Crew<'scope, 'env>) -> R) -> R {
    struct Help<'a, 'scope, 'env>(&'a Crew<'scope, 'env>);
    impl Drop for Help<'_, '_, '_> {
        fn drop(&mut self) {
            self.0.help_until_empty();
        }
    }
    thread::scope(|scope| {
        let workers = Arc::new(Workers::new(limit, Threads::new(scope, None)));
        let help = Help(&workers);
        let result = body(&workers);
        drop(help);
        assert_eq!((workers.running(), workers.queued()), (0, 0));
        result
    })
}

/// A number that can be waited for. What is not reached in time ends the process: a worker's job may not unwind.
#[derive(Default)]
struct Count(Mutex<usize>, Condvar);

impl Count {
    fn add(&self) {
        *self.0.lock().unwrap() += 1;
        self.1.notify_all();
    }

    fn reaches(&self, number: usize) {
        let (count, late) =
            self.1.wait_timeout_while(self.0.lock().unwrap(), PATIENCE, |count| *count < number).unwrap();
        assert!(!late.timed_out(), "{} of {number} came", *count);
    }
}

/// How many slots are held at once, and how many were at most.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    fn during(&self, weight: usize, work: impl FnOnce()) {
        self.most.fetch_max(self.now.fetch_add(weight, SeqCst) + weight, SeqCst);
        work();
        self.now.fetch_sub(weight, SeqCst);
    }
}

#[test]
fn every_job_runs_once() {
    for limit in LIMITS {
        for jobs in (0..10).chain([63, 64, 65, 200, 5000]) {
            let ran: Vec<AtomicUsize> = (0..jobs).map(|_| AtomicUsize::new(0)).collect();
            crew(limit, |workers| {
                for ran in &ran {
                    workers.push(Job::new(move || _ = ran.fetch_add(1, SeqCst)), 1);
                }
            });
            assert!(ran.iter().all(|ran| ran.load(SeqCst) == 1), "{jobs} jobs, limit {limit:?}");
        }
    }
}

#[test]
fn one_at_a_time_they_run_in_their_order() {
    let order = Mutex::new(Vec::new());
    crew(Some(1), |workers| {
        for number in 0..10_000 {
            let order = &order;
            workers.push(Job::new(move || order.lock().unwrap().push(number)), 1 + number % 3);
        }
    });
    assert!(order.into_inner().unwrap().into_iter().eq(0..10_000));
}

#[test]
fn no_more_slots_are_held_than_there_are() {
    for limit in [1, 2, 3, 7] {
        let gauge = Gauge::default();
        crew(Some(limit), |workers| {
            for number in 0..2000 {
                let (gauge, weight) = (&gauge, 1 + number % limit);
                workers.push(Job::new(move || gauge.during(weight, thread::yield_now)), weight);
            }
        });
        assert!(gauge.most.load(SeqCst) <= limit, "{} > {limit}", gauge.most.load(SeqCst));
    }
}

#[test]
fn a_job_heavier_than_the_limit_runs_alone() {
    let running = AtomicUsize::new(0);
    let gauge = Gauge::default();
    crew(Some(3), |workers| {
        for number in 0..3000 {
            let (gauge, running, heavy) = (&gauge, &running, number % 10 == 0);
            let job = move || {
                gauge.during(1, || {
                    let before = running.fetch_add(1, SeqCst);
                    assert!(!heavy || before == 0, "{before} run beside it");
                    thread::yield_now();
                    assert!(!heavy || running.load(SeqCst) == 1, "somebody has joined it");
                    running.fetch_sub(1, SeqCst);
                });
            };
            workers.push(Job::new(job), if heavy { 5 } else { 1 });
        }
    });
    assert!(gauge.most.load(SeqCst) <= 3);
}

#[test]
fn members_that_all_wait_for_each_other_all_run() {
    for members in [2, 3, 10, 300] {
        let come = Count::default();
        crew(None, |workers| {
            for _ in 0..members {
                let come = &come;
                workers.push(
                    Job::new(move || {
                        come.add();
                        come.reaches(members);
                    }),
                    1,
                );
            }
            come.reaches(members); // before the caller helps
        });
    }
}

#[test]
fn nobody_is_held_behind_a_blocked_job_though_tiny_ones_are_taken_many_at_once() {
    for limit in [Some(2), Some(3), None] {
        let rounds = 50;
        let doors: Vec<Count> = (0..rounds).map(|_| Count::default()).collect();
        crew(limit, |workers| {
            for door in &doors {
                (0..2000).for_each(|_| workers.push(Job::new(|| ()), 1));
                workers.push(Job::new(move || door.reaches(100)), 1);
                (0..100).for_each(|_| workers.push(Job::new(move || door.add()), 1));
            }
            doors[rounds - 1].reaches(100);
        });
    }
}

#[test]
fn jobs_push_jobs_deep_and_wide() {
    fn dig<'scope>(workers: &Crew<'scope, '_>, count: &'scope AtomicUsize, deep: usize) {
        count.fetch_add(1, SeqCst);
        if deep > 0 {
            let own = Arc::clone(workers);
            workers.push(Job::new(move || dig(&own, count, deep - 1)), 1);
        }
    }
    for limit in LIMITS {
        let count = AtomicUsize::new(0);
        crew(limit, |workers| {
            dig(workers, &count, 10_000);
            let (own, count) = (Arc::clone(workers), &count);
            let wide = move || {
                (0..10_000).for_each(|_| own.push(Job::new(move || _ = count.fetch_add(1, SeqCst)), 1));
            };
            workers.push(Job::new(wide), 1);
        });
        assert_eq!(count.load(SeqCst), 20_001);
    }
}

#[test]
fn members_run_while_the_body_does() {
    for limit in LIMITS {
        let come = Count::default();
        crew(limit, |workers| {
            for number in 1..100 {
                workers.push(Job::new(|| come.add()), 1);
                come.reaches(number);
            }
        });
    }
}

#[test]
fn threads_are_used_again_and_no_more_than_the_limit() {
    for limit in [1, 2, 4] {
        let seen = Mutex::new(HashSet::new());
        crew(Some(limit), |workers| {
            for _ in 0..2000 {
                let seen = &seen;
                workers.push(Job::new(move || _ = seen.lock().unwrap().insert(thread::current().id())), 1);
            }
        });
        let mut seen = seen.into_inner().unwrap();
        seen.remove(&thread::current().id());
        assert!(seen.len() <= limit, "{} threads, limit {limit}", seen.len());
    }
}

#[test]
fn a_raised_limit_lets_more_run_at_once_and_a_lowered_one_fewer() {
    let (come, go, gauge) = (Count::default(), Count::default(), Gauge::default());
    crew(Some(1), |workers| {
        let wait = || {
            come.add();
            go.reaches(1);
        };
        (0..6).for_each(|_| workers.push(Job::new(wait), 1));
        come.reaches(1);
        assert_eq!((workers.running(), workers.queued()), (1, 5));
        workers.set_limit(Some(4));
        come.reaches(4);
        assert_eq!((workers.running(), workers.queued()), (4, 2));
        workers.set_limit(Some(1));
        assert_eq!((workers.running(), workers.queued()), (4, 2));
        go.add();
        come.reaches(6);
        (0..1000).for_each(|_| workers.push(Job::new(|| gauge.during(1, thread::yield_now)), 1));
    });
    assert_eq!(gauge.most.load(SeqCst), 1);
}

#[test]
fn the_limit_may_change_at_any_time() {
    let count = AtomicUsize::new(0);
    crew(Some(1), |workers| {
        for number in 0..20_000 {
            workers.push(Job::new(|| _ = count.fetch_add(1, SeqCst)), 1 + number % 5);
            if number % 7 == 0 {
                workers.set_limit([Some(1), Some(10_000), Some(2), None, Some(5)][number % 5]);
            }
        }
    });
    assert_eq!(count.load(SeqCst), 20_000);
}

/// What is kept of a job for the allocator's sake must be memory only.
#[test]
fn what_a_job_captured_is_dropped_when_it_ends() {
    struct Drops<'a>(&'a Count);
    impl Drop for Drops<'_> {
        fn drop(&mut self) {
            self.0.add();
        }
    }
    let dropped = Count::default();
    crew(Some(2), |workers| {
        for number in 1..=500 {
            let captured = Drops(&dropped);
            workers.push(Job::new(move || _ = &captured), 1);
            if number % 50 == 0 {
                dropped.reaches(number);
            }
        }
    });
}

/// Fills the one slot of a crew until the count is raised.
fn one_is_busy(body: impl for<'scope> FnOnce(&Crew<'scope, '_>, &Count)) {
    let (come, go) = (Count::default(), Count::default());
    crew(Some(1), |workers| {
        let busy = || {
            come.add();
            go.reaches(1);
        };
        workers.push(Job::new(busy), 1);
        come.reaches(1);
        body(workers, &go);
        go.add();
    });
}

#[test]
fn a_turn_comes_after_the_jobs_before_it_and_before_those_after_it() {
    let order = Mutex::new(Vec::new());
    let note = |what| order.lock().unwrap().push(what);
    let go = Count::default();
    crew(Some(1), |workers| {
        let first = || {
            go.reaches(1);
            note("before");
        };
        workers.push(Job::new(first), 1);
        let turn = workers.turn(1);
        workers.push(Job::new(|| note("after")), 1);
        assert!(!turn.is_granted());
        go.add();
        assert!(turn.wait(Some(Instant::now() + PATIENCE), || false));
        turn.push(Job::new(|| note("turn")));
    });
    assert_eq!(order.into_inner().unwrap(), ["before", "turn", "after"]);
}

#[test]
fn a_slot_is_had_at_once_only_if_it_is_free() {
    one_is_busy(|workers, _| {
        assert!(workers.try_turn(1).is_none());
        workers.set_limit(Some(2));
        let turn = workers.try_turn(1).expect("a slot is free");
        assert!(workers.try_turn(1).is_none(), "it was the last");
        drop(turn);
        let waits = workers.turn(2);
        assert!(!waits.is_granted());
        assert!(workers.try_turn(1).is_none(), "somebody waits");
        drop(waits);
        assert!(workers.try_turn(1).is_some(), "nobody waits any more");
        workers.set_limit(None);
        assert!(workers.try_turn(1000).is_some(), "there is no limit");
        assert!(workers.turn(1000).is_granted());
    });
}

#[test]
fn a_turn_can_be_given_up_by_a_word_or_by_time() {
    one_is_busy(|workers, _| {
        let turn = workers.turn(1);
        assert!(!turn.wait(Some(Instant::now() + Duration::from_millis(1)), || false));
        let (seat, given_up) = (Arc::clone(turn.seat()), AtomicUsize::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                given_up.store(1, SeqCst);
                seat.wake();
            });
            assert!(!turn.wait(Some(Instant::now() + PATIENCE), || given_up.load(SeqCst) == 1));
        });
        assert_eq!(given_up.load(SeqCst), 1);
    });
}

#[test]
fn turns_and_jobs_from_many_threads_keep_to_the_limit() {
    let (gauge, count) = (Gauge::default(), AtomicUsize::new(0));
    let work = || {
        gauge.during(1, thread::yield_now);
        count.fetch_add(1, SeqCst);
    };
    crew(Some(3), |workers| {
        thread::scope(|scope| {
            for pusher in 0..4 {
                scope.spawn(move || {
                    for number in 0..500 {
                        if (number + pusher) % 3 > 0 {
                            workers.push(Job::new(work), 1);
                            continue;
                        }
                        let turn = workers.turn(1);
                        assert!(turn.wait(Some(Instant::now() + PATIENCE), || false));
                        turn.push(Job::new(work));
                    }
                });
            }
        });
    });
    assert_eq!(count.load(SeqCst), 2000);
    assert!(gauge.most.load(SeqCst) <= 3);
}
