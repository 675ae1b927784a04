//! When a batch is over, and what it then came to: the policies, from outside.

use std::time::Instant;

use crate::stage::{LIMIT, Seen, fifo, folder, headcount, tell};

/// The exit code, and the account before the first empty line.
fn told(seen: &Seen, code: i32) -> &str {
    seen.ended(code);
    seen.err.split("\n\n").next().unwrap_or_default()
}

#[test]
fn the_first_success_terminates_the_rest() {
    let command = "case $0 in bad*) exit 1;; good) exit 0;; *) exec sleep 1000;; esac";
    // One lane is taken, so the others come one after the other.
    let inputs = ["slow1", "bad1", "bad2", "good", "slow2", "slow3"];
    let args = ["-j2", "--first-success", "sh", "-c", command, ":::"];
    let seen = headcount(args.iter().chain(&inputs)).run();
    assert!(told(&seen, 0).starts_with("6 members: 1 ok, 2 failed, 0 lost, 3 cancelled"), "{}", seen.err);
    assert!(seen.err.contains("\n\nstopped by the success of member 4: "), "{}", seen.err);
}

#[test]
fn without_a_success_the_first_of_them_was_missed() {
    let seen = headcount(["-j1", "--first-success", "false"]).input("1\n2\n3\n").run();
    assert_eq!(told(&seen, 1), "3 members: 0 ok, 3 failed, 0 lost, 0 cancelled\nnone succeeded");
}

#[test]
fn of_no_inputs_none_succeeds() {
    assert_eq!(
        told(&headcount(["--first-success", "true"]).run(), 1),
        "0 members: 0 ok, 0 failed, 0 lost, 0 cancelled\nnone succeeded\n"
    );
    assert_eq!(
        told(&headcount(["--quorum", "1", "true"]).run(), 4),
        "0 members: 0 ok, 0 failed, 0 lost, 0 cancelled\nthe quorum was missed: 1 had to succeed, and 0 did\n"
    );
}

#[test]
fn a_quorum_terminates_the_rest() {
    let command = "case $0 in bad) exit 1;; good) exit 0;; *) trap '' TERM; sleep 1000; sleep 1000;; esac";
    let inputs = ["slow", "bad", "good", "good", "slow"];
    let args = ["-j2", "--grace", "50ms", "--quorum", "2", "sh", "-c", command, ":::"];
    let seen = headcount(args.iter().chain(&inputs)).run();
    assert_eq!(told(&seen, 0), "5 members: 2 ok, 1 failed, 0 lost, 2 cancelled");
    let why = "\n\nstopped by the success of member 4 (that makes the quorum of 2): ";
    assert!(seen.err.contains(why), "{}", seen.err);
}

#[test]
fn a_quorum_that_is_out_of_reach_ends_at_once_when_the_inputs_are_known() {
    let began = Instant::now();
    let command = "case $0 in bad) exit 1;; *) exec sleep 1000;; esac";
    let args = ["-j3", "--quorum", "3", "sh", "-c", command, ":::", "slow", "bad", "bad", "slow"];
    let seen = headcount(args).run();
    assert!(began.elapsed() < LIMIT / 2, "nobody waited for the sleepers");
    assert!(told(&seen, 4).ends_with("\nthe quorum was missed: 3 had to succeed, and 0 did"), "{}", seen.err);
    let why = "(a quorum of 3 is out of reach): ";
    assert!(seen.err.contains(why), "{}", seen.err);
}

#[test]
fn a_quorum_that_is_missed_at_the_end_has_a_code_of_its_own() {
    let seen = headcount(["-j1", "--quorum", "2", "sh", "-c", "exit $0"]).input("1\n0\n1\n").run();
    assert_eq!(
        told(&seen, 4),
        "3 members: 1 ok, 2 failed, 0 lost, 0 cancelled\n\
         the quorum was missed: 2 had to succeed, and 1 did"
    );
}

#[test]
fn a_quorum_may_have_failures() {
    let seen = headcount(["-j1", "--quorum", "2", "sh", "-c", "exit $0"]).input("1\n0\n1\n0\n").run();
    assert!(told(&seen, 0).starts_with("4 members: 2 ok, 2 failed, 0 lost, 0 cancelled"), "{}", seen.err);
}

#[test]
fn failures_within_the_budget_stop_nobody_and_are_said() {
    let within = |flags: &[&str], input: &str, code, expected: &str| {
        let seen = headcount(flags.iter().chain(&["-j1", "sh", "-c", "exit $0"])).input(input).run();
        assert_eq!(told(&seen, code), expected);
    };
    within(
        &["--max-failures", "2"],
        "1\n0\n1\n0\n",
        1,
        "4 members: 2 ok, 2 failed, 0 lost, 0 cancelled\nthat is within the failures that are allowed: 2",
    );
    within(
        &["--max-failures", "50%"],
        "1\n0\n1\n0\n",
        1,
        "4 members: 2 ok, 2 failed, 0 lost, 0 cancelled\nthat is within the failures that are allowed: 50%",
    );
    within(&["--max-failures", "2"], "0\n", 0, "1 member: 1 ok, 0 failed, 0 lost, 0 cancelled\n");
}

#[test]
fn one_failure_more_than_allowed_terminates_the_rest() {
    let folder = folder();
    // Whoever is cut short has to have begun.
    let command =
        "case $1 in bad) until [ -e $0 ]; do sleep 0.01; done; exit 1;; *) : > $0; exec sleep 1000;; esac";
    for (budget, inputs) in
        [("1", &["slow", "bad", "bad", "x", "y"]), ("20%", &["slow", "bad", "bad", "x", "y"])]
    {
        let up = folder.path().join(budget);
        let args = ["-j2", "--max-failures", budget, "sh", "-c", command, up.to_str().unwrap(), ":::"];
        let seen = headcount(args.iter().chain(inputs)).run();
        assert_eq!(told(&seen, 1), "5 members: 0 ok, 2 failed, 0 lost, 3 cancelled");
        let why = format!(
            "\n\nstopped by the failure of member 3 (more than {budget} failed): 1 cut short, 2 never began\n"
        );
        assert!(seen.err.contains(&why), "{}", seen.err);
    }
}

#[test]
fn a_share_is_judged_when_the_number_of_inputs_is_known() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let command = "case $0 in wait) read -r line < $1; exec sleep 1000;; *) exit 1;; esac";
    let args = ["-j2", "--max-failures", "50%", "sh", "-c", command, "{}", gate.to_str().unwrap()];
    let mut playing = headcount(args).start();
    let mut stdin = playing.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"wait\nbad\nbad\n").unwrap();
    // Two of three have failed, and there may be a thousand more; nobody is stopped, so somebody reads this.
    tell(&gate, "go\n");
    drop(stdin);
    let seen = playing.end();
    assert_eq!(told(&seen, 1), "3 members: 0 ok, 2 failed, 0 lost, 1 cancelled");
    assert!(seen.err.contains(" (more than 50% failed): 1 cut short, 0 never began\n"), "{}", seen.err);
}

#[test]
fn a_drain_does_not_switch_the_policy_off() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let command = "echo up; case $0 in bad) read -r line < $1; exit 1;; *) exec sleep 1000;; esac";
    let args =
        ["-j2", "--order", "live", "sh", "-c", command, "{}", gate.to_str().unwrap(), ":::", "bad", "slow"];
    let mut playing = headcount(args).start();
    playing.lines(2);
    playing.signal(rustix::process::Signal::INT);
    assert!(playing.err_line().starts_with("headcount: no more members are started; waiting for 2;"));
    tell(&gate, "go\n");
    let seen = playing.end();
    seen.died_by(rustix::process::Signal::INT);
    assert!(
        seen.err.contains("stopped by signal 2 (SIGINT), then the failure of member 1: "),
        "{}",
        seen.err
    );
}

#[test]
fn slots_are_as_many_as_jobs_and_each_has_one_member_at_a_time() {
    let folder = folder();
    // Each takes the folder of its slot for itself, and fails if somebody is there.
    let command = "mkdir $0/$1 && echo $1 && rmdir $0/$1";
    let args = ["-j3", "sh", "-c", command, folder.path().to_str().unwrap(), "{%}"];
    let inputs: String = (0..200).map(|n| format!("{n}\n")).collect();
    let seen = headcount(args).input(inputs).run();
    seen.ended(0);
    assert_eq!(seen.out().lines().count(), 200);
    assert!(seen.out().lines().all(|slot| ["1", "2", "3"].contains(&slot)), "{}", seen.out());
}
