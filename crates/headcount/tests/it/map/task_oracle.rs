//! Maps on the caller's own task beside a sequential twin: the same values in the same order, whatever the limit, whoever
//! fails, and in whatever order members end.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, Waker};

use headcount::{CollectAll, task};
use proptest::prelude::*;

/// What an item does: how often it is pending, and whether it fails.
#[derive(Clone, Copy, Debug)]
struct Item {
    naps: u8,
    fails: bool,
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let item = (0..6_u8, proptest::bool::weighted(0.1)).prop_map(|(naps, fails)| Item { naps, fails });
    proptest::collection::vec(item, 0..300)
}

/// Pending so often, and woken at once.
async fn nap(naps: u8) {
    let mut left = naps;
    std::future::poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..10_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
            return output;
        }
    }
    panic!("it does not come to its end");
}

async fn work(number: usize, item: Item) -> Result<usize, String> {
    nap(item.naps).await;
    if item.fails { Err(number.to_string()) } else { Ok(number * 3) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_ends_come_back_in_the_order_of_their_items(items in items(), limit in 1..80_usize) {
        let map = task::map(items.iter().copied().enumerate()).limit(limit).policy(CollectAll);
        let ours = run(map.run(|_, (number, item)| work(number, item)));
        let ours: Vec<_> = ours.into_iter().map(|end| end.map_err(|error| error.to_string())).collect();
        let twin: Vec<_> = items.iter().enumerate().map(|(n, item)| if item.fails { Err(n.to_string()) } else { Ok(n * 3) }).collect();
        prop_assert_eq!(ours, twin);
    }

    #[test]
    fn a_fold_in_order_is_the_sequential_fold_of_a_prefix_or_all(items in items(), limit in 1..80_usize) {
        let map = task::map(items.iter().copied().enumerate()).limit(limit);
        let mut seen = Vec::new();
        let ours = run(map.fold(0, |_, (number, item)| work(number, item), |sum, n| { seen.push(n); sum + n }));
        prop_assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "in order: {:?}", seen);
        match ours {
            Ok(sum) => {
                prop_assert!(items.iter().all(|item| !item.fails));
                prop_assert_eq!(sum, (0..items.len()).map(|n| n * 3).sum::<usize>());
            }
            Err(error) => {
                let number = error.member().unwrap().index();
                prop_assert!(items[number].fails);
                prop_assert_eq!(error.root().unwrap().to_string(), number.to_string());
            }
        }
    }

    #[test]
    fn as_they_come_all_of_them_come_once(items in items(), limit in 1..80_usize) {
        let all = items.len();
        let map = task::map(items.into_iter().enumerate()).limit(limit).as_finished();
        let work = |_, (number, item): (usize, Item)| async move { nap(item.naps).await; headcount::ok(number) };
        let mut ours = run(map.fold(Vec::new(), work, |mut all, n| { all.push(n); all })).unwrap();
        ours.sort_unstable();
        prop_assert!(ours.into_iter().eq(0..all));
    }
}
