//! The file: cut, damaged, in use, full, and left behind by somebody who was killed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use headcount_cluster::store::Page;
use headcount_cluster::{
    Backoff, Clock, Finished, GroupId, GroupState, Journal, Passing, Policy, Report, Settings, Store,
    StoreError,
};

use super::place;
use crate::process::{Processes, role};

const HEADER: u64 = 24;
const LEASE: Duration = Duration::from_secs(10);

fn open(path: &Path) -> Result<Journal, StoreError> {
    Journal::open_with_clock(path, Clock::Driven(Passing::default()))
}

fn settings() -> Settings {
    let (policy, backoff) = (Policy::KeepGoing, Backoff::Fixed(LEASE / 2));
    let (lease, owner_lease, keep) = (LEASE, 100 * LEASE, 10_000 * LEASE);
    Settings { policy, lease, owner_lease, keep, backoff, retries: 2, ..Settings::new("trial \u{1f41f}") }
}

fn members(range: std::ops::RangeInclusive<u64>) -> Vec<(String, Vec<u8>)> {
    range.map(|n| (n.to_string(), vec![u8::try_from(n % 256).unwrap(); 3])).collect()
}

/// All that is known of a group.
async fn picture(journal: &Journal, group: GroupId) -> String {
    let summary = match journal.summary(group).await {
        Ok(summary) => summary,
        Err(StoreError::Vanished(_)) => return "nobody knows it".into(),
        Err(error) => panic!("{error}"),
    };
    let Page { items, .. } = journal.standings(group, None).await.unwrap();
    let names: Vec<_> = items.iter().map(|standing| standing.member.clone()).collect();
    let results = journal.results(group, &names).await.unwrap();
    let details = journal.details(group, &names).await.unwrap();
    format!("{summary:?} {items:?} {results:?} {details:?}")
}

/// Steps of every kind, in two groups.
struct History {
    groups: [GroupId; 2],
    /// How long the file was after a step, and how the groups stood.
    after: Vec<(u64, [String; 2])>,
}

impl History {
    async fn of(path: &Path) -> Self {
        let time = Passing::default();
        let journal = Journal::open_with_clock(path, Clock::Driven(time.clone())).unwrap();
        let groups = [GroupId::new(), GroupId::new()];
        let mut history = Self { groups, after: Vec::new() };
        history.note(path, &journal).await;
        let mut held = Vec::new();
        for step in 0..36_u64 {
            let group = groups[usize::from(step % 9 == 8)];
            match step {
                0 | 8 => drop(journal.open(group, &settings()).await.unwrap()),
                1 | 17 | 20 => drop(journal.add(group, &members(1..=step.min(12))).await.unwrap()),
                2 | 9 | 14 | 21 | 27 => {
                    held.extend(journal.claim(group, "worker", 3).await.unwrap().claims);
                }
                3 => drop(journal.keep(group).await.unwrap()),
                10 => {
                    let tokens: Vec<_> = held.iter().map(|claim| claim.token.clone()).collect();
                    drop(journal.renew(group, &tokens).await.unwrap());
                }
                13 | 25 => drop(journal.reap(group).await.unwrap()),
                24 => drop(journal.seal(group, 12).await.unwrap()),
                33 => drop(journal.cancel(group, "enough").await.unwrap()),
                _ if !held.is_empty() => {
                    let report = match step % 5 {
                        0 => Report::Failed { why: b"busy".to_vec(), again: true },
                        1 => Report::Failed { why: b"broken".to_vec(), again: false },
                        2 => Report::Returned { after: LEASE },
                        3 => Report::Cancelled,
                        _ => Report::Done(vec![0, 255, b'\n']),
                    };
                    let claim = held.remove(0);
                    drop(journal.finish(groups[0], &claim.token, &report).await.unwrap());
                }
                _ => {}
            }
            history.note(path, &journal).await;
            time.pass(LEASE / 4);
        }
        history
    }

    async fn note(&mut self, path: &Path, journal: &Journal) {
        let length = fs::metadata(path).unwrap().len();
        if self.after.last().is_none_or(|(before, _)| length > *before) {
            let [a, b] = self.groups;
            self.after.push((length, [picture(journal, a).await, picture(journal, b).await]));
        }
    }

    /// How it stood when the file was so long at most.
    fn at(&self, length: u64) -> &(u64, [String; 2]) {
        self.after.iter().rev().find(|(was, _)| *was <= length).unwrap_or(&self.after[0])
    }
}

#[tokio::test]
async fn a_file_cut_at_any_byte_is_as_it_was_after_one_of_the_steps() {
    let (folder, path) = place();
    let history = History::of(&path).await;
    assert!(history.after.len() > 18, "only {} steps were written", history.after.len());
    let bytes = fs::read(&path).unwrap();
    let torn = folder.path().join("torn");
    for cut in 0..=bytes.len() {
        fs::write(&torn, &bytes[..cut]).unwrap();
        let journal = open(&torn).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let (length, stood) = history.at(cut as u64);
        let [a, b] = history.groups;
        let stands = [picture(&journal, a).await, picture(&journal, b).await];
        assert_eq!(&stands, stood, "cut at {cut}");
        assert_eq!(fs::metadata(&torn).unwrap().len(), *length, "cut at {cut}: what is torn is gone");
    }
}

#[tokio::test]
async fn what_is_written_after_a_torn_end_is_read_again() {
    let (_folder, path) = place();
    let history = History::of(&path).await;
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let group = GroupId::new();
    let before = {
        let journal = open(&path).unwrap();
        journal.open(group, &settings()).await.unwrap();
        journal.add(group, &members(1..=3)).await.unwrap();
        picture(&journal, group).await
    };
    let journal = open(&path).unwrap();
    assert_eq!(picture(&journal, group).await, before);
    assert_ne!(picture(&journal, history.groups[0]).await, "nobody knows it");
}

#[tokio::test]
async fn a_changed_byte_is_told_and_left_unless_it_is_of_the_last_record() {
    let (folder, path) = place();
    let history = History::of(&path).await;
    let bytes = fs::read(&path).unwrap();
    let [.., (last, _), _] = &history.after[..] else { panic!("many records") };
    let changed = folder.path().join("changed");
    for place in 0..bytes.len() {
        for bit in [0x01, 0x80] {
            let mut wrong = bytes.clone();
            wrong[place] ^= bit;
            fs::write(&changed, &wrong).unwrap();
            match open(&changed) {
                Err(error @ StoreError::Refused { .. }) => {
                    assert!(error.to_string().contains("changed"), "it names the file: {error}");
                    assert_eq!(fs::read(&changed).unwrap(), wrong, "byte {place}: left as it is");
                }
                // Of the last one nobody can know whether it was ever whole.
                Ok(journal) if place as u64 >= *last => {
                    let stands = picture(&journal, history.groups[0]).await;
                    assert_eq!(stands, history.at(*last).1[0], "byte {place}");
                }
                Ok(_) => panic!("byte {place} of {} was changed, and nobody objects", bytes.len()),
                Err(other) => panic!("byte {place}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn records_of_another_file_or_another_place_are_damage() {
    let (folder, path) = place();
    let history = History::of(&path).await;
    let other = folder.path().join("other");
    History::of(&other).await;
    let (ours, theirs) = (fs::read(&path).unwrap(), fs::read(&other).unwrap());
    let ends: Vec<_> = history.after.iter().map(|(length, _)| usize::try_from(*length).unwrap()).collect();
    let spliced = [&ours[..ends[4]], &theirs[ends[4]..]].concat();
    let swapped =
        [&ours[..ends[4]], &ours[ends[5]..ends[6]], &ours[ends[4]..ends[5]], &ours[ends[6]..]].concat();
    let left_out = [&ours[..ends[4]], &ours[ends[5]..]].concat();
    for wrong in [swapped, left_out] {
        fs::write(&path, wrong).unwrap();
        // Nothing behind the wrong place is a record there, so it may also be taken for a torn tail; but never for history.
        if let Ok(journal) = open(&path) {
            assert_eq!(picture(&journal, history.groups[0]).await, history.after[4].1[0]);
        }
    }
    fs::write(&path, spliced).unwrap();
    if let Ok(journal) = open(&path) {
        assert_eq!(picture(&journal, history.groups[0]).await, history.after[4].1[0]);
    }
}

#[tokio::test]
async fn what_is_no_journal_is_refused_and_left() {
    let (folder, path) = place();
    for foreign in
        [&b"member\n"[..], b"x", &[0; 4096], b"\x89HCE\r\n\x1a\n\x02\0\0\0and something else that is longer"]
    {
        fs::write(&path, foreign).unwrap();
        let error = open(&path).expect_err("it is something else");
        assert!(matches!(error, StoreError::Refused { .. }) && !error.is_passing(), "{error}");
        assert_eq!(fs::read(&path).unwrap(), foreign);
    }
    let error = open(folder.path()).expect_err("a folder");
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    let error = open(Path::new("/dev/null")).expect_err("a device");
    assert!(error.to_string().ends_with("/dev/null: it is no file"), "{error}");
}

#[tokio::test]
async fn a_file_that_somebody_has_is_refused() {
    let (_folder, path) = place();
    let journal = open(&path).unwrap();
    let same = journal.clone();
    let error = open(&path).expect_err("it is in use");
    assert!(error.to_string().contains("another process, or another engine in this one, has it"), "{error}");
    drop(journal);
    open(&path).expect_err("a clone is the same engine");
    drop(same);
    open(&path).expect("nobody has it");
}

#[tokio::test]
async fn groups_that_are_forgotten_leave_the_file() {
    let (_folder, path) = place();
    let time = Passing::default();
    let journal = Journal::open_with_clock(&path, Clock::Driven(time.clone())).unwrap();
    let (over, open) = (GroupId::new(), GroupId::new());
    for group in [over, open] {
        journal.open(group, &settings()).await.unwrap();
        journal.add(group, &members(1..=100)).await.unwrap();
    }
    journal.cancel(over, "enough").await.unwrap();
    time.pass(settings().keep);
    let before = picture(&journal, open).await;
    assert_eq!(picture(&journal, over).await, "nobody knows it");
    drop(journal);
    let length = fs::metadata(&path).unwrap().len();
    for _ in 0..2 {
        let journal = Journal::open_with_clock(&path, Clock::Driven(time.clone())).unwrap();
        assert_eq!(picture(&journal, open).await, before);
        assert_eq!(picture(&journal, over).await, "nobody knows it");
    }
    let shorter = fs::metadata(&path).unwrap().len();
    assert!((HEADER + 100..=length / 2).contains(&shorter), "{length} bytes are now {shorter}");
}

#[tokio::test]
async fn leases_go_on_while_nobody_has_the_file_open() {
    let (_folder, path) = place();
    let group = GroupId::new();
    let lease = Duration::from_millis(1);
    let claim = {
        let journal = Journal::open_file(&path).unwrap();
        journal.open(group, &Settings { lease, ..settings() }).await.unwrap();
        journal.add(group, &members(1..=1)).await.unwrap();
        journal.claim(group, "worker", 1).await.unwrap().claims.remove(0)
    };
    std::thread::sleep(lease);
    let journal = Journal::open_file(&path).unwrap();
    while journal.reap(group).await.unwrap().redelivered == 0 {
        // The machine's clock may be a coarse one.
        tokio::time::sleep(lease).await;
    }
    let (said, _) = journal.finish(group, &claim.token, &Report::Done(Vec::new())).await.unwrap();
    assert_eq!(said, Finished::Stale);
}

#[tokio::test]
async fn who_is_killed_leaves_every_step_that_was_answered() {
    if let Some((_, folder)) = role() {
        let journal = Journal::open_file(folder.join("engine")).unwrap();
        let group = GroupId::parse(&std::env::var("HEADCOUNT_GROUP").unwrap()).unwrap();
        let known = journal.open(group, &settings()).await.unwrap().tally.registered;
        for n in known + 1.. {
            journal.add(group, &members(n..=n)).await.unwrap();
            println!("\nadded {n}");
        }
    }
    let group = GroupId::new();
    let test = "journal::file::who_is_killed_leaves_every_step_that_was_answered";
    let mut processes = Processes::of(test, &[("HEADCOUNT_GROUP", &group.to_string())]);
    let mut before = 0;
    for round in 1..=5 {
        let role = format!("registrar-{round}");
        let added = |said: &str| {
            // The last line may be half of one.
            let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
            whole.lines().rev().find_map(|line| line.strip_prefix("added ")?.parse().ok()).unwrap_or(0_u64)
        };
        processes.order("begin", &role);
        processes.until_said(&role, |said| added(said) >= before + 20 * round);
        processes.order("KILL", &role);
        let answered = added(&processes.said(&role));
        let journal = Journal::open_file(processes.folder().join("engine")).unwrap();
        let registered = journal.summary(group).await.unwrap().tally.registered;
        // One may have been written and not been answered yet.
        assert!((answered..=answered + 1).contains(&registered), "{registered} of {answered}");
        before = registered;
    }
}

#[tokio::test]
async fn a_disk_without_room_is_an_error_and_it_goes_on_when_there_is_room_again() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    if let Some((_, folder)) = role() {
        // In a process of its own: the limit is for all of its files.
        let (path, group) = (folder.join("engine"), GroupId::new());
        let journal = Journal::open_file(&path).unwrap();
        journal.open(group, &settings()).await.unwrap();
        let most = |current| setrlimit(Resource::Fsize, Rlimit { current, maximum: None }).unwrap();
        most(Some(20_000));
        let mut added = 0;
        let error = loop {
            match journal.add(group, &members(added + 1..=added + 7)).await {
                Ok(_) => added += 7,
                Err(error) => break error,
            }
        };
        assert!(error.is_passing(), "{error}");
        assert!(error.to_string().contains("write down a step"), "{error}");
        assert_eq!(journal.summary(group).await.unwrap().tally.registered, added, "it did not happen");
        journal.add(group, &members(added + 1..=added + 7)).await.expect_err("nor does it later");
        most(None);
        journal.add(group, &members(added + 1..=added + 7)).await.unwrap();
        journal.seal(group, added + 7).await.unwrap();
        drop(journal);
        let journal = Journal::open_file(&path).unwrap();
        let now = journal.summary(group).await.unwrap();
        assert_eq!((now.tally.registered, now.sealed, now.state), (added + 7, true, GroupState::Open));
        println!("\nwell");
        return;
    }
    let test = "journal::file::a_disk_without_room_is_an_error_and_it_goes_on_when_there_is_room_again";
    let mut processes = Processes::of(test, &[]);
    processes.order("begin", "only");
    let said = processes.until_said("only", |said| said.contains("test result"));
    assert!(said.contains("\nwell\n"), "{said}");
}
