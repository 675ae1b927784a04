//! An engine, its replica, and all that was ever given out.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::time::Duration;

use headcount_ledger::State;

use super::plants::Plant;
use super::{TICK, Trial};
use crate::book::{Book, Millis, millis};
use crate::store::{Finished, GroupId, GroupState, Report, Token};

/// It is always this time: see `tick`.
pub(super) const NOW: Millis = 1000;

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Done,
    Failed,
    /// It failed, and another attempt makes sense.
    Again,
    /// It was given back.
    Back,
}

impl Kind {
    fn report(self) -> Report {
        match self {
            Self::Done => Report::Done(Vec::new()),
            Self::Failed => Report::Failed { why: Vec::new(), again: false },
            Self::Again => Report::Failed { why: Vec::new(), again: true },
            Self::Back => Report::Returned { after: Duration::ZERO },
        }
    }
}

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Deed {
    Add(usize),
    Seal,
    Keep,
    Claim,
    /// The attempt that was given out so-manieth says that it runs.
    Renew(usize),
    Report(usize, Kind),
    Reap,
    /// A reaper looks who is overdue, and acts later: only where that is planted.
    Look,
    Cancel,
    Tick,
    /// The replica has everything.
    Replicate,
    /// The replica takes over.
    FailOver,
}

/// An attempt that was given out, and heard of.
#[derive(Debug, Clone, Hash)]
struct Given {
    member: usize,
    token: (u32, String),
    /// What its worker has to say, once it has said it.
    says: Option<Kind>,
}

/// An engine, and what is true of the history that it has.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) book: Book,
    /// How often each was told to have counted.
    counted: Vec<u8>,
    /// Which attempts have taken effect, and what the last one was that each member was given out as.
    heeded: BTreeSet<usize>,
    last: Vec<Option<usize>>,
    /// How often the group has ended.
    ends: u8,
    /// What a planted counter says (`None` where there is none), and whom a planted reaper has seen.
    pub(super) counter: Option<u64>,
    pub(super) overdue: Vec<usize>,
}

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) engine: Engine,
    replica: Option<Engine>,
    failovers: u8,
    given: Vec<Given>,
    /// Whose registration the registrar has heard of.
    known: Vec<bool>,
    pub(super) objection: Option<&'static str>,
}

pub(super) fn name(member: usize) -> String {
    (member + 1).to_string()
}

impl World {
    pub(super) fn new(trial: &Trial) -> Self {
        let members = trial.members;
        let engine = Engine {
            book: Book::new(trial.settings.clone(), NOW),
            counted: vec![0; members],
            heeded: BTreeSet::new(),
            last: vec![None; members],
            ends: 0,
            counter: (trial.plant == Some(Plant::CountsReports)).then_some(0),
            overdue: Vec::new(),
        };
        let known = vec![false; members];
        Self { engine, replica: None, failovers: 0, given: Vec::new(), known, objection: None }
    }

    /// All that anybody may do now.
    pub(super) fn deeds(&self, trial: &Trial, deeds: &mut Vec<Deed>) {
        // In their order for the first time, as registrars do, and again at any time.
        let next = self.known.iter().take_while(|known| **known).count();
        deeds.extend((0..trial.members.min(next + 1)).map(Deed::Add));
        if next == trial.members {
            deeds.push(Deed::Seal);
        }
        let owned = self.engine.book.ledger.total().is_none();
        if owned {
            deeds.push(Deed::Keep);
        }
        if self.given.len() < trial.attempts {
            deeds.push(Deed::Claim);
        }
        for (serial, given) in self.given.iter().enumerate() {
            match given.says {
                // It says the same each time.
                Some(kind) => deeds.push(Deed::Report(serial, kind)),
                None => deeds.extend(trial.kinds.iter().map(|kind| Deed::Report(serial, *kind))),
            }
            deeds.push(Deed::Renew(serial));
        }
        deeds.push(Deed::Reap);
        if trial.plant == Some(Plant::ReapsWhatItSawBefore) {
            deeds.push(Deed::Look);
        }
        if trial.cancels {
            deeds.push(Deed::Cancel);
        }
        // A registrar that is there is heard of in time.
        if trial.owner_leaves || !owned || self.engine.book.owner_until > NOW + 1 {
            deeds.push(Deed::Tick);
        }
        if self.failovers < trial.failovers {
            deeds.push(if self.replica.is_none() { Deed::Replicate } else { Deed::FailOver });
        }
    }

    pub(super) fn take(&mut self, trial: &Trial, deed: Deed) {
        let before = self.engine.book.clone();
        match deed {
            Deed::Add(member) => {
                let said = self.engine.book.add(&[(name(member), Vec::new())], NOW);
                self.known[member] |= matches!(said, Ok(crate::Added::In { .. }));
            }
            Deed::Seal => {
                let registered = before.ledger.tally().registered;
                let all =
                    if trial.plant == Some(Plant::SealsAnything) { registered } else { trial.members as u64 };
                // Refused where a member is not there: the registrar adds it again.
                let _ = self.engine.book.seal(GroupId::from_bytes([0; 16]), all, NOW);
            }
            Deed::Keep => drop(self.engine.book.keep(NOW)),
            Deed::Claim => self.claim(trial),
            Deed::Renew(serial) => {
                let token = self.token(serial);
                drop(self.engine.book.renew(&[token], NOW));
            }
            Deed::Report(serial, kind) => self.report(trial, serial, kind),
            Deed::Reap => self.engine.reap(trial),
            Deed::Look => self.engine.overdue = self.engine.book.overdue(),
            Deed::Cancel => drop(self.engine.book.cancel("enough", NOW)),
            Deed::Tick => {
                self.engine.book.tick();
                if let Some(replica) = &mut self.replica {
                    replica.book.tick();
                }
                return;
            }
            Deed::Replicate => self.replica = Some(self.engine.clone()),
            Deed::FailOver => {
                self.failovers += 1;
                self.engine = self.replica.take().unwrap_or_else(|| self.engine.clone());
                // Nobody is told. A registrar notices when it seals, and adds everybody again.
                return;
            }
        }
        self.engine.after(trial);
        self.compare(&before);
    }

    fn token(&self, serial: usize) -> Token {
        let Given { member, token: (attempt, nonce), .. } = &self.given[serial];
        Token { member: name(*member), attempt: *attempt, nonce: nonce.clone() }
    }

    fn claim(&mut self, trial: &Trial) {
        let serial = self.given.len();
        let nonce = if trial.plant == Some(Plant::NoNonce) { "n".into() } else { format!("n{serial}") };
        for claim in self.engine.book.claim("worker", 1, &nonce, NOW).claims {
            let member = claim.token.member.parse::<usize>().expect("a number") - 1;
            self.engine.last[member] = Some(serial);
            let token = (claim.token.attempt, claim.token.nonce);
            self.given.push(Given { member, token, says: None });
        }
    }

    fn report(&mut self, trial: &Trial, serial: usize, kind: Kind) {
        self.given[serial].says = Some(kind);
        let member = self.given[serial].member;
        let mut token = self.token(serial);
        if trial.plant == Some(Plant::Unfenced) {
            self.engine.book.take_for_current(&mut token);
        }
        let (said, _) = self.engine.book.finish(&token, &kind.report(), NOW).expect("it is small");
        self.engine.counter = self.engine.counter.map(|so_far| (so_far + 1).min(trial.members as u64));
        match said {
            Finished::Counted | Finished::Again(_) => {
                if self.engine.last[member] != Some(serial) {
                    self.objection =
                        Some("what counts is none of the attempt that this history has given out last");
                }
                if !self.engine.heeded.insert(serial) {
                    self.objection = Some("the same report took effect twice");
                }
                self.engine.counted[member] += u8::from(said == Finished::Counted);
            }
            Finished::AlreadySame if !self.engine.heeded.contains(&serial) => {
                self.objection = Some("it is said to have counted, and has not");
            }
            Finished::AlreadySame | Finished::Stale => {}
        }
    }

    /// What a step must never undo.
    fn compare(&mut self, before: &Book) {
        let now = &self.engine.book;
        for number in 1..=before.ledger.last() {
            if let ended @ Some(State::Ended(_)) = before.ledger.state(number) {
                if now.ledger.state(number) != ended {
                    self.objection = Some("an end was undone");
                }
            }
        }
        if before.state.is_terminal() {
            if (before.state, before.ledger.tally(), before.first_failure)
                != (now.state, now.ledger.tally(), now.first_failure)
            {
                self.engine.ends += 1;
            }
        } else if now.state.is_terminal() {
            self.engine.ends += 1;
        }
    }

    pub(super) fn counted_once(&self) -> bool {
        let book = &self.engine.book;
        self.engine.counted.iter().enumerate().all(|(member, counted)| {
            use headcount_ledger::End;
            let state = book.numbers.get(&name(member)).and_then(|number| book.ledger.state(*number));
            let told = matches!(state, Some(State::Ended(End::Done | End::Failed)));
            // Who was given back to a group that is about to end is cancelled, and told so.
            let perhaps = matches!(state, Some(State::Ended(End::Cancelled)));
            *counted == u8::from(told) || (perhaps && *counted == 1)
        })
    }

    pub(super) fn ended_once(&self) -> bool {
        self.engine.ends == u8::from(self.engine.book.state.is_terminal())
    }

    pub(super) fn is_whole(&self, trial: &Trial) -> bool {
        let book = &self.engine.book;
        let (tally, total) = (book.ledger.tally(), book.ledger.total());
        let by_itself = matches!(book.state, GroupState::Done | GroupState::Failed) && book.toward.is_none();
        let all = total == Some(trial.members as u64) && tally.registered == trial.members as u64;
        !book.state.is_terminal() || (tally.ended() == tally.registered && (all || !by_itself))
    }

    pub(super) fn adds_up(&self) -> bool {
        let book = &self.engine.book;
        let lists = book.ready.len() + book.waiting.len() + book.leases.len();
        let tally = book.ledger.tally();
        let open = tally.registered - tally.ended();
        let listed: BTreeSet<_> =
            book.ready.iter().copied().chain(book.waiting.iter().map(|due| due.2)).collect();
        let leased: BTreeSet<_> = book.leases.iter().map(|due| due.2).collect();
        book.ledger.recount() == tally
            && leased.len() as u64 == tally.running
            && lists as u64 == open
            && (listed.len() + leased.len()) as u64 == open
            && book.leases.iter().all(|(at, _, number)| book.member(*number).lease == *at)
    }

    /// Whether it is over soon when somebody works (unless all are gone), and somebody reaps, and nobody else is heard of again.
    pub(super) fn comes_to_an_end(&self, trial: &Trial) -> bool {
        let mut engine = self.engine.clone();
        // For each attempt that a member may have: claimed, run, and time for what it waits for.
        let rounds = 2 + trial.members * 8;
        for round in 0..rounds {
            if engine.book.state.is_terminal() {
                return true;
            }
            let claims = if trial.deserted { 0 } else { 9 };
            for claim in engine.book.claim("worker", claims, &format!("end{round}"), NOW).claims {
                drop(engine.book.finish(&claim.token, &Kind::Done.report(), NOW));
                engine.counter = engine.counter.map(|so_far| so_far + 1);
            }
            engine.book.tick();
            engine.reap(trial);
            engine.after(trial);
        }
        engine.book.state.is_terminal()
    }
}

impl Engine {
    fn reap(&mut self, trial: &Trial) {
        if trial.plant == Some(Plant::ReapsWhatItSawBefore) {
            for member in std::mem::take(&mut self.overdue) {
                self.book.put_back_unasked(member);
            }
        } else {
            drop(self.book.reap(NOW));
        }
    }

    /// What a planted fault adds to every step.
    fn after(&mut self, trial: &Trial) {
        match trial.plant {
            Some(Plant::CountsReports) if self.counter >= Some(trial.members as u64) => {
                self.book.state = GroupState::Done
            }
            Some(Plant::EndsBeforeTheSeal) => self.book.end_when_nobody_is_out(),
            _ => {}
        }
    }
}

impl Book {
    /// Everything that was put off comes nearer by a tick. What is due is due: for how long does not matter.
    fn tick(&mut self) {
        let nearer = |at: Millis| at.saturating_sub(millis(TICK)).max(NOW);
        let all = |dues: &mut BTreeSet<(Millis, String, u64)>| {
            *dues = std::mem::take(dues)
                .into_iter()
                .map(|(at, name, number)| (nearer(at), name, number))
                .collect();
        };
        all(&mut self.waiting);
        all(&mut self.leases);
        for member in &mut self.members {
            member.lease = nearer(member.lease);
            member.due = member.due.map(nearer);
        }
        self.owner_until = nearer(self.owner_until);
        self.deadline = self.deadline.map(nearer);
    }
}

/// All that a book will ever do follows from this: not from its revision, nor from who worked since when.
impl Hash for Engine {
    fn hash<H: Hasher>(&self, to: &mut H) {
        let book = &self.book;
        (book.state, book.toward, book.ledger.total(), book.first_failure).hash(to);
        for number in 1..=book.ledger.last() {
            book.ledger.state(number).map(|state| format!("{state:?}")).hash(to);
        }
        format!("{:?}", book.ledger.verdict()).hash(to);
        for member in &book.members {
            (&member.id, member.attempt, &member.nonce, member.losses, member.returns).hash(to);
            (member.lease, member.due).hash(to);
        }
        (&book.ready, &book.waiting, &book.leases, book.owner_until, book.deadline).hash(to);
        (&self.counted, &self.heeded, &self.last, self.ends, self.counter, &self.overdue).hash(to);
    }
}

impl Hash for World {
    fn hash<H: Hasher>(&self, to: &mut H) {
        let Self { engine, replica, failovers, given, known, objection } = self;
        (engine, replica, failovers, given, known, objection).hash(to);
    }
}

/// Asked by the checker where it tells of a path, which it knows by hashes as well.
impl PartialEq for World {
    fn eq(&self, other: &Self) -> bool {
        let hash = |world: &Self| {
            let mut hasher = std::hash::DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        hash(self) == hash(other)
    }
}

/// What there was to be seen somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Sight {
    pub(super) state: GroupState,
    pub(super) lost: bool,
    pub(super) redelivered: bool,
    pub(super) failed_over: bool,
}

/// All that there is to be seen.
pub(super) fn sights(trial: &Trial) -> (usize, std::collections::HashSet<Sight>) {
    use std::hash::{BuildHasher, RandomState};

    use stateright::Model;
    let keys = RandomState::new();
    let (mut seen, mut sights) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    let mut open = trial.init_states();
    while let Some(world) = open.pop() {
        if !seen.insert(keys.hash_one(&world)) {
            continue;
        }
        let book = &world.engine.book;
        sights.insert(Sight {
            state: book.state,
            lost: book.ledger.tally().lost > 0,
            redelivered: book.members.iter().any(|member| member.attempt > 1),
            failed_over: world.failovers > 0,
        });
        open.extend(trial.next_states(&world));
    }
    (seen.len(), sights)
}
