//! Who leaves nobody behind passes, at once; and so does who leaves only those who may stay.

use std::mem;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use headcount::testing::{self, Check};
use headcount::{Context, Crew, WaitGroup};

use crate::{LIMIT, accusation, assert_says, at_once};

/// Whoever is leaving has all the time in the world.
fn patient() -> Check {
    Check::new().timeout(LIMIT).patience(LIMIT)
}

#[test]
fn a_body_that_waits_for_everybody_passes_with_its_value() {
    let begun = Instant::now();
    let sum = patient().run(|| {
        let ctx = Context::background();
        let group = WaitGroup::new();
        for _ in 0..10 {
            group.spawn(|| ());
        }
        group.wait();
        let crew = Crew::new(&ctx, 2, |_, n: u32| headcount::ok(n));
        let sum: u32 = crew.round(0..10).unwrap().into_iter().sum();
        crew.stop(LIMIT).unwrap();
        let (below, canceller) = ctx.with_timeout(LIMIT).with_cancel();
        below.on_cancel(|_| ()).keep();
        canceller.cancel();
        // Stopped, and still there when the body has ended.
        mem::forget(crew);
        sum + headcount::thread::map(0..10_u32).run(|_, n| headcount::ok(n)).unwrap().into_iter().sum::<u32>()
    });
    assert_eq!(sum, 90);
    assert!(begun.elapsed() < LIMIT, "it has waited for nobody");
}

#[test]
fn who_is_just_leaving_is_not_accused() {
    let (leave, may_leave) = channel::<()>();
    let leaver = thread::spawn(move || {
        may_leave.recv_timeout(LIMIT).unwrap();
        thread::sleep(Duration::from_millis(20));
    });
    patient().run(move || {
        let token = WaitGroup::new().add();
        thread::spawn(move || {
            leaver.join().unwrap();
            drop(token);
        });
        leave.send(()).unwrap();
    });
}

#[test]
fn who_may_stay_is_not_accused_and_others_are() {
    let leave = |names: &'static [&'static str]| {
        move || {
            let group = WaitGroup::new();
            names.iter().for_each(|name| mem::forget(group.add_named(*name)));
        }
    };
    at_once().allow_leaks("cache").run(leave(&["the cache", "cache 2"]));
    at_once().allow_leaks("tests/*/clean.rs").run(leave(&["anybody"]));
    at_once().allow_leaks("one").allow_leaks("t*o").run(leave(&["one", "two"]));
    let said = accusation(|| at_once().allow_leaks("cache").run(leave(&["the cache", "the clerk"])));
    assert_says(&said, &["left 1 behind", "1 still out", "the clerk"]);
    assert!(!said.contains("the cache"), "{said}");
}

#[test]
fn a_check_without_a_macro_is_a_call() {
    assert_eq!(testing::check(|| 7), 7);
    #[cfg(feature = "tokio")]
    assert_eq!(testing::check_async(|| async { 7 }), 7);
}

#[cfg(feature = "tokio")]
#[test]
fn tasks_that_are_leaving_go_on_while_they_are_waited_for() {
    for check in [patient(), patient().start_paused(), patient().worker_threads(2)] {
        check.run_async(|| async {
            let group = headcount::task::Group::<()>::new(&Context::background());
            let (ctx, canceller) = Context::background().with_cancel();
            group.spawn(move |_| async move {
                ctx.wait_async().await;
                headcount::ok(())
            });
            WaitGroup::new().spawn_async(async {
                for _ in 0..10 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
            // Its members are aborted, which takes the runtime a moment.
            drop(group);
            canceller.cancel();
        });
    }
}

#[cfg(feature = "tokio")]
#[test]
fn a_paused_clock_takes_no_time() {
    patient().start_paused().run_async(|| async {
        let ctx = Context::background().with_timeout(10 * LIMIT);
        tokio::time::sleep(9 * LIMIT).await;
        assert!(!ctx.is_cancelled());
        ctx.wait_async().await;
    });
}
