//! Attempts: how often, after what, how long between them, and what becomes of their output.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::stage::{LIMIT, fifo, folder, headcount, until_in_time};

/// A command that misses until its so many-th attempt, and counts them in a file beside `$0`.
fn until(attempt: u32) -> String {
    format!("echo x >> $0.tries; n=$(wc -l < $0.tries); echo try $n; [ $n -ge {attempt} ] || exit 7")
}

#[test]
fn a_member_is_tried_until_it_succeeds_and_all_it_wrote_is_kept() {
    let folder = folder();
    let input = folder.path().join("a");
    let args = ["--retries", "3", "--backoff", "fixed:10ms", "sh", "-c", &until(3), ":::"];
    let seen = headcount(args.iter().copied().chain([input.to_str().unwrap()])).run();
    seen.ended(0);
    assert_eq!(seen.out(), "try 1\ntry 2\ntry 3\n");
    assert_eq!(seen.err, "1 member: 1 ok, 0 failed, 0 lost, 0 cancelled\n");
}

#[test]
fn the_account_says_which_attempt_it_was() {
    let args = ["-k", "--retries", "2", "--backoff", "fixed:0", "sh", "-c", "echo no; exit 3", ":::", "a"];
    let seen = headcount(args).run();
    seen.ended(1);
    assert_eq!(seen.out(), "no\nno\nno\n");
    assert!(seen.err.contains("\nmember 1 failed: exit code 3 (attempt 3 of 3)\n"), "{}", seen.err);
    assert!(seen.err.ends_with("  last lines:\n    no\n"), "the last attempt's: {}", seen.err);
}

#[test]
fn only_what_was_asked_for_is_tried_again() {
    let run = |on: &str, command: &str| {
        // Who is to run out of time does, and nobody else, however busy the machine is.
        let is_late = command.contains("sleep");
        let timeout = if is_late { "500ms" } else { "1h" };
        let flags =
            ["-k", "--retries", "1", "--backoff", "fixed:1ms", "--timeout", timeout, "--retry-on", on];
        let seen = headcount(flags.iter().chain(&["sh", "-c", command, ":::", "a"])).run();
        seen.ended(1);
        let (_, told) = seen.err.split_once(" (attempt ").expect("it says which attempt it was");
        let attempts = told.split_once(" of 2)\n").and_then(|(attempt, _)| attempt.parse().ok());
        let attempts: usize = attempts.unwrap_or_else(|| panic!("{}", seen.err));
        // Who is late may not even have come to its echo.
        let echoes = seen.out().lines().count();
        assert!(echoes == attempts || is_late && echoes < attempts, "{echoes} of {attempts}: {}", seen.err);
        attempts
    };
    for (on, command, attempts) in [
        ("75", "echo; exit 75", 2),
        ("75", "echo; exit 74", 1),
        ("1,64-78", "echo; exit 70", 2),
        ("1,64-78", "echo; kill -SEGV $$", 1),
        ("SEGV", "echo; kill -SEGV $$", 2),
        ("sigkill", "echo; kill -SEGV $$", 1),
        ("signal", "echo; kill -SEGV $$", 2),
        ("signal", "echo; exec sleep 1000", 1),
        ("timeout", "echo; exec sleep 1000", 2),
        ("timeout,1", "echo; exit 2", 1),
    ] {
        assert_eq!(run(on, command), attempts, "--retry-on {on} for {command}");
    }
}

#[test]
fn what_cannot_be_started_is_not_tried_again() {
    let began = Instant::now();
    let seen =
        headcount(["-k", "--retries", "9", "--backoff", "fixed:1h", "{}", ":::", "no-such-command"]).run();
    seen.ended(1);
    assert!(seen.err.contains("command not found (attempt 1 of 10)\n"), "{}", seen.err);
    assert!(began.elapsed() < LIMIT);
}

#[test]
fn the_policy_hears_of_the_last_attempt_only() {
    let folder = folder();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    let args =
        ["-j1", "--fail-fast", "--retries", "2", "--backoff", "fixed:20ms", "sh", "-c", &until(2), ":::"];
    let seen = headcount(args.iter().copied().chain([a.to_str().unwrap(), b.to_str().unwrap()])).run();
    seen.ended(0);
    assert_eq!(seen.out().matches("try 2\n").count(), 2);
}

#[test]
fn others_run_while_one_waits() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    // With one slot, member 1 can only succeed if member 2 runs between its attempts: between which ones is up to the machine.
    let command =
        "if [ $1 = 2 ]; then echo second > $0; exit; fi; [ -e $0.said ] && exec cat $0.said; exit 1";
    let tries = ["-j1", "--retries", "100000", "--backoff", "fixed:50ms"];
    let gate_path = gate.to_str().unwrap();
    let work = ["sh", "-c", command, gate_path, ":::", "1", "2"];
    let mut playing = headcount(tries.iter().chain(&work)).start();
    let said = crate::stage::within(LIMIT, "the second member", {
        let gate = gate.clone();
        move || std::fs::read_to_string(gate).unwrap()
    });
    // In one piece: it is looked for all the time.
    let [half, whole] = ["gate.half", "gate.said"].map(|name| folder.path().join(name));
    std::fs::write(&half, &said).unwrap();
    std::fs::rename(half, whole).unwrap();
    let seen = playing.end();
    seen.ended(0);
    assert_eq!(seen.out(), "second\n");
}

#[test]
fn a_wait_is_kept_while_the_input_is_slow() {
    let folder = folder();
    let input = folder.path().join("a");
    let args = ["-j1", "--order", "live", "--retries", "1", "--backoff", "fixed:50ms", "sh", "-c", &until(2)];
    let mut playing = headcount(args).start();
    let mut stdin = playing.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{}\n", input.display()).as_bytes()).unwrap();
    // The only lane would sleep on the input, which does not end.
    assert_eq!(playing.lines(2), ["try 1\n", "try 2\n"]);
    drop(stdin);
    playing.end().ended(0);
}

#[test]
fn a_stop_ends_the_wait_at_once() {
    for (signal, told) in [(Signal::TERM, "signal 15 (SIGTERM)"), (Signal::INT, "signal 2 (SIGINT)")] {
        let args =
            ["-k", "--retries", "1", "--backoff", "fixed:1h", "sh", "-c", "echo $0; exit 9", ":::", "a"];
        let mut playing = headcount(["--order", "live"].iter().chain(&args)).start();
        assert_eq!(playing.lines(1), ["a\n"]);
        // Whether it waits by now can be asked for.
        loop {
            playing.signal(Signal::USR1);
            let line = playing.err_line();
            if line == "headcount: 0 still out\n" {
                assert_eq!(playing.err_line(), "headcount: 1 wait for another attempt\n");
                let line = playing.err_line();
                assert!(line.starts_with("  #1  a  attempt 2 of 2 in 3"), "{line}");
                break;
            }
            // A roll that is called in the moment between the two may have the member in both lists.
            let between = ["headcount: 1 still out\n", "headcount: 1 wait for another attempt\n"];
            assert!(between.contains(&line.as_str()), "{line}");
            playing.err_line();
        }
        playing.signal(signal);
        let seen = playing.end();
        seen.died_by(signal);
        assert!(seen.err.contains("1 member: 0 ok, 0 failed, 0 lost, 1 cancelled\n"), "{}", seen.err);
        let why = format!(
            "\nstopped by {told}: 1 cut short, 0 never began\n  member 1: not tried again: exit code 9 (attempt 1 of 2) after "
        );
        assert!(seen.err.contains(&why), "{}", seen.err);
    }
}

#[test]
fn another_member_s_failure_ends_the_wait_too() {
    // With one slot, the second begins when the first waits.
    let command = "[ $0 = waits ] && exit 75; exit 1";
    let args = ["-j1", "--retries", "1", "--backoff", "fixed:1h", "--retry-on", "75", "sh", "-c", command];
    let seen = headcount(args.iter().chain(&[":::", "waits", "fails"])).run();
    seen.ended(1);
    assert!(seen.err.contains("2 members: 0 ok, 1 failed, 0 lost, 1 cancelled\n"), "{}", seen.err);
    assert!(
        seen.err.contains("stopped by the failure of member 2: 1 cut short, 0 never began\n"),
        "{}",
        seen.err
    );
}

#[test]
fn output_of_attempts_is_not_mixed_inside_a_line() {
    let folder = folder();
    for (order, input) in [("done", "a"), ("input", "b"), ("live", "c")] {
        let input = folder.path().join(input);
        let command =
            "echo x >> $0.tries; printf 'out of %s' $(wc -l < $0.tries); [ $(wc -l < $0.tries) -ge 3 ]";
        let args = ["--order", order, "--retries", "2", "--backoff", "fixed:1ms", "sh", "-c", command, ":::"];
        let seen = headcount(args.iter().copied().chain([input.to_str().unwrap()])).run();
        seen.ended(0);
        let end = if order == "live" { "\n" } else { "" };
        assert_eq!(seen.out(), format!("out of 1\nout of 2\nout of 3{end}"), "--order {order}");
    }
}

#[test]
fn attempts_keep_the_order_of_the_inputs() {
    let folder = folder();
    let command = "cd $0; if [ $1 = 1 ]; then echo x >> n; echo 1 try $(wc -l < n); [ $(wc -l < n) -ge 3 ]; \
                   else echo $1; fi";
    let args = ["-j4", "--order", "input", "--retries", "2", "--backoff", "fixed:30ms", "sh", "-c", command];
    let inputs: Vec<String> = (1..=20).map(|n| n.to_string()).collect();
    let path = folder.path().to_str().unwrap().to_owned();
    let all = args.iter().map(|arg| (*arg).to_owned()).chain([path, ":::".into()]).chain(inputs);
    let seen = headcount(all).run();
    seen.ended(0);
    let rest: String = (2..=20).map(|n| format!("{n}\n")).collect();
    assert_eq!(seen.out(), format!("1 try 1\n1 try 2\n1 try 3\n{rest}"));
}

#[test]
fn a_timeout_and_the_time_left_are_each_attempt_s_own() {
    let folder = folder();
    let input = folder.path().join("a");
    let command = "echo $HEADCOUNT_DEADLINE; echo x >> $0; [ $(wc -l < $0) -ge 2 ] || exec sleep 1000";
    // More attempts than it takes: one may be over before it has come to write anything.
    let args =
        ["--timeout", "1s", "--deadline", "1h", "--retries", "20", "--backoff", "fixed:1ms", "sh", "-c"];
    let seen = headcount(args.iter().copied().chain([command, ":::", input.to_str().unwrap()])).run();
    seen.ended(0);
    let left: Vec<f64> = seen.out().lines().map(|line| line.parse().unwrap()).collect();
    assert!(left.len() >= 2 && left.iter().all(|&left| left == 1.0), "each has all of its time: {left:?}");
    assert!(seen.err.contains("headcount: member 1 timed out after 1s: "), "{}", seen.err);
}

#[test]
fn the_deadline_ends_a_wait() {
    until_in_time(|seconds| {
        let began = Instant::now();
        let deadline = format!("{seconds}s");
        let args = ["--deadline", &deadline, "--retries", "1", "--backoff", "fixed:1h", "false", ":::", "a"];
        let seen = headcount(args).run();
        seen.ended(3);
        assert!(began.elapsed() >= Duration::from_secs(seconds.into()));
        // It had not failed by then, or not even begun.
        if seen.err.contains("headcount: 1 still out\n") || seen.err.contains("0 cut short, 1 never began\n")
        {
            return false;
        }
        assert!(
            seen.err.contains("headcount: 1 wait for another attempt\n  #1  a  attempt 2 of 2 in "),
            "{}",
            seen.err
        );
        assert!(seen.err.contains("not tried again: exit code 1 (attempt 1 of 2) after "), "{}", seen.err);
        true
    });
}

#[test]
fn many_that_miss_are_all_tried() {
    let folder = folder();
    let command = "cd $0; echo x >> $1; [ $(wc -l < $1) -ge 3 ]";
    let args = ["-j8", "--retries", "2", "--backoff", "fixed:20ms", "--jitter", "sh", "-c", command];
    let inputs: String = (0..100).map(|n| format!("{n}\n")).collect();
    let seen = headcount(args.iter().copied().chain([folder.path().to_str().unwrap()])).input(inputs).run();
    seen.ended(0);
    assert!(seen.err.contains("100 members: 100 ok, 0 failed"), "{}", seen.err);
    for n in 0..100 {
        assert_eq!(std::fs::read(folder.path().join(n.to_string())).unwrap(), b"x\nx\nx\n");
    }
}

#[test]
fn no_more_than_a_thousand_wait() {
    let folder = folder();
    let witness = folder.path().join("witness");
    let args = ["-k", "-j4", "--retries", "1", "--backoff", "fixed:1h", "sh", "-c", "echo >> $0; exit 1"];
    let mut playing = headcount(args.iter().copied().chain([witness.to_str().unwrap()])).start();
    let mut stdin = playing.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, &b"an input\n".repeat(2000)).unwrap();
    let runs = || std::fs::metadata(&witness).map_or(0, |what| what.len());
    playing.until("a thousand to wait", |_| runs() >= 1000);
    // Time enough for more, if there were more.
    std::thread::sleep(Duration::from_millis(300));
    playing.signal(Signal::TERM);
    let seen = playing.end();
    drop(stdin);
    seen.died_by(Signal::TERM);
    assert!((1000..=1004).contains(&runs()), "{} ran", runs());
    assert!(seen.err.contains("the input was not read to its end"), "{}", &seen.err[..300]);
}

#[test]
fn numbers_that_are_none_are_refused() {
    for (args, told) in [
        (["--retries", "-1"], "not a number of attempts\nhint: --retries 2 makes three in all\n"),
        (["--retries", "x"], "not a number of attempts\nhint: --retries 2 makes three in all\n"),
        (["--backoff", "linear"], "not a way to wait\nhint: write exp, or fixed:2s\n"),
        (["--backoff", "fixed:fast"], "there is no unit \"fast\"\nhint: write 500ms, 1.5s, 2m or 1h\n"),
        (["--retry-on", "0"], "0 is a success, which is not tried again\nhint: "),
        (["--retry-on", "9-3"], "\"9-3\" is a range without a code in it\nhint: "),
        (["--retry-on", "SIGNONE"], "\"SIGNONE\" is no exit code from 1 to 255, and no signal\nhint: "),
        (["--retry-on", ""], "\"\" is no exit code from 1 to 255, and no signal\nhint: "),
    ] {
        let seen = headcount(args.iter().chain(&["true", ":::", "a"])).run();
        seen.ended(2);
        assert!(seen.err.contains(told), "{args:?}: {}", seen.err);
    }
}
