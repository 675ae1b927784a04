//! Policies at work in a group, beside a naive twin that is told the ends one after the other.

use headcount::task::Group;
use headcount::{
    CollectAll, Context, Discard, Ended, ErrorBudget, FailFast, FirstOk, GroupError, MemberError, Outcome,
    Policy, Quorum, Tally, Verdict,
};
use proptest::prelude::*;

use super::{Gate, Hand};

#[derive(Debug, Clone, PartialEq)]
struct Bad(usize);

impl std::fmt::Display for Bad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bad {}", self.0)
    }
}

impl std::error::Error for Bad {}

/// What a member does when it is let go, and when it is cancelled before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Will {
    Succeed,
    Fail,
    /// Panics, which is but a failure here.
    Panic,
    /// Does not heed a cancellation.
    Stubborn(bool),
}

/// What came of a group, told in plain words.
#[derive(Debug, PartialEq)]
enum Told {
    Values(Vec<usize>),
    Each(Vec<Result<usize, End>>),
    Budget(Vec<usize>, Vec<End>),
    /// The root's index, the others', and the tally.
    Error(Option<usize>, Vec<usize>),
    Count,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Failed,
    Panicked,
    Cancelled,
}

fn end(error: &MemberError<Bad>) -> End {
    match error {
        MemberError::Failed(_) => End::Failed,
        MemberError::Panicked(_) => End::Panicked,
        MemberError::Cancelled(_) => End::Cancelled,
        other => panic!("{other}"),
    }
}

fn told(result: Result<Vec<usize>, GroupError<Bad>>) -> Told {
    match result {
        Ok(values) => Told::Values(values),
        Err(error) => Told::Error(
            error.member().map(headcount::Member::index),
            error.others().map(|(member, _)| member.index()).collect(),
        ),
    }
}

/// A rule, naively: given how members ended, in order of ending, when is it over?
#[derive(Debug, Clone, Copy)]
enum Rule {
    FailFast,
    CollectAll,
    FirstOk,
    Quorum(usize),
    ErrorBudget(usize),
    Discard,
}

impl Rule {
    fn is_over(self, ends: &[(usize, Option<End>)]) -> bool {
        let good = ends.iter().filter(|(_, end)| end.is_none()).count();
        let bad = ends.iter().filter(|(_, end)| matches!(end, Some(End::Failed | End::Panicked))).count();
        match self {
            Self::FailFast => bad > 0,
            Self::CollectAll | Self::Discard => false,
            Self::FirstOk => good > 0,
            Self::Quorum(needed) => good >= needed && !ends.is_empty(),
            Self::ErrorBudget(allowed) => bad > allowed,
        }
    }

    /// What the group should give, from the ends in their order.
    fn expect(self, ends: &[(usize, Option<End>)]) -> Told {
        let mut sorted = ends.to_vec();
        sorted.sort_by_key(|(index, _)| *index);
        let values = Vec::from_iter(sorted.iter().filter(|(_, end)| end.is_none()).map(|(index, _)| *index));
        let mut firsts = ends.iter().filter(|(_, end)| end.is_none()).map(|(index, _)| *index);
        let bad: Vec<_> = ends
            .iter()
            .filter(|(_, end)| matches!(end, Some(End::Failed | End::Panicked)))
            .map(|(index, end)| (*index, end.unwrap()))
            .collect();
        let cut = ends.iter().any(|(_, end)| *end == Some(End::Cancelled));
        let error = || {
            let mut bad = bad.iter().map(|(index, _)| *index);
            Told::Error(bad.next(), bad.collect())
        };
        match self {
            Self::FailFast if bad.is_empty() && !cut => Told::Values(values),
            Self::CollectAll => {
                Told::Each(sorted.iter().map(|(index, end)| end.map_or(Ok(*index), Err)).collect())
            }
            Self::FirstOk if !values.is_empty() => Told::Values(vec![firsts.next().unwrap()]),
            Self::Quorum(needed) if values.len() >= needed => {
                let mut first: Vec<_> = firsts.take(needed).collect();
                first.sort_unstable();
                Told::Values(first)
            }
            Self::ErrorBudget(allowed) if bad.len() <= allowed && !cut => {
                Told::Budget(values, bad.into_iter().map(|(_, end)| end).collect())
            }
            Self::ErrorBudget(allowed) if bad.len() <= allowed => {
                Told::Error(None, bad.into_iter().map(|(index, _)| index).collect())
            }
            Self::Discard => Told::Count,
            Self::FailFast | Self::FirstOk | Self::Quorum(_) | Self::ErrorBudget(_) => error(),
        }
    }
}

/// Runs the group by hand: members are let go in `order`, or cancelled at step `cancel`. Gives what the policy gave, and
/// how the naive twin saw it.
fn run<P: Policy<usize, Bad> + 'static>(
    policy: P,
    rule: Rule,
    wills: &[Will],
    order: &[usize],
    limit: Option<usize>,
    cancel: Option<usize>,
) -> (P::Output, Vec<(usize, Option<End>)>) {
    let hand = Hand::new();
    let mut group = Group::typed_with_policy(&Context::background(), policy)
        .on(hand.clone())
        .panics(headcount::Panics::AsError);
    if let Some(limit) = limit {
        group = group.limit(limit);
    }
    let gates: Vec<_> = wills.iter().map(|_| Gate::closed()).collect();
    for (n, (will, gate)) in wills.iter().copied().zip(gates.iter().cloned()).enumerate() {
        group.spawn(move |ctx| async move {
            let good = match will {
                Will::Stubborn(good) => {
                    gate.pass().await;
                    good
                }
                _ => match ctx.run_async(gate.pass()).await {
                    Ok(()) => will == Will::Succeed,
                    // Recognized as what it is, though its type is another.
                    Err(_) => return Err(Bad(usize::MAX)),
                },
            };
            assert!(will != Will::Panic, "as I would");
            if good { Ok(n) } else { Err(Bad(n)) }
        });
    }
    let group = group.cancelled_when(|error| error.0 == usize::MAX);
    hand.run();

    // The twin: who runs, who queues, who has ended.
    let mut ends: Vec<(usize, Option<End>)> = Vec::new();
    let mut begun = limit.unwrap_or(wills.len()).min(wills.len());
    let mut waiting: Vec<usize> = Vec::from_iter(0..wills.len());
    let mut over = false;
    let stop = |waiting: &mut Vec<usize>, ends: &mut Vec<_>, begun: usize| {
        // Who queues goes home first, then those who heed it.
        for heed in [false, true] {
            waiting.retain(|&n| {
                let gone =
                    if heed { n < begun && !matches!(wills[n], Will::Stubborn(_)) } else { n >= begun };
                if gone {
                    ends.push((n, Some(End::Cancelled)));
                }
                !gone
            });
        }
    };
    for step in 0..=order.len() {
        if cancel == Some(step) && !over {
            over = true;
            group.cancel();
            stop(&mut waiting, &mut ends, begun);
            hand.run();
        }
        let Some(&n) = order.get(step) else { break };
        gates[n].open();
        hand.run();
        // Those who were let go and have begun end, one by one, in the order in which they begin.
        while let Some(at) = waiting.iter().position(|&n| n < begun && gates[n].0.available_permits() > 0) {
            let n = waiting.remove(at);
            let end = match wills[n] {
                Will::Succeed | Will::Stubborn(true) => None,
                Will::Panic => Some(End::Panicked),
                Will::Fail | Will::Stubborn(false) => Some(End::Failed),
            };
            ends.push((n, end));
            if !over && rule.is_over(&ends) {
                over = true;
                stop(&mut waiting, &mut ends, begun);
            }
            if !over {
                begun = (begun + 1).min(wills.len());
            }
        }
    }
    (hand.finish(group.wait()), ends)
}

fn check(rule: Rule, wills: &[Will], order: &[usize], limit: Option<usize>, cancel: Option<usize>) {
    let (got, ends) = match rule {
        Rule::FailFast => {
            let (output, ends) = run(FailFast, rule, wills, order, limit, cancel);
            (told(output), ends)
        }
        Rule::CollectAll => {
            let (output, ends) = run(CollectAll, rule, wills, order, limit, cancel);
            (
                Told::Each(output.into_iter().map(|outcome| outcome.map_err(|error| end(&error))).collect()),
                ends,
            )
        }
        Rule::FirstOk => {
            let (output, ends) = run(FirstOk, rule, wills, order, limit, cancel);
            (told(output.map(|value| vec![value])), ends)
        }
        Rule::Quorum(needed) => {
            let (output, ends) = run(Quorum(needed), rule, wills, order, limit, cancel);
            (told(output), ends)
        }
        Rule::ErrorBudget(allowed) => {
            let (output, ends) = run(ErrorBudget(allowed), rule, wills, order, limit, cancel);
            match output {
                Ok((values, errors)) => (Told::Budget(values, errors.iter().map(end).collect()), ends),
                Err(error) => (told(Err(error)), ends),
            }
        }
        Rule::Discard => {
            let (tally, ends) = run(Discard, rule, wills, order, limit, cancel);
            let count = |which| ends.iter().filter(|(_, end)| *end == which).count() as u64;
            let Tally { succeeded, failed, panicked, cancelled, aborted, .. } = tally;
            assert_eq!(
                [succeeded, failed, panicked, cancelled, aborted],
                [
                    count(None),
                    count(Some(End::Failed)),
                    count(Some(End::Panicked)),
                    count(Some(End::Cancelled)),
                    0
                ]
            );
            (Told::Count, ends)
        }
    };
    assert_eq!(ends.len(), wills.len(), "the twin counts everyone back in");
    assert_eq!(
        got,
        rule.expect(&ends),
        "{rule:?} {wills:?} {order:?} limit {limit:?} cancel {cancel:?}: {ends:?}"
    );
}

fn will() -> impl Strategy<Value = Will> {
    prop_oneof![
        4 => Just(Will::Succeed),
        2 => Just(Will::Fail),
        1 => Just(Will::Panic),
        1 => any::<bool>().prop_map(Will::Stubborn),
    ]
}

fn case() -> impl Strategy<Value = (Vec<Will>, Vec<usize>, Option<usize>, Option<usize>)> {
    proptest::collection::vec(will(), 0..12).prop_flat_map(|wills| {
        let many = wills.len();
        let order = Just(Vec::from_iter(0..many)).prop_shuffle();
        (Just(wills), order, proptest::option::of(1_usize..5), proptest::option::weighted(0.3, 0..=many))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_policy_gives_what_a_naive_twin_expects(
        (wills, order, limit, cancel) in case(),
        some in 0_usize..4,
    ) {
        let rules = [
            Rule::FailFast, Rule::CollectAll, Rule::FirstOk, Rule::Quorum(some), Rule::ErrorBudget(some), Rule::Discard,
        ];
        for rule in rules {
            check(rule, &wills, &order, limit, cancel);
        }
    }
}

/// A policy of a user's: over when the values add up to enough; gives the sum and the text of the tally.
struct Enough {
    needed: usize,
    sum: usize,
    asked_after: usize,
}

impl<E> Policy<usize, E> for Enough {
    const KEEPS: bool = false;
    type Output = (usize, usize, String);

    fn judge(&mut self, outcome: &Outcome<'_, usize, E>) -> Verdict {
        self.asked_after += usize::from(self.sum >= self.needed);
        if let Outcome::Value(_, value) = outcome {
            self.sum += **value;
        }
        if self.sum >= self.needed { Verdict::Finish } else { Verdict::Continue }
    }

    fn output(self, ended: Ended<usize, E>) -> Self::Output {
        (self.sum, self.asked_after, ended.tally().to_string())
    }
}

#[test]
fn a_policy_of_the_users_own_judges_in_order_of_ending_and_not_after_the_end() {
    let hand = Hand::new();
    let group = hand.policed(Enough { needed: 10, sum: 0, asked_after: 0 });
    for n in 0..20 {
        group.spawn(move |ctx| async move {
            if n == 2 {
                return Err("two is no good".into());
            }
            if n > 10 {
                let why = ctx.wait_async().await;
                return if n % 2 == 0 {
                    Ok(100)
                } else {
                    Err(Box::<dyn std::error::Error + Send + Sync>::from(why))
                };
            }
            Ok(n)
        });
    }
    // 0 + 1 + 3 + 4 + 5 is enough; the rest had not begun.
    let (sum, asked_after, tally) = hand.finish(group.wait());
    assert_eq!((sum, asked_after), (13, 0));
    assert_eq!(tally, "5 succeeded, 1 failed, 14 cancelled");
}
