//! The account at the end, and the policies whose result it tells.

use crate::stage::{headcount, until_in_time};

/// The text with every duration made the same.
fn timeless(text: &str) -> String {
    text.lines()
        .map(|line| match line.split_once(" after ") {
            Some((how, _)) => format!("{how} after T\n"),
            None => format!("{line}\n"),
        })
        .collect()
}

#[test]
fn all_well() {
    let seen = headcount(["true", ":::", "a", "b"]).run();
    seen.ended(0);
    assert_eq!(seen.err, "2 members: 2 ok, 0 failed, 0 lost, 0 cancelled\n");
    assert_eq!(headcount(["true", ":::", "a"]).run().err, "1 member: 1 ok, 0 failed, 0 lost, 0 cancelled\n");
}

#[test]
fn every_failure_with_all_that_is_needed_to_look_into_it() {
    let command = "for n in 1 2 3 4 5 6 7 8 9 10 11; do echo line $n; done; printf 'torn\\033'; exit 3";
    let seen = headcount(["-k", "-j1", "--order", "input", "sh", "-c", command, ":::", "a b"]).run();
    seen.ended(1);
    assert!(seen.out().ends_with("line 11\ntorn\u{1b}"));
    assert_eq!(
        timeless(&seen.err),
        "1 member: 0 ok, 1 failed, 0 lost, 0 cancelled\n\
         \n\
         member 1 failed: exit code 3\n  \
           input:   a b\n  \
           command: sh -c 'for n in 1 2 3 4 5 6 7 8 9 10 11; do echo line $n; done; printf '\\''torn\\033'\\''; exit 3' 'a b'\n  \
           ended:   exit code 3 after T\n  \
           last lines:\n    \
             line 3\n    line 4\n    line 5\n    line 6\n    line 7\n    line 8\n    line 9\n    line 10\n    line 11\n    torn\\u{1b}\n"
    );
}

#[test]
fn a_signal_is_named() {
    let seen = headcount(["-k", "sh", "-c", "kill -s $0 $$", ":::", "SEGV"]).run();
    seen.ended(1);
    assert!(seen.err.contains("\nmember 1 failed: signal 11 (SIGSEGV)\n"), "{}", seen.err);
}

#[test]
fn quiet_leaves_only_what_members_print() {
    let seen = headcount(["-q", "-k", "sh", "-c", "echo $0; echo e >&2; exit 1", ":::", "a"]).run();
    seen.ended(1);
    assert_eq!((seen.out(), seen.err.as_str()), ("a\n", "e\n"));
}

#[test]
fn keep_going_gives_every_input_its_turn() {
    let seen = headcount(["--keep-going", "sh", "-c", "exit $0"]).input("0\n1\n2\n0\n").run();
    seen.ended(1);
    assert!(seen.err.starts_with("4 members: 2 ok, 2 failed, 0 lost, 0 cancelled\n"), "{}", seen.err);
}

#[test]
fn fail_fast_ends_the_rest_and_counts_who_never_ran() {
    let command = "if [ $0 = 3 ]; then exit 1; else exec sleep 1000; fi";
    let seen = headcount(["-j3", "sh", "-c", command]).input("1\n2\n3\n4\n5\n").run();
    seen.ended(1);
    assert!(
        seen.err
            .starts_with("3 members: 0 ok, 1 failed, 0 lost, 2 cancelled\nthe input was not read to its end"),
        "{}",
        seen.err
    );
    assert_eq!(
        seen.err.matches(" failed: ").count(),
        1,
        "who was cancelled is not listed as failed: {}",
        seen.err
    );
    let seen = headcount(["-j3", "sh", "-c", command, ":::", "1", "2", "3", "4", "5"]).run();
    seen.ended(1);
    assert!(seen.err.starts_with("5 members: 0 ok, 1 failed, 0 lost, 4 cancelled\n\n"), "{}", seen.err);
}

#[test]
fn a_stop_is_accounted_for_with_its_cause_and_whom_it_hit() {
    let folder = crate::stage::folder();
    let ready = folder.path().join("ready");
    let command = format!(
        "[ $0 = hard ] && trap '' TERM; for n in 1 2 3 4; do echo $0 $n; done; echo up >> {}; sleep 1000; sleep 1000",
        ready.display()
    );
    let stopped = |flags: &[&str]| {
        let args = ["-j2", "sh", "-c", &command, ":::", "soft", "hard", "x", "y"];
        let mut playing = headcount(flags.iter().chain(&args)).start();
        playing.until("both members", |_| std::fs::read(&ready).is_ok_and(|text| text.len() == 6));
        playing.signal(rustix::process::Signal::TERM);
        let seen = playing.end();
        seen.died_by(rustix::process::Signal::TERM);
        std::fs::remove_file(&ready).unwrap();
        seen.err
    };
    until_in_time(|seconds| {
        let err = stopped(&["--grace", &format!("{seconds}s")]);
        let told = err.strip_prefix(
            "4 members: 0 ok, 0 failed, 0 lost, 4 cancelled\n\n\
             stopped by signal 15 (SIGTERM): 2 cut short, 2 never began\n",
        );
        let told = told.unwrap_or_else(|| panic!("{err}"));
        assert_eq!(told.lines().count(), 8, "a line each, and three of its last: {told}");
        let is =
            |line: &str, end: &str| told.lines().any(|told| told.starts_with(line) && told.ends_with(end));
        assert!(is("  member 2: killed after ", " s: hard"), "{told}");
        assert!(told.contains(" s: hard\n    hard 2\n    hard 3\n    hard 4\n"), "{told}");
        // Or it was not given the time to die of the TERM.
        is("  member 1: terminated after ", " s: soft")
    });
    assert_eq!(stopped(&["-q", "--grace", "50ms"]), "");
}

#[test]
fn a_failure_that_stops_the_rest_is_named_as_the_cause() {
    let folder = crate::stage::folder();
    let up = folder.path().join("up");
    // Whoever is cut short has to have begun.
    let command = format!(
        "[ $0 = 3 ] || {{ echo up >> {0}; exec sleep 1000; }}; \
         until [ $(wc -l < {0} || echo 0) -ge 2 ]; do sleep 0.01; done 2>/dev/null; exit 1",
        up.display()
    );
    let seen = headcount(["-j3", "sh", "-c", &command, ":::", "1", "2", "3", "4", "5"]).run();
    seen.ended(1);
    assert!(
        seen.err.contains("\n\nstopped by the failure of member 3: 2 cut short, 2 never began\n  member "),
        "{}",
        seen.err
    );
    let seen = headcount(["false", ":::", "1"]).run();
    assert!(!seen.err.contains("stopped"), "it stopped nobody: {}", seen.err);
}

#[test]
fn inputs_are_said_to_be_left_only_when_they_are() {
    for (input, told) in [
        // What follows is not known without waiting for it, and nothing does.
        ("a\0", "\nthe input may not have been read to its end; what may be left is not counted\n"),
        ("a\0b\0", "\nthe input was not read to its end; what was left of it is not counted\n"),
    ] {
        let seen = headcount(["-0", "-j1", "--tag", "false", "{}"]).input(input).run();
        seen.ended(1);
        assert!(seen.err.contains(told), "{input:?}: {}", seen.err);
    }
}

#[test]
fn members_that_cannot_be_started_fail_with_the_reason() {
    for (args, input, why) in [
        (vec!["{}"], "no-such-command", "it could not be started: command not found"),
        (vec!["{}"], "/etc/passwd", "it could not be started: it may not be executed"),
        (vec!["echo"], "a\0b", "it could not be started: an argument holds a NUL byte"),
        (
            vec!["echo"],
            &"x".repeat(200_000),
            "it could not be started: its arguments are too long for the system",
        ),
    ] {
        let seen = headcount(&args).input(format!("{input}\n")).run();
        seen.ended(1);
        assert_eq!(seen.out(), "", "nothing was started");
        assert!(seen.err.contains(why), "{} is not in {}", why, &seen.err[..seen.err.len().min(500)]);
    }
}

#[test]
fn a_script_without_an_interpreter_fails_with_the_reason_or_runs() {
    // Some C libraries hand such a file to sh, others refuse it. Both are fine; silence is not.
    let folder = crate::stage::folder();
    let file = folder.path().join("script");
    std::fs::write(&file, "echo ran\n").unwrap();
    let mut mode = std::fs::metadata(&file).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&file, mode).unwrap();
    let seen = headcount([file.to_str().unwrap(), ":::", "a"]).run();
    match seen.status.code() {
        Some(0) => assert_eq!(seen.out(), "ran\n"),
        Some(1) => assert!(seen.err.contains("names its interpreter (#!)"), "{}", seen.err),
        other => panic!("{other:?}: {}", seen.err),
    }
}
