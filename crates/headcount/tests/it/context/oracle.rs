//! A naive tree as oracle: random derivations, merges, cancellations and drops, with the same answers from both.

use headcount::{Canceller, Context};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Derive(u8),
    DeriveLate(u8),
    Merge(u8, u8),
    WithValue(u8),
    Detach(u8),
    Cancel(u8),
    DropCanceller(u8),
    Keep(u8),
    DropContext(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u8>().prop_map(Step::Derive),
        1 => any::<u8>().prop_map(Step::DeriveLate),
        2 => any::<(u8, u8)>().prop_map(|(one, two)| Step::Merge(one, two)),
        1 => any::<u8>().prop_map(Step::WithValue),
        1 => any::<u8>().prop_map(Step::Detach),
        2 => any::<u8>().prop_map(Step::Cancel),
        1 => any::<u8>().prop_map(Step::DropCanceller),
        2 => any::<u8>().prop_map(Step::Keep),
        2 => any::<u8>().prop_map(Step::DropContext),
    ]
}

/// A node of the twin: its parents by index, and the number of the step that cancelled it.
#[derive(Default)]
struct Twin {
    nodes: Vec<(Vec<usize>, Option<usize>)>,
}

impl Twin {
    fn below(&mut self, parents: Vec<usize>) -> usize {
        let cause = parents.iter().find_map(|&parent| self.nodes[parent].1);
        self.nodes.push((parents, cause));
        self.nodes.len() - 1
    }

    fn cancel(&mut self, at: usize, cause: usize) {
        self.nodes[at].1.get_or_insert(cause);
        // Children come after their parents: one pass finds all that is below.
        let mut below = vec![at];
        for child in at + 1..self.nodes.len() {
            if self.nodes[child].0.iter().any(|parent| below.contains(parent)) {
                self.nodes[child].1.get_or_insert(cause);
                below.push(child);
            }
        }
    }
}

fn pick<T>(from: &[T], by: u8) -> Option<usize> {
    (!from.is_empty()).then(|| usize::from(by) % from.len())
}

fn run(steps: &[Step]) {
    let mut twin = Twin::default();
    // The twin's node of `None` is the background.
    let mut contexts: Vec<(Context, Option<usize>)> = vec![(Context::background(), None)];
    let mut cancellers: Vec<(Canceller, usize)> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        match *step {
            Step::Derive(by) => {
                let Some(at) = pick(&contexts, by) else { continue };
                let (ctx, canceller) = contexts[at].0.with_cancel();
                let node = twin.below(contexts[at].1.into_iter().collect());
                contexts.push((ctx, Some(node)));
                cancellers.push((canceller, node));
            }
            Step::DeriveLate(by) => {
                let Some(at) = pick(&contexts, by) else { continue };
                let ctx = contexts[at].0.with_timeout(std::time::Duration::ZERO);
                let node = twin.below(contexts[at].1.into_iter().collect());
                twin.cancel(node, number);
                contexts.push((ctx, Some(node)));
            }
            Step::Merge(one, two) => {
                let (Some(one), Some(two)) = (pick(&contexts, one), pick(&contexts, two)) else { continue };
                let ctx = contexts[one].0.merged(&contexts[two].0);
                let node = match (contexts[one].1, contexts[two].1) {
                    (Some(one), Some(two)) => Some(twin.below(vec![one, two])),
                    (one, two) => one.or(two),
                };
                contexts.push((ctx, node));
            }
            Step::WithValue(by) => {
                let Some(at) = pick(&contexts, by) else { continue };
                contexts.push((contexts[at].0.with_value(number), contexts[at].1));
            }
            Step::Detach(by) => {
                let Some(at) = pick(&contexts, by) else { continue };
                contexts.push((contexts[at].0.detached(), None));
            }
            Step::Cancel(by) => {
                let Some(at) = pick(&cancellers, by) else { continue };
                let (canceller, node) = cancellers.swap_remove(at);
                canceller.cancel_because(number.to_string());
                twin.cancel(node, number);
            }
            Step::DropCanceller(by) => {
                let Some(at) = pick(&cancellers, by) else { continue };
                let (canceller, node) = cancellers.swap_remove(at);
                drop(canceller);
                twin.cancel(node, usize::MAX);
            }
            Step::Keep(by) => {
                let Some(at) = pick(&cancellers, by) else { continue };
                cancellers.swap_remove(at).0.keep();
            }
            Step::DropContext(by) => {
                if let Some(at) = pick(&contexts, by) {
                    contexts.swap_remove(at);
                }
            }
        }
        for (ctx, node) in &contexts {
            let expected = node.and_then(|node| twin.nodes[node].1);
            let cause = ctx.cancelled_because();
            assert_eq!(ctx.is_cancelled(), expected.is_some(), "after step {number}");
            let said = cause.as_ref().and_then(|why| why.cause()).map(ToString::to_string);
            match expected {
                None => assert!(cause.is_none()),
                // A deadline and a dropped canceller give no cause of their own.
                Some(usize::MAX) => assert!(said.is_none()),
                Some(step) => {
                    assert!(said.is_none_or(|said| said == step.to_string()), "after step {number}")
                }
            }
        }
    }
    drop(cancellers);
    let kept: Vec<_> = contexts.iter().filter(|(ctx, _)| ctx.is_cancelled()).collect();
    assert!(kept.iter().all(|(ctx, _)| ctx.cancelled_because().is_some()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_trees_get_the_answers_of_the_naive_twin(steps in prop::collection::vec(step(), 0..80)) {
        run(&steps);
    }
}
