//! What groups of tasks cost in memory.
#![cfg(feature = "tokio")]

use headcount::task::Group;
use headcount::{CollectAll, Context, Discard, Panics, ok};
use tokio::runtime::Builder;
use tokio::task::yield_now;

use crate::{ASKED, cost};

/// As many as a release build runs in a few seconds.
const MANY: usize = if cfg!(debug_assertions) { 200_000 } else { 10_000_000 };

/// Bytes that this thread has not given back.
fn held() -> isize {
    ASKED.get().1
}

fn on_this_thread<F: Future>(future: F) -> F::Output {
    Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Feeds a group by `submit`; the memory halfway and at the end.
#[test]
fn a_group_that_keeps_nothing_stays_as_it_is_for_ten_million_members() {
    on_this_thread(async {
        let group = Group::with_policy(&Context::background(), Discard).limit(16);
        let mut seen = Vec::with_capacity(8);
        for n in 0..MANY {
            group
                .submit(move |_| async move { if n % 7 == 0 { Err("failed") } else { Ok([n; 8]) } })
                .await
                .unwrap();
            if n % (MANY / 8) == MANY / 8 - 1 {
                seen.push(held());
            }
        }
        let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(most - least < 50_000, "it grows: {seen:?}");
        assert_eq!(group.wait().await.total(), MANY as u64);
    });
}

#[test]
fn a_stream_stays_as_it_is_for_ten_million_members() {
    on_this_thread(async {
        let group = Group::with_policy(&Context::background(), CollectAll).limit(64).panics(Panics::AsError);
        let (mut seen, mut come) = (Vec::with_capacity(8), 0);
        let mut results = group.stream();
        for n in 0..MANY {
            results
                .group()
                .spawn(move |_| async move { if n % 7 == 0 { Err("failed") } else { Ok(Box::new(n)) } });
            if n >= 100 {
                let (member, result) = results.next().await.unwrap();
                assert_eq!(result.is_ok(), member.index() % 7 != 0);
                come += 1;
            }
            if n % (MANY / 8) == MANY / 8 - 1 {
                seen.push(held());
            }
        }
        let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(most - least < 50_000, "it grows: {seen:?}");
        while results.next().await.is_some() {
            come += 1;
        }
        assert_eq!(come, MANY);
    });
}

#[test]
fn members_cancelled_by_hand_leave_nothing_in_an_endless_group() {
    on_this_thread(async {
        let group =
            Group::with_policy(&Context::background(), Discard).grace(std::time::Duration::from_nanos(1));
        let mut seen = Vec::with_capacity(8);
        for n in 0..MANY / 20 {
            let canceller =
                group.spawn_with_cancel(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
            if n % 2 == 0 {
                yield_now().await;
            }
            canceller.cancel();
            // And one whose canceller goes after its member has ended.
            let late = group.spawn_with_cancel(|_| async { ok(()) });
            yield_now().await;
            yield_now().await;
            drop(late);
            if n % (MANY / 160) == MANY / 160 - 1 && seen.len() < 8 {
                group.wait_idle().await;
                seen.push(held());
            }
        }
        let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(most - least < 50_000, "it grows: {seen:?}");
        assert_eq!(group.wait().await.total(), (MANY / 20 * 2) as u64);
    });
}

/// Kept until the wait are the values, not the tasks, however large those were.
#[test]
fn tasks_that_are_over_are_gone_though_their_results_are_kept() {
    on_this_thread(async {
        let group = Group::new(&Context::background());
        let before = held();
        for n in 0..1_000 {
            group.spawn(move |_| async move {
                let large = [n; 10_000];
                yield_now().await;
                ok(large[n as usize])
            });
        }
        group.wait_idle().await;
        let bytes = (held() - before) / 1_000;
        assert!(bytes < 500, "{bytes} bytes are kept for each member");
        assert_eq!(group.wait().await.unwrap().len(), 1_000);
    });
}

#[test]
fn a_group_leaves_nothing_behind() {
    on_this_thread(async {
        let once = || async {
            let group = Group::new(&Context::background()).named("prices").limit(10);
            for n in 0..100 {
                group.spawn_named(format!("sku {n}"), move |_| async move {
                    yield_now().await;
                    ok(n)
                });
            }
            drop(group.wait().await);
            yield_now().await;
        };
        // What the runtime keeps for itself it has after the first.
        once().await;
        once().await;
        let before = held();
        for _ in 0..20 {
            once().await;
        }
        assert_eq!(held() - before, 0);
    });
}

#[test]
fn a_member_is_one_allocation() {
    on_this_thread(async {
        let group = Group::with_policy(&Context::background(), CollectAll);
        (0..1_000).for_each(|n| group.spawn(move |_| async move { ok(n) }));
        group.wait_idle().await;
        let (allocations, _) =
            cost(|| (0..64 * 100).for_each(|n| group.spawn(move |_| async move { ok(n) })));
        // And a few for each page of sixty-four.
        assert!(allocations < 64 * 100 + 100 * 12, "{allocations} for 6,400 members");
        assert_eq!(group.wait().await.len(), 7_400);
    });
}
