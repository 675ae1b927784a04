//! Killed with -9 at any moment and resumed, until everyone is counted once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use headcount_cli::journal::{Begins, begins, replay};
use headcount_cli::ledger::{End, Ledger, State};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::stage::{LIMIT, folder, headcount};

/// How often the command is killed, over as many batches as that takes.
const KILLS: usize = 100;

const MEMBERS: u64 = 60;

/// Every member writes itself down. Some always fail, some do at their first attempt.
const COMMAND: &str = "echo $1 >> $0; case $1 in *7) exit 1;; *5) [ $(grep -cx $1 $0) -ge 2 ];; esac";

/// Numbers by chance, the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// The book in a journal, as far as there is one.
fn book(journal: &Path) -> Option<Ledger> {
    let bytes = fs::read(journal).ok()?;
    match begins(&bytes[..]).expect("killing damages nothing") {
        Begins::Torn => None,
        Begins::Salt(salt) => {
            replay(&bytes[..], salt).expect("killing damages nothing").map(|told| told.ledger)
        }
    }
}

fn finished(book: &Ledger) -> impl Iterator<Item = u64> + '_ {
    let is = |state| matches!(state, Some(State::Ended(End::Done | End::Failed)));
    (1..=MEMBERS).filter(move |member| is(book.state(*member)))
}

/// One batch that is killed again and again.
struct Batch {
    folder: TempDir,
    /// Who was found finished, and how often it had run by then.
    finished: BTreeMap<u64, usize>,
}

impl Batch {
    fn new() -> Self {
        Self { folder: folder(), finished: BTreeMap::new() }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a path of ours").to_owned()
    }

    /// How many attempts there were in all.
    fn begun(&self) -> usize {
        fs::read(self.path("witness")).unwrap_or_default().iter().filter(|&&byte| byte == b'\n').count()
    }

    fn runs_of(&self, member: u64) -> usize {
        let witness = fs::read_to_string(self.path("witness")).unwrap_or_default();
        witness.lines().filter(|line| *line == member.to_string()).count()
    }

    fn arguments(&self, jobs: u64) -> Vec<String> {
        let flags = format!("-j{jobs} -k --retries 1 --backoff fixed:3ms --resume --journal");
        let mut args: Vec<String> = flags.split(' ').map(String::from).collect();
        args.extend([self.path("journal"), "sh".into(), "-c".into(), COMMAND.into(), self.path("witness")]);
        args.push(":::".into());
        args.extend((1..=MEMBERS).map(|member| member.to_string()));
        args
    }

    /// Who was finished is, and has not run again.
    fn look(&mut self) -> Option<Ledger> {
        let book = book(Path::new(&self.path("journal")));
        let now: Vec<u64> = book.iter().flat_map(finished).collect();
        for (member, runs) in &self.finished {
            assert!(now.contains(member), "member {member} was finished");
            assert_eq!(self.runs_of(*member), *runs, "member {member} was finished and ran again");
        }
        for member in now {
            let runs = self.runs_of(member);
            self.finished.entry(member).or_insert(runs);
        }
        book
    }

    /// Runs it to its end: everybody is counted once.
    fn end(mut self) {
        let seen = headcount(self.arguments(4)).run();
        seen.ended(1);
        let failed = (1..=MEMBERS).filter(|member| member % 10 == 7).count() as u64;
        let ok = MEMBERS - failed;
        let counts = format!("{MEMBERS} members: {ok} ok, {failed} failed, 0 lost, 0 cancelled\n");
        assert!(seen.err.contains(&counts), "{}", seen.err);
        let book = self.look().expect("a journal");
        assert_eq!((book.tally().done, book.tally().failed), (ok, failed));
        assert!((1..=MEMBERS).all(|member| self.runs_of(member) > 0), "everybody ran");
    }
}

#[test]
fn killed_at_any_moment_a_batch_is_resumed_and_everyone_counted_once() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").subsec_nanos();
    println!("the dice begin with {seed}");
    let mut dice = Dice(u64::from(seed));
    let (mut batch, mut kills, mut midway, mut batches) = (Batch::new(), 0, 0, 1);
    while kills < KILLS {
        let more = batch.begun() + 1 + dice.below(20) as usize;
        let mut playing = headcount(batch.arguments(1 + dice.below(4))).start();
        // One in four is killed early, however far it is; the others when so many more have begun, however long that takes.
        if dice.below(4) == 0 {
            thread::sleep(Duration::from_micros(dice.below(60_000)));
        } else {
            let since = Instant::now();
            while batch.begun() < more && playing.child.try_wait().expect("a child").is_none() {
                assert!(since.elapsed() < LIMIT, "waited in vain for {more} to begin");
                thread::sleep(Duration::from_micros(200));
            }
            thread::sleep(Duration::from_micros(dice.below(3000)));
        }
        let ended = playing.child.try_wait().expect("a child").is_some();
        if !ended {
            playing.signal(Signal::KILL);
            kills += 1;
        }
        playing.status();
        // Whoever was running is ended too: what an orphan does is not told from what is done again.
        drop(playing);
        let book = batch.look();
        let done = book.as_ref().map_or(0, |book| finished(book).count() as u64);
        if !ended && (1..MEMBERS).contains(&done) {
            midway += 1;
        }
        if done == MEMBERS {
            std::mem::replace(&mut batch, Batch::new()).end();
            batches += 1;
        }
    }
    batch.end();
    println!("{kills} kills in {batches} batches, {midway} of them midway");
    assert!(midway >= KILLS / 4, "only {midway} of {kills} kills came midway");
}
