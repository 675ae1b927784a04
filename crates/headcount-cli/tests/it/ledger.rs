//! The ledger, alone: every order of events for three members, under every policy, against a naive twin.

use headcount_cli::ledger::{
    Budget, End, Ledger, Number, Open, Outcome, Over, Policy, Reason, StepError, Tally, Verdict,
};

const ENDS: [End; 4] = [End::Done, End::Failed, End::Lost, End::Cancelled];

/// What the rules say, written down the long way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Twin {
    Registered,
    Running,
    Over(End),
}

fn tally(twins: &[Twin]) -> Tally {
    let count = |what: Twin| twins.iter().filter(|twin| **twin == what).count() as u64;
    Tally {
        registered: twins.len() as u64,
        running: count(Twin::Running),
        done: count(Twin::Over(End::Done)),
        failed: count(Twin::Over(End::Failed)),
        lost: count(Twin::Over(End::Lost)),
        cancelled: count(Twin::Over(End::Cancelled)),
    }
}

fn stood(twin: Twin) -> Option<Open> {
    match twin {
        Twin::Registered => Some(Open::Registered),
        Twin::Running => Some(Open::Running),
        Twin::Over(_) => None,
    }
}

/// Whether the batch is over when members have ended in these ways, of so many inputs in all.
fn reason(policy: Policy, twins: &[Twin], total: Option<u64>) -> Option<Reason> {
    let good = twins.iter().filter(|twin| **twin == Twin::Over(End::Done)).count();
    let bad = twins.iter().filter(|twin| matches!(twin, Twin::Over(End::Failed | End::Lost))).count();
    match policy {
        Policy::KeepGoing => None,
        Policy::FailFast if bad > 0 => Some(Reason::Failure),
        Policy::FirstSuccess if good > 0 => Some(Reason::Success),
        Policy::Quorum(needed) if good as u64 >= needed => Some(Reason::Quorum),
        Policy::Quorum(needed) => {
            // Everybody who has not failed may still succeed.
            let hopes = total? as usize - bad;
            if (hopes as u64) < needed { Some(Reason::OutOfReach) } else { None }
        }
        Policy::MaxFailures(Budget::Count(allowed)) if bad as u64 > allowed => Some(Reason::TooMany),
        Policy::MaxFailures(Budget::Percent(share)) => {
            let allowed = total? as f64 * share as f64 / 100.0;
            if bad as f64 > allowed { Some(Reason::TooMany) } else { None }
        }
        _ => None,
    }
}

struct Sweep {
    policy: Policy,
    total: Option<u64>,
    seen: usize,
}

impl Sweep {
    fn over(&self, before: Option<Over>, twins: &[Twin], member: Number) -> Option<Over> {
        let policy = self.policy;
        before.or_else(|| {
            let reason = reason(policy, twins, self.total)?;
            Some(Over { policy, reason, member: Some(member) })
        })
    }

    /// Tries every event on every member, goes on after those that are allowed, and counts the states seen.
    fn explore(&mut self, ledger: &Ledger, twins: [Twin; 3], over: Option<Over>) {
        assert_eq!(ledger.tally(), tally(&twins));
        let verdict = over.map_or(Verdict::Continue, Verdict::StopTheRest);
        assert_eq!(ledger.verdict(), verdict);
        self.seen += 1;
        for place in 0..3 {
            let member = place as u64 + 1;
            let refusal = StepError { member, stood: stood(twins[place]) };
            assert_eq!(ledger.open(member), refusal.stood);

            let mut next = ledger.clone();
            if twins[place] == Twin::Registered {
                next.start(member).unwrap();
                let mut after = twins;
                after[place] = Twin::Running;
                self.explore(&next, after, over);
            } else {
                assert_eq!(next.start(member), Err(refusal));
                assert_eq!(next.tally(), ledger.tally(), "a refused step changes nothing");
            }
            for end in ENDS {
                let mut next = ledger.clone();
                let allowed = twins[place] == Twin::Running
                    || (twins[place], end) == (Twin::Registered, End::Cancelled);
                if !allowed {
                    assert_eq!(next.end(member, end), Err(refusal));
                    assert_eq!(next.tally(), ledger.tally(), "a refused step changes nothing");
                    continue;
                }
                let mut after = twins;
                after[place] = Twin::Over(end);
                let over = self.over(over, &after, member);
                let verdict = over.map_or(Verdict::Continue, Verdict::StopTheRest);
                assert_eq!(next.end(member, end), Ok(verdict), "{:?} of {:?}", self.policy, self.total);
                self.explore(&next, after, over);
            }
        }
    }
}

fn policies() -> Vec<Policy> {
    let budgets =
        [0, 1, 2, 3].map(Budget::Count).into_iter().chain([0, 33, 34, 66, 67, 100].map(Budget::Percent));
    let mut all = vec![Policy::FailFast, Policy::KeepGoing, Policy::FirstSuccess];
    all.extend((1..=3).map(Policy::Quorum));
    all.extend(budgets.map(Policy::MaxFailures));
    all
}

#[test]
fn every_order_of_events_keeps_the_rules() {
    for policy in policies() {
        for total in [None, Some(3), Some(4)] {
            let mut ledger = Ledger::new(policy, total);
            assert_eq!([ledger.register(), ledger.register(), ledger.register()], [1, 2, 3]);
            let mut sweep = Sweep { policy, total, seen: 0 };
            sweep.explore(&ledger, [Twin::Registered; 3], None);
            assert!(sweep.seen > 9_000, "the sweep went through {} states only", sweep.seen);
        }
    }
}

/// The ledger after so many successes and failures.
fn after(policy: Policy, total: Option<u64>, ends: &[End]) -> Ledger {
    let mut ledger = Ledger::new(policy, total);
    for end in ends {
        let member = ledger.register();
        ledger.start(member).unwrap();
        let _ = ledger.end(member, *end).unwrap();
    }
    ledger
}

#[test]
fn the_end_of_the_input_tells_how_many_there_are() {
    let half = Policy::MaxFailures(Budget::Percent(50));
    let mut ledger = after(half, None, &[End::Failed, End::Failed, End::Done]);
    assert_eq!(ledger.verdict(), Verdict::Continue, "a million more may come");
    let over = Over { policy: half, reason: Reason::TooMany, member: None };
    assert_eq!(ledger.input_ended(), Verdict::StopTheRest(over));
    assert_eq!(over.to_string(), "the end of the input (more than 50% failed)");

    let mut ledger = after(Policy::Quorum(2), None, &[End::Failed]);
    let waiting = ledger.register();
    assert_eq!(ledger.verdict(), Verdict::Continue);
    let over = Over { policy: Policy::Quorum(2), reason: Reason::OutOfReach, member: None };
    assert_eq!(ledger.input_ended(), Verdict::StopTheRest(over));
    assert_eq!(ledger.end(waiting, End::Cancelled), Ok(Verdict::StopTheRest(over)));
}

#[test]
fn what_a_batch_came_to() {
    use End::{Cancelled, Done, Failed, Lost};
    for (policy, ends, outcome) in [
        (Policy::FailFast, &[Done, Done][..], Outcome::Well),
        (Policy::FailFast, &[Done, Failed], Outcome::Failed),
        (Policy::KeepGoing, &[Done, Lost], Outcome::Failed),
        (Policy::KeepGoing, &[], Outcome::Well),
        (Policy::FirstSuccess, &[Failed, Done, Cancelled], Outcome::Well),
        (Policy::FirstSuccess, &[Failed, Failed], Outcome::Failed),
        (Policy::FirstSuccess, &[], Outcome::Failed),
        (Policy::Quorum(2), &[Done, Failed, Done], Outcome::Well),
        (Policy::Quorum(2), &[Done, Failed, Failed], Outcome::QuorumMissed),
        (Policy::Quorum(1), &[], Outcome::QuorumMissed),
        (Policy::MaxFailures(Budget::Count(1)), &[Done, Done], Outcome::Well),
        (Policy::MaxFailures(Budget::Count(1)), &[Done, Failed], Outcome::Failed),
        (Policy::MaxFailures(Budget::Percent(10)), &[Failed], Outcome::Failed),
    ] {
        let mut ledger = after(policy, None, ends);
        ledger.close();
        assert_eq!(ledger.outcome(), outcome, "{policy:?} {ends:?}");
    }
}

#[test]
fn a_member_nobody_registered_is_refused() {
    let mut ledger = Ledger::new(Policy::FailFast, None);
    let refusal = StepError { member: 1, stood: None };
    assert_eq!(ledger.start(1), Err(refusal));
    assert_eq!(ledger.end(1, End::Cancelled), Err(refusal));
    assert_eq!(refusal.to_string(), "member 1 is not open");
}

#[test]
fn closing_loses_who_runs_and_cancels_who_does_not() {
    let mut ledger = Ledger::new(Policy::KeepGoing, Some(5));
    let (runs, _waits, done) = (ledger.register(), ledger.register(), ledger.register());
    ledger.start(runs).unwrap();
    ledger.start(done).unwrap();
    assert_eq!(ledger.end(done, End::Done), Ok(Verdict::Continue));
    let tally = ledger.close();
    assert_eq!(tally.to_string(), "5 members: 1 ok, 0 failed, 1 lost, 3 cancelled");
    assert_eq!(tally.ended(), tally.registered);
    assert_eq!(ledger.close(), tally, "closing again changes nothing");
}
