//! Groups and workers on a network that is simulated, in simulated time: machines are cut off in one direction or in both, what they send
//! is held up and comes later all at once, answers are lost, questions heard twice, workers crash and come back.
//!
//! What must hold, whatever the network did: every wait ends and tells the same; each member counts once, and what counts is the attempt that
//! the engine gave out last; and a member never runs on two machines at once, because its worker has stopped it before its lease is over.
//! Controls: with an engine that does not fence, and with a handler that does not heed its context, this is objected to.

mod wire;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headcount::Context;
use headcount_cluster::{
    Account, Clock, Group, GroupState, Journal, Passing, Policy, Settings, Store, Worker,
};
use wire::{Seen, Served, Wire};

const MEMBERS: u64 = 40;
const LEASE: Duration = Duration::from_secs(6);
const TICK: Duration = Duration::from_millis(10);
/// So long there is mischief. Then all is well for the rest.
const MISCHIEF: Duration = Duration::from_secs(60);
/// Nothing takes longer than this.
const LONGEST: Duration = Duration::from_secs(600);
const WORKERS: [&str; 3] = ["worker-1", "worker-2", "worker-3"];

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    /// Everything but the network is well.
    Network,
    /// The engine crashes, and forgets the last things it did: as after a failover to a replica that lagged behind.
    Rollbacks,
    /// To be objected to: the engine takes any report for one of the attempt that runs.
    Unfenced,
    /// To be objected to: handlers do not heed their context, and their workers let them.
    Stubborn,
}

/// One call of a handler: of this member, on this machine, from when to when.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    member: u64,
    machine: &'static str,
    from: u64,
    to: u64,
}

/// What there is to be seen from outside of the network. All machines have the same time.
#[derive(Clone, Default)]
struct Log {
    now: Arc<AtomicU64>,
    runs: Arc<Mutex<Vec<Run>>>,
}

/// Notes a run when it is over, also when its machine crashes.
struct Running {
    log: Log,
    run: Run,
}

impl Log {
    fn begin(&self, member: u64, machine: &'static str) -> Running {
        let from = self.now.load(Ordering::Relaxed);
        Running { log: self.clone(), run: Run { member, machine, from, to: from } }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.run.to = self.log.now.load(Ordering::Relaxed);
        self.log.runs.lock().unwrap().push(self.run.clone());
    }
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        // Marsaglia's xorshift with the shifts 13, 7, 17 ("Xorshift RNGs", 2003).
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[derive(Debug, Clone, Copy)]
enum Mischief {
    Cut,
    /// What it says is not heard, and what it is told is.
    Mute,
    Deaf,
    HeldUp,
    Crashed,
}

fn begin(sim: &turmoil::Sim<'_>, machine: &str, mischief: Mischief) {
    match mischief {
        Mischief::Cut => sim.partition(machine, "engine"),
        Mischief::Mute => sim.partition_oneway(machine, "engine"),
        Mischief::Deaf => sim.partition_oneway("engine", machine),
        Mischief::HeldUp => sim.hold(machine, "engine"),
        Mischief::Crashed => {}
    }
}

fn end(sim: &mut turmoil::Sim<'_>, machine: &str, mischief: Mischief) {
    match mischief {
        Mischief::Cut | Mischief::Mute | Mischief::Deaf => sim.repair(machine, "engine"),
        Mischief::HeldUp => sim.release(machine, "engine"),
        Mischief::Crashed => sim.bounce(machine),
    }
}

/// What came of it all.
struct Outcome {
    trial: Trial,
    accounts: Vec<Account>,
    /// How often the engine went back in time, and how often that was noticed.
    rollbacks: u32,
    noticed: u64,
    runs: Vec<Run>,
    seen: Seen,
    took: Duration,
}

impl Outcome {
    /// What is to be objected to.
    fn objections(&self) -> Vec<String> {
        let mut objections = Vec::new();
        for account in &self.accounts {
            if (account.tally.registered, account.tally.done) != (MEMBERS, MEMBERS) {
                objections.push(format!("account: {account:?}"));
            }
        }
        if self.trial == Trial::Rollbacks {
            // Who ended in a time that is gone runs again, and may still run elsewhere. It counts once in the history that is left, and
            // that is what the account says.
            return objections;
        }
        if self.seen.counted.len() as u64 != MEMBERS || self.seen.counted.values().any(|times| *times != 1) {
            objections.push(format!("counted: {:?}", self.seen.counted));
        }
        if self.seen.strangers > 0 {
            objections.push(format!(
                "stranger: {} reports counted of an attempt that was over",
                self.seen.strangers
            ));
        }
        let mut runs: Vec<_> = self.runs.iter().collect();
        runs.sort_by_key(|run| (run.member, run.from));
        for pair in runs.windows(2) {
            let [first, second] = pair else { continue };
            if first.member == second.member && second.from < first.to {
                objections.push(format!("at once: {first:?} and {second:?}"));
            }
        }
        objections
    }
}

fn worker(wire: &Wire, name: &'static str, log: &Log, trial: Trial) -> Worker<Wire> {
    let log = log.clone();
    let worker = Worker::new(wire.clone()).named(name).limit(4);
    let worker = if trial == Trial::Stubborn { worker.patience(LONGEST) } else { worker };
    worker.handle("work", move |ctx: Context, n: u64| {
        let running = log.begin(n, name);
        async move {
            // Between one and eight seconds; some longer than a lease.
            let time = Duration::from_secs(1 + n % 8);
            if trial == Trial::Stubborn {
                tokio::time::sleep(3 * time).await;
            } else if ctx.sleep_async(time).await.is_err() {
                drop(running);
                return Err("stopped");
            }
            drop(running);
            Ok(n)
        }
    })
}

fn run(seed: u64, trial: Trial) -> Outcome {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut sim = turmoil::Builder::new()
        .tick_duration(TICK)
        .simulation_duration(LONGEST)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(300))
        .rng_seed(seed)
        .build();
    let (wire, log, seen) = (Wire::default(), Log::default(), Arc::new(Mutex::new(Seen::default())));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("engine");
    let engine = (wire.clone(), Arc::clone(&seen), file.clone());
    sim.host("engine", move || {
        let (wire, seen, file) = engine.clone();
        async move {
            let journal = Journal::open_file(file)?;
            wire.serve(Served::new(journal, trial == Trial::Unfenced, seen)).await
        }
    });
    for name in WORKERS {
        let (wire, log) = (wire.clone(), log.clone());
        sim.host(name, move || {
            let worker = worker(&wire, name, &log, trial);
            async move { worker.run(&Context::background()).await.map(drop).map_err(Into::into) }
        });
    }
    let (accounts, noticed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
    let id = headcount_cluster::GroupId::new();
    let settings = Settings {
        policy: Policy::KeepGoing,
        lease: LEASE,
        owner_lease: LONGEST,
        // Every answer to a claim that is lost is a worker that is lost, as far as an engine can know.
        losses: 1000,
        retries: 1000,
        ..Settings::new("network")
    };
    // How long the file is at least, once the group is sealed. What its registrar was promised is not what is tried here.
    let sealed = Arc::new(AtomicU64::new(u64::MAX));
    let (engine, told) = (wire.clone(), Arc::clone(&accounts));
    let (floor, path, notices) = (Arc::clone(&sealed), file.clone(), Arc::clone(&noticed));
    sim.client("registrar", async move {
        let registrar = Group::open_as(engine, id, settings).await?;
        for n in 1..=MEMBERS {
            registrar.spawn("work", &n).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let group = registrar.seal().await?.patience(LONGEST);
        floor.store(std::fs::metadata(path)?.len(), Ordering::Relaxed);
        let account = group.wait().await?;
        told.lock().unwrap().push(account);
        notices.fetch_add(group.rollbacks(), Ordering::Relaxed);
        Ok(())
    });
    let (engine, told, notices) = (wire.clone(), Arc::clone(&accounts), Arc::clone(&noticed));
    sim.client("waiter", async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let group = loop {
            // It may be cut off, and the group may not be there yet.
            match Group::attach(engine.clone(), id).await {
                Ok(group) => break group.patience(LONGEST),
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        };
        let account = group.wait().await?;
        told.lock().unwrap().push(account);
        notices.fetch_add(group.rollbacks(), Ordering::Relaxed);
        Ok(())
    });
    let machines = [WORKERS[0], WORKERS[1], WORKERS[2], "registrar", "waiter"];
    let mut afflicted: Vec<(Duration, &str, Mischief)> = Vec::new();
    let mut next = Duration::from_secs(1);
    let (mut rollbacks, mut engine_back) = (0, None);
    loop {
        let now = sim.elapsed();
        log.now.store(u64::try_from(now.as_millis()).unwrap(), Ordering::Relaxed);
        while let Some(over) = afflicted.iter().position(|(until, ..)| *until <= now) {
            let (_, machine, mischief) = afflicted.swap_remove(over);
            end(&mut sim, machine, mischief);
        }
        if now >= next && now < MISCHIEF {
            next = now + Duration::from_millis(200 + dice.throw(1500));
            let machine = machines[usize::try_from(dice.throw(5)).unwrap()];
            let mischief = match dice.throw(6) {
                0 | 1 => Mischief::Cut,
                2 => Mischief::Mute,
                3 => Mischief::Deaf,
                4 => Mischief::HeldUp,
                _ => Mischief::Crashed,
            };
            let is_worker = WORKERS.contains(&machine);
            let free = afflicted.iter().all(|(_, other, _)| *other != machine);
            if free && (is_worker || !matches!(mischief, Mischief::Crashed)) {
                // From less than a heartbeat to three leases.
                afflicted.push((now + Duration::from_millis(500 + dice.throw(18_000)), machine, mischief));
                if matches!(mischief, Mischief::Crashed) {
                    sim.crash(machine);
                } else {
                    begin(&sim, machine, mischief);
                }
            }
        }
        if engine_back.is_some_and(|back| back <= now) {
            sim.bounce("engine");
            engine_back = None;
        }
        let floor = sealed.load(Ordering::Relaxed);
        if trial == Trial::Rollbacks
            && floor < u64::MAX
            && engine_back.is_none()
            && now < MISCHIEF
            && dice.throw(300) == 0
        {
            sim.crash("engine");
            let there = std::fs::metadata(&file).expect("it is there").len();
            let lost = dice.throw(3000);
            let file = std::fs::OpenOptions::new().write(true).open(&file).expect("it is there");
            file.set_len(there.saturating_sub(lost).max(floor)).expect("it can be cut");
            engine_back = Some(now + Duration::from_millis(dice.throw(3000)));
            rollbacks += 1;
        }
        // An error here is one of a machine: a wait that failed, or that took longer than anything may.
        if sim.step().unwrap_or_else(|error| panic!("seed {seed}, at {now:?}: {error}")) {
            break;
        }
    }
    let took = sim.elapsed();
    drop(sim);
    let journal = Journal::open_with_clock(&file, Clock::Driven(Passing::default())).expect("nobody has it");
    let left = headcount_cluster::conformance::runtime().block_on(journal.summary(id)).expect("it is there");
    assert_eq!((left.state, left.tally.done), (GroupState::Done, MEMBERS), "in the file that is left");
    let accounts = accounts.lock().unwrap().clone();
    let runs = log.runs.lock().unwrap().clone();
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    Outcome { trial, accounts, rollbacks, noticed: noticed.load(Ordering::Relaxed), runs, seen, took }
}

#[test]
fn whatever_the_network_does_everyone_counts_once_runs_nowhere_twice_at_once_and_every_wait_ends() {
    let (mut stale, mut same, mut redelivered) = (0, 0, 0);
    for seed in 1..=4 {
        let outcome = run(seed, Trial::Network);
        assert!(outcome.objections().is_empty(), "seed {seed}: {:#?}", outcome.objections());
        assert_eq!(outcome.accounts.len(), 2);
        assert_eq!(outcome.accounts[0], outcome.accounts[1], "all are told the same");
        println!(
            "seed {seed}: {:?}, {} runs, {} redelivered, {} stale, {} same",
            outcome.took,
            outcome.runs.len(),
            outcome.seen.redelivered,
            outcome.seen.stale,
            outcome.seen.same
        );
        stale += outcome.seen.stale;
        same += outcome.seen.same;
        redelivered += outcome.seen.redelivered;
    }
    assert!(stale > 0 && same > 0 && redelivered > 0, "nothing went wrong: {stale} {same} {redelivered}");
}

#[test]
fn whatever_an_engine_forgets_of_its_last_steps_every_wait_ends_and_everyone_is_done() {
    let (mut rollbacks, mut noticed) = (0, 0);
    for seed in 1..=3 {
        let outcome = run(seed, Trial::Rollbacks);
        assert!(outcome.objections().is_empty(), "seed {seed}: {:#?}", outcome.objections());
        assert_eq!(outcome.accounts.len(), 2);
        rollbacks += outcome.rollbacks;
        noticed += outcome.noticed;
        println!(
            "seed {seed}: {:?}, {} runs, {} rollbacks, noticed {} times",
            outcome.took,
            outcome.runs.len(),
            outcome.rollbacks,
            outcome.noticed
        );
    }
    assert!(rollbacks > 5 && noticed > 0, "it crashed {rollbacks} times, which was noticed {noticed} times");
}

/// The tests above can fail.
#[test]
fn an_engine_without_a_fence_and_a_worker_that_does_not_stop_are_objected_to() {
    for (trial, objection) in [(Trial::Unfenced, "stranger"), (Trial::Stubborn, "at once")] {
        let objected =
            (1..=10).any(|seed| run(seed, trial).objections().iter().any(|said| said.starts_with(objection)));
        assert!(objected, "{trial:?}: nobody objects");
    }
}
