//! Time: for each member, for the whole batch, and what children are told of it.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::stage::{LIMIT, headcount, until_in_time};

#[test]
fn a_member_that_takes_too_long_is_terminated_and_has_failed() {
    let command = "echo last words; exec sleep 1000";
    until_in_time(|seconds| {
        let late = format!("timed out after {seconds}s");
        let timeout = format!("{seconds}s");
        let args =
            ["-k", "-j2", "--order", "live", "--timeout", &timeout, "sh", "-c", command, ":::", "slow"];
        let began = Instant::now();
        let mut playing = headcount(args).start();
        let heard = playing.lines(1) == ["last words\n"] && began.elapsed().as_secs() < seconds.into();
        let seen = playing.end();
        seen.ended(1);
        if !heard {
            return false;
        }
        let (note, account) = seen.err.split_once("1 member: ").expect("an account");
        let lines: Vec<&str> = note.lines().collect();
        assert_eq!(lines[..2], [&*format!("headcount: member 1 {late}: slow"), "headcount: 1 still out"]);
        assert!(lines[2].starts_with("  #1  slow  pid ") && lines[2].ends_with(" s  last words"), "{note}");
        assert_eq!(lines.len(), 3, "{note}");
        let told = format!("0 ok, 1 failed, 0 lost, 0 cancelled\n\nmember 1 failed: {late}\n");
        assert!(account.starts_with(&told), "{account}");
        assert!(account.contains(&format!("\n  ended:   {late}, gone after ")), "{account}");
        assert!(account.ends_with("  last lines:\n    last words\n"), "{account}");
        true
    });
}

#[test]
fn one_that_ignores_it_is_killed_after_the_grace() {
    for pipes in ["", ">/dev/null 2>&1"] {
        let began = Instant::now();
        let command = format!("exec {pipes}; trap '' TERM; sleep 1000; sleep 1000; sleep 1000");
        let args = ["-k", "--timeout", "100ms", "--grace", "0.1", "sh", "-c", &command, ":::", "a", "b"];
        let seen = headcount(args).run();
        seen.ended(1);
        assert!(seen.err.contains("2 members: 0 ok, 2 failed, 0 lost, 0 cancelled\n"), "{}", seen.err);
        assert!(began.elapsed() < LIMIT / 2);
    }
}

#[test]
fn who_ends_well_when_told_has_timed_out_all_the_same() {
    let command = "trap 'exit 0' TERM; sleep 1000 & wait";
    let seen = headcount(["-q", "--timeout", "200ms", "sh", "-c", command, ":::", "a"]).run();
    seen.ended(1);
    assert_eq!(seen.err, "", "quiet");
}

#[test]
fn who_is_in_time_hears_nothing_of_it() {
    let args =
        ["-j2", "--timeout", "1h", "--deadline", "3600", "sh", "-c", "sleep 0.01; echo $0", ":::", "a", "b"];
    let seen = headcount(args).run();
    seen.ended(0);
    assert_eq!(seen.err, "2 members: 2 ok, 0 failed, 0 lost, 0 cancelled\n");
    assert_eq!(seen.sorted(), ["a", "b"]);
}

#[test]
fn a_timeout_is_a_failure_to_the_policy() {
    let command = "case $0 in slow) exec sleep 1000;; *) exec sleep 999;; esac";
    let seen = headcount(["-j1", "--timeout", "100ms", "sh", "-c", command, ":::", "slow", "next"]).run();
    seen.ended(1);
    let why = "\n\nstopped by the failure of member 1: 0 cut short, 1 never began\n";
    assert!(seen.err.contains(why), "{}", seen.err);
}

#[test]
fn many_that_run_out_of_time_together_call_everyones_roll_once() {
    let inputs: Vec<String> = (0..8).map(|n| n.to_string()).collect();
    let mut args = vec!["-k", "-j8", "--timeout", "500ms", "sleep", "1000", ":::"];
    args.extend(inputs.iter().map(String::as_str));
    let began = Instant::now();
    let seen = headcount(args).run();
    // It is called once a second at most: on a busy machine the first may run out of time seconds before the last.
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    seen.ended(1);
    assert_eq!(seen.err.matches(" timed out after 500ms: ").count(), 8, "{}", seen.err);
    let calls = seen.err.lines().filter(|line| line.starts_with("  #")).count();
    assert!(calls <= 8 * (seconds + 2), "{calls} lines of roll calls: {}", seen.err);
}

#[test]
fn the_deadline_terminates_what_is_left_and_has_a_code_of_its_own() {
    let command = "echo up; [ $0 = hard ] && trap '' TERM; sleep 1000; sleep 1000";
    until_in_time(|seconds| {
        let deadline = format!("{seconds}s");
        let args =
            ["-j2", "--order", "live", "--grace", "50ms", "--deadline", &deadline, "sh", "-c", command];
        let began = Instant::now();
        let mut playing = headcount(args.iter().chain(&[":::", "soft", "hard", "never", "begun"])).start();
        let both = playing.lines(2) == ["up\n"; 2] && began.elapsed().as_secs() < seconds.into();
        let seen = playing.end();
        seen.ended(3);
        assert!(began.elapsed() >= Duration::from_secs(seconds.into()));
        if !both {
            return false;
        }
        let (note, account) = seen.err.split_once("4 members: ").expect("an account");
        let lines: Vec<&str> = note.lines().collect();
        let passed = format!("headcount: the deadline of {seconds}s has passed");
        assert_eq!(lines[..2], [&*passed, "headcount: 2 still out"]);
        assert!(
            lines[2].starts_with("  #1  soft  pid ") && lines[3].starts_with("  #2  hard  pid "),
            "{note}"
        );
        assert_eq!(lines.len(), 4, "{note}");
        let told = format!(
            "0 ok, 0 failed, 0 lost, 4 cancelled\n\n\
             stopped by the deadline of {seconds}s: 2 cut short, 2 never began\n"
        );
        assert!(account.starts_with(&told), "{account}");
        true
    });
}

#[test]
fn the_deadline_ends_a_wait_for_input() {
    let mut playing = headcount(["--deadline", "200ms", "true"]).start();
    // Nothing comes, and the input does not end either.
    let stdin = playing.child.stdin.take();
    let seen = playing.end();
    drop(stdin);
    seen.ended(3);
    assert!(seen.err.contains("the input may not have been read to its end"), "{}", seen.err);
}

#[test]
fn the_deadline_holds_while_the_batch_drains() {
    until_in_time(|seconds| {
        let deadline = format!("{seconds}s");
        let command = "echo up; exec sleep 1000";
        let args = ["--order", "live", "--deadline", &deadline, "sh", "-c", command, ":::", "1"];
        let began = Instant::now();
        let mut playing = headcount(args).start();
        let up = playing.lines(1) == ["up\n"];
        playing.signal(Signal::INT);
        let said = playing.err_line();
        let in_time = up && began.elapsed().as_secs() < seconds.into();
        let seen = playing.end();
        if !in_time {
            return false;
        }
        assert!(said.starts_with("headcount: no more members are started; waiting for 1;"), "{said}");
        seen.died_by(Signal::INT);
        let passed = format!("headcount: the deadline of {seconds}s has passed\n");
        assert!(seen.err.starts_with(&passed), "{}", seen.err);
        let why = format!(
            "\n\nstopped by signal 2 (SIGINT), then the deadline of {seconds}s: 1 cut short, 0 never began\n"
        );
        assert!(seen.err.contains(&why), "{}", seen.err);
        true
    });
}

/// What a member finds in the variable, in seconds.
fn left(flags: &[&str]) -> f64 {
    let seen = headcount(flags.iter().chain(&["printenv", "HEADCOUNT_DEADLINE", ":::", ""])).run();
    // printenv takes the empty input for a variable that is not there.
    let text = seen.out().lines().next().expect("the variable").to_owned();
    let (seconds, parts) = text.split_once('.').expect("a decimal point");
    assert!(!seconds.is_empty() && !parts.is_empty(), "{text}");
    text.parse().expect("a number")
}

#[test]
fn children_are_told_how_much_time_is_left() {
    for (flags, most) in [
        (&["-k", "--deadline", "1h"][..], 3600.0),
        (&["-k", "--timeout", "500"], 500.0),
        (&["-k", "--deadline", "1h", "--timeout", "500s"], 500.0),
        (&["-k", "--deadline", "500s", "--timeout", "1h"], 500.0),
    ] {
        let left = left(flags);
        assert!(left <= most && left > most - LIMIT.as_secs_f64(), "{left} of {most}");
    }
    let seen = headcount(["sh", "-c", "echo \"${HEADCOUNT_DEADLINE-none}\"", ":::", "a"]).run();
    assert_eq!(seen.out(), "none\n", "without a limit nothing is said");
}

#[test]
fn what_is_left_gets_less() {
    let command = "echo $HEADCOUNT_DEADLINE; sleep 0.2";
    let seen = headcount(["-j1", "--deadline", "3600", "sh", "-c", command, ":::", "a", "b"]).run();
    seen.ended(0);
    let left: Vec<f64> = seen.out().lines().map(|line| line.parse().unwrap()).collect();
    assert!(left[0] - left[1] >= 0.2, "{left:?}");
}
