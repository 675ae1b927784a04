//! `headcount ps`, `tree` and `why`, against a running batch, and against what should be one and is not.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::stage::{LIMIT, Playing, Seen, headcount, script};

/// A place for sockets that no other test uses.
pub(crate) struct Place(pub(crate) TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// The command with these words, in a shell's notation. Asked again as long as it says that somebody was too slow: both sides
    /// have less time for each other than a busy machine may take from them.
    pub(crate) fn ask(&self, words: &str) -> Seen {
        let since = Instant::now();
        loop {
            let seen = self.ask_once(words);
            let slow = seen.err.contains("did not answer") || seen.err.contains("hung up");
            if !slow || since.elapsed() >= LIMIT {
                return seen;
            }
        }
    }

    /// The same where nobody is meant to answer.
    fn ask_once(&self, words: &str) -> Seen {
        script(&format!("exec \"$HEADCOUNT\" {words}")).env("XDG_RUNTIME_DIR", self.0.path()).run()
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.0.path().join("headcount")
    }

    pub(crate) fn socket(&self, pid: u32) -> PathBuf {
        self.directory().join(format!("{pid}.sock"))
    }

    /// A batch of one member, which has begun.
    pub(crate) fn batch(&self) -> Playing {
        let args = ["--order", "live", "sh", "-c", "echo up; exec sleep 1000", "sh", ":::", "the input"];
        let mut batch = headcount(args).env("XDG_RUNTIME_DIR", self.0.path()).start();
        assert_eq!(batch.lines(1), ["up\n"]);
        batch
    }

    /// A socket as of the process `pid`, on which each who asks is answered with `answer`; `None` is nothing at all.
    fn stands_in(&self, pid: u32, answer: Option<&'static [u8]>) {
        if !self.directory().exists() {
            fs::create_dir(self.directory()).unwrap();
            fs::set_permissions(self.directory(), Permissions::from_mode(0o700)).unwrap();
        }
        let listener = UnixListener::bind(self.socket(pid)).unwrap();
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut question = String::new();
                BufReader::new(&stream).read_line(&mut question).unwrap();
                assert!(question.starts_with(r#"{"headcount":1,"#), "{question}");
                if let Some(answer) = answer {
                    // Who asked may have had enough.
                    let _ = stream.write_all(answer);
                } else {
                    kept.push(stream);
                }
            }
        });
    }
}

fn out(seen: &Seen) -> String {
    String::from_utf8(seen.out.clone()).unwrap()
}

pub(crate) fn refused(seen: &Seen, code: i32, says: &str) {
    assert_eq!(seen.status.code(), Some(code), "{seen:?}");
    assert!(seen.err.contains(says) && seen.err.contains("hint: "), "{seen:?}");
}

#[test]
fn a_running_batch_is_listed_and_says_who_is_out() {
    let place = Place::new();
    let mut batch = place.batch();
    let pid = batch.child.id();

    let ps = place.ask("ps");
    assert!(ps.status.success(), "{ps:?}");
    let listed = out(&ps);
    let row: Vec<_> = listed.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!((row[0], row[1], *row.last().unwrap()), (&*pid.to_string(), "1", "headcount"), "{listed}");

    let tree = out(&place.ask(&format!("tree {pid}")));
    assert!(tree.contains("group \"batch\"") && tree.contains("\"#1  the input\"  running"), "{tree}");

    for who in ["", "'#1  the input'"] {
        let why = out(&place.ask(&format!("why {pid} {who}")));
        assert!(why.contains("\"#1  the input\"") && why.contains("running for"), "{why}");
        assert!(why.contains("launched at ") && why.contains("waits for: "), "{why}");
        assert!(
            why.contains("can be stopped: ") && why.contains(&format!("in process {pid} (headcount)")),
            "{why}"
        );
    }

    batch.signal(Signal::TERM);
    batch.end();
    assert!(!place.socket(pid).exists(), "a batch takes its socket along");
}

#[test]
fn json_holds_what_the_text_says() {
    let place = Place::new();
    let mut batch = place.batch();
    let pid = batch.child.id();
    let json = |words: &str| -> serde_json::Value {
        let seen = place.ask(&format!("{words} --json"));
        assert!(seen.status.success(), "{seen:?}");
        serde_json::from_slice(&seen.out).unwrap()
    };
    let ps = json("ps");
    assert_eq!(
        (&ps[0]["pid"], &ps[0]["out"], &ps[0]["program"]),
        (&pid.into(), &1.into(), &"headcount".into())
    );
    let tree = json(&format!("tree {pid}"));
    assert_eq!(tree["groups"][0]["name"], "batch");
    assert_eq!(tree["groups"][0]["members"][0]["name"], "#1  the input");
    let why = json(&format!("why {pid}"));
    assert_eq!(why["members"][0]["member"]["state"], "running");
    assert_eq!(why["members"][0]["group"]["name"], "batch");
    batch.signal(Signal::TERM);
    batch.end();
}

#[test]
fn only_the_owner_may_come_near_a_socket() {
    let place = Place::new();
    let mut batch = place.batch();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(place.directory()), 0o700);
    assert_eq!(mode(place.socket(batch.child.id())), 0o600);
    batch.signal(Signal::TERM);
    batch.end();
}

#[test]
fn a_place_that_is_open_to_others_is_refused_and_a_batch_runs_without_it() {
    let place = Place::new();
    fs::create_dir(place.directory()).unwrap();
    fs::set_permissions(place.directory(), Permissions::from_mode(0o755)).unwrap();
    refused(&place.ask("ps"), 2, "others than its owner may use it");
    refused(&place.ask("tree 1"), 1, "others than its owner may use it");
    let batch = headcount(["true", ":::", "1"]).env("XDG_RUNTIME_DIR", place.0.path()).run();
    assert!(batch.status.success(), "{batch:?}");
    assert_eq!(fs::read_dir(place.directory()).unwrap().count(), 0);
}

#[test]
fn without_anybody_there_the_list_is_empty_and_who_is_asked_for_is_not_there() {
    let place = Place::new();
    let ps = place.ask("ps");
    assert!(ps.status.success() && out(&ps).lines().count() == 1, "{ps:?}");
    refused(&place.ask("tree 1"), 1, "process 1 has no socket");
    refused(&place.ask("why 1 anybody"), 1, "process 1 has no socket");
}

#[test]
fn a_member_that_is_not_out_is_said_so() {
    let place = Place::new();
    let mut batch = place.batch();
    refused(&place.ask(&format!("why {} 'nobody'", batch.child.id())), 1, "nobody called \"nobody\" is out");
    batch.signal(Signal::TERM);
    batch.end();
}

#[test]
fn a_socket_that_was_left_behind_is_said_so_and_removed() {
    let place = Place::new();
    let mut batch = place.batch();
    let pid = batch.child.id();
    let left = place.directory().join("4000001.sock");
    drop(UnixListener::bind(&left).unwrap());
    assert!(left.exists());
    refused(&place.ask("tree 4000001"), 1, "process 4000001 has gone");
    assert!(!left.exists());
    refused(&place.ask("tree 4000001"), 1, "has no socket");

    drop(UnixListener::bind(&left).unwrap());
    let ps = place.ask("ps");
    assert!(ps.status.success() && ps.err.is_empty(), "{ps:?}");
    assert!(out(&ps).contains(&pid.to_string()) && !out(&ps).contains("4000001"), "{ps:?}");
    assert!(!left.exists());
    batch.signal(Signal::TERM);
    batch.end();
}

#[test]
fn another_version_is_named_with_what_to_do() {
    let place = Place::new();
    place.stands_in(4_000_002, Some(b"{\"headcount\":9,\"anything\":[]}\n"));
    refused(&place.ask("tree 4000002"), 1, "speaks version 9 of the protocol, and this is version 1");
}

#[test]
fn who_does_not_answer_is_told_within_a_limit_and_keeps_the_others_from_nothing() {
    let place = Place::new();
    let mut batch = place.batch();
    place.stands_in(4_000_003, None);
    refused(&place.ask_once("why 4000003"), 1, "process 4000003 did not answer within 1s");
    let (since, row) = (Instant::now(), format!("{} ", batch.child.id()));
    loop {
        let ps = place.ask_once("ps");
        refused(&ps, 1, "process 4000003 did not answer");
        if out(&ps).lines().any(|line| line.trim_start().starts_with(&row)) {
            break;
        }
        // The batch may have been too slow as well.
        assert!(since.elapsed() < LIMIT, "{ps:?}");
    }
    batch.signal(Signal::TERM);
    batch.end();
}

#[test]
fn garbage_is_called_so_and_a_cut_off_answer_too() {
    let place = Place::new();
    place.stands_in(4_000_004, Some(b"HTTP/1.1 200 OK\r\n"));
    refused(&place.ask("tree 4000004"), 1, "no answer");
    place.stands_in(4_000_005, Some(b"{\"headcount\":1}\n"));
    refused(&place.ask("tree 4000005"), 1, "no answer");
    place.stands_in(4_000_006, Some(b"{\"headcount\":1,\"census\":{\"pid\":1}}\n"));
    refused(&place.ask("tree 4000006"), 1, "no answer");
}

#[test]
fn names_do_not_steer_the_terminal_and_circles_do_not_hold_anybody_up() {
    let place = Place::new();
    // Two groups that are said to be made inside of each other, and a third inside of itself.
    place.stands_in(
        4_000_007,
        Some(concat!(
            r#"{"headcount":1,"census":{"pid":7,"program":"p\u001b[2J","groups":["#,
            r#"{"id":1,"what":"group","out":1,"inside":{"group":2,"number":1},"members":["#,
            r#"{"number":1,"count":1,"name":"red\u001b[31m","state":"running\u0007","can_be_stopped":true,"place":"a:1"}]},"#,
            r#"{"id":2,"what":"group","out":1,"inside":{"group":1,"number":1},"members":["#,
            r#"{"number":1,"count":18446744073709551615,"state":"out","can_be_stopped":false,"place":"a:2"}]},"#,
            r#"{"id":3,"what":"group","name":"own","out":1,"inside":{"group":3,"number":1},"members":[]}]}}"#,
            "\n"
        ).as_bytes()),
    );
    for words in ["tree 4000007", "why 4000007 1", "why 4000007", "tree 4000007 --json"] {
        let seen = place.ask(words);
        assert!(seen.status.success(), "{words}: {seen:?}");
        assert!(seen.out.iter().all(|byte| *byte == b'\n' || !byte.is_ascii_control()), "{words}: {seen:?}");
    }
}

#[test]
fn a_process_refuses_what_it_does_not_understand_and_goes_on() {
    let place = Place::new();
    let mut batch = place.batch();
    let pid = batch.child.id();
    let say = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(place.socket(pid)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        // It may hang up before it has read all.
        let _ = stream.write_all(bytes);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    // It has hung up on us if we were too slow.
    let told = |bytes: &[u8]| {
        let since = Instant::now();
        let answers = std::iter::repeat_with(|| say(bytes)).take_while(|_| since.elapsed() < LIMIT);
        answers.into_iter().find(|answer| !answer.is_empty()).expect("an answer")
    };
    let foreign = told(b"{\"headcount\":7,\"ask\":\"dance\"}\n");
    assert!(foreign.contains("version 7") && foreign.contains("version 1"), "{foreign}");
    assert!(told(b"\xff\xfe\n").contains("no line of the protocol"));
    assert!(told(b"{\"headcount\":1,\"ask\":{\"kill\":true}}\n").contains("refused"));
    assert_eq!(say(&[b'x'; 100_000]), "", "a line has a longest length");
    assert_eq!(say(b"says nothing more"), "", "and an end in time");
    let tree = place.ask(&format!("tree {pid}"));
    assert!(tree.status.success() && out(&tree).contains("the input"), "{tree:?}");
    batch.signal(Signal::TERM);
    batch.end();
}

#[test]
fn whoever_is_asked_must_be_named_and_the_hint_is_that_subcommands() {
    let place = Place::new();
    refused(&place.ask("tree"), 2, "hint: headcount tree --help");
    refused(&place.ask("why somebody"), 2, "hint: headcount why --help");
    let help = place.ask("why --help");
    assert!(help.status.success() && out(&help).contains("headcount::inspect()"), "{help:?}");
}

#[test]
fn what_is_live_needs_a_terminal() {
    let place = Place::new();
    refused(&place.ask("ps --watch"), 2, "--watch needs a terminal");
    refused(&place.ask("tree 1 --watch"), 2, "--watch needs a terminal");
}
