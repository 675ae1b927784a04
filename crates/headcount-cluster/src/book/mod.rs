//! One group, pure: no clock, no engine. It is told what is asked and what time it is, and answers.
//!
//! Where members stand, which attempt counts and what the policy says is the ledger's business, the same ledger that the
//! command keeps for one machine. What a group on many machines has besides is here: nonces, leases, waits, owners and
//! deadlines. The scripts for Redis follow these rules step by step, and the conformance suite holds both to them:
//!
//! 1. An attempt is known by its number and its nonce. Whoever lost its lease and was reaped has neither any more; one
//!    whose lease is over and that nobody reaped may still report.
//! 2. A lease is prolonged while the group is open. When it is decided how the group ends, whoever runs has what is left of
//!    one lease to answer.
//! 3. A failure is tried again while the group is open and as often as the settings say; a loss is, too, and has a count of its own.
//! 4. It is decided once how a group ends: by the policy, the deadline, a vanished owner, or whoever cancels.
//! 5. Who has not begun by then is cancelled, a chunk at a time; the group has ended when nobody is left.

mod member;
#[cfg(test)]
mod model;
mod steps;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use headcount_ledger::{Ledger, Number, Outcome, State, Verdict};
pub(crate) use member::Member;

use crate::store::{CHUNK, Detail, GroupState, Place, Settings, Standing, Summary};

/// Milliseconds of the engine's clock.
pub(crate) type Millis = u64;

/// Something that happens to a member at a time. Those of the same time come in the order of their names, in every engine.
type Due = (Millis, String, Number);

/// One group.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Book {
    settings: Settings,
    state: GroupState,
    toward: Option<GroupState>,
    reason: Option<String>,
    ledger: Ledger,
    members: Vec<Member>,
    numbers: HashMap<String, Number>,
    ready: VecDeque<Number>,
    waiting: BTreeSet<Due>,
    leases: BTreeSet<Due>,
    owner_until: Millis,
    deadline: Option<Millis>,
    first_failure: Option<Number>,
    revision: u64,
    /// When nobody is to find it any more, once it is over.
    forget_at: Option<Millis>,
}

/// As engines count time. A time that is too long to be added to a clock is one of 140,000 years: so numbers stay whole in a script.
pub(crate) fn millis(time: Duration) -> Millis {
    const LONGEST: Millis = 1 << 52;
    u64::try_from(time.as_millis()).unwrap_or(LONGEST).min(LONGEST)
}

impl Book {
    pub(crate) fn new(settings: Settings, now: Millis) -> Self {
        Self {
            state: GroupState::Open,
            toward: None,
            reason: None,
            ledger: Ledger::new(settings.policy, None),
            members: Vec::new(),
            numbers: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            leases: BTreeSet::new(),
            owner_until: now + millis(settings.owner_lease),
            deadline: settings.deadline.map(|time| now + millis(time)),
            first_failure: None,
            revision: 1,
            forget_at: None,
            settings,
        }
    }

    /// Whether it has been over for as long as it was to be remembered. Asked after each step, so that it is known since when.
    pub(crate) fn is_forgotten(&mut self, now: Millis) -> bool {
        if !self.state.is_terminal() {
            return false;
        }
        now >= *self.forget_at.get_or_insert(now + millis(self.settings.keep))
    }

    /// How the group stands.
    pub(crate) fn summary(&self, now: Millis) -> Summary {
        Summary {
            name: self.settings.name.clone(),
            policy: self.settings.policy,
            state: self.state,
            toward: self.toward,
            reason: self.reason.clone(),
            sealed: self.ledger.total().is_some(),
            tally: self.tally(),
            first_failure: self.first_failure.map(|number| self.member(number).id.clone()),
            revision: self.revision,
            incarnation: None,
            left: self.deadline.map(|at| Duration::from_millis(at.saturating_sub(now))),
            lease: Duration::from_millis(millis(self.settings.lease)),
        }
    }

    /// The ledger's counts. There a member whose worker vanished waits for its next attempt as one that failed does; here it is
    /// ready again, as it is when its time has come.
    fn tally(&self) -> headcount_ledger::Tally {
        let mut tally = self.ledger.tally();
        tally.waiting = self.waiting.len() as u64;
        tally
    }

    /// Where members stand, from this one on.
    pub(crate) fn standings(&self, from: usize, now: Millis) -> (Vec<Standing>, Option<usize>) {
        let end = (from + CHUNK).min(self.members.len());
        let items = (from..end).map(|place| self.standing(place as Number + 1, now)).collect();
        (items, (end < self.members.len()).then_some(end))
    }

    fn standing(&self, number: Number, now: Millis) -> Standing {
        let member = self.member(number);
        let waits = member.due.is_some();
        let (place, attempt) = match self.ledger.state(number) {
            Some(State::Running(attempt)) => (Place::Running, attempt),
            Some(State::Waiting(next)) if waits => (Place::Waiting, next - 1),
            Some(State::Waiting(next)) => (Place::Queued, next - 1),
            Some(State::Ended(end)) => (Place::Ended(end), member.attempt),
            Some(State::Registered) | None => (Place::Queued, 0),
        };
        let runs = (place == Place::Running)
            .then(|| (member.worker.clone(), Duration::from_millis(now.saturating_sub(member.since))));
        Standing { member: member.id.clone(), place, attempt, runs }
    }

    /// All that is known of a member.
    pub(crate) fn detail(&self, member: &str, now: Millis) -> Option<Detail> {
        let number = *self.numbers.get(member)?;
        let payload = self.member(number).payload.clone();
        Some(Detail { standing: self.standing(number, now), payload })
    }

    /// What a member came to.
    pub(crate) fn result(&self, member: &str) -> Option<Vec<u8>> {
        self.member(*self.numbers.get(member)?).result.clone()
    }

    /// A member that is registered: whoever has a number has it from here.
    fn member(&self, number: Number) -> &Member {
        &self.members[place(number)]
    }

    fn member_mut(&mut self, number: Number) -> &mut Member {
        &mut self.members[place(number)]
    }

    fn due(&self, at: Millis, number: Number) -> Due {
        (at, self.member(number).id.clone(), number)
    }

    /// The first of those whose time has come.
    fn first_due(due: &mut BTreeSet<Due>, now: Millis) -> Option<Number> {
        if due.first().is_some_and(|(at, ..)| *at <= now) {
            due.pop_first().map(|(.., number)| number)
        } else {
            None
        }
    }

    /// It is decided how the group ends (rule 4).
    fn turn(&mut self, toward: GroupState, reason: &str) {
        if self.state == GroupState::Open {
            (self.state, self.toward) = (GroupState::Cancelling, Some(toward));
            self.reason = Some(reason.into()).filter(|reason: &String| !reason.is_empty());
        }
    }

    /// Draws the conclusions from the counts: the last part of every step that changed them.
    fn settle(&mut self) {
        let outcome =
            if self.ledger.outcome() == Outcome::Well { GroupState::Done } else { GroupState::Failed };
        if matches!(self.ledger.verdict(), Verdict::StopTheRest(_)) {
            self.turn(outcome, "policy");
        }
        if self.state == GroupState::Cancelling {
            self.sweep();
        }
        let tally = self.ledger.tally();
        if tally.ended() == tally.registered {
            match self.state {
                GroupState::Open if self.ledger.total().is_some() => self.state = outcome,
                GroupState::Cancelling => self.state = self.toward.unwrap_or(outcome),
                _ => {}
            }
        }
        self.revision += 1;
    }

    /// Rule 5.
    fn sweep(&mut self) {
        for _ in 0..CHUNK {
            let Some(number) = self.ready.pop_front() else { break };
            self.cancel_one(number);
        }
        for _ in 0..CHUNK {
            let Some((.., number)) = self.waiting.pop_first() else { break };
            self.cancel_one(number);
        }
    }

    fn cancel_one(&mut self, number: Number) {
        // Who is ready or waits may be cancelled, or the lists are wrong.
        let cancelled = self.ledger.cancel(number);
        debug_assert!(cancelled.is_ok(), "{cancelled:?}");
        let member = self.member_mut(number);
        (member.due, member.payload) = (None, Vec::new());
    }
}

fn place(number: Number) -> usize {
    usize::try_from(number - 1).unwrap_or(usize::MAX)
}
