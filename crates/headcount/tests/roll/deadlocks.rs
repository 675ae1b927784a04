//! Waits that could never end are told; those that can end are not.

use super::{alone, member, until};
use headcount::{Context, Crew, Pipeline, WaitGroup, thread};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

/// The message of the panic that `f` ends with, if it does.
fn told(f: impl FnOnce()) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(f)).err()?;
    let text = payload.downcast_ref::<String>().cloned();
    Some(text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

#[test]
fn every_member_that_waits_for_its_own_scope_is_told() {
    let _alone = alone();
    let messages = thread::Scope::new(&Context::background())
        .named("all")
        .run(|group| {
            let there = group.spawner();
            for _ in 0..4 {
                let there = there.clone();
                group.spawn(move |_| headcount::ok(told(|| there.wait_idle()).unwrap_or_default()));
            }
        })
        .unwrap();
    assert_eq!(messages.len(), 4);
    for message in messages {
        assert!(message.contains("would wait for itself: member #"), "{message}");
        assert!(message.contains("of group \"all\""), "{message}");
    }
}

#[test]
fn the_last_who_waits_for_the_others_to_leave_is_told_with_all_who_wait() {
    let _alone = alone();
    let group = WaitGroup::new();
    let (messages, all) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Barrier::new(3)));
    for _ in 0..3 {
        let (there, messages, all) = (group.clone(), Arc::clone(&messages), Arc::clone(&all));
        group.spawn(move || {
            all.wait();
            let message = told(|| there.wait_at_most(1));
            messages.lock().unwrap().extend(message);
        });
    }
    group.wait_timeout(Duration::from_secs(90)).unwrap();
    let messages = messages.lock().unwrap();
    // One is left, for whom the others then make room.
    assert_eq!(messages.len(), 2, "{messages:?}");
    for message in &*messages {
        assert!(message.contains("waits until no more than 1 of that group are out"), "{message}");
        assert!(message.contains(", as member ("), "{message}");
    }
}

#[test]
fn members_that_wait_for_as_few_as_they_are_themselves_are_let_be() {
    let _alone = alone();
    let group = WaitGroup::new();
    let over = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let (there, over) = (group.clone(), Arc::clone(&over));
        group.spawn(move || {
            there.wait_at_most(3);
            over.fetch_add(1, Relaxed);
        });
    }
    let fourth = group.add();
    drop(fourth);
    group.wait_timeout(Duration::from_secs(90)).unwrap();
    assert_eq!(over.load(Relaxed), 3, "nobody was told anything");
}

/// A member of a group does `inner`, inside of which something waits for that group.
fn circle(inner: impl FnOnce(&Context, &(dyn Fn() -> Option<String> + Sync)) + Send) {
    let group = thread::Scope::new(&Context::background()).named("outer");
    group
        .run(|group| {
            let there = group.spawner();
            group.spawn(move |ctx| {
                inner(ctx, &|| told(|| there.wait_idle()));
                headcount::ok(())
            });
        })
        .unwrap();
}

#[track_caller]
fn assert_circle(message: Option<String>, of: &str) {
    let message = message.expect("it waits for itself");
    assert!(message.contains(&format!("of {of}")), "{message}");
    assert!(message.contains("waits for group \"outer\""), "{message}");
    assert!(message.contains("of group \"outer\"") || message.contains("whose member #1"), "{message}");
}

#[test]
fn an_item_of_a_map_that_waits_for_the_group_whose_member_runs_the_map_is_told() {
    let _alone = alone();
    circle(|ctx, wait| {
        let messages =
            thread::map([1]).context(ctx).named("items").run(|_, _| headcount::ok(wait())).unwrap();
        assert_circle(messages.into_iter().next().unwrap(), "map \"items\"");
    });
}

#[test]
fn a_stage_that_waits_for_the_group_whose_member_runs_the_pipeline_is_told() {
    let _alone = alone();
    circle(|ctx, wait| {
        let stages = Pipeline::source([1]).stage("wait", 1, |_, _| headcount::ok(wait())).named("stages");
        let messages: Vec<_> = stages.run_collect(ctx).unwrap();
        assert_circle(messages.into_iter().next().unwrap(), "group \"stages\"");
    });
}

#[test]
fn a_job_that_stops_its_crew_is_told_and_its_rounds_are_not() {
    let _alone = alone();
    let (tell, heard) = channel();
    let own = Arc::new(Mutex::new(None::<Arc<Crew<u32>>>));
    let there = Arc::clone(&own);
    let crew = Arc::new(Crew::new(&Context::background(), 1, move |_, n: u32| {
        let crew = there.lock().unwrap().clone().unwrap();
        if n > 0 {
            // A job may hold a round of its own crew: it lends it its slot.
            crew.round([0]).map_err(|error| error.to_string())?;
            let stopped = crew.stop(Duration::ZERO).unwrap_err();
            tell.send(stopped.to_string()).map_err(|_| "nobody hears")?;
        }
        Ok::<(), String>(())
    }));
    *own.lock().unwrap() = Some(Arc::clone(&crew));
    crew.round([1]).unwrap();
    let message = heard.recv_timeout(Duration::from_secs(90)).unwrap();
    assert!(message.contains("would wait for itself"), "{message}");
    own.lock().unwrap().take();
    crew.stop(Duration::from_secs(90)).unwrap();
}

#[test]
fn members_of_two_groups_that_wait_for_a_third_are_no_circle() {
    let _alone = alone();
    let third = WaitGroup::new();
    let held = third.add();
    std::thread::scope(|scope| {
        for name in ["one", "two"] {
            let third = &third;
            scope.spawn(move || {
                let waits = thread::Scope::<()>::new(&Context::background()).run(|group| {
                    group.spawn_named(name, |_| {
                        third.wait();
                        headcount::ok(())
                    });
                });
                waits.unwrap();
            });
        }
        until("both wait", |roll| {
            ["one", "two"].iter().all(|name| member(roll, name).is_some_and(|m| m.waits_for().is_some()))
        });
        drop(held);
    });
}

#[test]
fn threads_that_were_released_and_have_not_gone_on_raise_no_false_alarm() {
    let _alone = alone();
    for _ in 0..100 {
        let (one, other) = (WaitGroup::new(), WaitGroup::new());
        let (last, to_one, to_other) = (one.add(), one.clone(), other.clone());
        let waits = other.spawn(move || to_one.wait());
        until("it waits", |_| format!("{one:?}").contains("waiting: 1"));
        // Used again at once, by a member that waits for the one that was released.
        drop(last);
        let waits_too = one.spawn(move || to_other.wait());
        for thread in [waits, waits_too] {
            thread.join().unwrap();
        }
    }
}

#[test]
fn threads_that_wait_for_each_other_are_told_after_a_second_look() {
    let _alone = alone();
    let (one, other) = (WaitGroup::new(), WaitGroup::new());
    let (last, to_one, to_other) = (one.add(), one.clone(), other.clone());
    let waits = other.spawn(move || to_one.wait());
    until("it waits", |_| format!("{one:?}").contains("waiting: 1"));
    let tells =
        one.spawn(move || assert!(told(|| to_other.wait()).unwrap().contains("would wait for itself")));
    tells.join().unwrap();
    drop(last);
    waits.join().unwrap();
}

#[test]
fn rounds_of_nested_and_crossing_waits_raise_no_false_alarm() {
    let _alone = alone();
    for round in 0..200 {
        let values = thread::Scope::new(&Context::background())
            .run(|group| {
                let there = WaitGroup::new();
                let token = there.add();
                for n in 0..4 {
                    let there = there.clone();
                    group.spawn(move |ctx| {
                        // Each waits for a group of its own, for a map, and for one that all wait for.
                        let inner = thread::Scope::new(ctx).run(|group| {
                            group.spawn(move |_| headcount::ok(n));
                        });
                        let squares = thread::map(0..n).limit(2).run(|_, n| headcount::ok(n * n));
                        there.wait();
                        there.wait_at_most(1);
                        headcount::ok(inner.unwrap()[0] + squares.unwrap().len() as u32)
                    });
                }
                drop(token);
            })
            .unwrap();
        assert_eq!(values, [0, 2, 4, 6], "in round {round}");
    }
}
