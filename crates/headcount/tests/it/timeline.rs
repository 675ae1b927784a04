//! Timelines of groups that really run: who did what and how it ended, in every kind of group.

use std::panic::Location;
use std::sync::mpsc::channel;
use std::time::Duration;

use headcount::{CollectAll, Context, Discard, HowEnded, Panics, Timeline, TimelineMember, thread};

use crate::within;

fn how(timeline: &Timeline) -> Vec<Option<HowEnded>> {
    timeline.members().iter().map(TimelineMember::how_ended).collect()
}

#[test]
fn a_group_that_is_not_recorded_has_no_timeline() {
    let scope = thread::Scope::<()>::new(&Context::background());
    assert!(scope.timeline().is_none());
    scope.run(|group| assert!(group.timeline().is_none())).unwrap();
}

#[test]
fn every_end_of_a_thread_is_told_with_its_cause() {
    within(|| {
        let scope = thread::Scope::with_policy(&Context::background(), CollectAll)
            .panics(Panics::AsError)
            .limit(1)
            .named("ends")
            .record();
        let timeline = scope.timeline().unwrap();
        let place = Location::caller().file();
        let (go, gone) = channel::<()>();
        scope.run(|group| {
            group.spawn_named("fine", move |_| {
                gone.recv().ok();
                headcount::ok(1)
            });
            group.spawn(|_| Err("no route"));
            group.spawn_named("angry", |_| -> Result<i32, &str> { panic!("enough") });
            let spawner = group.spawner();
            group.spawn_named("last", move |ctx| {
                spawner.cancel_because("the shop closes");
                ctx.check().map(|()| 4)
            });
            group.spawn_named("never", |_| headcount::ok(5));
            // Only now may the first one end, so that all others have queued.
            go.send(()).unwrap();
        });
        use HowEnded::{Cancelled, Failed, Ok, Panicked};
        assert_eq!(
            how(&timeline),
            [Some(Ok), Some(Failed), Some(Panicked), Some(Cancelled), Some(Cancelled)]
        );
        let members = timeline.members();
        let [fine, failed, angry, last, never] = &members[..] else { panic!("{members:?}") };
        assert_eq!((fine.name(), fine.number(), fine.why()), (Some("fine"), 1, None));
        assert_eq!((failed.name(), failed.why()), (None, Some("no route")));
        assert_eq!(angry.why(), Some("enough"));
        assert!(last.begun().is_some() && last.why().unwrap().ends_with("the shop closes"), "{last:?}");
        assert!(never.begun().is_none() && never.thread().is_none(), "{never:?}");
        assert!(never.why().unwrap().contains("the shop closes"), "{never:?}");
        for member in &members {
            assert_eq!(member.place().unwrap().file(), place);
            assert!(member.spawned() <= member.begun().unwrap_or(Duration::MAX));
            assert!(member.begun().unwrap_or_default() <= member.ended().unwrap());
            assert_eq!(member.queued_for_slot(), member.number() > 1, "{member:?}");
        }
        let summary = timeline.summary();
        assert_eq!((summary.spawned(), summary.outstanding(), summary.peak_concurrency()), (5, 0, 1));
        assert_eq!(summary.limit(), Some(1));
        assert!(summary.lost_to_limit() > Duration::ZERO);
        let chain: Vec<_> = summary.critical_path().unwrap().iter().map(TimelineMember::number).collect();
        assert_eq!(chain, [1, 2, 3, 4], "one slot, so one after the other");
        assert!(summary.to_string().starts_with("group \"ends\" ("), "{summary}");
    });
}

#[test]
fn who_is_out_is_in_the_timeline_too() {
    within(|| {
        let scope = thread::Scope::new(&Context::background()).limit(1).record();
        let timeline = scope.timeline().unwrap();
        let (begun, begins) = channel::<()>();
        let (go, gone) = channel::<()>();
        scope
            .run(|group| {
                group.spawn(move |_| {
                    begun.send(()).unwrap();
                    headcount::ok(gone.recv().ok())
                });
                group.spawn(|_| headcount::ok(None));
                begins.recv().unwrap();
                let out = group.timeline().unwrap();
                assert_eq!((out.summary().outstanding(), how(&out)), (2, vec![None, None]));
                let [runs, queues] = &out.members()[..] else { panic!("{out}") };
                assert!(runs.begun().is_some() && queues.begun().is_none());
                assert!(out.to_string().contains("2 still out"), "{out}");
                go.send(()).unwrap();
            })
            .unwrap();
        assert_eq!(how(&timeline), [Some(HowEnded::Ok); 2]);
    });
}

#[test]
fn figures_are_exact_for_more_members_than_are_kept() {
    within(|| {
        let scope = thread::Scope::<(), headcount::BoxError, _>::with_policy(&Context::background(), Discard)
            .limit(2)
            .record();
        let timeline = scope.timeline().unwrap();
        let tally = scope.run(|group| (0..120_000).for_each(|_| group.spawn(|_| headcount::ok(()))));
        assert_eq!(tally.succeeded, 120_000);
        assert_eq!(timeline.summary().spawned(), 120_000);
        assert_eq!(timeline.summary().tally(), tally);
        let members = timeline.members();
        assert_eq!(members.len(), 60_000);
        assert!(members.iter().all(|member| member.number() % 2 == 1 && member.is_sampled()));
    });
}

#[test]
fn every_item_of_a_map_of_threads_is_told() {
    within(|| {
        let map = thread::map(0..4).limit(1).panics(Panics::AsError).policy(CollectAll).record();
        let timeline = map.timeline().unwrap();
        let results: Vec<_> = map.run(|_, n| match n {
            1 => Err("odd"),
            2 => panic!("two"),
            n => Ok(n),
        });
        assert_eq!(results.len(), 4);
        assert_eq!(
            how(&timeline),
            [HowEnded::Ok, HowEnded::Failed, HowEnded::Panicked, HowEnded::Ok].map(Some)
        );
        assert_eq!(timeline.members()[1].why(), Some("odd"));
        assert!(timeline.members().iter().all(|item| item.begun() >= Some(item.spawned())));
        assert_eq!(timeline.summary().peak_concurrency(), 1);
    });
}

#[cfg(feature = "tokio")]
mod tasks {
    use headcount::{Cancelled, TimelineSummary, task};

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(future)
    }

    #[test]
    fn every_end_of_a_task_is_told_with_its_cause() {
        let timeline = within(|| {
            block_on(async {
                let group = task::Group::with_policy(&Context::background(), CollectAll)
                    .panics(Panics::AsError)
                    .record()
                    .named("named later");
                let timeline = group.timeline().unwrap();
                group.spawn(|_| async { headcount::ok(1) });
                group.spawn(|_| async { Err("no route") });
                group.spawn(|_| async { if true { panic!("enough") } else { headcount::ok(3) } });
                let alone = group
                    .spawn_with_cancel(|ctx| async move { Err::<i32, Cancelled>(ctx.wait_async().await) });
                group.spawn(|_| std::future::pending::<Result<i32, Cancelled>>());
                let busy = |n| timeline.summary().tally().total() < n;
                while busy(3) {
                    tokio::task::yield_now().await;
                }
                alone.cancel_because("not needed");
                while busy(4) {
                    tokio::task::yield_now().await;
                }
                // Which calls off whom nobody has told.
                drop(group);
                while busy(5) {
                    tokio::task::yield_now().await;
                }
                timeline
            })
        });
        use HowEnded::{Aborted, Cancelled as Told, Failed, Ok, Panicked};
        assert_eq!(how(&timeline), [Some(Ok), Some(Failed), Some(Panicked), Some(Told), Some(Aborted)]);
        let members = timeline.members();
        assert_eq!(members[1].why(), Some("no route"));
        assert!(members[3].why().unwrap().ends_with("not needed"), "{members:?}");
        // The runtime and the group are gone.
        assert!(timeline.to_string().starts_with("group \"named later\""), "{timeline}");
        assert!(timeline.to_html().contains("named later"));
    }

    #[test]
    fn a_group_that_is_dropped_leaves_its_timeline() {
        let timeline = within(|| {
            block_on(async {
                let group = task::Group::<()>::new(&Context::background()).record();
                let timeline = group.timeline().unwrap();
                group.spawn(|_| std::future::pending::<Result<(), Cancelled>>());
                drop(group);
                while timeline.summary().outstanding() > 0 {
                    tokio::task::yield_now().await;
                }
                timeline
            })
        });
        assert_eq!(timeline.members().len(), 1);
        assert_ne!(how(&timeline), [Some(HowEnded::Ok)]);
    }

    #[test]
    fn members_of_before_are_not_recorded_and_those_of_after_are() {
        let summary: TimelineSummary = within(|| {
            block_on(async {
                let group = task::Group::new(&Context::background());
                group.spawn(|_| async { headcount::ok(1) });
                let group = group.record();
                group.spawn_named("after", |_| async { headcount::ok(2) });
                let timeline = group.timeline().unwrap();
                assert_eq!(group.wait().await.unwrap(), [1, 2]);
                assert_eq!(timeline.members()[0].number(), 2, "its number in the group");
                timeline.summary()
            })
        });
        assert_eq!((summary.spawned(), summary.outstanding()), (1, 0));
    }

    #[test]
    fn every_item_of_a_map_of_tasks_is_told_wherever_it_runs() {
        within(|| {
            block_on(async {
                let item = |_, n: u32| async move {
                    tokio::task::yield_now().await;
                    if n == 2 { Err("two") } else { Ok(n) }
                };
                let map = task::map(0..5).limit(2).policy(CollectAll).record();
                let here = map.timeline().unwrap();
                map.run(item).await;
                let map = task::map(0..5).limit(2).policy(CollectAll).record().spawned();
                let spawned = map.timeline().unwrap();
                map.run(item).await;
                for timeline in [here, spawned] {
                    use HowEnded::{Failed, Ok};
                    assert_eq!(how(&timeline), [Some(Ok), Some(Ok), Some(Failed), Some(Ok), Some(Ok)]);
                    assert_eq!(timeline.members()[2].why(), Some("two"));
                    assert!((1..=2).contains(&timeline.summary().peak_concurrency()));
                }
            });
        });
    }

    #[test]
    fn items_that_a_failure_stops_and_those_of_a_dropped_map_are_told() {
        within(|| {
            block_on(async {
                let map = task::map(0..9).limit(2).record();
                let stopped = map.timeline().unwrap();
                map.run(
                    |ctx, n: u32| async move { if n == 0 { Err("zero".into()) } else { wait(ctx).await } },
                )
                .await
                .unwrap_err();
                let ends = how(&stopped);
                assert_eq!(ends[0], Some(HowEnded::Failed));
                assert!(ends[1..].iter().all(|end| *end == Some(HowEnded::Cancelled)), "{ends:?}");

                let map = task::map(0..9).limit(3).record();
                let dropped = map.timeline().unwrap();
                let mut run = Box::pin(map.run(|ctx, _| wait(ctx)));
                assert!(!crate::Poller::new().poll(run.as_mut()));
                assert_eq!(dropped.summary().outstanding(), 3);
                drop(run);
                assert_eq!(how(&dropped), [Some(HowEnded::Aborted); 3]);
                assert_eq!((dropped.summary().outstanding(), dropped.summary().tally().aborted), (0, 3));
            });
        });
    }

    async fn wait(ctx: Context) -> Result<u32, Box<dyn std::error::Error + Send + Sync>> {
        Err(ctx.wait_async().await.into())
    }
}
