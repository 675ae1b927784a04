//! Members that spawn members, and scopes inside members.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::{BoxError, Context, FailFast, thread};

use super::{LIMITS, limited, scope};
use crate::within;

type Spawner<'scope, 'env> = thread::Spawner<'scope, 'env, usize, BoxError, FailFast>;

/// Each spawns the next one.
fn down(spawner: Spawner<'_, '_>, left: usize) {
    let next = spawner.clone();
    spawner.spawn(move |_| {
        if left > 0 {
            down(next, left - 1);
        }
        headcount::ok(left)
    });
}

#[test]
fn members_spawn_members_ten_thousand_deep_under_any_limit() {
    within(|| {
        for limit in LIMITS {
            let values = limited(scope(), limit).run(|group| down(group.spawner(), 10_000)).unwrap();
            assert!(values.into_iter().eq((0..=10_000).rev()), "limit {limit:?}");
        }
    });
}

#[test]
fn a_member_spawns_ten_thousand_siblings_under_any_limit() {
    within(|| {
        for limit in LIMITS {
            let values = limited(scope(), limit).run(|group| {
                let spawner = group.spawner();
                group.spawn(move |_| {
                    (1..=10_000).for_each(|n| spawner.spawn(move |_| headcount::ok(n)));
                    headcount::ok(0)
                });
            });
            assert!(values.unwrap().into_iter().eq(0..=10_000), "limit {limit:?}");
        }
    });
}

#[test]
fn three_generations_of_members_finish_under_any_limit() {
    fn family<'scope>(spawner: &Spawner<'scope, '_>, count: &'scope AtomicUsize, generations: u32) {
        for _ in 0..10 {
            let own = spawner.clone();
            spawner.spawn(move |_| {
                if generations > 1 {
                    family(&own, count, generations - 1);
                }
                headcount::ok(count.fetch_add(1, SeqCst))
            });
        }
    }
    within(|| {
        for limit in LIMITS {
            let count = AtomicUsize::new(0);
            let values = limited(scope(), limit).run(|group| family(group, &count, 3)).unwrap();
            assert_eq!((values.len(), count.into_inner()), (1110, 1110), "limit {limit:?}");
        }
    });
}

#[test]
fn a_member_may_run_a_scope_of_its_own() {
    within(|| {
        let sums = scope().limit(2).run(|group| {
            for n in 0..20_u64 {
                group.spawn(move |ctx| {
                    let parts = thread::Scope::new(ctx).limit(2).run(|inner| {
                        (0..n).for_each(|part| inner.spawn(move |_| headcount::ok(part)));
                    })?;
                    Ok::<_, headcount::GroupError>(parts.iter().sum::<u64>())
                });
            }
        });
        assert!(sums.unwrap().into_iter().eq((0..20).map(|n: u64| n * n.saturating_sub(1) / 2)));
    });
}

#[test]
fn the_context_reaches_members_with_its_values_and_deadline() {
    within(|| {
        let ctx = Context::background().with_value(42_u8).with_timeout(std::time::Duration::from_secs(3600));
        let values = thread::Scope::new(&ctx).run(|group| {
            assert_eq!(group.context().deadline(), ctx.deadline());
            group.spawn(|ctx| headcount::ok((ctx.value::<u8>().copied(), ctx.deadline().is_some())));
        });
        assert_eq!(values.unwrap(), [(Some(42), true)]);
    });
}
