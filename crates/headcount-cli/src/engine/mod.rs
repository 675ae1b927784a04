//! Groups whose members run on other machines: what the command says to an engine, and what it makes of the answers.
//!
//! The engine and its rules are the crate `headcount-cluster`; nothing here decides where a member stands. The command adds what a
//! member is to it: a command with its input, and what that printed.
//!
//! | file | idea |
//! |---|---|
//! | `address` | where the engine is, and that nobody sees the password in it |
//! | `trust` | certificates: the engine's and ours |
//! | `order`, `answer`, `word` | what a worker is given of a member, and what it says of its end |
//! | `kept` | the inputs, until the answers come |
//! | `register`, `gather` | the two halves of `headcount run --engine`: who puts members in, and who hears of their ends |
//! | `watch` | signals to a run whose members are elsewhere |
//! | `told` | groups and members in words and in JSON |

mod address;
mod answer;
mod gather;
mod kept;
mod order;
mod register;
pub(crate) mod told;
mod trust;
mod watch;
mod word;

use std::future::Future;
use std::time::{Duration, Instant};

use headcount_cluster::{GroupId, GroupState, Redis, Store, StoreError, Summary};
use tokio::runtime::Runtime;

pub(crate) use address::Address;
pub(crate) use address::{Place, VARIABLE, shown};
pub(crate) use answer::{Answer, Heard};
pub(crate) use gather::{Contexts, Gather};
pub(crate) use kept::Kept;
pub(crate) use order::{Form, HANDLER, HEADROOM, Order};
pub(crate) use register::{Desk, Read, Registrar, read};
pub(crate) use watch::Watch;
pub(crate) use word::Word;

use crate::exit::{self, Ending};
use crate::ledger::{Number, Policy};
use crate::legible;
use crate::output::complain;
use crate::refusal::Refusal;

/// How long to wait before an engine is asked again that did not answer: the first time, and at most.
const AGAIN: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];

/// As much of an input stands in its member's name.
const LABEL: usize = 48;

/// What is said when the engine went back in time.
pub(crate) const WENT_BACK: &str = "headcount: the engine went back in time (it was restarted without its last moments, or replaced by a replica that \
                                    lagged behind): members that had ended since run again, and are counted once\n";

/// How far a group was seen to be. Each change makes it older.
#[derive(Debug, Default)]
pub(crate) struct Age(u64);

impl Age {
    /// Whether it is younger than it was.
    pub(crate) fn went_back(&mut self, group: &Summary) -> bool {
        let before = std::mem::replace(&mut self.0, group.revision);
        group.revision < before
    }
}

/// An engine that can be asked.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) store: Redis,
    place: Place,
    patience: Duration,
}

/// What an engine did not do, in words.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) what: String,
    pub(crate) hint: &'static str,
    /// It may be another time.
    pub(crate) passes: bool,
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self::new(trouble.what, trouble.hint)
    }
}

impl Trouble {
    /// The ending of a subcommand that could not be told what it asked.
    pub(crate) fn end(&self) -> Ending {
        complain(&self.what, self.hint);
        Ending::Code(exit::LOST)
    }
}

/// What carries everything that is asked of an engine.
pub(crate) fn runtime() -> Result<Runtime, Refusal> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Refusal::new(
            format!("could not set up the network: {error}"),
            "is the system short of resources? see ulimit -a",
        )
    })
}

impl Engine {
    /// Connects to it. Asked for as long as it does not answer, within this patience.
    pub(crate) async fn connect(place: Place, patience: Duration) -> Result<Self, Trouble> {
        let began = Instant::now();
        let mut wait = AGAIN[0];
        loop {
            let error = match place.options().connect().await {
                Ok(store) => return Ok(Self { store, place, patience }),
                Err(error) => error,
            };
            // Who says no will say so again. And where nobody is, whoever has just begun is told at once.
            if !error.is_passing() || patience.is_zero() || began.elapsed() + wait > patience {
                return Err(trouble(&place, &error));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(AGAIN[1]);
        }
    }

    /// From now on it is waited for so long when it does not answer.
    pub(crate) fn wait_for(&mut self, patience: Duration) {
        self.patience = patience;
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// What went wrong, and what would help.
    pub(crate) fn trouble(&self, error: &StoreError) -> Trouble {
        trouble(&self.place, error)
    }

    /// As it may be seen.
    pub(crate) fn shown(&self) -> &str {
        &self.place.shown
    }

    /// Asks until there is an answer, for as long as there is patience. `wait` is told when it has to be asked again for the
    /// first time.
    ///
    /// # Cancel safety
    ///
    /// As a step of the store: it may or may not have happened.
    pub(crate) async fn ask<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        mut step: impl FnMut() -> F,
        told: impl FnOnce(&Trouble),
    ) -> Result<T, Trouble> {
        let began = Instant::now();
        let mut told = Some(told);
        let mut wait = AGAIN[0];
        loop {
            let error = match step().await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let trouble = trouble(&self.place, &error);
            if !error.is_passing() || began.elapsed() + wait > self.patience {
                return Err(trouble);
            }
            if let Some(told) = told.take() {
                told(&trouble);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(AGAIN[1]);
        }
    }

    /// How a group stands.
    pub(crate) async fn summary(&self, group: GroupId) -> Result<Summary, StoreError> {
        self.store.summary(group).await
    }

    /// Ends a group: when this returns nobody waits to begin any more, and those who run are the business of their workers.
    pub(crate) async fn end(&self, group: GroupId, reason: &str) -> Result<Summary, Trouble> {
        self.ask_quietly(|| self.store.cancel(group, reason)).await?;
        self.reap(group, |_| {}).await
    }

    /// Draws the conclusions from time that has passed. Of a group that is being ended those who have not begun are taken out a
    /// chunk at a time: that is done to its end, so that it depends on nobody else.
    pub(crate) async fn reap(
        &self,
        group: GroupId,
        mut told: impl FnMut(&Trouble),
    ) -> Result<Summary, Trouble> {
        let mut before = None;
        loop {
            let now = self.ask(|| self.store.reap(group), &mut told).await?.group;
            let (ended, running) = (now.tally.ended(), now.tally.running);
            let left = now.state == GroupState::Cancelling && ended + running < now.tally.registered;
            if !left || before.replace((ended, running)) == Some((ended, running)) {
                return Ok(now);
            }
        }
    }

    /// The same, without a word meanwhile.
    pub(crate) async fn ask_quietly<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        step: impl FnMut() -> F,
    ) -> Result<T, Trouble> {
        self.ask(step, |_| {}).await
    }
}

/// What went wrong, and what would help.
fn trouble(place: &Place, error: &StoreError) -> Trouble {
    let what = place.scrub(&legible::one_line(error.to_string().as_bytes()));
    let hint = match error {
        StoreError::Vanished(_) => {
            "is it the id that was printed, and the same engine? headcount groups lists those it has; a group is remembered for a \
             day after its end"
        }
        StoreError::Schema(..) => "headcount --version says which one this is; the group is as it was",
        StoreError::Evicts(_) => {
            "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in its redis.conf"
        }
        StoreError::TooLarge { .. } => "let members read and write files where all machines find them",
        StoreError::Total { .. } => "register it anew; headcount cancel ends this one",
        StoreError::Words(_) => "say it in fewer words: --name, --reason",
        StoreError::Refused { .. } | StoreError::Engine { .. }
            if place.is_secret() && is_of_papers(&what) =>
        {
            "--engine-ca FILE has the authority that signed its certificate; --engine-cert and --engine-key say who we are, where it \
             wants to know (tls-auth-clients)"
        }
        StoreError::Refused { .. } => {
            "are user and password right, and may that user do this? docs/operations.md has the rights a user needs"
        }
        _ => "does it run, and is it in reach? redis-cli -u URL ping tries that",
    };
    let what = match error {
        StoreError::Engine { .. } | StoreError::Refused { .. } => format!("{}: {what}", place.shown),
        _ => what,
    };
    Trouble { what, hint, passes: error.is_passing() }
}

/// Whether TLS went wrong by what either side has shown of itself. What a server objects to comes as the name of an alert.
fn is_of_papers(what: &str) -> bool {
    ["certificate", "Certificate"].iter().any(|word| what.contains(word))
}

/// A group's id as it was typed.
pub(crate) fn group_id(text: &str) -> Result<GroupId, Refusal> {
    GroupId::parse(text).ok_or_else(|| {
        Refusal::new(
            format!("{} is no group's id", legible::one_line(text.as_bytes())),
            "headcount run --engine prints it, and headcount groups lists those there are",
        )
    })
}

/// What a member is called in the engine: its number, which makes the name its own, and what people know it by.
pub(crate) fn member_name(number: Number, label: &str) -> String {
    let mut name = format!("{number} {label}");
    if name.len() > LABEL {
        let mut end = LABEL;
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        name.truncate(end);
    }
    name.truncate(name.trim_end().len());
    name
}

/// The number and the label in a name, where it has them: other programs call members as they like.
pub(crate) fn member_of(name: &str) -> (Option<Number>, &str) {
    let (number, label) = name.split_once(' ').unwrap_or((name, ""));
    match number.parse() {
        Ok(number) => (Some(number), label),
        Err(_) => (None, name),
    }
}

/// The exit code that a group has come to, which is that of the same batch on one machine.
pub(crate) fn code(group: &Summary) -> u8 {
    match group.state {
        GroupState::Expired => exit::DEADLINE,
        // What was still to be registered is not known.
        GroupState::Abandoned => exit::LOST,
        _ if group.tally.lost > 0 => exit::LOST,
        GroupState::Done => exit::OK,
        GroupState::Failed if matches!(group.policy, Policy::Quorum(_)) => exit::QUORUM,
        _ => exit::FAILED,
    }
}

/// This machine's name.
pub(crate) fn host() -> String {
    legible::one_line(rustix::system::uname().nodename().to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_members_name_has_its_number_and_the_beginning_of_its_input() {
        assert_eq!(member_name(17, "a b"), "17 a b");
        assert_eq!(member_of("17 a b"), (Some(17), "a b"));
        assert_eq!((member_name(3, ""), member_of("3")), ("3".into(), (Some(3), "")));
        assert_eq!(member_of("thumbnail"), (None, "thumbnail"));
        let long = member_name(1, &"\u{e4}".repeat(400));
        assert!(long.len() <= LABEL && long.starts_with("1 \u{e4}"), "{long}");
    }

    #[test]
    fn groups_end_with_the_codes_of_one_machine() {
        let group = |state, policy, lost| Summary {
            name: "n".into(),
            policy,
            state,
            toward: None,
            reason: None,
            sealed: true,
            tally: crate::ledger::Tally { lost, ..Default::default() },
            first_failure: None,
            revision: 1,
            left: None,
            lease: Duration::from_secs(30),
            incarnation: None,
        };
        let cases = [
            (GroupState::Done, Policy::FailFast, 0, exit::OK),
            (GroupState::Done, Policy::Quorum(1), 1, exit::LOST),
            (GroupState::Failed, Policy::FailFast, 0, exit::FAILED),
            (GroupState::Failed, Policy::FailFast, 1, exit::LOST),
            (GroupState::Failed, Policy::Quorum(1), 0, exit::QUORUM),
            (GroupState::Cancelled, Policy::KeepGoing, 0, exit::FAILED),
            (GroupState::Expired, Policy::KeepGoing, 1, exit::DEADLINE),
            (GroupState::Abandoned, Policy::KeepGoing, 0, exit::LOST),
        ];
        for (state, policy, lost, expected) in cases {
            assert_eq!(code(&group(state, policy, lost)), expected, "{state}, {policy:?}, {lost} lost");
        }
    }
}
