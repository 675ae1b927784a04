//! Members that spawn members, under any limit.

use headcount::task::Spawner;
use headcount::{Discard, FailFast, ok};

use super::Hand;

/// A member that spawns one, that spawns one, and so on.
fn deep(spawner: &Spawner<usize>, depth: usize) {
    let next = spawner.clone();
    spawner.spawn(move |_| async move {
        if depth > 0 {
            deep(&next, depth - 1);
        }
        ok(depth)
    });
}

#[test]
fn nested_spawns_finish_under_any_limit_ten_thousand_deep() {
    for limit in [None, Some(1), Some(2), Some(100_000)] {
        let hand = Hand::new();
        let mut group = hand.group();
        if let Some(limit) = limit {
            group = group.limit(limit);
        }
        deep(&group.spawner(), 9_999);
        let depths = hand.finish(group.wait()).unwrap();
        assert!(depths.into_iter().eq((0..10_000).rev()), "limit {limit:?}");
    }
}

#[test]
fn nested_spawns_finish_under_any_limit_ten_thousand_wide() {
    for limit in [None, Some(1), Some(2), Some(100_000)] {
        let hand = Hand::new();
        let mut group = hand.group();
        if let Some(limit) = limit {
            group = group.limit(limit);
        }
        let spawner = group.spawner();
        group.spawn(move |_| async move {
            for n in 1..=10_000 {
                spawner.spawn(move |_| async move { ok(n) });
            }
            ok(0)
        });
        assert_eq!(hand.finish(group.wait()).unwrap(), Vec::from_iter(0..=10_000), "limit {limit:?}");
    }
}

/// Three levels, as a tree: 1 + 20 + 400 + 8000.
#[test]
fn nested_spawns_finish_under_any_limit_as_a_tree() {
    fn tree(spawner: &Spawner<u8, headcount::BoxError, Discard>, levels: u8) {
        let next = spawner.clone();
        spawner.spawn(move |_| async move {
            for _ in 0..if levels > 0 { 20 } else { 0 } {
                tree(&next, levels - 1);
            }
            ok(levels)
        });
    }
    for limit in [1, 2, 7] {
        let hand = Hand::new();
        let group = hand.policed(Discard).limit(limit);
        tree(&group.spawner(), 3);
        assert_eq!(hand.finish(group.wait()).succeeded, 1 + 20 + 400 + 8_000);
    }
}

#[test]
fn nested_spawns_of_blocking_members_finish_under_limit_one() {
    fn deep(spawner: &Spawner<u32, headcount::BoxError, FailFast>, depth: u32) {
        let next = spawner.clone();
        spawner.spawn_blocking(move |_| {
            if depth > 0 {
                deep(&next, depth - 1);
            }
            ok(depth)
        });
    }
    crate::within(|| {
        let group = Hand::new().group().limit(1);
        deep(&group.spawner(), 100);
        assert_eq!(smol::block_on(group.wait()).unwrap(), Vec::from_iter((0..=100).rev()));
    });
}
