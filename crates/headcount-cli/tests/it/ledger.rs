//! The ledger, alone: every order of events for three members with two attempts each, under every policy, against a
//! naive twin; random programs for more; and what it says.

use std::collections::HashMap;

use headcount_cli::ledger::{
    Attempt, Budget, End, Event, Ledger, Number, Outcome, Over, Policy, Reason, State, StepError, Tally,
    Verdict,
};
use proptest::prelude::*;

const ENDS: [End; 4] = [End::Done, End::Failed, End::Lost, End::Cancelled];

/// What the rules say, written down the long way: where everybody stands, and nothing else.
type Twins = Vec<State>;

fn count(twins: &[State], is: impl Fn(&State) -> bool) -> u64 {
    twins.iter().filter(|twin| is(twin)).count() as u64
}

fn tally(twins: &[State]) -> Tally {
    let ended = |end| count(twins, |twin| *twin == State::Ended(end));
    Tally {
        registered: twins.len() as u64,
        running: count(twins, |twin| matches!(twin, State::Running(_))),
        waiting: count(twins, |twin| matches!(twin, State::Waiting(_))),
        done: ended(End::Done),
        failed: ended(End::Failed),
        lost: ended(End::Lost),
        cancelled: ended(End::Cancelled),
    }
}

/// Where a member stands after an event; nothing if the event is not allowed.
fn after(twin: State, event: Event) -> Option<State> {
    match (twin, event) {
        (State::Registered, Event::Started { attempt: 1, .. }) => Some(State::Running(1)),
        (State::Waiting(next), Event::Started { attempt, .. }) if attempt == next => {
            Some(State::Running(attempt))
        }
        (State::Running(runs), Event::PutOff { attempt, .. }) if attempt == runs => {
            Some(State::Waiting(attempt + 1))
        }
        (State::Running(runs), Event::Ended { attempt, end, .. }) if attempt == runs => {
            Some(State::Ended(end))
        }
        (State::Registered | State::Waiting(_), Event::Cancelled { .. }) => {
            Some(State::Ended(End::Cancelled))
        }
        _ => None,
    }
}

/// Whether the batch is over when members stand like this, of so many inputs in all.
fn reason(policy: Policy, twins: &[State], total: Option<u64>) -> Option<Reason> {
    let Tally { done: good, failed, lost, .. } = tally(twins);
    let bad = failed + lost;
    match policy {
        Policy::KeepGoing => None,
        Policy::FailFast if bad > 0 => Some(Reason::Failure),
        Policy::FirstSuccess if good > 0 => Some(Reason::Success),
        Policy::Quorum(needed) if good >= needed => Some(Reason::Quorum),
        Policy::Quorum(needed) => {
            // Everybody who has not failed may still succeed.
            let hopes = total? - bad;
            if hopes < needed { Some(Reason::OutOfReach) } else { None }
        }
        Policy::MaxFailures(Budget::Count(allowed)) if bad > allowed => Some(Reason::TooMany),
        Policy::MaxFailures(Budget::Percent(share)) => {
            let allowed = total? as f64 * share as f64 / 100.0;
            if bad as f64 > allowed { Some(Reason::TooMany) } else { None }
        }
        _ => None,
    }
}

/// All that can be said of a member of whom there are so many attempts.
fn all_events(member: Number, attempts: Attempt) -> Vec<Event> {
    let mut events = vec![Event::Cancelled { member }];
    for attempt in 1..=attempts + 1 {
        events.push(Event::Started { member, attempt });
        events.push(Event::PutOff { member, attempt });
        events.extend(ENDS.map(|end| Event::Ended { member, attempt, end }));
    }
    events
}

struct Sweep {
    policy: Policy,
    total: Option<u64>,
    attempts: Attempt,
    /// The book that each state has led to. That every order leads to an equal one, and that equal books answer equally,
    /// makes one look at each enough for all orders.
    seen: HashMap<(Twins, String), Ledger>,
    steps: usize,
    refused: usize,
}

impl Sweep {
    fn explore(&mut self, ledger: &Ledger, twins: &Twins, over: Option<Over>) {
        assert_eq!(ledger.tally(), tally(twins));
        assert_eq!(ledger.recount(), tally(twins), "the counts are not the truth");
        assert_eq!(ledger.verdict(), over.map_or(Verdict::Continue, Verdict::StopTheRest));
        if let Some(before) = self.seen.get(&(twins.clone(), format!("{over:?}"))) {
            assert_eq!(before, ledger, "another order has led to another book");
            return;
        }
        self.seen.insert((twins.clone(), format!("{over:?}")), ledger.clone());
        for place in 0..twins.len() {
            let member = place as u64 + 1;
            assert_eq!(ledger.state(member), Some(twins[place]));
            for event in all_events(member, self.attempts) {
                self.step(ledger, twins, over, event, place);
            }
        }
    }

    fn step(&mut self, ledger: &Ledger, twins: &Twins, over: Option<Over>, event: Event, place: usize) {
        let mut next = ledger.clone();
        let Some(state) = after(twins[place], event) else {
            let refused = next.apply(event);
            assert!(matches!(refused, Err(StepError::Member { .. })), "{event:?} of {:?}", twins[place]);
            assert_eq!(next, *ledger, "a refused step changes nothing");
            self.refused += 1;
            return;
        };
        // One more attempt than there are is what nobody comes to.
        if state == State::Waiting(self.attempts + 1) {
            return;
        }
        let mut stand = twins.clone();
        stand[place] = state;
        let over = over.or_else(|| {
            let reason = reason(self.policy, &stand, self.total)?;
            Some(Over { policy: self.policy, reason, member: Some(place as u64 + 1) })
        });
        let verdict = over.map_or(Verdict::Continue, Verdict::StopTheRest);
        assert_eq!(next.apply(event), Ok(verdict), "{:?} of {:?}", self.policy, self.total);
        self.steps += 1;
        self.explore(&next, &stand, over);
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
            assert_eq!([(); 3].map(|()| ledger.register()), [Ok(1), Ok(2), Ok(3)]);
            let mut sweep = Sweep { policy, total, attempts: 2, seen: HashMap::new(), steps: 0, refused: 0 };
            sweep.explore(&ledger, &vec![State::Registered; 3], None);
            // Eight places to stand, three members; more when it matters who was the last straw.
            assert!(sweep.seen.len() >= 8 * 8 * 8, "{} states only", sweep.seen.len());
            assert!(sweep.steps > 2_000 && sweep.refused > 20_000, "{} and {}", sweep.steps, sweep.refused);
        }
    }
}

/// The ledger after so many successes and failures.
fn ended(policy: Policy, total: Option<u64>, ends: &[End]) -> Ledger {
    let mut ledger = Ledger::new(policy, total);
    for end in ends {
        let member = ledger.register().unwrap();
        let attempt = ledger.start(member).unwrap();
        let _ = ledger.end(member, attempt, *end).unwrap();
    }
    ledger
}

#[test]
fn the_end_of_the_input_tells_how_many_there_are() {
    let half = Policy::MaxFailures(Budget::Percent(50));
    let mut ledger = ended(half, None, &[End::Failed, End::Failed, End::Done]);
    assert_eq!(ledger.verdict(), Verdict::Continue, "a million more may come");
    let over = Over { policy: half, reason: Reason::TooMany, member: None };
    assert_eq!(ledger.seal(ledger.last()), Ok(Verdict::StopTheRest(over)));
    assert_eq!(over.to_string(), "the end of the input (more than 50% failed)");

    let mut ledger = ended(Policy::Quorum(2), None, &[End::Failed]);
    let waiting = ledger.register().unwrap();
    assert_eq!(ledger.verdict(), Verdict::Continue);
    let over = Over { policy: Policy::Quorum(2), reason: Reason::OutOfReach, member: None };
    assert_eq!(ledger.seal(ledger.last()), Ok(Verdict::StopTheRest(over)));
    assert_eq!(ledger.cancel(waiting), Ok(Verdict::StopTheRest(over)));
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
        let mut ledger = ended(policy, None, ends);
        ledger.close();
        assert_eq!(ledger.outcome(), outcome, "{policy:?} {ends:?}");
    }
}

#[test]
fn what_is_refused_says_where_the_member_stood() {
    let mut ledger = Ledger::new(Policy::FailFast, None);
    let refusal = StepError::Member { member: 1, attempt: None, stood: None };
    assert_eq!(ledger.start(1), Err(refusal));
    assert_eq!(ledger.cancel(1), Err(refusal));
    assert_eq!(refusal.to_string(), "member 1 was never registered");
    assert_eq!(ledger.start(0).unwrap_err().to_string(), "member 0 was never registered");
    ledger.register().unwrap();
    assert_eq!(
        ledger.put_off(1, 1).unwrap_err().to_string(),
        "member 1 was said to run its attempt 1, and is registered and not running"
    );
    ledger.start(1).unwrap();
    assert_eq!(ledger.start(1).unwrap_err().to_string(), "member 1 is running its attempt 1");
    ledger.put_off(1, 1).unwrap();
    assert_eq!(
        ledger.end(1, 1, End::Done).unwrap_err().to_string(),
        "member 1 was said to run its attempt 1, and waits for its attempt 2"
    );
    assert_eq!(ledger.start(1), Ok(2));
    let late = ledger.end(1, 1, End::Done).unwrap_err().to_string();
    assert_eq!(late, "member 1 was said to run its attempt 1, and is running its attempt 2");
    let _ = ledger.end(1, 2, End::Failed).unwrap();
    assert_eq!(ledger.cancel(1).unwrap_err().to_string(), "member 1 has ended (failed)");
}

#[test]
fn the_total_is_sealed_once() {
    let mut ledger = Ledger::new(Policy::KeepGoing, None);
    ledger.register().unwrap();
    ledger.register().unwrap();
    let few = ledger.seal(1).unwrap_err();
    assert_eq!(few.to_string(), "2 inputs are registered, and there were said to be 1 in all");
    assert_eq!(ledger.seal(3), Ok(Verdict::Continue));
    assert_eq!(ledger.seal(3), Ok(Verdict::Continue), "who says the same says nothing");
    let other = ledger.seal(4).unwrap_err();
    assert_eq!(other.to_string(), "there are 3 inputs, and 4 were spoken of");
    assert_eq!(ledger.register(), Ok(3));
    assert_eq!(ledger.register(), Err(StepError::Total { asked: 4, sealed: Some(3), registered: 3 }));
    assert_eq!((ledger.last(), ledger.total()), (3, Some(3)));
}

#[test]
fn closing_loses_who_runs_and_cancels_who_does_not() {
    let mut ledger = Ledger::new(Policy::KeepGoing, Some(6));
    let [runs, _registered, done, waits] = [(); 4].map(|()| ledger.register().unwrap());
    ledger.start(runs).unwrap();
    ledger.start(done).unwrap();
    ledger.start(waits).unwrap();
    ledger.put_off(waits, 1).unwrap();
    assert_eq!(ledger.end(done, 1, End::Done), Ok(Verdict::Continue));
    let tally = ledger.close();
    assert_eq!(tally.to_string(), "6 members: 1 ok, 0 failed, 1 lost, 4 cancelled");
    assert_eq!((tally.ended(), tally), (tally.registered, ledger.recount()));
    assert_eq!(ledger.close(), tally, "closing again changes nothing");
}

#[test]
fn a_round_takes_over_what_was_done_and_nothing_else() {
    for (failed_too, failed) in [(false, State::Ended(End::Failed)), (true, State::Registered)] {
        let mut ledger = ended(Policy::FailFast, None, &ENDS);
        let [waits, first, second, registered] = [(); 4].map(|()| ledger.register().unwrap());
        ledger.start(first).unwrap();
        for member in [waits, second] {
            ledger.start(member).unwrap();
            ledger.put_off(member, 1).unwrap();
        }
        ledger.start(second).unwrap();
        ledger.resume(Policy::FailFast, failed_too);
        let stands =
            [1, 2, 3, 4, waits, first, second, registered].map(|member| ledger.state(member).unwrap());
        let anew = State::Registered;
        let expected =
            [State::Ended(End::Done), failed, anew, anew, State::Waiting(2), anew, State::Waiting(2), anew];
        assert_eq!(stands, expected);
        assert_eq!(ledger.recount(), ledger.tally());
        assert_eq!(ledger.verdict(), Verdict::Continue, "who failed before stops nobody again");
        assert_eq!(ledger.start(second), Ok(2), "an attempt that was interrupted is made again");
        assert!(matches!(ledger.end(second, 2, End::Failed), Ok(Verdict::StopTheRest(_))));
    }
}

#[test]
fn what_was_enough_before_is_enough() {
    let mut ledger = ended(Policy::KeepGoing, None, &[End::Done, End::Done, End::Failed]);
    ledger.resume(Policy::Quorum(2), false);
    let over = Over { policy: Policy::Quorum(2), reason: Reason::Quorum, member: None };
    assert_eq!(ledger.verdict(), Verdict::StopTheRest(over));
    assert_eq!(over.to_string(), "what was done before (that makes the quorum of 2)");
}

/// Anything that can be said, of a few members more and less than there are.
fn any_event() -> impl Strategy<Value = Event> {
    let (member, attempt) = (0..10_u64, 0..5_u32);
    prop_oneof![
        4 => member.clone().prop_map(|member| Event::Registered { member }),
        6 => (member.clone(), attempt.clone())
            .prop_map(|(member, attempt)| Event::Started { member, attempt }),
        4 => (member.clone(), attempt.clone()).prop_map(|(member, attempt)| Event::PutOff { member, attempt }),
        5 => (member.clone(), attempt, prop::sample::select(ENDS.to_vec()))
            .prop_map(|(member, attempt, end)| Event::Ended { member, attempt, end }),
        1 => member.prop_map(|member| Event::Cancelled { member }),
        1 => (0..12_u64).prop_map(|total| Event::Sealed { total }),
        1 => any::<bool>().prop_map(|failed_too| Event::Resumed { failed_too }),
    ]
}

/// The twin of what has no member.
fn after_all(twins: &mut Twins, sealed: &mut Option<u64>, event: Event) -> bool {
    match event {
        Event::Registered { member } => {
            let allowed = member == twins.len() as u64 + 1 && sealed.is_none_or(|total| member <= total);
            twins.extend(allowed.then_some(State::Registered));
            allowed
        }
        Event::Sealed { total } => {
            let allowed = sealed.is_none_or(|sealed| sealed == total) && total >= twins.len() as u64;
            *sealed = if allowed { Some(total) } else { *sealed };
            allowed
        }
        Event::Resumed { failed_too } => {
            for twin in twins {
                *twin = match *twin {
                    State::Ended(End::Done) => State::Ended(End::Done),
                    State::Ended(End::Failed) if !failed_too => State::Ended(End::Failed),
                    State::Waiting(next) | State::Running(next) if next > 1 => State::Waiting(next),
                    _ => State::Registered,
                };
            }
            true
        }
        Event::Started { member, .. }
        | Event::PutOff { member, .. }
        | Event::Ended { member, .. }
        | Event::Cancelled { member } => {
            let place = (member as usize).wrapping_sub(1);
            let stands = twins.get(place).and_then(|twin| after(*twin, event));
            stands.map(|state| twins[place] = state).is_some()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_program_keeps_the_rules_and_replays(events in prop::collection::vec(any_event(), 1..300)) {
        let mut ledger = Ledger::new(Policy::KeepGoing, None);
        let (mut twins, mut sealed, mut taken) = (Twins::new(), None, Vec::new());
        for event in events {
            let before = ledger.clone();
            if after_all(&mut twins, &mut sealed, event) {
                prop_assert_eq!(ledger.apply(event), Ok(Verdict::Continue));
                taken.push(event);
            } else {
                prop_assert!(ledger.apply(event).is_err(), "{event:?} was let through");
                prop_assert_eq!(&ledger, &before);
            }
            prop_assert_eq!(ledger.tally(), tally(&twins));
            prop_assert_eq!(ledger.recount(), ledger.tally());
        }
        let mut again = Ledger::replaying();
        for event in taken {
            prop_assert!(again.apply(event).is_ok());
        }
        prop_assert_eq!(again, ledger);
    }
}
