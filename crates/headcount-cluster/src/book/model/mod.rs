//! The protocol under a checker: every order of steps that registrars, workers, reapers and cancellers may ask for, with a clock, a
//! replica that lags behind and takes over, and a network that loses answers, delivers late, and delivers twice.
//!
//! The engine is the real [`Book`]. What surrounds it is as hostile as can be, and that keeps it small: whatever was given out
//! once may be reported, or prolonged, at any time and any number of times. So a crash is somebody who reports nothing, a lost answer is one
//! who reports again, a zombie one who reports late, and there is no need to model who is who. Time is relative: a tick brings
//! everything that was put off nearer, so that histories that differ only in when they happened are one.
//!
//! What must hold (`properties`):
//!
//! 1. *Once*: each member is told to have counted at most once, and whoever ended well or failed was, all in the history that survives.
//! 2. *Fenced*: what counts is the report of the attempt that this history gave out last; `AlreadySame` is said only to who has counted.
//! 3. *One end*: the group ends once, and nothing of it changes afterwards.
//! 4. *Whole*: where it ended by itself all are in that its registrar meant, and nobody is out.
//! 5. *Counts* are where members stand, and each is in one list.
//! 6. *No wait without end*: from wherever it has come to, a worker and a reaper that go on for a while end it; where it has a
//!    deadline, the reaper alone, which every wait is.
//!
//! `plants` holds faults that the checker must object to.

mod plants;
mod world;

use std::io::Write;
use std::time::Duration;

use headcount_ledger::Policy;
use stateright::{Checker, Model, Property};

use crate::store::{GroupState, Settings};
use plants::Plant;
use world::{Deed, Kind, World};

/// What is tried: how large, and which kinds of mischief there are.
#[derive(Debug, Clone)]
struct Trial {
    settings: Settings,
    members: usize,
    /// How attempts may end.
    kinds: &'static [Kind],
    /// No more attempts than these are given out and heard of.
    attempts: usize,
    failovers: u8,
    /// Whether somebody may cancel the group.
    cancels: bool,
    /// Whether the registrar may take its time, or be gone.
    owner_leaves: bool,
    /// Whether in the end there is nobody who works, only who waits.
    deserted: bool,
    plant: Option<Plant>,
}

/// A lease, and every other time, is one tick.
const TICK: Duration = Duration::from_millis(1);

impl Trial {
    fn new(policy: Policy, members: usize) -> Self {
        let backoff = crate::Backoff::Fixed(TICK);
        let settings = Settings {
            policy,
            lease: TICK,
            owner_lease: TICK,
            backoff,
            losses: 2,
            retries: 1,
            ..Settings::new("model")
        };
        Self {
            settings,
            members,
            kinds: &[Kind::Done, Kind::Again],
            attempts: 3,
            failovers: 0,
            cancels: false,
            owner_leaves: false,
            deserted: false,
            plant: None,
        }
    }
}

impl Model for Trial {
    type State = World;
    type Action = Deed;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, deeds: &mut Vec<Deed>) {
        world.deeds(self, deeds);
    }

    fn next_state(&self, world: &World, deed: Deed) -> Option<World> {
        let mut next = world.clone();
        next.take(self, deed);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("once", |_, world: &World| world.counted_once()),
            Property::always("fenced", |_, world: &World| world.objection.is_none()),
            Property::always("one end", |_, world: &World| world.ended_once()),
            Property::always("whole", |trial: &Self, world: &World| world.is_whole(trial)),
            Property::always("counts", |_, world: &World| world.adds_up()),
            Property::always("no wait without end", |trial: &Self, world: &World| {
                world.comes_to_an_end(trial)
            }),
        ]
    }
}

/// Tries everything. What the checker objects to, by name, and how much it has seen.
fn check(trial: Trial) -> (Vec<String>, usize) {
    let checker = trial.checker().threads(2).spawn_bfs().join();
    let objections = checker.discoveries().into_iter().map(|(name, path)| {
        let deeds: Vec<_> = path.into_actions().iter().map(|deed| format!("{deed:?}")).collect();
        format!("{name}: {}", deeds.join(", "))
    });
    (objections.collect(), checker.unique_state_count())
}

#[track_caller]
fn holds(name: &str, trial: Trial) {
    let (objections, states) = check(trial);
    // Past the harness, which shows only what failing tests print.
    let _ = writeln!(std::io::stderr(), "model, {name}: {states} states");
    assert!(objections.is_empty(), "{name}: {objections:#?}");
    assert!(states > 100, "{name}: a model of {states} states shows nothing");
}

#[test]
fn one_member_is_counted_once_whatever_is_lost_late_or_twice() {
    let kinds = &[Kind::Done, Kind::Again, Kind::Failed, Kind::Back];
    holds("one member", Trial { kinds, attempts: 4, ..Trial::new(Policy::FailFast, 1) });
}

#[test]
fn two_members_are_counted_once_also_when_the_group_is_cancelled() {
    let kinds = &[Kind::Done, Kind::Failed];
    holds(
        "two members, cancelled",
        Trial { kinds, cancels: true, attempts: 4, ..Trial::new(Policy::KeepGoing, 2) },
    );
}

#[test]
fn a_policy_that_ends_the_rest_ends_it_once() {
    let kinds = &[Kind::Done, Kind::Failed];
    for policy in [Policy::FailFast, Policy::FirstSuccess] {
        holds("two members, a policy", Trial { kinds, ..Trial::new(policy, 2) });
    }
}

#[test]
fn a_replica_that_lagged_behind_leaves_a_history_in_which_everyone_counts_once() {
    let kinds = &[Kind::Done, Kind::Failed];
    holds("one member, a failover", Trial { kinds, failovers: 1, ..Trial::new(Policy::KeepGoing, 1) });
    let kinds = &[Kind::Done];
    holds("two members, a failover", Trial { kinds, failovers: 1, ..Trial::new(Policy::KeepGoing, 2) });
}

#[test]
fn a_group_whose_registrar_has_gone_ends_all_the_same() {
    let kinds = &[Kind::Done, Kind::Again];
    let trial = Trial { kinds, owner_leaves: true, ..Trial::new(Policy::KeepGoing, 2) };
    holds("two members, the registrar leaves", trial);
}

#[test]
fn a_deadline_ends_a_group_that_everybody_has_deserted() {
    let mut trial = Trial { deserted: true, owner_leaves: true, ..Trial::new(Policy::KeepGoing, 2) };
    trial.settings.deadline = Some(2 * TICK);
    holds("two members, a deadline", trial);
}

/// What the model is about does come about in it.
#[test]
fn everything_that_may_happen_does() {
    let trial = Trial {
        attempts: 2,
        failovers: 1,
        cancels: true,
        owner_leaves: true,
        ..Trial::new(Policy::KeepGoing, 1)
    };
    let ends = [GroupState::Done, GroupState::Failed, GroupState::Cancelled, GroupState::Abandoned];
    let (_, sights) = world::sights(&trial);
    for end in ends {
        assert!(sights.iter().any(|seen| seen.state == end), "nothing ever ended {end}");
    }
    assert!(sights.iter().any(|seen| seen.lost), "nobody was ever lost");
    assert!(sights.iter().any(|seen| seen.failed_over && seen.state == GroupState::Done), "no failover");
    assert!(
        sights.iter().any(|seen| seen.redelivered && seen.state == GroupState::Done),
        "no second attempt"
    );
}

#[test]
fn every_planted_fault_is_objected_to() {
    for (plant, objection, trial) in plants::all() {
        let (clean, _) = check(Trial { plant: None, ..trial.clone() });
        assert!(clean.is_empty(), "without {plant:?}: {clean:#?}");
        let (objections, states) = check(Trial { plant: Some(plant), ..trial });
        let _ = writeln!(std::io::stderr(), "model, {plant:?} planted: objected to after {states} states");
        assert!(objections.iter().any(|o| o.starts_with(objection)), "{plant:?}: {objections:#?}");
    }
}
