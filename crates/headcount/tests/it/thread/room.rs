//! Launching when there is room: `submit` and `try_spawn`.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::{Context, thread};

use super::{Count, reason, scope};
use crate::within;

#[test]
fn submit_waits_for_a_slot_and_never_queues_more_than_itself() {
    within(|| {
        for limit in [1, 2, 5] {
            let (most, queued) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let values = scope().limit(limit).run(|group| {
                for n in 0..300 {
                    group.submit(move |_| headcount::ok(n)).unwrap();
                    most.fetch_max(group.running() + group.queued(), SeqCst);
                    queued.fetch_max(group.queued(), SeqCst);
                }
            });
            assert!(values.unwrap().into_iter().eq(0..300));
            assert!(most.into_inner() <= limit);
        }
    });
}

#[test]
fn submit_without_a_limit_waits_for_nobody() {
    within(|| {
        let go = Count::default();
        let values = scope().run(|group| {
            for n in 0..20 {
                let go = &go;
                group.submit(move |_| headcount::ok((go.reaches(1), n).1)).unwrap();
            }
            go.add();
        });
        assert!(values.unwrap().into_iter().eq(0..20));
    });
}

#[test]
fn submit_is_cancelled_with_the_context_and_gives_its_closure_back() {
    within(|| {
        let (ctx, canceller) = Context::background().with_cancel();
        let (come, waits) = (Count::default(), Count::default());
        let result = thread::Scope::new(&ctx).limit(1).run(|group| {
            group.spawn(|ctx| {
                come.add();
                Err(ctx.wait())
            });
            come.reaches(1);
            std::thread::scope(|threads| {
                threads.spawn(|| {
                    waits.reaches(1);
                    canceller.cancel_because("closing time");
                });
                waits.add();
                let refused = group.submit(|_| headcount::ok(7)).unwrap_err();
                assert!(refused.is_over());
                assert_eq!(reason(refused.cancelled().unwrap()), "closing time");
                assert!(refused.to_string().contains("takes no more members: cancelled at"), "{refused}");
                assert_eq!(refused.into_given()(&ctx).unwrap(), 7);
            });
        });
        assert!(result.unwrap_err().cancelled().is_some());
    });
}

#[test]
fn submit_from_a_member_of_the_full_group_is_refused_by_name() {
    within(|| {
        let said = scope().limit(1).named("the mill").run(|group| {
            let spawner = group.spawner();
            group.spawn(move |_| {
                let refused = spawner.submit(|_| headcount::ok(String::new())).unwrap_err();
                assert!(!refused.is_over());
                let said = refused.to_string();
                spawner.spawn(move |_| refused.into_given()(&Context::background()));
                headcount::ok(said)
            });
        });
        let said = said.unwrap();
        assert!(said[0].contains("group \"the mill\"") && said[0].contains("is full"), "{said:?}");
        assert_eq!(said.len(), 2);
    });
}

#[test]
fn submit_from_a_scope_inside_the_only_member_is_refused_as_well() {
    within(|| {
        let done = scope().limit(1).run(|group| {
            let outer = group.spawner();
            group.spawn(move |ctx| {
                thread::Scope::new(ctx).run(|inner| {
                    inner.spawn(move |_| {
                        let refused = outer.submit(|_| headcount::ok(Vec::new())).unwrap_err();
                        headcount::ok(refused.is_over())
                    });
                })
            });
        });
        assert_eq!(done.unwrap(), [[false]]);
    });
}

#[test]
fn a_member_may_submit_while_there_is_room() {
    within(|| {
        let values = scope().limit(2).run(|group| {
            let spawner = group.spawner();
            group.spawn(move |_| {
                spawner.submit(|_| headcount::ok(2)).map_err(|refused| refused.to_string())?;
                Ok::<_, String>(1)
            });
        });
        assert_eq!(values.unwrap(), [1, 2]);
    });
}

#[test]
fn try_spawn_launches_or_gives_the_closure_back() {
    within(|| {
        let (come, go) = (Count::default(), Count::default());
        let result = scope().limit(2).run(|group| {
            for n in 0..2 {
                let (come, go) = (&come, &go);
                let busy = move |_: &Context| {
                    come.add();
                    go.reaches(1);
                    headcount::ok(n)
                };
                group.try_spawn(busy).map_err(|refused| refused.to_string()).unwrap();
            }
            come.reaches(2);
            let refused = group.try_spawn(|_| headcount::ok(2)).unwrap_err();
            assert!(refused.is_full() && !refused.is_over());
            let text = refused.to_string();
            assert!(text.starts_with("group") && text.ends_with("is full"), "{text}");
            go.add();
            group.wait_idle();
            // The slots come back a moment after their members are over.
            let mut given = refused.into_given();
            while let Err(refused) = group.try_spawn(given) {
                given = refused.into_given();
                std::thread::yield_now();
            }
            group.wait_idle();
            group.cancel();
            let refused = group.try_spawn(|_| headcount::ok(3)).unwrap_err();
            assert!(refused.is_over());
        });
        assert_eq!(result.unwrap(), [0, 1, 2], "nobody was cut short");
    });
}

#[test]
fn many_who_submit_at_once_all_get_their_turn() {
    within(|| {
        let values = scope().limit(3).run(|group| {
            std::thread::scope(|threads| {
                for _ in 0..4 {
                    threads.spawn(|| (0..200).for_each(|n| group.submit(move |_| headcount::ok(n)).unwrap()));
                }
            });
        });
        assert_eq!(values.unwrap().into_iter().sum::<u32>(), 4 * 199 * 100);
    });
}
