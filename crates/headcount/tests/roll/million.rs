//! A crowd that is out.

use super::alone;
use headcount::{Context, WaitGroup, task};
use std::time::{Duration, Instant};

#[test]
fn a_million_members_are_called_while_they_are_out_and_folded_in_the_text() {
    let _alone = alone();
    const MILLION: usize = 1_000_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let gate = WaitGroup::new();
        let held = gate.add();
        let group = task::Group::with_policy(&Context::background(), headcount::Discard).named("crowd");
        for _ in 0..MILLION {
            let gate = gate.clone();
            group.spawn(move |_| async move {
                gate.wait_async().await;
                headcount::ok(())
            });
        }
        let begun = Instant::now();
        let roll = headcount::roll_call();
        let called = begun.elapsed();
        let text = roll.to_string();
        let told = begun.elapsed() - called;
        println!("{MILLION} members out: called in {called:.1?}, told in {told:.1?}");
        assert_eq!(roll.outstanding(), MILLION + 1);
        assert!(text.lines().count() < 40, "{text}");
        drop(roll);
        drop(held);
        tokio::time::timeout(Duration::from_secs(120), group.wait()).await.unwrap();
    });
    drop(runtime);
    assert!(headcount::roll_call().is_empty(), "{}", headcount::roll_call());
}
