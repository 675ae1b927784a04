//! The grid: so many members before the one that cancels, so many after it, under each limit, on each runtime.

use ::tokio::task::yield_now;
use headcount::task::Group;
use headcount::{Context, Discard, ok};

use super::{Hand, paused, threaded};

/// Members before and after one that fails; half of them wait for the cancellation, the others end by themselves. How many
/// are sure to have waited, or never to have begun.
///
/// Under a limit those before it who wait leave the last slot free, so that the one who fails comes to run: the others of
/// them pass on their slots after a pause.
fn fill(group: &Group<()>, before: usize, after: usize, limit: Option<usize>) -> usize {
    let waits = || group.spawn(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
    let ends = |pauses: bool| {
        group.spawn(move |_| async move {
            if pauses {
                yield_now().await;
            }
            ok(())
        });
    };
    let room = limit.map_or(usize::MAX, |limit| limit - 1);
    let waiting = before.div_ceil(2).min(room);
    (0..before).for_each(|n| if n % 2 == 0 && n / 2 < waiting { waits() } else { ends(n % 2 == 0) });
    group.spawn_named("canceller", |_| async { Err("enough") });
    (0..after).for_each(|n| if n % 2 == 0 { waits() } else { ends(false) });
    waiting + after.div_ceil(2)
}

fn limited<T: Send + 'static>(group: Group<T>, limit: Option<usize>) -> Group<T> {
    match limit {
        Some(limit) => group.limit(limit),
        None => group,
    }
}

fn check(error: &headcount::GroupError, cancelled: usize, before: usize, after: usize, limit: Option<usize>) {
    let at = format!("{before} before, {after} after, limit {limit:?}");
    assert_eq!(error.member().unwrap().index(), before, "{at}");
    assert_eq!((error.others().len(), error.tally().total()), (0, (before + 1 + after) as u64), "{at}");
    let tally = error.tally();
    assert_eq!((tally.failed, tally.panicked, tally.aborted), (1, 0, 0), "{at}: {tally}");
    assert!(tally.cancelled >= cancelled as u64, "{at}: {tally}");
}

const LIMITS: [Option<usize>; 4] = [None, Some(1), Some(2), Some(9)];

fn sweep(mut run: impl FnMut(usize, usize, Option<usize>)) {
    for before in 0..16 {
        for after in 0..16 {
            for limit in LIMITS {
                run(before, after, limit);
            }
        }
    }
}

#[test]
fn the_grid_by_hand() {
    sweep(|before, after, limit| {
        let hand = Hand::new();
        let group = limited(hand.group(), limit);
        let cancelled = fill(&group, before, after, limit);
        check(&hand.finish(group.wait()).unwrap_err(), cancelled, before, after, limit);
    });
}

#[test]
fn the_grid_on_one_thread() {
    paused(|| async {
        for before in 0..16 {
            for after in 0..16 {
                for limit in LIMITS {
                    let group = limited(Group::new(&Context::background()), limit);
                    let cancelled = fill(&group, before, after, limit);
                    check(&group.wait().await.unwrap_err(), cancelled, before, after, limit);
                }
            }
        }
    });
}

#[test]
fn the_grid_on_several_threads() {
    threaded(|| async {
        for before in 0..16 {
            for after in 0..16 {
                for limit in LIMITS {
                    let group = limited(Group::new(&Context::background()), limit);
                    let cancelled = fill(&group, before, after, limit);
                    check(&group.wait().await.unwrap_err(), cancelled, before, after, limit);
                }
            }
        }
    });
}

/// The canceller is not a member: it cancels after so many have been spawned, and the others come later.
#[test]
fn the_grid_cancelled_from_outside() {
    sweep(|before, after, limit| {
        let hand = Hand::new();
        let group = hand.policed(Discard);
        let group = match limit {
            Some(limit) => group.limit(limit),
            None => group,
        };
        for _ in 0..before {
            group.spawn(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
        }
        hand.run();
        group.cancel();
        for _ in 0..after {
            group.spawn(|_| async { ok(()) });
        }
        assert_eq!(hand.finish(group.wait()).cancelled, (before + after) as u64);
    });
}
