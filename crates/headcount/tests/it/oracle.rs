//! A naive twin as oracle: random programs of adds, ends, waits and drops, with the same answers from both.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use headcount::{GroupWait, Token, Tokens, WaitGroup};
use proptest::prelude::*;

use crate::Poller;

#[derive(Clone, Debug)]
enum Step {
    Add,
    AddNamed,
    AddMany(u8),
    TakeOne(u8),
    CloneToken(u8),
    DropToken(u8),
    DropTokens(u8),
    CloneHandle,
    DropHandle,
    MakeWait(u8),
    Poll(u8),
    PollWithAnother(u8),
    DropWait(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Add),
        1 => Just(Step::AddNamed),
        1 => (0..4_u8).prop_map(Step::AddMany),
        1 => any::<u8>().prop_map(Step::TakeOne),
        1 => any::<u8>().prop_map(Step::CloneToken),
        6 => any::<u8>().prop_map(Step::DropToken),
        1 => any::<u8>().prop_map(Step::DropTokens),
        1 => Just(Step::CloneHandle),
        1 => Just(Step::DropHandle),
        3 => (0..4_u8).prop_map(|n| Step::MakeWait(n.saturating_sub(1))),
        6 => any::<u8>().prop_map(Step::Poll),
        1 => any::<u8>().prop_map(Step::PollWithAnother),
        2 => any::<u8>().prop_map(Step::DropWait),
    ]
}

/// What the twin knows of a wait.
struct TwinWait {
    at_most: usize,
    /// Polled at least once while it was not over: from then on every dip counts.
    listed: bool,
    over: bool,
    wakes: usize,
}

/// The twin: one number and a list, each step written as the contract says it.
#[derive(Default)]
struct Twin {
    out: usize,
    waits: BTreeMap<usize, TwinWait>,
}

impl Twin {
    fn back(&mut self, n: usize) {
        self.out -= n;
        if n == 0 {
            return;
        }
        for wait in self.waits.values_mut().filter(|wait| !wait.over) {
            if self.out == 0 || (wait.listed && self.out <= wait.at_most) {
                wait.over = true;
                wait.wakes += usize::from(wait.listed);
            }
        }
    }

    fn poll(&mut self, id: usize) -> bool {
        let out = self.out;
        let wait = self.waits.get_mut(&id).unwrap();
        wait.over |= out <= wait.at_most;
        wait.listed |= !wait.over;
        wait.over
    }
}

fn pick<T>(from: &[T], by: u8) -> Option<usize> {
    (!from.is_empty()).then(|| usize::from(by) % from.len())
}

fn run(steps: &[Step]) {
    // One handle is kept to the end for the waits to borrow; others come and go.
    let group = WaitGroup::new();
    let mut handles: Vec<WaitGroup> = Vec::new();
    let mut tokens: Vec<Token> = Vec::new();
    let mut blocks: Vec<Tokens> = Vec::new();
    let mut waits: Vec<(usize, Arc<Poller>, Pin<Box<GroupWait<'_>>>)> = Vec::new();
    let mut twin = Twin::default();

    for (id, step) in steps.iter().enumerate() {
        match *step {
            Step::Add => tokens.push(handles.last().unwrap_or(&group).add()),
            Step::AddNamed => tokens.push(group.add_named(format!("member {id}"))),
            Step::AddMany(n) => blocks.push(group.add_many(n.into())),
            Step::TakeOne(by) => {
                tokens.extend(pick(&blocks, by).and_then(|at| blocks[at].next()));
                continue;
            }
            Step::CloneToken(by) => {
                let Some(at) = pick(&tokens, by) else { continue };
                tokens.push(tokens[at].clone());
            }
            Step::DropToken(by) => {
                let Some(at) = pick(&tokens, by) else { continue };
                drop(tokens.swap_remove(at));
                twin.back(1);
            }
            Step::DropTokens(by) => {
                let Some(at) = pick(&blocks, by) else { continue };
                let block = blocks.swap_remove(at);
                let n = block.len();
                drop(block);
                twin.back(n);
            }
            Step::CloneHandle => handles.push(group.clone()),
            Step::DropHandle => drop(handles.pop()),
            Step::MakeWait(n) => {
                let at_most = usize::from(n);
                waits.push((id, Poller::new(), Box::pin(group.wait_at_most_async(at_most))));
                let over = twin.out <= at_most;
                twin.waits.insert(id, TwinWait { at_most, listed: false, over, wakes: 0 });
            }
            Step::Poll(by) | Step::PollWithAnother(by) => {
                let Some(at) = pick(&waits, by) else { continue };
                let (id, poller, wait) = &mut waits[at];
                let ready = if matches!(step, Step::Poll(_)) {
                    poller.poll(wait.as_mut())
                } else {
                    // Another waker for a moment; then the usual one again, so that wakes are counted in one place.
                    let ready = Poller::new().poll(wait.as_mut());
                    assert_eq!(poller.poll(wait.as_mut()), ready);
                    ready
                };
                assert_eq!(ready, twin.poll(*id), "wait {id}");
            }
            Step::DropWait(by) => {
                let Some(at) = pick(&waits, by) else { continue };
                let (id, ..) = waits.swap_remove(at);
                twin.waits.remove(&id);
            }
        }
        match step {
            Step::Add | Step::AddNamed | Step::CloneToken(_) => twin.out += 1,
            Step::AddMany(n) => twin.out += usize::from(*n),
            _ => {}
        }
        assert_eq!(group.outstanding(), twin.out);
        for (id, poller, _) in &waits {
            assert_eq!(poller.wakes(), twin.waits[id].wakes, "wakes of wait {id}");
        }
    }

    let listed = group.roll_call();
    assert_eq!(listed.outstanding(), twin.out);
    drop((tokens, blocks));
    assert_eq!(group.outstanding(), 0);
    for (id, poller, mut wait) in waits {
        assert!(poller.poll(wait.as_mut()), "wait {id} at the end");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_programs_get_the_answers_of_the_naive_twin(steps in prop::collection::vec(step(), 0..120)) {
        run(&steps);
    }
}
