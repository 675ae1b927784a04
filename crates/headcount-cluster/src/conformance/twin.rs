//! Many at once, and random steps beside the book, which is the reference.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Bench, LEASE, claim, done, failed, failed_for_now, group_of, sealed, settings, summary};
use crate::store::{Standing, Store};
use crate::{
    Backoff, Claim, Clock, Finished, GroupId, GroupState, Memory, Passing, Policy, Report, Settings,
};

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn many_are_registered_in_chunks_and_listed_in_pages(bench: &impl Bench) {
    let group = group_of(bench, 5000, &settings()).await;
    super::add(bench, group, 5000).await;
    bench.store().seal(group, 5000).await.expect("sealed");
    claim(bench, group, 100).await;
    let (mut seen, mut running, mut after) = (BTreeSet::new(), 0, None);
    loop {
        let page = bench.store().standings(group, after.as_deref()).await.expect("standings");
        running += page.items.iter().filter(|standing| standing.runs.is_some()).count();
        seen.extend(page.items.into_iter().map(|standing| standing.member));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((seen.len(), running), (5000, 100));
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn workers_at_once_count_everyone_once(bench: &impl Bench) {
    const MEMBERS: usize = 600;
    let group = sealed(bench, MEMBERS, &settings()).await;
    let worker = async |number: usize| {
        let (mut counted, mut round) = (0, number);
        loop {
            let claims = claim(bench, group, 7).await;
            if claims.is_empty() {
                return counted;
            }
            for claim in claims {
                round += 1;
                let report = if round % 5 == 0 { failed() } else { done() };
                // Everybody reports twice, as whoever did not hear the answer does.
                for expected in [Finished::Counted, Finished::AlreadySame] {
                    let said = bench.store().finish(group, &claim.token, &report).await.expect("finished").0;
                    assert_eq!(said, expected);
                    counted += usize::from(said == Finished::Counted);
                }
            }
        }
    };
    let (a, b, c, d) = tokio::join!(worker(0), worker(1), worker(2), worker(3));
    let now = summary(bench, group).await;
    assert_eq!(a + b + c + d, MEMBERS);
    assert_eq!((now.state, now.tally.ended(), now.tally.running), (GroupState::Failed, MEMBERS as u64, 0));
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        // Marsaglia's xorshift with the shifts 13, 7, 17 ("Xorshift RNGs", 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap_or(0)
    }
}

/// An engine and the tokens it gave out, so that two of them can be asked for the same.
struct Side<'a, B> {
    bench: &'a B,
    group: GroupId,
    claims: Vec<Claim>,
}

struct Book(Memory, Passing);

impl Bench for Book {
    type Store = Memory;

    fn store(&self) -> &Memory {
        &self.0
    }

    async fn pass(&self, _: GroupId, time: Duration) {
        self.1.pass(time);
    }
}

impl<B: Bench> Side<'_, B> {
    /// Takes a step and says what came of it, in words that do not depend on the engine.
    async fn step(&mut self, what: usize, dice: &mut Dice) -> String {
        let (store, group) = (self.bench.store(), self.group);
        match what {
            0 | 1 => {
                let from = dice.throw(40);
                let members: Vec<_> =
                    (from..from + dice.throw(6)).map(|n| (n.to_string(), vec![b'x'; n])).collect();
                match store.add(group, &members).await.expect("answered") {
                    crate::Added::In { known, .. } => format!("in, known {known:?}"),
                    crate::Added::Sealed(_) => "sealed".into(),
                    crate::Added::Over(_) => "over".into(),
                }
            }
            2..=4 => {
                let claimed = store.claim(group, "worker", dice.throw(4)).await.expect("answered");
                let said = claimed.claims.iter().map(|claim| {
                    format!("{}:{}:{}", claim.token.member, claim.token.attempt, claim.payload.len())
                });
                let said: Vec<_> = said.collect();
                self.claims.extend(claimed.claims);
                format!("{said:?}")
            }
            5..=8 => {
                let (which, how) = (dice.throw(1000), dice.throw(10));
                if self.claims.is_empty() {
                    return "nobody".into();
                }
                // Also attempts that are long over.
                let token = &self.claims[which % self.claims.len()].token;
                let report = match how {
                    0..=3 => done(),
                    4 => failed(),
                    5 | 6 => failed_for_now(),
                    7 => Report::Returned { after: Duration::ZERO },
                    8 => Report::Returned { after: LEASE * 30 },
                    _ => Report::Cancelled,
                };
                format!("{:?}", store.finish(group, token, &report).await.expect("answered").0)
            }
            9 => {
                let held: Vec<_> =
                    self.claims.iter().rev().take(5).map(|claim| claim.token.clone()).collect();
                format!("{:?}", store.renew(group, &held).await.expect("answered").stale)
            }
            10 | 11 => {
                let reaped = store.reap(group).await.expect("answered");
                format!("{} back, {} lost", reaped.redelivered, reaped.lost)
            }
            12 | 13 => {
                self.bench.pass(group, 10 * LEASE * u32::try_from(dice.throw(12)).unwrap_or(0)).await;
                String::new()
            }
            14 if dice.throw(12) == 0 => {
                format!("{:?}", store.cancel(group, "so").await.map(|now| now.state))
            }
            15 if dice.throw(4) == 0 => {
                let registered = store.summary(group).await.expect("summary").tally.registered;
                store.seal(group, registered).await.map_or_else(|_| "not sealed".into(), |_| "sealed".into())
            }
            _ => format!("{:?}", store.keep(group).await.map(|now| now.state)),
        }
    }

    /// How everything stands, in words that do not depend on the engine.
    async fn stands(&self) -> String {
        let now = summary(self.bench, self.group).await;
        let page = self.bench.store().standings(self.group, None).await.expect("standings");
        let line = |standing: Standing| {
            (
                standing.member,
                format!("{:?} {} {:?}", standing.place, standing.attempt, standing.runs.map(|runs| runs.0)),
            )
        };
        let members: std::collections::BTreeMap<_, _> = page.items.into_iter().map(line).collect();
        format!(
            "{:?} {:?} {:?} {:?} {:?} {members:?}",
            now.state, now.toward, now.tally, now.sealed, now.first_failure
        )
    }
}

#[expect(missing_docs, clippy::missing_panics_doc, reason = "tests: their names say what they try")]
pub async fn random_steps_come_to_what_the_book_says(bench: &impl Bench) {
    let policies = [
        Policy::KeepGoing,
        Policy::FailFast,
        Policy::FirstSuccess,
        Policy::Quorum(9),
        Policy::MaxFailures(crate::Budget::Count(3)),
    ];
    // An engine's own clock runs besides: what happens at different times lies a minute apart at least.
    let (tick, lease) = (Duration::from_secs(60), 100 * LEASE);
    for seed in 1..=20_u64 {
        let time = Passing::default();
        let book = Book(Memory::with_clock(Clock::Driven(time.clone())), time);
        let group = GroupId::new();
        let settings = Settings {
            policy: policies[usize::try_from(seed).unwrap_or(0) % policies.len()],
            retries: 2,
            limit: 6,
            backoff: Backoff::Fixed(lease / 2),
            lease,
            owner_lease: 6 * lease,
            deadline: Some(100 * lease),
            // Longer than the test makes pass: whether it is forgotten in time is not asked here.
            keep: 1000 * lease,
            ..settings()
        };
        bench.store().open(group, &settings).await.expect("opened");
        book.store().open(group, &settings).await.expect("opened");
        let mut ours = Side { bench, group, claims: Vec::new() };
        let mut twin = Side { bench: &book, group, claims: Vec::new() };
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for step in 0..120 {
            let what = dice.throw(17);
            bench.pass(group, tick).await;
            book.pass(group, tick).await;
            // Both throw the same.
            let (mut left, mut right) = (Dice(dice.0), Dice(dice.0));
            let said = ours.step(what, &mut left).await;
            let expected = twin.step(what, &mut right).await;
            dice = left;
            assert_eq!(said, expected, "seed {seed}, step {step} ({what})");
            assert_eq!(ours.stands().await, twin.stands().await, "seed {seed}, after step {step} ({what})");
        }
    }
}
