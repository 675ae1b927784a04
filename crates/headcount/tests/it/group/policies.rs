//! Every policy against its naive twin, on a thousand random stories; and the few texts that are a policy's own.

use headcount::{
    CollectAll, Discard, Ended, ErrorBudget, FailFast, FirstOk, GroupError, MemberError, Outcome,
    PanicReport, Policy, Quorum, Tally, Trial, Verdict,
};
use proptest::prelude::*;

use super::oracle::{Blame, End, Root, Said, Story};
use super::{Oops, cancelled, too_late};

/// Tells the story to the policy; the verdict after each end, and the answer.
fn told<P: Policy<usize, Oops>>(policy: P, story: &Story) -> (Vec<Verdict>, P::Output) {
    let mut trial = Trial::new(policy);
    let mut verdicts = Vec::new();
    for (at, &(index, end)) in story.ends.iter().enumerate() {
        if at == story.cancelled {
            trial.cancel(cancelled());
        }
        verdicts.push(match end {
            End::Value => trial.succeeded(index, index),
            End::Fork => trial.forked(index),
            End::Failed => trial.failed(index, Oops::new("failed")),
            End::PassedOn => trial.failed(index, Oops::over("passed on", cancelled())),
            End::TooLate => trial.failed(index, Oops::over("too late", too_late())),
            End::Panicked => {
                trial.ended(index, Err(MemberError::Panicked(PanicReport::new(Box::new("boom")))))
            }
            End::Cancelled => trial.ended(index, Err(MemberError::Cancelled(cancelled()))),
            End::Aborted => trial.ended(index, Err(MemberError::Aborted)),
            End::ByHand => trial.cancelled_by_hand(index, cancelled()),
        });
    }
    if story.cancelled == story.ends.len() {
        trial.cancel(cancelled());
    }
    (verdicts, trial.end())
}

/// What the error says, in the oracle's words. Its tally must be that of the story.
fn blame(error: GroupError<Oops>, story: &Story) -> Blame {
    assert_eq!(numbers(error.tally()), story.tally());
    let root = match (error.member(), error.cancelled()) {
        (Some(member), None) => Root::Member(member.index()),
        (None, Some(_)) => Root::Cancelled,
        (None, None) => Root::TooFew,
        both => panic!("two roots: {both:?}"),
    };
    Blame { root, others: error.others().map(|(member, _)| member.index()).collect() }
}

fn numbers(tally: Tally) -> [u64; 5] {
    let numbers = [tally.succeeded, tally.failed, tally.panicked, tally.cancelled, tally.aborted];
    assert_eq!(tally.total(), numbers.iter().sum::<u64>());
    numbers
}

fn said(outcome: Result<usize, MemberError<Oops>>) -> Said {
    match outcome {
        Ok(value) => Said::Value(value),
        Err(MemberError::Failed(_)) => Said::Failed,
        Err(MemberError::Panicked(_)) => Said::Panicked,
        Err(MemberError::Cancelled(_)) => Said::Cancelled,
        Err(MemberError::Aborted) => Said::Aborted,
        Err(other) => panic!("unknown: {other:?}"),
    }
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        6 => Just(End::Value),
        1 => Just(End::Fork),
        2 => Just(End::Failed),
        1 => Just(End::PassedOn),
        1 => Just(End::TooLate),
        1 => Just(End::Panicked),
        1 => Just(End::Cancelled),
        1 => Just(End::Aborted),
        1 => Just(End::ByHand),
    ]
}

/// Some stories of every mixture, and many of few kinds: where nobody fails, where all succeed.
fn story() -> impl Strategy<Value = Story> {
    let kinds = prop_oneof![
        2 => proptest::collection::vec(end(), 0..16),
        1 => (end(), proptest::collection::vec(any::<bool>(), 0..12)).prop_map(|(other, which)| {
            which.into_iter().map(|value| if value { End::Value } else { other }).collect()
        }),
    ];
    kinds.prop_flat_map(|kinds| {
        let order = Just((0..kinds.len()).collect::<Vec<_>>()).prop_shuffle();
        // One beyond the end is "after the last", two beyond is "never".
        (Just(kinds), order, 0..20_usize).prop_map(|(kinds, order, cancelled)| {
            let cancelled = cancelled.min(kinds.len() + 1);
            Story { ends: order.into_iter().zip(kinds).collect(), cancelled }
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fail_fast_is_its_twin(story in story()) {
        let (verdicts, answer) = told(FailFast, &story);
        prop_assert_eq!((verdicts, answer.map_err(|error| blame(error, &story))), story.fail_fast());
    }

    #[test]
    fn collect_all_is_its_twin(story in story()) {
        let (verdicts, answer) = told(CollectAll, &story);
        prop_assert_eq!((verdicts, answer.into_iter().map(said).collect()), story.collect_all());
    }

    #[test]
    fn first_ok_is_its_twin(story in story()) {
        let (verdicts, answer) = told(FirstOk, &story);
        prop_assert_eq!((verdicts, answer.map_err(|error| blame(error, &story))), story.first_ok());
    }

    #[test]
    fn quorum_is_its_twin(story in story(), needed in 0..8_usize) {
        let (verdicts, answer) = told(Quorum(needed), &story);
        prop_assert_eq!((verdicts, answer.map_err(|error| blame(error, &story))), story.quorum(needed));
    }

    #[test]
    fn error_budget_is_its_twin(story in story(), allowed in 0..5_usize) {
        let (verdicts, answer) = told(ErrorBudget(allowed), &story);
        let answer = answer.map(|(values, failures)| {
            assert!(failures.iter().all(MemberError::is_failure));
            (values, failures.len())
        });
        prop_assert_eq!((verdicts, answer.map_err(|error| blame(error, &story))), story.error_budget(allowed));
    }

    #[test]
    fn discard_is_its_twin(story in story()) {
        let (verdicts, tally) = told(Discard, &story);
        prop_assert_eq!((verdicts, numbers(tally)), (story.continues(), story.tally()));
    }
}

/// A policy of a user: a majority of the members so far decides, judged by what they return.
#[derive(Default)]
struct Jury<'a> {
    /// Borrowed, as policies of scoped threads may.
    heard: Option<&'a std::sync::atomic::AtomicUsize>,
    forks: Vec<usize>,
}

impl<'v, E> Policy<&'v str, E> for Jury<'_> {
    const KEEPS: bool = true;
    type Output = (Vec<&'v str>, Option<GroupError<E>>);

    fn judge(&mut self, outcome: &Outcome<'_, &'v str, E>) -> Verdict {
        if let Some(heard) = self.heard {
            heard.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        match *outcome {
            Outcome::Value(_, &"guilty") => Verdict::Finish,
            Outcome::Forked(member) => {
                self.forks.push(member.index());
                Verdict::Continue
            }
            _ => Verdict::Continue,
        }
    }

    fn output(self, mut ended: Ended<&'v str, E>) -> Self::Output {
        assert_eq!(self.forks, [5]);
        assert_eq!(ended.take_value(5), None);
        assert_eq!(ended.take_value(0), Some("innocent"));
        assert_eq!(ended.take_value(0), None);
        ended.into_values_and_error()
    }
}

#[test]
fn a_policy_of_ones_own_judges_values_that_borrow() {
    let texts = String::from("innocent guilty");
    let [innocent, guilty] = [&texts[..8], &texts[9..]];
    let heard = std::sync::atomic::AtomicUsize::new(0);
    let mut trial = Trial::<_, Oops, _>::new(Jury { heard: Some(&heard), forks: Vec::new() });
    assert_eq!(trial.forked(5), Verdict::Continue);
    assert_eq!(trial.succeeded(0, innocent), Verdict::Continue);
    assert_eq!(trial.failed(1, Oops::new("asleep")), Verdict::Continue);
    assert_eq!(trial.succeeded(4, guilty), Verdict::Finish);
    assert_eq!(trial.succeeded(3, innocent), Verdict::Finish);
    let (values, error) = trial.end();
    assert_eq!(values, ["innocent", "guilty"], "in spawn order");
    assert_eq!(error.unwrap().root().unwrap().0, "asleep");
    assert_eq!(heard.into_inner(), 4, "nobody is asked after the verdict");
}

#[test]
fn the_first_to_succeed_is_first_in_time_and_not_in_order() {
    let mut trial = Trial::<_, Oops, _>::new(FirstOk);
    assert_eq!(trial.succeeded(2, "two"), Verdict::Finish);
    trial.succeeded(0, "zero");
    assert_eq!(trial.end().unwrap(), "two");

    let mut trial = Trial::<_, Oops, _>::new(Quorum(2));
    for index in [3, 1, 0] {
        trial.succeeded(index, index);
    }
    assert_eq!(trial.end().unwrap(), [1, 3], "the first two, in spawn order");
}

#[test]
fn what_a_policy_does_not_keep_is_dropped_as_it_comes() {
    let value = std::sync::Arc::new(());
    let mut trial = Trial::<_, Oops, _>::new(Discard);
    trial.succeeded(0, std::sync::Arc::clone(&value));
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
    assert_eq!(trial.end().to_string(), "1 succeeded");
}

#[test]
fn a_tally_leaves_out_the_zeros() {
    assert_eq!(Trial::<(), Oops, _>::new(Discard).end().to_string(), "no members");
    let mut trial = Trial::<_, Oops, _>::new(Discard);
    trial.succeeded(0, ());
    trial.failed(1, Oops::new("failed"));
    trial.ended(2, Err(MemberError::Aborted));
    trial.ended(3, Err(MemberError::Aborted));
    assert_eq!(trial.end().to_string(), "1 succeeded, 1 failed, 2 aborted");
}

#[test]
fn every_member_is_among_the_outcomes_in_spawn_order() {
    struct Outcomes;
    impl Policy<u8, Oops> for Outcomes {
        const KEEPS: bool = true;
        type Output = Vec<(usize, bool)>;
        fn judge(&mut self, _: &Outcome<'_, u8, Oops>) -> Verdict {
            Verdict::Continue
        }
        fn output(self, ended: Ended<u8, Oops>) -> Self::Output {
            assert!(ended.cancelled().is_some());
            let outcomes = ended.into_outcomes().into_iter();
            outcomes.map(|(member, outcome)| (member.index(), outcome.is_ok())).collect()
        }
    }
    let mut trial = Trial::new(Outcomes);
    trial.failed(2, Oops::new("failed"));
    trial.succeeded(3, 0);
    trial.cancel(cancelled());
    trial.cancelled_by_hand(0, cancelled());
    trial.succeeded(1, 0);
    assert_eq!(trial.end(), [(0, false), (1, true), (2, false), (3, true)]);
}
