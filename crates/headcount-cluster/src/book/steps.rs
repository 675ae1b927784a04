//! The steps: what may be asked of a group, and what that changes.

use std::time::Duration;

use headcount_ledger::{End, Number, State};

use super::{Book, Member, Millis, millis};
use crate::store::{
    Added, CHUNK, Claim, Claimed, Finished, GroupId, GroupState, Reaped, Renewed, Report, StoreError,
    Summary, Token,
};

impl Book {
    pub(crate) fn add(&mut self, members: &[(String, Vec<u8>)], now: Millis) -> Result<Added, StoreError> {
        let largest = self.settings.largest;
        if let Some((member, payload)) = members.iter().find(|(_, payload)| payload.len() > largest) {
            return Err(StoreError::TooLarge { member: member.clone(), bytes: payload.len(), largest });
        }
        self.owner_until = now + millis(self.settings.owner_lease);
        if self.state != GroupState::Open {
            return Ok(Added::Over(self.summary(now)));
        }
        let is_sealed = self.ledger.total().is_some();
        if is_sealed && members.iter().any(|(id, _)| !self.numbers.contains_key(id)) {
            return Ok(Added::Sealed(self.summary(now)));
        }
        let mut known = Vec::new();
        for (id, payload) in members {
            if self.numbers.contains_key(id) {
                known.push(id.clone());
            } else if let Ok(number) = self.ledger.register() {
                self.numbers.insert(id.clone(), number);
                self.members.push(Member::new(id.clone(), payload.clone()));
                self.ready.push_back(number);
            }
        }
        self.revision += 1;
        Ok(Added::In { known, group: self.summary(now) })
    }

    pub(crate) fn seal(&mut self, group: GroupId, total: u64, now: Millis) -> Result<Summary, StoreError> {
        let registered = self.ledger.tally().registered;
        let mismatch = StoreError::Total { group, asked: total, registered };
        match self.ledger.total() {
            Some(sealed) if sealed != total => return Err(mismatch),
            None if self.state == GroupState::Open && registered != total => return Err(mismatch),
            None if self.state == GroupState::Open && self.ledger.seal(total).is_ok() => self.settle(),
            _ => {}
        }
        Ok(self.summary(now))
    }

    pub(crate) fn keep(&mut self, now: Millis) -> Summary {
        if self.ledger.total().is_none() {
            self.owner_until = now + millis(self.settings.owner_lease);
        }
        self.summary(now)
    }

    pub(crate) fn claim(&mut self, worker: &str, most: usize, nonce: &str, now: Millis) -> Claimed {
        if self.deadline.is_some_and(|at| now >= at) && self.state == GroupState::Open {
            self.turn(GroupState::Expired, "deadline");
            self.settle();
        }
        let mut claims = Vec::new();
        if self.state == GroupState::Open {
            let changed = self.promote(now);
            let mut room = most;
            if self.settings.limit > 0 {
                let limit = usize::try_from(self.settings.limit).unwrap_or(usize::MAX);
                room = room.min(limit.saturating_sub(self.leases.len()));
            }
            while claims.len() < room {
                let Some(number) = self.ready.pop_front() else { break };
                let nonce = format!("{nonce}{:03x}", claims.len() + 1);
                claims.extend(self.begin(number, worker, nonce, now));
            }
            // Who asks in vain wakes nobody.
            self.revision += u64::from(changed || !claims.is_empty());
        }
        Claimed { group: self.summary(now), claims }
    }

    /// Whether a claim would find somebody.
    pub(crate) fn is_ready(&self, now: Millis) -> bool {
        let due = self.waiting.first().is_some_and(|(at, ..)| *at <= now);
        let limit = usize::try_from(self.settings.limit).unwrap_or(usize::MAX);
        let room = limit == 0 || self.leases.len() < limit;
        self.state == GroupState::Open && room && (due || !self.ready.is_empty())
    }

    /// Whether a claim would change anything.
    #[cfg(unix)]
    pub(crate) fn has_for_claim(&self, now: Millis) -> bool {
        let expires = self.state == GroupState::Open && self.deadline.is_some_and(|at| now >= at);
        let due = self.waiting.first().is_some_and(|(at, ..)| *at <= now);
        expires || (self.state == GroupState::Open && due) || self.is_ready(now)
    }

    /// Whether a reaper would change anything.
    #[cfg(unix)]
    pub(crate) fn has_for_reap(&self, now: Millis) -> bool {
        let open = self.state == GroupState::Open;
        let orphan = self.ledger.total().is_none() && now >= self.owner_until;
        let expires = self.deadline.is_some_and(|at| now >= at);
        let lease = self.leases.first().is_some_and(|(at, ..)| *at <= now);
        lease || (open && (orphan || expires)) || self.state == GroupState::Cancelling
    }

    /// Those whose time has come are ready.
    fn promote(&mut self, now: Millis) -> bool {
        let before = self.ready.len();
        for _ in 0..CHUNK {
            let Some(number) = Self::first_due(&mut self.waiting, now) else { break };
            self.member_mut(number).due = None;
            self.ready.push_back(number);
        }
        self.ready.len() > before
    }

    fn begin(&mut self, number: Number, worker: &str, nonce: String, now: Millis) -> Option<Claim> {
        let attempt = self.ledger.start(number).ok()?;
        let lease = now + millis(self.settings.lease);
        self.leases.insert(self.due(lease, number));
        let member = self.member_mut(number);
        (member.attempt, member.nonce, member.lease) = (attempt, nonce, lease);
        (member.worker, member.since) = (worker.into(), now);
        let token = Token { member: member.id.clone(), attempt, nonce: member.nonce.clone() };
        Some(Claim { token, payload: member.payload.clone() })
    }

    /// The member, if this is the attempt that runs (rule 1).
    fn running(&self, token: &Token) -> Option<Number> {
        let number = *self.numbers.get(&token.member)?;
        let runs = self.ledger.state(number) == Some(State::Running(token.attempt));
        (runs && self.member(number).is_held_by(token)).then_some(number)
    }

    pub(crate) fn renew(&mut self, held: &[Token], now: Millis) -> Renewed {
        let mut stale = Vec::new();
        for token in held {
            match self.running(token) {
                None => stale.push(token.member.clone()),
                // Rule 2.
                Some(number) if self.state == GroupState::Open => {
                    let lease = now + millis(self.settings.lease);
                    let before = std::mem::replace(&mut self.member_mut(number).lease, lease);
                    self.leases.remove(&self.due(before, number));
                    self.leases.insert(self.due(lease, number));
                }
                Some(_) => {}
            }
        }
        Renewed { group: self.summary(now), stale }
    }

    pub(crate) fn finish(
        &mut self,
        token: &Token,
        report: &Report,
        now: Millis,
    ) -> Result<(Finished, Summary), StoreError> {
        let Some(number) = self.running(token) else {
            return Ok((self.said_before(token, report), self.summary(now)));
        };
        let body = match report {
            Report::Done(body) | Report::Failed { why: body, .. } => body.as_slice(),
            Report::Cancelled | Report::Returned { .. } => &[],
        };
        let largest = self.settings.largest;
        if body.len() > largest {
            return Err(StoreError::TooLarge { member: token.member.clone(), bytes: body.len(), largest });
        }
        let lease = self.member(number).lease;
        self.leases.remove(&self.due(lease, number));
        if let Some(after) = self.goes_back(report) {
            let member = self.member_mut(number);
            member.returns += 1;
            member.nonce.clear();
            let due = (!after.is_zero()).then(|| now + millis(after));
            self.put_off(number, token.attempt, due);
            if due.is_none() {
                // Where it came from: it was its turn.
                self.ready.rotate_right(1);
            }
            return Ok((Finished::Again(after), self.summary(now)));
        }
        let failed = token.attempt - self.member(number).losses - self.member(number).returns;
        let wants_again = matches!(report, Report::Failed { again: true, .. });
        if wants_again && self.state == GroupState::Open && failed <= self.settings.retries {
            let wait = self.settings.wait(failed);
            self.put_off(number, token.attempt, Some(now + millis(wait)));
            return Ok((Finished::Again(wait), self.summary(now)));
        }
        if !body.is_empty() {
            self.member_mut(number).result = Some(body.to_vec());
        }
        let end = match report {
            Report::Done(_) => End::Done,
            Report::Failed { .. } => End::Failed,
            Report::Cancelled | Report::Returned { .. } => End::Cancelled,
        };
        self.end(number, token.attempt, end);
        self.settle();
        Ok((Finished::Counted, self.summary(now)))
    }

    /// How long it is to wait, if it is given back and there are attempts to come.
    fn goes_back(&self, report: &Report) -> Option<Duration> {
        match report {
            Report::Returned { after } if self.state == GroupState::Open => Some(*after),
            _ => None,
        }
    }

    /// What a report is answered whose attempt does not run: the same, if it was made before (rule 2 of the store).
    fn said_before(&self, token: &Token, report: &Report) -> Finished {
        let Some(&number) = self.numbers.get(&token.member) else { return Finished::Stale };
        let failed = matches!(report, Report::Failed { .. });
        let same = match self.ledger.state(number) {
            Some(State::Ended(End::Done)) => matches!(report, Report::Done(_)),
            Some(State::Ended(End::Cancelled)) => {
                matches!(report, Report::Cancelled | Report::Returned { .. })
            }
            Some(State::Ended(End::Failed) | State::Waiting(_)) => failed,
            _ => false,
        };
        if same && self.member(number).is_held_by(token) { Finished::AlreadySame } else { Finished::Stale }
    }

    /// Another attempt is to come: at this time, or as soon as somebody claims it.
    fn put_off(&mut self, number: Number, attempt: u32, due: Option<Millis>) {
        // Whoever is put off ran this attempt.
        let put_off = self.ledger.put_off(number, attempt);
        debug_assert!(put_off.is_ok(), "{put_off:?}");
        self.member_mut(number).due = due;
        match due {
            Some(at) => _ = self.waiting.insert(self.due(at, number)),
            None => self.ready.push_back(number),
        }
        self.revision += 1;
    }

    fn end(&mut self, number: Number, attempt: u32, end: End) {
        // Whoever ends ran this attempt.
        let ended = self.ledger.end(number, attempt, end);
        debug_assert!(ended.is_ok(), "{ended:?}");
        if matches!(end, End::Failed | End::Lost) && self.first_failure.is_none() {
            self.first_failure = Some(number);
        }
        self.member_mut(number).payload = Vec::new();
    }

    pub(crate) fn reap(&mut self, now: Millis) -> Reaped {
        let (mut redelivered, mut lost) = (0, 0);
        let before = (self.revision, self.state, self.tally());
        for _ in 0..CHUNK {
            let Some(number) = Self::first_due(&mut self.leases, now) else { break };
            let (is_open, losses) = (self.state == GroupState::Open, self.settings.losses);
            let member = self.member_mut(number);
            member.losses += 1;
            let attempt = member.attempt;
            if is_open && member.losses < losses {
                member.nonce.clear();
                self.put_off(number, attempt, None);
                redelivered += 1;
            } else {
                self.end(number, attempt, End::Lost);
                lost += 1;
            }
        }
        if self.deadline.is_some_and(|at| now >= at) {
            self.turn(GroupState::Expired, "deadline");
        }
        if self.ledger.total().is_none() && now >= self.owner_until {
            let why = "whoever registered members has gone without saying how many there are";
            self.turn(GroupState::Abandoned, why);
        }
        self.settle();
        if redelivered == 0 && (before.1, before.2) == (self.state, self.tally()) {
            // Who looks and finds nothing wakes nobody.
            self.revision = before.0;
        }
        Reaped { redelivered, lost, group: self.summary(now) }
    }

    pub(crate) fn cancel(&mut self, reason: &str, now: Millis) -> Summary {
        self.turn(GroupState::Cancelled, reason);
        self.settle();
        self.summary(now)
    }

    /// The wait of a summary's reader is over when the revision is another.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }
}
