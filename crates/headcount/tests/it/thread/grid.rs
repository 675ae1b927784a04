//! The grid: so many members before the one that ends the group, so many after it, under each limit: everyone is
//! accounted for.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use headcount::{CollectAll, Context, Panics, thread};

use super::{Count, limited, scope};
use crate::within;

/// From none to fifteen on either side.
const MOST: usize = 16;
const LIMITS: [Option<usize>; 3] = [Some(1), Some(2), None];

fn grid(f: impl Fn(usize, usize, Option<usize>)) {
    for limit in LIMITS {
        for before in 0..MOST {
            for after in 0..MOST {
                f(before, after, limit);
            }
        }
    }
}

#[test]
fn a_failing_member_among_others() {
    within(|| {
        grid(|before, after, limit| {
            let ran = AtomicUsize::new(0);
            let count = |_: &Context| headcount::ok(ran.fetch_add(1, SeqCst));
            let result = limited(scope(), limit).run(|group| {
                (0..before).for_each(|_| group.spawn(count));
                group.spawn(|_| Err("the middle one"));
                (0..after).for_each(|_| group.spawn(count));
            });
            let error = result.unwrap_err();
            let tally = error.tally();
            assert_eq!(error.member().unwrap().index(), before);
            assert_eq!((tally.failed, tally.total()), (1, (before + 1 + after) as u64));
            assert_eq!(tally.succeeded as usize, ran.into_inner());
            if limit == Some(1) {
                assert_eq!(tally.succeeded as usize, before, "in order, and none after it");
            }
        });
    });
}

#[test]
fn a_cancel_between_members_that_wait_for_it() {
    within(|| {
        grid(|before, after, limit| {
            let outcomes = limited(thread::Scope::with_policy(&Context::background(), CollectAll), limit)
                .run(|group| {
                    (0..before).for_each(|_| group.spawn(|ctx| Err::<(), _>(ctx.wait())));
                    group.cancel();
                    (0..after).for_each(|_| group.spawn(|ctx| Err::<(), _>(ctx.wait())));
                });
            assert_eq!(outcomes.len(), before + after);
            let cancelled =
                outcomes.iter().filter(|o| matches!(o, Err(headcount::MemberError::Cancelled(_)))).count();
            assert_eq!(cancelled, before + after, "{before} before, {after} after, limit {limit:?}");
        });
    });
}

#[test]
fn a_panicking_member_among_others() {
    within(|| {
        grid(|before, after, limit| {
            let come = Count::default();
            let outcomes = limited(
                thread::Scope::with_policy(&Context::background(), CollectAll).panics(Panics::AsError),
                limit,
            )
            .run(|group| {
                (0..before).for_each(|n| group.spawn(move |_| headcount::ok(n)));
                // Without a word from the panic hook, some hundred times.
                group.spawn(|_| -> Result<usize, &str> { std::panic::resume_unwind(Box::new("oh")) });
                (0..after).for_each(|n| group.spawn(move |_| headcount::ok(n)));
                group.spawn(|_| {
                    come.add();
                    headcount::ok(0)
                });
            });
            assert_eq!(come.get(), 1);
            assert_eq!(outcomes.len(), before + after + 2);
            assert!(outcomes.iter().enumerate().all(|(n, outcome)| outcome.is_err() == (n == before)));
        });
    });
}
