//! Faults that others have shipped, planted into the engine: each is something that the protocol does, left out.

use headcount_ledger::{Ledger, Policy, State};

use super::Trial;
use super::world::Kind;
use crate::book::Book;
use crate::store::{GroupState, Token};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plant {
    /// Attempts are known by their number alone.
    NoNonce,
    /// Whoever reports, it is taken for the attempt that runs.
    Unfenced,
    /// The group ends when as many reports have come as there are members.
    CountsReports,
    /// The group ends when nobody is out, sealed or not.
    EndsBeforeTheSeal,
    /// A seal takes whatever number is registered.
    SealsAnything,
    /// Who was overdue when a reaper looked is put back when it acts, whatever has happened since.
    ReapsWhatItSawBefore,
}

/// Each fault, what is to be objected, and where it shows.
pub(super) fn all() -> Vec<(Plant, &'static str, Trial)> {
    let one = Trial { kinds: &[Kind::Done], ..Trial::new(Policy::KeepGoing, 1) };
    let two = Trial { attempts: 2, ..Trial { members: 2, ..one.clone() } };
    let fails_over = Trial { failovers: 1, ..one.clone() };
    vec![
        (Plant::NoNonce, "fenced", fails_over.clone()),
        (Plant::Unfenced, "fenced", one.clone()),
        (Plant::CountsReports, "whole", two.clone()),
        (Plant::EndsBeforeTheSeal, "whole", two.clone()),
        (Plant::SealsAnything, "whole", Trial { failovers: 1, ..two }),
        (Plant::ReapsWhatItSawBefore, "once", one),
    ]
}

impl Book {
    /// [`Plant::Unfenced`].
    pub(super) fn take_for_current(&self, token: &mut Token) {
        if let Some(number) = self.numbers.get(&token.member) {
            let member = self.member(*number);
            (token.attempt, token.nonce) = (member.attempt, member.nonce.clone());
        }
    }

    /// [`Plant::EndsBeforeTheSeal`].
    pub(super) fn end_when_nobody_is_out(&mut self) {
        let tally = self.ledger.tally();
        if self.state == GroupState::Open && tally.registered > 0 && tally.ended() == tally.registered {
            self.state = GroupState::Done;
        }
    }

    /// Who is overdue: the first half of [`Plant::ReapsWhatItSawBefore`].
    pub(super) fn overdue(&self) -> Vec<usize> {
        let now = self.leases.iter().filter(|(at, ..)| *at <= super::world::NOW);
        now.map(|(.., number)| super::super::place(*number)).collect()
    }

    /// The second half: the ledger would refuse it, so it is made to forget.
    pub(super) fn put_back_unasked(&mut self, member: usize) {
        let number = member as u64 + 1;
        let mut forgets = Ledger::new(self.settings.policy, None);
        for other in 1..=self.ledger.last() {
            let stood = self.ledger.state(other);
            let _ = forgets.register();
            let attempts = match stood {
                Some(State::Running(attempt)) => attempt,
                Some(State::Waiting(next)) => next - 1,
                _ => self.member(other).attempt,
            };
            for attempt in 1..=attempts {
                let _ = forgets.start(other);
                if attempt < attempts || other == number {
                    let _ = forgets.put_off(other, attempt);
                }
            }
            match stood {
                Some(State::Waiting(_)) if other != number => drop(forgets.put_off(other, attempts)),
                Some(State::Ended(end)) if other != number => _ = forgets.end(other, attempts, end),
                _ => {}
            }
        }
        if let Some(total) = self.ledger.total() {
            let _ = forgets.seal(total);
        }
        self.ledger = forgets;
        self.leases.retain(|due| due.2 != number);
        self.waiting.retain(|due| due.2 != number);
        if !self.ready.contains(&number) {
            self.ready.push_back(number);
        }
        self.member_mut(number).due = None;
    }
}
