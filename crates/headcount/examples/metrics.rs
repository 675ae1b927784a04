//! A program that keeps figures through the `metrics` facade sees its groups: how many members queue, run, have finished and
//! have failed. The feature `metrics` is all it takes.
//!
//! In a program of yours the recorder is your exporter's; this one keeps the figures in memory, to be looked at.

use std::collections::BTreeMap;
use std::sync::mpsc;

use headcount::{CollectAll, Context, thread};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

/// The figures of one group, by their names without what all have in common.
struct Figures {
    /// Tells what was added since it was last asked.
    added: Snapshotter,
    group: &'static str,
    now: BTreeMap<String, i64>,
}

impl Figures {
    fn look(&mut self) -> &BTreeMap<String, i64> {
        for (key, _, _, value) in self.added.snapshot().into_vec() {
            let key = key.key();
            if !key.labels().any(|label| label.key() == "group" && label.value() == self.group) {
                continue;
            }
            let name = key.name().trim_start_matches("headcount_members_").to_owned();
            *self.now.entry(name).or_default() += match value {
                DebugValue::Counter(count) => count as i64,
                DebugValue::Gauge(level) => level.into_inner() as i64,
                DebugValue::Histogram(_) => unreachable!("there is none"),
            };
        }
        &self.now
    }
}

fn main() {
    let recorder = DebuggingRecorder::new();
    let mut figures = Figures { added: recorder.snapshotter(), group: "uploads", now: BTreeMap::new() };
    recorder.install().expect("there was none before");

    let scope = thread::Scope::with_policy(&Context::background(), CollectAll).limit(2).named("uploads");
    let results = scope.run(|group| {
        let (begun, both) = mpsc::channel();
        let mut doors = Vec::new();
        for file in 0..5 {
            let (open, door) = mpsc::channel::<()>();
            doors.push(open);
            let begun = begun.clone();
            group.spawn(move |_ctx| {
                // Only the first two are listened to.
                let _ = begun.send(());
                // Until the body opens the door.
                let _ = door.recv();
                if file == 3 { Err("connection reset") } else { Ok(file) }
            });
        }
        // Two run, and the others queue for a slot.
        both.iter().take(2).for_each(drop);
        println!("meanwhile   {:?}", figures.look());
        drop(doors);
    });
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1);

    let after = figures.look();
    println!("afterwards  {after:?}");
    let expected = [("failed", 1), ("finished", 5), ("queued", 0), ("running", 0)];
    assert_eq!(*after, expected.map(|(name, value)| (name.to_owned(), value)).into());
}
