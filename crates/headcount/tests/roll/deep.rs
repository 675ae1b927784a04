//! Groups inside of groups, deeper than a thread's stack is.

use super::{alone, until};
use headcount::{Context, GroupError, RollNode, WaitGroup, task};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::oneshot::{Sender, channel};

type Nested = Pin<Box<dyn Future<Output = Result<(), GroupError>> + Send>>;

/// So many groups, each made by the only member of the one before; the last one's says that it is there, and waits for `gate`.
fn nested(depth: usize, there: Sender<()>, gate: WaitGroup) -> Nested {
    Box::pin(async move {
        let group = task::Group::new(&Context::background());
        group.spawn(move |_| async move {
            if depth > 1 {
                return nested(depth - 1, there, gate).await;
            }
            there.send(()).expect("somebody listens");
            gate.wait_async().await;
            Ok(())
        });
        group.wait().await.map(drop)
    })
}

#[test]
fn groups_nested_deeper_than_a_stack_are_all_told() {
    let _alone = alone();
    const DEPTH: usize = 5_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let gate = WaitGroup::new();
        let held = gate.add();
        let (there, is_there) = channel();
        let run = tokio::spawn(nested(DEPTH, there, gate));
        tokio::time::timeout(Duration::from_secs(60), is_there).await.unwrap().unwrap();
        let roll = headcount::roll_call();
        // The gate's token as well.
        assert_eq!(roll.outstanding(), DEPTH + 1);
        let below = |node: &RollNode| node.children().len();
        assert!(roll.iter().all(|node| below(node) <= 1));
        assert_eq!(roll.iter().filter(|node| below(node) == 0).count(), roll.groups().len());
        // Who prints, copies and drops it needs no more of the stack than for a hundred.
        assert!(format!("{roll:#}").lines().count() > 2 * DEPTH);
        assert_eq!(roll.clone().coloured(true).outstanding(), DEPTH + 1);
        drop(roll);
        drop(held);
        tokio::time::timeout(Duration::from_secs(60), run).await.unwrap().unwrap().unwrap();
    });
    drop(runtime);
    until("nobody is out", |roll| roll.is_empty());
}
