//! The journal through the command: what is resumed, what is refused, and what the account says.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::stage::{Seen, fifo, folder, headcount, tell};

/// `headcount run` with a journal in this folder.
#[track_caller]
fn run(folder: &TempDir, flags: &[&str], rest: &[&str]) -> Seen {
    let journal = path(folder);
    let fixed = ["-j1", "-k", "--journal", journal.to_str().unwrap()];
    headcount(fixed.iter().chain(flags).chain(rest)).run()
}

fn path(folder: &TempDir) -> PathBuf {
    folder.path().join("journal")
}

fn bytes(folder: &TempDir) -> Vec<u8> {
    fs::read(path(folder)).unwrap()
}

/// Does what its input says, and writes down that it ran.
const WITNESS: &str = "echo $1 >> $0; case $1 in bad*) exit 1;; esac";

fn witness(folder: &TempDir) -> String {
    folder.path().join("witness").to_str().unwrap().to_owned()
}

fn ran(folder: &TempDir) -> String {
    fs::read_to_string(witness(folder)).unwrap_or_default()
}

#[test]
fn what_is_finished_is_not_run_again_and_everyone_is_counted() {
    let folder = folder();
    let witness = witness(&folder);
    let command = ["sh", "-c", WITNESS, &witness, ":::", "a", "bad", "c"];
    let first = run(&folder, &[], &command);
    first.ended(1);
    assert!(
        first.err.starts_with("3 members: 2 ok, 1 failed, 0 lost, 0 cancelled\n\nmember 2 "),
        "{}",
        first.err
    );
    let again = run(&folder, &["--resume"], &command);
    again.ended(1);
    let journal = path(&folder);
    assert_eq!(
        again.err,
        format!(
            "3 members: 2 ok, 1 failed, 0 lost, 0 cancelled\n\
             3 of them had ended before this run (journal {})\n\
             \nmember 2 failed before this run\n  input:   bad\n",
            journal.display()
        )
    );
    assert_eq!(ran(&folder), "a\nbad\nc\n");
    let failed = run(&folder, &["--resume-failed"], &command);
    failed.ended(1);
    assert!(failed.err.contains("\n2 of them had ended before this run"), "{}", failed.err);
    assert!(failed.err.contains("\nmember 2 failed: exit code 1\n"), "{}", failed.err);
    assert_eq!(ran(&folder), "a\nbad\nc\nbad\n");
}

#[test]
fn what_was_stopped_is_run_when_it_is_resumed() {
    let folder = folder();
    let witness = witness(&folder);
    let command = ["sh", "-c", WITNESS, &witness, ":::", "a", "bad", "c", "d"];
    let journal = path(&folder);
    let fail_fast = ["-j1", "--journal", journal.to_str().unwrap()];
    headcount(fail_fast.iter().chain(&command)).run().ended(1);
    assert_eq!(ran(&folder), "a\nbad\n");
    // The old failure counts, and stops nobody again.
    let again = headcount(fail_fast.iter().chain(&["--resume"]).chain(&command)).run();
    again.ended(1);
    assert!(again.err.starts_with("4 members: 3 ok, 1 failed, 0 lost, 0 cancelled\n"), "{}", again.err);
    assert_eq!(ran(&folder), "a\nbad\nc\nd\n");
}

#[test]
fn a_stream_is_resumed_beyond_what_was_read_of_it() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let command = "[ $1 = stuck ] && echo up && read -r line < $0; echo $1";
    let journal = path(&folder);
    let args = ["-j1", "--order", "live", "--journal", journal.to_str().unwrap()];
    let rest = ["sh", "-c", command, gate.to_str().unwrap()];
    let inputs = folder.path().join("inputs");
    fs::write(&inputs, "1\n2\nstuck\n4\n5\n").unwrap();
    let from = ["-a", inputs.to_str().unwrap()];
    let mut playing = headcount(args.iter().chain(&from).chain(&rest)).start();
    assert_eq!(playing.lines(3), ["1\n", "2\n", "up\n"]);
    playing.signal(Signal::KILL);
    playing.status();
    drop(playing);
    // More inputs than there were are no difference: their end was never seen.
    fs::write(&inputs, "1\n2\nstuck\n4\n5\n6\n").unwrap();
    let mut playing = headcount(args.iter().chain(&from).chain(&["--resume"]).chain(&rest)).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    tell(&gate, "go\n");
    let seen = playing.end();
    seen.ended(0);
    assert_eq!(seen.out(), "stuck\n4\n5\n6\n");
    assert!(
        seen.err.contains("6 members: 6 ok, 0 failed, 0 lost, 0 cancelled\n2 of them had ended"),
        "{}",
        seen.err
    );
}

#[test]
fn a_changed_list_is_refused_with_the_first_difference_and_nothing_is_touched() {
    let folder = folder();
    run(&folder, &[], &["true", ":::", "a", "b", "c"]).ended(0);
    let before = bytes(&folder);
    for (inputs, difference) in [
        (&["a", "x", "y"][..], "input 2 was \"b\", and is \"x\""),
        (&["a", "b"], "input 3 was \"c\", and there is none now"),
        (&["a", "b", "c", "d"], "there were 3, and now there is input 4: \"d\""),
        (&["a", "c", "b"], "input 2 was \"b\", and is \"c\""),
    ] {
        let rest: Vec<&str> = ["true", ":::"].iter().chain(inputs).copied().collect();
        let seen = run(&folder, &["--resume"], &rest);
        seen.ended(2);
        let what =
            format!("headcount: the inputs are not those of the journal {}: ", path(&folder).display());
        assert_eq!(
            seen.err,
            format!(
                "{what}{difference}\nhint: resume with the same inputs in the same order, or begin a journal in \
                 another file\n"
            )
        );
        assert_eq!(bytes(&folder), before);
    }
    // A number of inputs that is known beforehand is compared before anything runs.
    let other = self::folder();
    let fail_fast =
        ["-j1", "--journal", path(&other).to_str().unwrap(), "false", ":::", "a", "b", "c"].map(String::from);
    headcount(&fail_fast).run().ended(1);
    let seen = run(&other, &["--resume"], &["false", ":::", "a", "b", "c", "d"]);
    seen.ended(2);
    assert!(seen.err.contains(": there were 3, and there are 4\n"), "{}", seen.err);
}

#[test]
fn inputs_are_known_by_their_bytes() {
    let folder = folder();
    let journal = path(&folder);
    let args = ["-0", "--journal", journal.to_str().unwrap(), "--resume", "true"];
    headcount(args).input(b"a\xff\n\x1b[2J\0\0".to_vec()).run().ended(0);
    let seen = headcount(args).input(b"a\xfe\n\x1b[2J\0\0".to_vec()).run();
    seen.ended(2);
    assert!(
        seen.err.contains("input 1 was \"a\\\\xff"),
        "shown without its control characters: {}",
        seen.err
    );
    headcount(args).input(b"a\xff\n\x1b[2J\0\0".to_vec()).run().ended(0);
}

#[test]
fn another_command_is_refused() {
    let folder = folder();
    run(&folder, &[], &["true", "{}", ":::", "a"]).ended(0);
    let before = bytes(&folder);
    for (flags, rest, is) in [
        (&["--resume"][..], &["echo", "{}", ":::", "a"][..], "run echo '{}'"),
        (&["--resume", "--shell"], &["true", "{}", ":::", "a"], "run --shell true '{}'"),
    ] {
        let seen = run(&folder, flags, rest);
        seen.ended(2);
        let told = format!("is of another command: it was run true '{{}}', and is {is}\nhint: ");
        assert!(seen.err.contains(&told), "{}", seen.err);
        assert_eq!(bytes(&folder), before);
    }
}

#[test]
fn an_existing_journal_is_not_begun_again() {
    let folder = folder();
    run(&folder, &[], &["true", ":::", "a"]).ended(0);
    let before = bytes(&folder);
    let seen = run(&folder, &[], &["true", ":::", "a"]);
    seen.ended(2);
    let journal = path(&folder);
    assert_eq!(
        seen.err,
        format!(
            "headcount: the journal {} exists already\n\
             hint: --resume goes on with it; for a new batch name another file, or remove this one\n",
            journal.display()
        )
    );
    assert_eq!(bytes(&folder), before);
}

#[test]
fn without_a_journal_to_resume_one_is_begun() {
    let folder = folder();
    let seen = run(&folder, &["--resume"], &["true", ":::", "a"]);
    seen.ended(0);
    let journal = path(&folder);
    assert_eq!(
        seen.err,
        format!(
            "headcount: the journal {} is new: there is nothing to resume\n\
             1 member: 1 ok, 0 failed, 0 lost, 0 cancelled\n",
            journal.display()
        )
    );
    run(&folder, &["-q", "--resume"], &["true", ":::", "a"]).ended(0);
    // An empty file is as good as none.
    let empty = self::folder();
    fs::write(path(&empty), b"").unwrap();
    run(&empty, &[], &["true", ":::", "a"]).ended(0);
}

#[test]
fn flags_that_need_each_other_say_so() {
    for (args, told) in [
        (&["--resume"][..], "--journal <FILE>"),
        (&["--resume-failed"], "--journal <FILE>"),
        (&["--journal", "j", "--resume", "--dry-run"], "cannot be used with"),
    ] {
        let seen = headcount(args.iter().chain(&["true", ":::", "a"])).run();
        seen.ended(2);
        assert!(seen.err.contains(told), "{}", seen.err);
    }
    let folder = folder();
    run(&folder, &["--dry-run"], &["true", ":::", "a"]).ended(0);
    assert!(!path(&folder).exists(), "a dry run writes nothing");
}

#[test]
fn the_second_process_on_a_journal_is_turned_away() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let journal = path(&folder);
    let args = ["--order", "live", "--journal", journal.to_str().unwrap()];
    let rest = ["sh", "-c", "echo up; read -r line < $0", gate.to_str().unwrap(), ":::", "a"];
    let mut playing = headcount(args.iter().chain(&rest)).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    for flags in [&[][..], &["--resume"]] {
        let seen = headcount(args.iter().chain(flags).chain(&rest)).run();
        assert_eq!(seen.status.code(), Some(2), "{}", seen.err);
        let (shown, pid) = (journal.display(), playing.child.id());
        assert_eq!(
            seen.err,
            format!(
                "headcount: the journal {shown} is in use by process {pid}\n\
                 hint: wait until that has ended, or name another file\n"
            )
        );
    }
    tell(&gate, "go\n");
    playing.end().ended(0);
    run(
        &folder,
        &["--resume"],
        &["sh", "-c", "echo up; read -r line < $0", gate.to_str().unwrap(), ":::", "a"],
    )
    .ended(0);
}

#[test]
fn attempts_go_on_where_they_were() {
    let folder = folder();
    let witness = witness(&folder);
    let journal = path(&folder);
    let args = ["--order", "live", "--retries", "2", "--journal", journal.to_str().unwrap(), "--resume"];
    let rest = ["sh", "-c", "echo $1 >> $0; echo up; exit 3", &witness, ":::", "a"];
    let mut playing = headcount(args.iter().chain(&["--backoff", "fixed:1h"]).chain(&rest)).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.until("it to wait", |_| {
        let text = fs::read(&journal).unwrap();
        // The kind of a record that puts off, its member, and its attempt.
        let put_off = [&[5][..], &1_u64.to_le_bytes(), &1_u32.to_le_bytes()].concat();
        text.windows(put_off.len()).any(|window| window == put_off)
    });
    playing.signal(Signal::KILL);
    playing.status();
    let seen = headcount(args.iter().chain(&["--backoff", "fixed:1ms"]).chain(&rest)).run();
    seen.ended(1);
    assert!(seen.err.contains("\nmember 1 failed: exit code 3 (attempt 3 of 3)\n"), "{}", seen.err);
    assert_eq!(ran(&folder), "a\na\na\n");
}

#[test]
fn a_file_is_a_journal_and_nothing_else() {
    let folder = folder();
    run(&folder, &[], &["true", ":::", "a"]).ended(0);
    let before = bytes(&folder);
    let journal = path(&folder);
    let shown = journal.to_str().unwrap();
    for flag in ["--events", "--joblog"] {
        let seen = headcount(["--resume", "--journal", shown, flag, shown, "true"]).run();
        seen.ended(2);
        let told =
            format!("headcount: --journal and {flag} name one and the same file\nhint: give each its own\n");
        assert_eq!(seen.err, told);
        assert_eq!(bytes(&folder), before);
    }
    // What is refused for another reason leaves no journal that would be in the way.
    let fresh = folder.path().join("fresh");
    let args =
        ["--journal", fresh.to_str().unwrap(), "--events", "/no/such/folder/events", "true", ":::", "a"];
    headcount(args).run().ended(2);
    assert!(!fresh.exists());
}

#[test]
fn quorums_count_what_was_done_before() {
    let folder = folder();
    let witness = witness(&folder);
    let command = ["sh", "-c", WITNESS, &witness, ":::", "a", "b", "c", "d"];
    let journal = path(&folder);
    let quorum = |needed: &'static str, flags: &[&str]| {
        let args = ["-j1", "--journal", journal.to_str().unwrap(), "--quorum", needed];
        headcount(args.iter().chain(flags).chain(&command)).run()
    };
    quorum("2", &[]).ended(0);
    assert_eq!(ran(&folder), "a\nb\n");
    let seen = quorum("2", &["--resume"]);
    seen.ended(0);
    let why = "\nstopped by what was done before (that makes the quorum of 2): 0 cut short, 2 never began\n";
    assert!(seen.err.contains(why), "{}", seen.err);
    assert_eq!(ran(&folder), "a\nb\n", "that was enough before");
    quorum("3", &["--resume"]).ended(0);
    assert_eq!(ran(&folder), "a\nb\nc\n");
}
