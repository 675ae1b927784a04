//! Stopping: drain, terminate, kill; and whatever is asked, nobody is left.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::stage::{Playing, Stage, fifo, folder, headcount, tell};

/// A member that hears no TERM, with children that do not either, in the background and holding the pipes.
const STUBBORN: &str = "trap '' TERM INT HUP; (sleep 1000; sleep 1000) & sleep 1000 >/dev/null 2>&1 & \
                        echo up; while :; do sleep 1000; done";

fn stubborn(grace: &str) -> Stage {
    headcount(["-j2", "--order", "live", "--grace", grace, "sh", "-c", STUBBORN, ":::", "1", "2", "3"])
}

fn up(stage: Stage) -> Playing {
    let mut playing = stage.start();
    assert_eq!(playing.lines(2), ["up\n", "up\n"]);
    playing.until("members and their children", |playing| playing.survivors().len() >= 6);
    playing
}

#[test]
fn term_terminates_kills_after_the_grace_and_leaves_nobody() {
    for _ in 0..5 {
        let mut playing = up(stubborn("200ms"));
        let asked = Instant::now();
        playing.signal(Signal::TERM);
        let seen = playing.end();
        seen.died_by(Signal::TERM);
        assert!(asked.elapsed() >= Duration::from_millis(200), "they were given the grace");
        assert!(seen.err.starts_with("3 members: 0 ok, 0 failed, 0 lost, 3 cancelled\n"), "{}", seen.err);
    }
}

#[test]
fn hang_up_does_the_same() {
    let mut playing = up(stubborn("50ms").hearing_hang_ups());
    playing.signal(Signal::HUP);
    playing.end().died_by(Signal::HUP);
}

#[test]
fn a_hang_up_that_was_ignored_stays_ignored() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let mut playing = crate::stage::script(&format!(
        "trap '' HUP; exec $HEADCOUNT run --order live sh -c 'echo up; read -r line < $0; echo $line' {} ::: a",
        gate.display()
    ))
    .start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.signal(Signal::HUP);
    tell(&gate, "ended\n");
    let seen = playing.end();
    seen.ended(0);
    assert_eq!(seen.out(), "ended\n");
}

#[test]
fn polite_members_end_at_once_at_term() {
    let command = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done";
    let mut playing =
        headcount(["-j2", "--order", "live", "--grace", "100s", "sh", "-c", command, ":::", "1", "2"])
            .start();
    assert_eq!(playing.lines(2), ["up\n", "up\n"]);
    let asked = Instant::now();
    playing.signal(Signal::TERM);
    let seen = playing.end();
    seen.died_by(Signal::TERM);
    assert!(asked.elapsed() < Duration::from_secs(60), "nobody waited for the grace");
    assert_eq!(seen.out(), "bye\nbye\n", "what they say at the end is printed");
    assert!(seen.err.contains("2 members: 2 ok, "), "who ends well did its work: {}", seen.err);
}

#[test]
fn the_first_interrupt_drains() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let command = "echo up; read -r line < $0; echo $line";
    let args = ["-j1", "--order", "live", "sh", "-c", command, gate.to_str().unwrap(), ":::", "1", "2", "3"];
    let mut playing = headcount(args).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.signal(Signal::INT);
    assert_eq!(
        playing.err_line(),
        "headcount: no more members are started; waiting for 1; Ctrl-C again terminates them\n"
    );
    tell(&gate, "done\n");
    let seen = playing.end();
    seen.died_by(Signal::INT);
    assert_eq!(seen.out(), "done\n", "it was left to end, and nobody else was started");
    assert_eq!(
        seen.err,
        "3 members: 1 ok, 0 failed, 0 lost, 2 cancelled\n\n\
         stopped by signal 2 (SIGINT): 0 cut short, 2 never began\n"
    );
}

#[test]
fn the_second_interrupt_terminates_and_the_third_kills() {
    let mut playing = up(stubborn("1000s"));
    for expected in [
        "headcount: no more members are started; waiting for 2; Ctrl-C again terminates them\n",
        "headcount: terminating 2, killing after 1000 s; Ctrl-C again kills now\n",
        "headcount: killing 2\n",
    ] {
        playing.signal(Signal::INT);
        assert_eq!(playing.err_line(), expected);
    }
    let seen = playing.end();
    seen.died_by(Signal::INT);
    assert!(seen.err.starts_with("3 members: 0 ok, 0 failed, 0 lost, 3 cancelled\n"), "{}", seen.err);
}

#[test]
fn an_interrupt_ends_the_wait_for_input() {
    let mut playing = headcount(["--order", "live", "echo"]).start();
    let mut stdin = playing.child.stdin.take().unwrap();
    // A whole line and half of another: the half is not an input.
    std::io::Write::write_all(&mut stdin, b"a\nhal").unwrap();
    assert_eq!(playing.lines(1), ["a\n"]);
    playing.signal(Signal::INT);
    let seen = playing.end();
    seen.died_by(Signal::INT);
    assert_eq!(seen.out(), "");
    assert!(seen.err.ends_with(
        "1 member: 1 ok, 0 failed, 0 lost, 0 cancelled\n\
         the input may not have been read to its end; what may be left is not counted\n\n\
         stopped by signal 2 (SIGINT): 0 cut short, 0 never began\n"
    ));
    drop(stdin);
}

#[test]
fn a_reader_that_does_not_read_does_not_keep_a_stop_from_anyone() {
    for order in ["live", "done", "input"] {
        let command = "seq 100000; echo up >&2; exec sleep 1000";
        let mut playing =
            headcount(["-j2", "--order", order, "--grace", "100ms", "sh", "-c", command, ":::", "1", "2"])
                .start();
        // Both are writing, or have written, more than the pipe to us holds; nobody reads it.
        playing.until("both members", |playing| playing.survivors().len() >= 2);
        playing.signal(Signal::TERM);
        let status = playing.status();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(Signal::TERM.as_raw()),
            "{order}"
        );
        assert_eq!(playing.survivors(), Vec::<String>::new(), "{order}");
    }
}

#[test]
fn what_killed_members_had_written_reaches_a_reader_that_reads() {
    let folder = folder();
    for (order, signals) in [
        ("done", &[Signal::TERM][..]),
        ("input", &[Signal::TERM]),
        ("done", &[Signal::INT, Signal::INT, Signal::INT]),
    ] {
        let ready = folder.path().join("ready");
        let command = format!(
            "trap '' TERM INT HUP; echo started; echo up >> {}; sleep 1000 & sleep 1000",
            ready.display()
        );
        let mut playing = headcount([
            "-j2", "--order", order, "--grace", "100ms", "sh", "-c", &command, ":::", "1", "2", "3",
        ])
        .start();
        playing.until("both members", |_| std::fs::read(&ready).is_ok_and(|text| text.len() == 6));
        for (nth, &signal) in signals.iter().enumerate() {
            playing.signal(signal);
            if nth + 1 < signals.len() {
                playing.err_line();
            }
        }
        let seen = playing.end();
        seen.died_by(signals[0]);
        assert_eq!(seen.out(), "started\nstarted\n", "{order} {signals:?}: {}", seen.err);
        std::fs::remove_file(&ready).unwrap();
    }
}

#[test]
fn output_that_nobody_reads_is_given_up_and_that_is_said() {
    let folder = folder();
    let ready = folder.path().join("ready");
    let command = format!("seq 100000; : > {}; exec sleep 1000", ready.display());
    let mut playing = headcount(["--grace", "100ms", "sh", "-c", &command, ":::", "1"]).start();
    playing.until("all to be written", |_| ready.exists());
    playing.signal(Signal::TERM);
    playing.status();
    let seen = playing.end();
    seen.died_by(Signal::TERM);
    assert!(seen.err.contains("was not read for 0.5 s; the rest of it is given up\n"), "{}", seen.err);
}

#[test]
fn one_more_interrupt_gives_up_what_nobody_reads() {
    let folder = folder();
    let ready = folder.path().join("ready");
    let command = format!("trap '' TERM INT; : > {}; seq 100000; exec sleep 1000", ready.display());
    let mut playing =
        headcount(["-j1", "--order", "live", "--grace", "1000s", "sh", "-c", &command, ":::", "1"]).start();
    playing.until("the member to be deaf", |_| ready.exists());
    playing.signal(Signal::INT);
    assert!(playing.err_line().starts_with("headcount: "));
    let second = Instant::now();
    for _ in 0..2 {
        playing.signal(Signal::INT);
        assert!(playing.err_line().starts_with("headcount: "));
    }
    playing.signal(Signal::INT);
    let status = playing.status();
    let at_once = second.elapsed() < Duration::from_secs(2);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(Signal::INT.as_raw()));
    assert_eq!(playing.survivors(), Vec::<String>::new());
    // Had it been given up by itself, that would have been said. That happens two seconds after the second without a reader,
    // should the fourth not have come by then.
    let err = playing.end().err;
    assert!(!(at_once && err.contains("was not read")), "{err}");
}

#[test]
fn fail_fast_leaves_nobody_however_stubborn() {
    for _ in 0..3 {
        let command = format!("if [ $0 = 3 ]; then exit 7; fi; {STUBBORN}");
        let seen = headcount(["-j3", "--grace", "50ms", "sh", "-c", &command, ":::", "1", "2", "3"]).run();
        seen.ended(1);
        assert!(seen.err.contains("3 members: 0 ok, 1 failed, 0 lost, 2 cancelled\n"), "{}", seen.err);
    }
}

#[test]
fn stopped_members_are_terminated_too() {
    let mut playing =
        headcount(["--order", "live", "sh", "-c", "echo up; kill -STOP $$", ":::", "1"]).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
}

#[test]
fn the_roll_call_says_who_is_out() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let command = "echo up; read -r line < $0";
    let args = ["-j1", "--order", "live", "sh", "-c", command, gate.to_str().unwrap(), ":::", "the input"];
    let mut playing = headcount(args).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.signal(Signal::USR1);
    assert_eq!(playing.err_line(), "headcount: 1 still out\n");
    let line = playing.err_line();
    assert!(line.starts_with("  #1  the input  pid ") && line.ends_with(" s  up\n"), "{line}");
    tell(&gate, "go\n");
    playing.end().ended(0);
}

#[test]
fn the_first_process_of_a_container_says_the_signal_in_its_code() {
    let alone = |program: &std::path::Path| {
        let mut command = std::process::Command::new("unshare");
        command.args(["--user", "--map-root-user", "--fork", "--pid", "--mount-proc"]).arg(program);
        command
    };
    if !alone("true".as_ref()).status().is_ok_and(|status| status.success()) {
        let skipped = b"SKIPPED: no process can be the first of a namespace of its own here\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), skipped);
        return;
    }
    let run = Stage::new(alone(&crate::binary::headcount()));
    // No signal ends it by itself, not even one that it sends.
    let seen = run.args(["run", "sh", "-c", "kill -TERM 1; sleep 1000", ":::", "x"]).run();
    assert!(seen.ended(143).err.contains("stopped by signal 15 (SIGTERM)"), "{}", seen.err);
}
