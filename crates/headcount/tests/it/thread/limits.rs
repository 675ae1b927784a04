//! How many run at once: limits, weights, blocked members.

use std::panic::catch_unwind;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use headcount::Context;

use super::{Count, limited, scope};
use crate::{message, within};

/// How many slots are held at once, and how many were at most.
#[derive(Default)]
struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    fn during(&self, weight: usize, work: impl FnOnce()) -> usize {
        self.most.fetch_max(self.now.fetch_add(weight, SeqCst) + weight, SeqCst);
        work();
        self.now.fetch_sub(weight, SeqCst)
    }

    fn most(&self) -> usize {
        self.most.load(SeqCst)
    }
}

#[test]
fn no_more_than_the_limit_run_at_once() {
    within(|| {
        for limit in [1, 2, 3, 7] {
            let gauge = Gauge::default();
            let done = scope().limit(limit).run(|group| {
                for _ in 0..500 {
                    group.spawn(|_| headcount::ok(gauge.during(1, std::thread::yield_now)));
                }
            });
            assert_eq!(done.unwrap().len(), 500);
            assert!(gauge.most() <= limit, "{} at limit {limit}", gauge.most());
        }
    });
}

#[test]
fn as_many_as_the_limit_do_run_at_once() {
    within(|| {
        let come = Count::default();
        let done = scope().limit(5).run(|group| {
            for _ in 0..5 {
                group.spawn(|_| {
                    come.add();
                    come.reaches(5); // each needs all the others
                    headcount::ok(())
                });
            }
        });
        assert_eq!(done.unwrap().len(), 5);
    });
}

#[test]
fn with_the_limit_one_members_run_one_by_one_in_their_order() {
    within(|| {
        let (order, busy) = (std::sync::Mutex::new(Vec::new()), AtomicBool::new(false));
        let done = scope().limit(1).run(|group| {
            for n in 0..1000 {
                let (order, busy) = (&order, &busy);
                group.spawn(move |_| {
                    assert!(!busy.swap(true, SeqCst));
                    order.lock().unwrap().push(n);
                    busy.store(false, SeqCst);
                    headcount::ok(())
                });
            }
        });
        assert_eq!(done.unwrap().len(), 1000);
        assert!(order.into_inner().unwrap().into_iter().eq(0..1000));
    });
}

#[test]
fn without_a_limit_blocked_members_all_get_a_thread() {
    within(|| {
        for members in [2, 10, 200] {
            let barrier = Barrier::new(members + 1);
            let leaders = scope().run(|group| {
                for _ in 0..members {
                    group.spawn(|_| headcount::ok(barrier.wait().is_leader()));
                }
                barrier.wait(); // while the body runs, not only when it helps
            });
            assert!(leaders.unwrap().len() == members);
        }
    });
}

#[test]
fn blocked_members_hold_up_no_later_ones() {
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let done = scope().run(|group| {
            for _ in 0..10 {
                group.spawn(|_| headcount::ok(go.reaches(1)));
            }
            (0..1000).for_each(|_| group.spawn(|_| headcount::ok(come.add())));
            come.reaches(1000);
            go.add();
        });
        assert_eq!(done.unwrap().len(), 1010);
    });
}

#[test]
fn a_member_takes_as_many_slots_as_it_weighs() {
    within(|| {
        for limit in [2, 3, 10] {
            let gauge = Gauge::default();
            let done = scope().limit(limit).run(|group| {
                for n in 0..500 {
                    let (gauge, weight) = (&gauge, 1 + n % limit);
                    group.spawn_weighted(weight, move |_| {
                        headcount::ok(gauge.during(weight, std::thread::yield_now))
                    });
                }
            });
            assert_eq!(done.unwrap().len(), 500);
            assert!(gauge.most() <= limit, "{} slots at limit {limit}", gauge.most());
        }
    });
}

#[test]
fn a_member_heavier_than_the_limit_runs_alone_and_neither_kind_starves() {
    within(|| {
        let gauge = Gauge::default();
        let done = scope().limit(4).run(|group| {
            for n in 0..300 {
                let gauge = &gauge;
                let heavy = n % 3 == 0;
                group.spawn_weighted(if heavy { 100 } else { 1 }, move |_| {
                    // A heavy one counts as all four slots: nobody else may be there.
                    headcount::ok(gauge.during(if heavy { 4 } else { 1 }, std::thread::yield_now))
                });
            }
        });
        assert_eq!(done.unwrap().len(), 300);
        assert!(gauge.most() <= 4);
    });
}

#[test]
fn nobody_overtakes_a_heavy_member() {
    within(|| {
        let order = std::sync::Mutex::new(Vec::new());
        let note = |what| {
            order.lock().unwrap().push(what);
            0
        };
        let (come, go) = (Count::default(), Count::default());
        let done = scope().limit(2).run(|group| {
            group.spawn(|_| {
                come.add();
                headcount::ok(go.reaches(1))
            });
            come.reaches(1);
            group.spawn_weighted(2, |_| headcount::ok(note("heavy")));
            group.spawn(|_| headcount::ok(note("light")));
            assert_eq!((group.running(), group.queued()), (1, 2));
            go.add();
        });
        assert_eq!(done.unwrap().len(), 3);
        assert_eq!(order.into_inner().unwrap(), ["heavy", "light"]);
    });
}

#[test]
fn the_limit_goes_up_and_down_while_members_run() {
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let (gauge, barrier) = (Gauge::default(), Barrier::new(31));
        let done = scope().limit(1).run(|group| {
            for _ in 0..40 {
                group.spawn(|_| {
                    come.add();
                    headcount::ok(go.reaches(1))
                });
            }
            come.reaches(1);
            assert_eq!((group.running(), group.queued()), (1, 39));
            group.set_limit(30);
            come.reaches(30);
            assert_eq!((group.running(), group.queued()), (30, 10));
            group.set_limit(2); // stops nobody
            assert_eq!((group.running(), group.queued()), (30, 10));
            assert!(group.roll_call().to_string().contains("limit 2"));
            go.add();
            come.reaches(40);
            group.wait_idle();
            for _ in 0..200 {
                group.spawn(|_| headcount::ok(gauge.during(1, std::thread::yield_now)));
            }
            group.wait_idle();
            group.set_limit(10_000);
            (0..30).for_each(|_| group.spawn(|_| headcount::ok(usize::from(barrier.wait().is_leader()))));
            barrier.wait();
        });
        assert_eq!(done.unwrap().len(), 270);
        assert!(gauge.most() <= 2);
    });
}

#[test]
fn the_limit_goes_up_to_ten_thousand_while_members_run() {
    within(|| {
        let (gauge, held) = (Gauge::default(), Count::default());
        let done = scope().limit(1).run(|group| {
            let mut begun = 0;
            for limit in [1, 2, 10, 100, 1_000, 10_000] {
                group.set_limit(limit);
                // As many as there are slots, up to what is reasonable for a test, and all at once.
                let more = limit.min(60) - begun;
                for _ in 0..more {
                    group.spawn(|_| headcount::ok(gauge.during(1, || _ = held.reaches(1))));
                }
                begun += more;
                while gauge.most() < begun {
                    std::thread::yield_now();
                }
                if limit <= 10 {
                    // One too many for each limit: it waits for the next.
                    assert!(group.try_spawn(|_| headcount::ok(0)).unwrap_err().is_full(), "limit {limit}");
                }
                assert_eq!((group.running(), gauge.most()), (begun, begun), "limit {limit}");
            }
            held.add();
            (0..10_000).for_each(|_| group.spawn(|_| headcount::ok(gauge.during(1, std::thread::yield_now))));
        });
        assert_eq!(done.unwrap().len(), 10_060);
    });
}

#[test]
fn the_heaviest_weight_there_is_counts_right() {
    within(|| {
        for limit in [None, Some(5), Some(usize::MAX)] {
            let (come, gauge, alone) = (Count::default(), Gauge::default(), Gauge::default());
            let done = limited(scope(), limit).run(|group| {
                for _ in 0..6 {
                    group.spawn_weighted(usize::MAX / 2, |_| {
                        if limit.is_none() {
                            come.add();
                            come.reaches(6); // without a limit each may need all the others
                        }
                        headcount::ok(gauge.during(1, std::thread::yield_now))
                    });
                }
                group.spawn_weighted(usize::MAX, |_| headcount::ok(0));
                group.wait_idle();
                // What was held has been given back: from now on one at a time.
                group.set_limit(1);
                for _ in 0..50 {
                    group.spawn(|_| headcount::ok(alone.during(1, std::thread::yield_now)));
                }
                group.wait_idle();
                assert_eq!(alone.most(), 1);
            });
            assert_eq!(done.unwrap().len(), 57, "{limit:?}");
            assert!(limit != Some(5) || gauge.most() == 1, "heavier than the limit is alone");
        }
    });
}

#[test]
fn a_limit_may_be_set_where_there_was_none() {
    within(|| {
        let (come, go, gauge) = (Count::default(), Count::default(), Gauge::default());
        let done = scope().run(|group| {
            for _ in 0..6 {
                group.spawn(|_| {
                    come.add();
                    headcount::ok(go.reaches(1))
                });
            }
            come.reaches(6);
            group.set_limit(1);
            for _ in 0..100 {
                group.spawn(|_| headcount::ok(gauge.during(1, std::thread::yield_now)));
            }
            assert_eq!((group.running(), group.queued()), (6, 100));
            go.add();
        });
        assert_eq!(done.unwrap().len(), 106);
        assert_eq!(gauge.most(), 1);
    });
}

#[test]
fn a_limit_or_weight_of_zero_is_refused() {
    let refused = |panic: Box<dyn std::any::Any + Send>| message(&*panic).to_owned();
    let limit = catch_unwind(|| scope::<()>().limit(0)).unwrap_err();
    assert!(refused(limit).contains("limit 0"));
    let set = catch_unwind(|| scope::<()>().run(|group| group.set_limit(0))).unwrap_err();
    assert!(refused(set).contains("limit 0"));
    let weight = catch_unwind(|| {
        headcount::thread::Scope::new(&Context::background())
            .run(|group| group.spawn_weighted(0, |_| headcount::ok(())))
    });
    assert!(refused(weight.unwrap_err()).contains("spawn_weighted(0, …)"));
}
