//! The ledger, alone: every order of events for three members, against a naive twin.

use headcount_cli::ledger::{End, Ledger, Open, Policy, StepError, Tally, Verdict};

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

/// Tries every event on every member, goes on after those that are allowed, and counts the states seen.
fn explore(ledger: &Ledger, twins: [Twin; 3], policy: Policy) -> usize {
    assert_eq!(ledger.tally(), tally(&twins));
    let mut seen = 1;
    for place in 0..3 {
        let member = place as u64 + 1;
        let refusal = StepError { member, stood: stood(twins[place]) };
        assert_eq!(ledger.open(member), refusal.stood);

        let mut next = ledger.clone();
        if twins[place] == Twin::Registered {
            next.start(member).unwrap();
            let mut after = twins;
            after[place] = Twin::Running;
            seen += explore(&next, after, policy);
        } else {
            assert_eq!(next.start(member), Err(refusal));
            assert_eq!(next.tally(), ledger.tally(), "a refused step changes nothing");
        }
        for end in ENDS {
            let mut next = ledger.clone();
            let allowed =
                twins[place] == Twin::Running || (twins[place], end) == (Twin::Registered, End::Cancelled);
            if !allowed {
                assert_eq!(next.end(member, end), Err(refusal));
                assert_eq!(next.tally(), ledger.tally(), "a refused step changes nothing");
                continue;
            }
            let stops = policy == Policy::FailFast && matches!(end, End::Failed | End::Lost);
            let verdict = if stops { Verdict::StopTheRest } else { Verdict::Continue };
            assert_eq!(next.end(member, end), Ok(verdict));
            let mut after = twins;
            after[place] = Twin::Over(end);
            seen += explore(&next, after, policy);
        }
    }
    seen
}

#[test]
fn every_order_of_events_keeps_the_rules() {
    for policy in [Policy::FailFast, Policy::KeepGoing] {
        let mut ledger = Ledger::new(policy);
        assert_eq!([ledger.register(), ledger.register(), ledger.register()], [1, 2, 3]);
        let seen = explore(&ledger, [Twin::Registered; 3], policy);
        assert!(seen > 9_000, "the sweep went through {seen} states only");
    }
}

#[test]
fn a_member_nobody_registered_is_refused() {
    let mut ledger = Ledger::new(Policy::FailFast);
    let refusal = StepError { member: 1, stood: None };
    assert_eq!(ledger.start(1), Err(refusal));
    assert_eq!(ledger.end(1, End::Cancelled), Err(refusal));
    assert_eq!(refusal.to_string(), "member 1 is not open");
}

#[test]
fn closing_loses_who_runs_and_cancels_who_does_not() {
    let mut ledger = Ledger::new(Policy::KeepGoing);
    let (runs, _waits, done) = (ledger.register(), ledger.register(), ledger.register());
    ledger.start(runs).unwrap();
    ledger.start(done).unwrap();
    assert_eq!(ledger.end(done, End::Done), Ok(Verdict::Continue));
    let tally = ledger.close(Some(5));
    assert_eq!(tally.to_string(), "5 members: 1 ok, 0 failed, 1 lost, 3 cancelled");
    assert_eq!(tally.ended(), tally.registered);
    assert_eq!(ledger.close(Some(5)), tally, "closing again changes nothing");
}
