//! Figures add up, whatever way members end.

use std::collections::BTreeMap;

use headcount::{CollectAll, Context, task};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// The figures, by label and name.
struct Figures {
    /// Tells what was added since it was last asked.
    added: Snapshotter,
    now: BTreeMap<(String, String), i64>,
}

impl Figures {
    fn new(recorder: &DebuggingRecorder) -> Self {
        Self { added: recorder.snapshotter(), now: BTreeMap::new() }
    }

    fn look(&mut self) {
        for (key, _, _, value) in self.added.snapshot().into_vec() {
            let labels: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
            *self.now.entry((labels.join(","), key.key().name().to_owned())).or_default() += match value {
                DebugValue::Counter(count) => count as i64,
                DebugValue::Gauge(level) => level.into_inner() as i64,
                DebugValue::Histogram(_) => unreachable!("there is none"),
            };
        }
    }

    /// Queued, running, finished, failed.
    fn of(&mut self, group: &str) -> [i64; 4] {
        self.look();
        ["queued", "running", "finished", "failed"].map(|what| {
            let key = (group.to_owned(), format!("headcount_members_{what}"));
            *self.now.get(&key).unwrap_or_else(|| panic!("no {key:?} in {:?}", self.now))
        })
    }
}

#[test]
fn figures_follow_members_from_the_queue_to_the_end_and_consequences_are_no_failures() {
    let recorder = DebuggingRecorder::new();
    let mut figures = Figures::new(&recorder);
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let group = task::Group::with_policy(&Context::background(), CollectAll).limit(2).named("jobs");
            group.spawn(|_| async { Err("failed") });
            group.spawn(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
            group.spawn(|ctx| async move { Err::<(), _>(ctx.wait_async().await) });
            group.spawn(|_| async { headcount::ok(()) });
            assert_eq!(figures.of("jobs"), [4, 0, 0, 0], "nobody has been polled");
            while group.running() != 2 || group.queued() != 1 {
                tokio::task::yield_now().await;
            }
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            assert_eq!(figures.of("jobs"), [1, 2, 1, 1]);
            group.cancel();
            assert_eq!(group.wait().await.len(), 4);
            // Two were cancelled while they ran, and one never began.
            assert_eq!(figures.of("jobs"), [0, 0, 4, 1]);
        });
    });
}

#[test]
fn groups_without_a_name_are_told_apart_by_their_place_and_panics_are_failures() {
    let recorder = DebuggingRecorder::new();
    let mut figures = Figures::new(&recorder);
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let group = task::Group::<(), _>::new(&Context::background());
            group.spawn(|_| async {
                if true {
                    panic!("planted");
                }
                headcount::ok(())
            });
            tokio::spawn(group.wait()).await.unwrap_err();
        });
    });
    figures.look();
    let group = figures.now.keys().next().unwrap().0.clone();
    assert!(group.contains("tests/observe/meters.rs:"), "{group}");
    assert_eq!(figures.of(&group), [0, 0, 1, 1]);
}
