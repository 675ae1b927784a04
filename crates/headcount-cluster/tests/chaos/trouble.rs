//! The workers, and what is done to them and to the engine while the group runs.
//!
//! Each piece of trouble is due when a certain share of the members has ended, so that it is spread over the whole run however
//! fast that is. The group cannot end before all was made: its last member waits for that.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::fs::OpenOptions;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use headcount_cluster::{Group, Redis};
use rustix::process::{Pid, Signal, kill_process};

use crate::server::{LIMIT, Server};
use crate::size::Size;
use crate::{LEASE, MADE};

pub(crate) struct Trouble<'a> {
    size: &'a Size,
    server: &'a Server,
    folder: &'a Path,
    workers: Vec<Hand>,
    /// How many were started, to tell them apart.
    started: u64,
    kills: u64,
    pauses: u64,
    restarts: u64,
    /// How many bytes the engine had written and did not find again, and in how many restarts.
    cut: u64,
    cuts: u64,
    /// What the engine had written when the members were registered.
    registered: u64,
    rollbacks: u64,
}

/// A worker, gone when this is dropped.
struct Hand {
    child: Child,
    /// Until when it is stopped.
    paused: Option<Instant>,
}

impl<'a> Trouble<'a> {
    pub(crate) fn new(size: &'a Size, server: &'a Server, folder: &'a Path) -> Self {
        let mut trouble = Self {
            size,
            server,
            folder,
            workers: Vec::new(),
            started: 0,
            kills: 0,
            pauses: 0,
            restarts: 0,
            cut: 0,
            cuts: 0,
            registered: 0,
            rollbacks: 0,
        };
        for _ in 0..size.workers {
            let hand = trouble.hire();
            trouble.workers.push(hand);
        }
        trouble
    }

    /// Another worker.
    fn hire(&mut self) -> Hand {
        self.started += 1;
        let Size { takes, limit, .. } = self.size;
        let witness = self.folder.join(format!("worker-{}.{takes}.{limit}", self.started));
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["worker", &self.server.url()])
            .arg(witness)
            .stdin(Stdio::piped())
            .spawn()
            .expect("a worker");
        Hand { child, paused: None }
    }

    /// Makes all of it.
    pub(crate) async fn make(&mut self, group: &Group<Redis>) {
        loop {
            self.wake(Instant::now());
            let now = group.summary().await.expect("the engine comes back");
            if now.sealed && self.registered == 0 {
                self.registered = std::fs::metadata(self.written()).expect("its file").len();
            }
            let ended = now.tally.ended();
            let Size { kills, pauses, restarts, .. } = *self.size;
            if (self.kills, self.pauses, self.restarts) == (kills, pauses, restarts) && self.registered > 0 {
                break;
            }
            if self.kills < kills && ended >= self.due(self.kills, kills) {
                self.kill();
            }
            if self.pauses < pauses && ended >= self.due(self.pauses, pauses) {
                self.pause();
            }
            if self.restarts < restarts && ended >= self.due(self.restarts, restarts) {
                self.restart();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Those who are stopped come back and find that the world went on.
        while self.workers.iter().any(|worker| worker.paused.is_some()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.wake(Instant::now());
        }
        self.rollbacks = group.rollbacks();
        std::fs::write(self.folder.join(MADE), "").expect("a file");
    }

    /// How many have to have ended for the next of so many.
    fn due(&self, made: u64, of: u64) -> u64 {
        (self.size.members - 1) * (made + 1) / (of + 1)
    }

    fn any(&self) -> usize {
        usize::try_from(random(self.workers.len() as u64)).expect("one of them")
    }

    fn kill(&mut self) {
        let (which, another) = (self.any(), self.hire());
        // Whoever is dropped is killed.
        self.workers[which] = another;
        self.kills += 1;
    }

    /// Stops a worker for a time in which it loses its lease, or does not.
    fn pause(&mut self) {
        let which = self.any();
        let lease = u64::try_from(LEASE.as_millis()).expect("short");
        let time = Duration::from_millis(lease / 2 + random(2 * lease));
        let worker = &mut self.workers[which];
        worker.signal(Signal::STOP);
        worker.paused = Some(Instant::now() + time);
        self.pauses += 1;
    }

    fn wake(&mut self, now: Instant) {
        for worker in &mut self.workers {
            if worker.paused.is_some_and(|until| now >= until) {
                worker.signal(Signal::CONT);
                worker.paused = None;
            }
        }
    }

    /// Ends the engine: in good order, at once, or at once and with some of what it had written last, as if the machine had crashed.
    fn restart(&mut self) {
        let kind = self.restarts % 3;
        self.server.signal(if kind == 0 { "TERM" } else { "KILL" });
        if kind == 2 && self.registered > 0 {
            let file = OpenOptions::new().write(true).open(self.written()).expect("its file");
            let len = file.metadata().expect("its length").len();
            // Who registered them has gone: that they are registered is not to be forgotten.
            let cut = random(64 * 1024).min((len - self.registered) / 2);
            file.set_len(len - cut).expect("cut");
            self.cut += cut;
            self.cuts += 1;
        }
        self.server.begin_again();
        self.restarts += 1;
    }

    /// Where the engine writes what was done.
    fn written(&self) -> PathBuf {
        self.server.folder().join("appendonlydir").join("appendonly.aof.1.incr.aof")
    }

    /// Lets the workers end, all of them by themselves.
    pub(crate) fn over(&mut self) {
        for worker in &mut self.workers {
            worker.child.stdin.take();
        }
        let end = Instant::now() + LIMIT;
        for worker in &mut self.workers {
            while worker.child.try_wait().expect("ours").is_none() {
                assert!(Instant::now() < end, "a worker does not end");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Hand {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it is ours, and not waited for");
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        // It may be gone already, which is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Trouble<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kills, pauses, restarts, cut, cuts, started, rollbacks, .. } = self;
        writeln!(f, "{kills:>10}  workers killed, {started} started")?;
        writeln!(f, "{pauses:>10}  workers paused")?;
        writeln!(f, "{restarts:>10}  restarts of the engine, {cuts} of them with {cut} bytes gone")?;
        write!(f, "{rollbacks:>10}  times it was seen to have gone back")
    }
}

/// Any number below this.
fn random(below: u64) -> u64 {
    // Each has other keys, so that the hash of nothing is another number each time.
    RandomState::new().hash_one(()) % below.max(1)
}
