//! Maps on a runtime's workers beside a loop: random items, limits, workers, failures, panics and cancellations. Whatever comes,
//! no item is lost or told twice, order is kept where it is promised, and nothing is left.

use std::sync::{Arc, Mutex};

use ::tokio::runtime::{Builder, Runtime};
use ::tokio::task::yield_now;
use headcount::{Canceller, CollectAll, Context, MemberError, Panics, ok, task};
use proptest::prelude::*;

use crate::within;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Gives,
    Fails,
    Panics,
}

/// How often an item gives way, and what it does then.
type Item = (u8, Does);

#[derive(Clone, Debug)]
struct Plan {
    items: Vec<Item>,
    limit: usize,
    /// None for the runtime of one thread.
    workers: Option<usize>,
    ordered: bool,
    /// The item at which the context is cancelled, if any.
    cancelled: Option<usize>,
    /// As many values are taken of a stream.
    most: usize,
}

fn plans() -> impl Strategy<Value = Plan> {
    let does = prop_oneof![20 => Just(Does::Gives), 2 => Just(Does::Fails), 1 => Just(Does::Panics)];
    let items = prop::collection::vec((0..3_u8, does), 0..300);
    let cancelled = prop::option::weighted(0.3, 0..300_usize);
    let most = prop_oneof![Just(usize::MAX), 0..50_usize];
    (items, 1..20_usize, prop::option::of(1..4_usize), any::<bool>(), cancelled, most).prop_map(
        |(items, limit, workers, ordered, cancelled, most)| Plan {
            items,
            limit,
            workers,
            ordered,
            cancelled,
            most,
        },
    )
}

impl Plan {
    fn runtime(&self) -> Runtime {
        match self.workers {
            Some(n) => Builder::new_multi_thread().worker_threads(n).enable_time().build().unwrap(),
            None => Builder::new_current_thread().enable_time().build().unwrap(),
        }
    }

    /// Whether the cancellation comes, if all items have their turn.
    fn is_cancelled(&self) -> bool {
        self.cancelled.is_some_and(|at| at < self.items.len())
    }

    /// The same where everybody succeeds.
    fn peaceful(mut self) -> Self {
        self.items.iter_mut().for_each(|(_, does)| *does = Does::Gives);
        self
    }
}

/// A context that an item cancels.
struct Plug {
    ctx: Context,
    pull: Mutex<Option<Canceller>>,
    at: Option<usize>,
}

impl Plug {
    fn new(plan: &Plan) -> Arc<Self> {
        let (ctx, canceller) = Context::background().with_cancel();
        Arc::new(Self { ctx, pull: Mutex::new(Some(canceller)), at: plan.cancelled })
    }

    async fn act(self: Arc<Self>, n: usize, (naps, does): Item) -> Result<usize, String> {
        for _ in 0..naps {
            yield_now().await;
        }
        if self.at == Some(n) {
            drop(self.pull.lock().unwrap().take());
        }
        match does {
            Does::Gives => Ok(n),
            Does::Fails => Err(format!("item {n}")),
            Does::Panics => std::panic::panic_any(n),
        }
    }
}

/// Runs it, and sees to it that items, closures and futures are gone afterwards: the plug is the last of it.
fn alone<R: Send + 'static>(
    plan: &Plan,
    run: impl FnOnce(Plan, Arc<Plug>, &Runtime) -> R + Send + 'static,
) -> R {
    let plan = plan.clone();
    within(move || {
        let (plug, runtime) = (Plug::new(&plan), plan.runtime());
        let result = run(plan, Arc::clone(&plug), &runtime);
        drop(runtime);
        assert_eq!(Arc::strong_count(&plug), 1, "somebody is left");
        result
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_end_is_told_once_and_in_its_place(plan in plans()) {
        let outcomes = alone(&plan, |plan, plug, runtime| {
            let map = task::map(plan.items.into_iter().enumerate()).limit(plan.limit).context(&plug.ctx);
            let map = map.policy(CollectAll).panics(Panics::AsError).spawned();
            runtime.block_on(map.run(move |_, (n, item)| Arc::clone(&plug).act(n, item)))
        });
        let whole = outcomes.len() == plan.items.len();
        prop_assert!(whole || plan.is_cancelled() && outcomes.len() < plan.items.len(), "{}", outcomes.len());
        let mut cut = false;
        for (n, (outcome, (_, does))) in outcomes.into_iter().zip(&plan.items).enumerate() {
            match outcome {
                Ok(value) => prop_assert!(*does == Does::Gives && value == n, "item {}", n),
                Err(MemberError::Failed(error)) => prop_assert_eq!(error.to_string(), format!("item {n}")),
                Err(MemberError::Panicked(report)) => {
                    prop_assert!(report.into_payload().downcast_ref() == Some(&n), "the panic of item {}", n);
                }
                Err(error) => {
                    prop_assert!(plan.is_cancelled(), "item {}: {}", n, error);
                    cut = true;
                }
            }
        }
        prop_assert!(whole || cut, "it has been cut short, and looks whole");
    }

    #[test]
    fn a_fold_is_that_of_a_loop_or_of_a_part_in_its_order(plan in plans().prop_map(Plan::peaceful)) {
        let (seen, result) = alone(&plan, |plan, plug, runtime| {
            let map = task::map(plan.items.into_iter().enumerate()).limit(plan.limit).context(&plug.ctx);
            let map = if plan.ordered { map } else { map.as_finished() }.spawned();
            let mut seen = Vec::new();
            let act = move |_: Context, (n, item)| Arc::clone(&plug).act(n, item);
            let fold = map.fold(0, act, |sum, n| { seen.push(n); sum + n });
            let result = runtime.block_on(fold).map_err(|error| error.cancelled().is_some());
            (seen, result)
        });
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        sorted.dedup();
        prop_assert_eq!(sorted.len(), seen.len(), "none twice");
        match result {
            Ok(sum) => {
                prop_assert!(sorted.into_iter().eq(0..plan.items.len()));
                prop_assert_eq!(sum, seen.iter().sum::<usize>());
            }
            Err(cancelled) => prop_assert!(cancelled && plan.is_cancelled()),
        }
        // One that is cut short may leave out an item that was called off, and its end says so.
        prop_assert!(!plan.ordered || seen.is_sorted(), "in order: {:?}", seen);
    }

    #[test]
    fn a_stream_gives_what_a_loop_gives_as_long_as_it_is_taken(plan in plans().prop_map(Plan::peaceful)) {
        let (mut taken, failed) = alone(&plan, |plan, plug, runtime| {
            let map = task::map(plan.items.into_iter().enumerate()).limit(plan.limit).context(&plug.ctx);
            let map = if plan.ordered { map } else { map.as_finished() }.spawned();
            runtime.block_on(async {
                let mut results = map.stream(move |_, (n, item)| {
                    let end = Arc::clone(&plug).act(n, item);
                    async move { ok(end.await.unwrap()) }
                });
                let (mut taken, mut failed) = (Vec::new(), None);
                while taken.len() < plan.most && failed.is_none() {
                    match results.next().await {
                        Some(Ok(n)) => taken.push(n),
                        Some(Err(error)) => failed = Some(error.cancelled().is_some()),
                        None => break,
                    }
                }
                (taken, failed)
            })
        });
        prop_assert!(!plan.ordered || taken.is_sorted(), "in order: {:?}", taken);
        let all = taken.len();
        taken.sort_unstable();
        taken.dedup();
        prop_assert_eq!(taken.len(), all, "none twice");
        match failed {
            Some(cancelled) => prop_assert!(cancelled && plan.is_cancelled()),
            None => prop_assert_eq!(all, plan.items.len().min(plan.most)),
        }
    }
}
