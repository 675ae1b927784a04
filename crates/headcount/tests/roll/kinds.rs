//! Everything that can be waited for is in the roll, and gone from it when it is over.

use super::{alone, find, member, until};
use headcount::{Context, Crew, Pipeline, WaitGroup, task, thread};
use std::sync::Barrier;
use std::sync::mpsc::channel;
use std::time::Duration;

#[test]
fn a_group_stands_below_the_member_that_made_it() {
    let _alone = alone();
    thread::Scope::<()>::new(&Context::background())
        .named("outer")
        .run(|group| {
            let roll_is_called = WaitGroup::new();
            let held = roll_is_called.add();
            group.spawn_named("maker", move |ctx| {
                let inner = thread::Scope::<()>::new(ctx).named("inner").run(|group| {
                    group.spawn_named("leaf", move |_| {
                        roll_is_called.wait();
                        headcount::ok(())
                    });
                });
                inner.map(drop)
            });
            let roll = until("the leaf waits", |roll| {
                member(roll, "leaf").is_some_and(|leaf| leaf.waits_for().is_some())
            });
            let outer = find(&roll, "outer").unwrap();
            let [inner] = outer.children() else { panic!("{roll}") };
            assert!(inner.roll_call().to_string().starts_with("inner: 1 of 1 still out"));
            assert_eq!(inner.made_by(outer).and_then(|maker| maker.name()), Some("maker"));
            let maker = member(&roll, "maker").unwrap();
            assert!(maker.waits_for().unwrap().to_string().starts_with("group \"inner\""), "{roll}");
            drop(held);
        })
        .unwrap();
    assert!(headcount::roll_call().is_empty(), "{:#}", headcount::roll_call());
}

#[test]
fn wait_groups_list_names_and_count_the_rest() {
    let _alone = alone();
    let group = WaitGroup::new();
    let tokens = (group.add_named("the reader"), group.add());
    let roll = headcount::roll_call();
    assert_eq!(roll.outstanding(), 2);
    assert_eq!(roll.groups()[0].roll_call().unlisted_count(), 1);
    assert!(!member(&roll, "the reader").unwrap().can_be_stopped());
    drop(group);
    assert_eq!(headcount::roll_call().outstanding(), 2, "the tokens keep it");
    drop(tokens);
    assert!(headcount::roll_call().is_empty());
}

#[test]
fn maps_on_threads_list_the_items_that_run() {
    let _alone = alone();
    let both = Barrier::new(2);
    thread::map(0..2)
        .limit(2)
        .named("pages")
        .for_each(|_, n| {
            both.wait();
            if n == 0 {
                let roll = headcount::roll_call();
                let pages = find(&roll, "pages").unwrap().roll_call();
                assert_eq!(pages.iter().map(|item| item.number()).min(), Some(1), "{roll}");
                assert!(pages.iter().all(|item| !item.can_be_stopped()));
                let mine = pages.iter().find(|item| item.number() == 1).unwrap();
                let here = std::thread::current();
                assert!(here.name().is_none_or(|name| mine.thread() == Some(name)), "{roll}");
            }
            both.wait();
            headcount::ok(())
        })
        .unwrap();
    assert!(headcount::roll_call().is_empty());
}

#[test]
fn maps_of_tasks_count_their_members() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let group = WaitGroup::new();
        let held = group.add();
        let group = &group;
        let items = task::map(0..5).named("on one task").for_each(|_, _| async move {
            group.wait_async().await;
            headcount::ok(())
        });
        let look = async {
            tokio::task::yield_now().await;
            let roll = headcount::roll_call();
            assert_eq!(find(&roll, "on one task").unwrap().roll_call().outstanding(), 5, "{roll}");
            drop(held);
        };
        let (items, ()) =
            tokio::time::timeout(Duration::from_secs(90), async { tokio::join!(items, look) }).await.unwrap();
        items.unwrap();
        assert!(headcount::roll_call().is_empty(), "{}", headcount::roll_call());

        let group = WaitGroup::new();
        let held = group.add();
        let items = tokio::spawn(task::map(0..5).named("spawned").spawned().for_each(move |_, _| {
            let group = group.clone();
            async move {
                group.wait_async().await;
                headcount::ok(())
            }
        }));
        let roll = until("five lanes wait", |roll| {
            find(roll, "spawned").is_some_and(|map| map.roll_call().iter().count() == 5)
        });
        assert!(find(&roll, "spawned").unwrap().roll_call().iter().all(|item| item.can_be_stopped()));
        assert!(find(&roll, "group").is_none(), "who runs them is not listed: {roll}");
        drop(held);
        tokio::time::timeout(Duration::from_secs(90), items).await.unwrap().unwrap().unwrap();
    });
    drop(runtime);
    assert!(headcount::roll_call().is_empty(), "{}", headcount::roll_call());
}

#[test]
fn groups_of_tasks_say_who_is_queued_and_who_blocks() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let group = task::Group::<()>::new(&Context::background()).named("prices").limit(2);
        let (over, wait) = channel::<()>();
        group.spawn_named("sku 42", |ctx| async move {
            ctx.wait_async().await;
            headcount::ok(())
        });
        group.spawn_blocking(move |_| {
            wait.recv().unwrap_err();
            headcount::ok(())
        });
        group.spawn_named("sku 77", |_| async { headcount::ok(()) });
        tokio::task::yield_now().await;
        let roll = until("the closure blocks", |roll| {
            roll.iter().flat_map(|node| node.roll_call()).any(|m| m.is_blocking())
        });
        assert!(member(&roll, "sku 42").unwrap().can_be_stopped());
        assert_eq!(member(&roll, "sku 77").unwrap().waits_for().unwrap().to_string(), "a slot");
        let blocks =
            roll.iter().flat_map(|node| node.roll_call()).find(|member| member.is_blocking()).unwrap();
        assert!(!blocks.can_be_stopped());
        let context = find(&roll, "context").unwrap();
        assert_eq!(context.roll_call().to_string(), "context: 1 waiting for it", "{roll}");
        drop(over);
        group.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(90), group.wait()).await.unwrap();
    });
    drop(runtime);
    assert!(headcount::roll_call().is_empty(), "{}", headcount::roll_call());
}

#[test]
fn pipelines_list_their_workers_and_who_waits_at_a_hand_off() {
    let _alone = alone();
    let group = WaitGroup::new();
    let held = group.add();
    let run = std::thread::spawn(move || {
        Pipeline::source(0..1)
            .stage("parse", 1, move |_, n: u32| {
                group.wait();
                headcount::ok(n)
            })
            .stage("store", 1, |_, n| headcount::ok(n))
            .run_for_each(&Context::background(), drop)
    });
    let roll = until("the second stage waits", |roll| {
        member(roll, "store").is_some_and(|store| store.waits_for().is_some())
            && member(roll, "parse").is_some_and(|parse| parse.waits_for().is_some())
    });
    let pipeline = find(&roll, "pipeline (").unwrap();
    assert_eq!(member(&roll, "store").unwrap().waits_for().unwrap().to_string(), "a hand-off");
    assert!(member(&roll, "parse").unwrap().waits_for().unwrap().to_string().starts_with("wait group"));
    assert!(pipeline.roll_call().iter().all(|worker| worker.thread().is_some()), "{roll}");
    drop(held);
    run.join().unwrap().unwrap();
    assert!(headcount::roll_call().is_empty(), "{}", headcount::roll_call());
}

#[test]
fn crews_list_posts_and_rounds() {
    let _alone = alone();
    let group = WaitGroup::new();
    let held = group.add();
    let crew = Crew::new(&Context::background(), 2, move |_, _: u32| {
        group.wait();
        headcount::ok(())
    })
    .named("clerks");
    crew.post(1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| crew.round([2]).unwrap());
        let roll = until("both jobs wait", |roll| {
            let jobs = roll.iter().flat_map(|node| node.roll_call());
            jobs.filter(|job| job.waits_for().is_some()).count() == 2
        });
        let clerks =
            roll.groups().iter().filter(|node| node.roll_call().to_string().starts_with("clerks: 1"));
        assert_eq!(clerks.count(), 2, "{roll}");
        drop(held);
    });
    crew.stop(Duration::from_secs(90)).unwrap();
    assert!(headcount::roll_call().is_empty(), "{}", headcount::roll_call());
}

#[test]
fn scopes_on_one_task_are_listed_and_forgotten_when_they_are_dropped_half_way() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut run =
            Box::pin(task::scope(&Context::background(), |scope: task::Scope<'_, ()>| async move {
                scope.spawn(|_| async {
                    std::future::pending::<()>().await;
                    headcount::ok(())
                });
            }));
        let waited = tokio::time::timeout(Duration::from_millis(1), &mut run).await;
        assert!(waited.is_err());
        assert_eq!(headcount::roll_call().outstanding(), 1, "{}", headcount::roll_call());
        drop(run);
    });
    assert!(headcount::roll_call().is_empty(), "{}", headcount::roll_call());
}

#[test]
fn a_thread_that_sleeps_under_a_context_says_so() {
    let _alone = alone();
    let (ctx, canceller) = Context::background().with_cancel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = thread::Scope::<()>::new(&ctx).run(|group| {
                group.spawn_named("sleeper", |ctx| ctx.sleep(Duration::from_secs(3600)));
                group.spawn_named("waiter", |ctx| {
                    ctx.wait();
                    headcount::ok(())
                });
            });
        });
        let roll = until("both wait", |roll| {
            ["sleeper", "waiter"]
                .iter()
                .all(|name| member(roll, name).is_some_and(|m| m.waits_for().is_some()))
        });
        assert_eq!(member(&roll, "sleeper").unwrap().waits_for().unwrap().to_string(), "time to pass");
        assert_eq!(member(&roll, "waiter").unwrap().waits_for().unwrap().to_string(), "a context");
        canceller.cancel();
    });
    assert!(headcount::roll_call().is_empty(), "{}", headcount::roll_call());
}
