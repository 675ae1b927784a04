//! A map beside its naive twin: a loop.

use std::sync::Mutex;

use headcount::{CollectAll, Context, ErrorBudget, FirstOk, GroupError, MemberError, Panics, Quorum, thread};
use proptest::prelude::*;

use crate::within;

/// What an item does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Gives,
    Fails,
    Panics,
    /// Takes a moment first, so that batches are large and small.
    Dawdles,
}

fn does() -> impl Strategy<Value = Vec<Does>> {
    let one = prop_oneof![
        60 => Just(Does::Gives),
        3 => Just(Does::Fails),
        1 => Just(Does::Panics),
        4 => Just(Does::Dawdles),
    ];
    proptest::collection::vec(one, 0..400)
}

fn act(n: usize, does: Does) -> Result<usize, String> {
    match does {
        Does::Gives => Ok(n),
        Does::Fails => Err(format!("item {n}")),
        Does::Panics => std::panic::panic_any(format!("item {n}")),
        Does::Dawdles => {
            std::thread::yield_now();
            Ok(n)
        }
    }
}

fn succeeds(does: Does) -> bool {
    matches!(does, Does::Gives | Does::Dawdles)
}

/// A map over what items do, which takes panics as failures; from a source that says how long it is, or not.
fn map(
    items: Vec<Does>,
    limit: usize,
    known: bool,
) -> thread::Map<Box<dyn Iterator<Item = (usize, Does)> + Send>> {
    let items = items.into_iter().enumerate();
    let items: Box<dyn Iterator<Item = _> + Send> =
        if known { Box::new(items) } else { Box::new(items.filter(|_| true)) };
    thread::map(items).limit(limit).panics(Panics::AsError)
}

fn wrong(error: &MemberError) -> String {
    match error {
        MemberError::Panicked(report) => report.message().unwrap_or_default().to_owned(),
        error => error.to_string(),
    }
}

/// Which item a map's error is about; all before it need not have run, but if one thread ran them they did.
fn blamed<T>(result: Result<T, GroupError>) -> Option<usize> {
    result.err().map(|error| error.member().expect("an item is at fault").index())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn collecting_all_says_of_each_item_what_the_loop_says(
        items in does(), limit in 1_usize..5, known in any::<bool>(),
    ) {
        let all = items.clone();
        let outcomes = within(move || map(all, limit, known).policy(CollectAll).run(|_, (n, does)| act(n, does)));
        prop_assert_eq!(outcomes.len(), items.len());
        for (n, (does, outcome)) in items.into_iter().zip(outcomes).enumerate() {
            match outcome {
                Ok(value) => prop_assert!(succeeds(does) && value == n),
                Err(error) => {
                    prop_assert!(!succeeds(does));
                    prop_assert_eq!(wrong(&error), format!("item {n}"));
                }
            }
        }
    }

    /// Who is cut short says so, and what came before is neither lost nor told twice.
    #[test]
    fn a_cancelled_map_says_of_each_item_what_the_loop_says_or_that_it_was_cancelled(
        items in does(), limit in 1_usize..5, known in any::<bool>(), at in 0_usize..400,
    ) {
        let all = items.clone();
        let outcomes = within(move || {
            let (ctx, canceller) = Context::background().with_cancel();
            let canceller = Mutex::new(Some(canceller));
            map(all, limit, known).context(&ctx).policy(CollectAll).run(|_, (n, does)| {
                if n == at {
                    drop(canceller.lock().unwrap().take());
                }
                act(n, does)
            })
        });
        let whole = outcomes.len() == items.len();
        prop_assert!(whole || at < items.len() && outcomes.len() < items.len(), "{}", outcomes.len());
        let mut cut = false;
        for (n, (does, outcome)) in items.iter().zip(outcomes).enumerate() {
            match outcome {
                Ok(value) => prop_assert!(succeeds(*does) && value == n),
                Err(MemberError::Cancelled(_)) => {
                    prop_assert!(at < items.len(), "nobody has cancelled it");
                    cut = true;
                }
                Err(error) => {
                    prop_assert!(!succeeds(*does));
                    prop_assert_eq!(wrong(&error), format!("item {n}"));
                }
            }
        }
        prop_assert!(whole || cut, "it has been cut short, and looks whole");
    }

    #[test]
    fn failing_fast_gives_all_values_or_blames_one_that_failed(
        items in does(), limit in 1_usize..5, known in any::<bool>(),
    ) {
        let first = items.iter().position(|does| !succeeds(*does));
        let all = items.clone();
        let result = within(move || map(all, limit, known).run(|_, (n, does)| act(n, does)));
        match result {
            Ok(values) => {
                prop_assert_eq!(first, None);
                prop_assert!(values.into_iter().eq(0..items.len()));
            }
            Err(error) => {
                let tally = error.tally();
                let n = blamed(Err::<(), _>(error)).unwrap();
                prop_assert!(!succeeds(items[n]));
                if limit == 1 {
                    prop_assert_eq!(Some(n), first);
                    prop_assert_eq!(tally.succeeded as usize, n);
                }
            }
        }
    }

    #[test]
    fn the_first_to_succeed_is_enough(items in does(), limit in 1_usize..5, known in any::<bool>()) {
        let all = items.clone();
        let result = within(move || map(all, limit, known).policy(FirstOk).run(|_, (n, does)| act(n, does)));
        match result {
            Ok(n) => prop_assert!(succeeds(items[n])),
            Err(_) => prop_assert!(!items.iter().any(|does| succeeds(*does))),
        }
    }

    #[test]
    fn a_quorum_is_that_many_in_order(
        items in does(), needed in 0_usize..20, limit in 1_usize..5, known in any::<bool>(),
    ) {
        let all = items.clone();
        let result = within(move || map(all, limit, known).policy(Quorum(needed)).run(|_, (n, does)| act(n, does)));
        let able = items.iter().filter(|does| succeeds(**does)).count();
        match result {
            Ok(values) => {
                prop_assert_eq!(values.len(), needed);
                prop_assert!(values.is_sorted() && values.iter().all(|n| succeeds(items[*n])));
            }
            Err(_) => prop_assert!(able < needed),
        }
    }

    #[test]
    fn a_budget_of_errors_is_kept(
        items in does(), allowed in 0_usize..12, limit in 1_usize..5, known in any::<bool>(),
    ) {
        let all = items.clone();
        let result =
            within(move || map(all, limit, known).policy(ErrorBudget(allowed)).run(|_, (n, does)| act(n, does)));
        let failing = items.iter().filter(|does| !succeeds(**does)).count();
        match result {
            Ok((values, failures)) => {
                prop_assert!(failing <= allowed);
                prop_assert_eq!(failures.len(), failing);
                prop_assert!(values.into_iter().eq((0..items.len()).filter(|n| succeeds(items[*n]))));
            }
            Err(_) => prop_assert!(failing > allowed),
        }
    }

    #[test]
    fn a_stream_gives_what_the_loop_gives(
        items in does(), limit in 1_usize..5, known in any::<bool>(), ordered in any::<bool>(),
        most in prop_oneof![Just(usize::MAX), 0..50_usize],
    ) {
        let all: Vec<_> = items.iter().copied().filter(|does| succeeds(*does)).collect();
        let len = all.len();
        let taken = within(move || {
            let map = map(all, limit, known);
            let map = if ordered { map } else { map.as_finished() };
            map.stream(|_, (n, does)| act(n, does), |results| results.take(most).collect::<Vec<_>>())
        });
        let mut taken = taken.unwrap();
        prop_assert_eq!(taken.len(), len.min(most));
        if ordered {
            prop_assert!(taken.into_iter().eq(0..len.min(most)));
        } else {
            taken.sort_unstable();
            taken.dedup();
            prop_assert_eq!(taken.len(), len.min(most), "none twice");
        }
    }
}
