//! Pace: rate, load, memory, the limit changed while members run, and make's jobserver.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::stage::{LIMIT, fifo, folder, headcount, script};

#[test]
fn members_start_at_the_rate_that_was_asked_for() {
    for (rate, least) in [("20/s", 240), ("1200/m", 240), ("36000/h", 490)] {
        let began = Instant::now();
        let seen = headcount(["-j8", "--rate", rate, "true", ":::", "1", "2", "3", "4", "5", "6"]).run();
        seen.ended(0);
        // The first at once, each other one a period later; a timer may catch up ten milliseconds.
        assert!(began.elapsed() >= Duration::from_millis(least), "{rate}: {:?}", began.elapsed());
    }
}

#[test]
fn a_stop_ends_the_wait_for_the_next_start() {
    let mut playing = headcount(["--rate", "1/h", "--order", "live", "echo", ":::", "1", "2", "3"]).start();
    assert_eq!(playing.lines(1), ["1\n"]);
    playing.signal(Signal::TERM);
    let seen = playing.end();
    seen.died_by(Signal::TERM);
    assert!(
        seen.err.contains("stopped by signal 15 (SIGTERM): 0 cut short, 2 never began\n"),
        "{}",
        seen.err
    );
}

#[test]
fn nobody_starts_above_the_load() {
    let busy = Arc::new(AtomicBool::new(true));
    let spinning = Arc::clone(&busy);
    let spinner = std::thread::spawn(move || {
        while spinning.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    });
    let mut playing = headcount(["--load", "0.001", "echo", ":::", "1", "2"]).start();
    // Said after some time.
    let said = playing.err_line();
    playing.signal(Signal::TERM);
    let seen = playing.end();
    busy.store(false, Ordering::Relaxed);
    spinner.join().unwrap();
    seen.died_by(Signal::TERM);
    assert_eq!(seen.out(), "");
    assert!(said.starts_with("headcount: the next member waits: the load is "), "{said}");
    assert!(seen.err.contains("2 members: 0 ok, 0 failed, 0 lost, 2 cancelled\n"), "{}", seen.err);
    for load in ["1000000", "100000000%"] {
        let seen = headcount(["--load", load, "echo", ":::", "1"]).run();
        seen.ended(0);
        assert_eq!(seen.out(), "1\n");
    }
}

#[test]
fn nobody_starts_with_less_memory_than_asked() {
    let seen = headcount(["-q", "--mem-free", "1000T", "--deadline", "300ms", "echo", ":::", "1"]).run();
    seen.ended(3);
    assert_eq!(seen.out(), "");
    let seen = headcount(["--mem-free", "1K", "--load", "1000000", "echo", ":::", "1"]).run();
    seen.ended(0);
    assert_eq!(seen.out(), "1\n");
}

#[test]
fn what_is_no_pace_is_refused() {
    for (args, what) in [
        (["--rate", "0/s"], "at this rate nothing would ever run\nhint: 1/h is one an hour\n"),
        (["--rate", "x"], "not a rate\nhint: write 10/s, 30/m or 100/h\n"),
        (["--rate", "1/d"], "not a rate\nhint: write 10/s, 30/m or 100/h\n"),
        (["--rate", "-1/s"], "not a rate\nhint: write 10/s, 30/m or 100/h\n"),
        (["--load", "0"], "some load there always is\nhint: --load 100% is one a core\n"),
        (["--load", "much"], "not a load\nhint: write 4, 1.5 or 80%\n"),
        (["--mem-free", "1X"], "not a size\nhint: write bytes, or 10K, 5M, 2G\n"),
        (["--mem-free", ""], "not a size\nhint: write bytes, or 10K, 5M, 2G\n"),
        (["--mem-free", "99999999999T"], "not a size\nhint: write bytes, or 10K, 5M, 2G\n"),
    ] {
        let seen = headcount(args.iter().chain(&["echo", ":::", "1"])).run();
        seen.ended(2);
        assert!(seen.err.ends_with(what) && seen.out().is_empty(), "{args:?}: {}", seen.err);
    }
}

#[test]
fn the_limit_goes_up_and_down_while_members_run() {
    let folder = folder();
    let (control, log, go) =
        (folder.path().join("control"), folder.path().join("log"), folder.path().join("go"));
    fs::write(&control, "1\n").unwrap();
    let command = format!(
        "echo s$0 >> {log}; echo up; while [ ! -e {go} ]; do sleep 0.01; done; sleep 0.02; echo e$0 >> {log}",
        log = log.display(),
        go = go.display()
    );
    let inputs: Vec<String> = (1..=10).map(|n| n.to_string()).collect();
    let mut args = vec!["-j", "8", "--control", control.to_str().unwrap(), "--order", "live", "sh", "-c"];
    args.extend([command.as_str(), ":::"]);
    args.extend(inputs.iter().map(String::as_str));
    let mut playing = headcount(args).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    fs::write(&control, "3").unwrap();
    playing.signal(Signal::USR2);
    assert_eq!(playing.err_line(), "headcount: 3 at once from now on\n");
    assert_eq!(playing.lines(2), ["up\n", "up\n"]);
    fs::write(&control, "none").unwrap();
    playing.signal(Signal::USR2);
    assert!(
        playing.err_line().ends_with("not a number of jobs (hint: write 8, 50% or +2); the limit stays\n")
    );
    fs::write(&control, "1").unwrap();
    playing.signal(Signal::USR2);
    assert_eq!(playing.err_line(), "headcount: 1 at once from now on\n");
    let before = fs::read_to_string(&log).unwrap();
    assert_eq!(before.lines().count(), 3, "three began, and nobody ended: {before}");
    File::create(&go).unwrap();
    let seen = playing.end();
    seen.ended(0);
    let log = fs::read_to_string(&log).unwrap();
    let later = log.lines().filter(|line| !before.contains(&format!("s{}\n", &line[1..])));
    let mut running = 0;
    for line in later {
        running += if line.starts_with('s') { 1 } else { -1 };
        assert!(running <= 1, "of those who began later there is one at a time: {log}");
    }
}

#[test]
fn a_limit_without_a_file_is_not_changed() {
    let mut playing =
        headcount(["--order", "live", "sh", "-c", "echo up; exec sleep 1000", ":::", "1"]).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.signal(Signal::USR2);
    assert_eq!(
        playing.err_line(),
        "headcount: SIGUSR2 changes nothing: no file was named with --control to read the limit from\n"
    );
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
    let folder = folder();
    let file = folder.path().join("control");
    let seen = headcount(["-j2", "--control", file.to_str().unwrap(), "echo", ":::", "1"]).run();
    seen.ended(0);
    fs::write(&file, "0").unwrap();
    let seen = headcount(["-j2", "--control", file.to_str().unwrap(), "echo", ":::", "1"]).run();
    seen.ended(2);
    assert!(seen.err.contains("with no jobs nothing would ever run"), "{}", seen.err);
}

/// A member of a batch that shares jobs: it writes down that it began and ended, and ends when three were there at once.
fn sharing(log: &Path) -> String {
    let log = log.display();
    format!(
        "echo s >> {log}; while [ $(grep -c s {log}) -lt 3 ]; do sleep 0.01; done; sleep 0.03; echo e >> {log}"
    )
}

/// The most that were there at once.
fn most_at_once(log: &Path) -> i32 {
    let log = fs::read_to_string(log).unwrap();
    let (mut running, mut most) = (0, 0);
    for line in log.lines() {
        running += if line == "s" { 1 } else { -1 };
        most = most.max(running);
    }
    most
}

#[test]
fn a_jobserver_s_tokens_are_taken_and_given_back() {
    let folder = folder();
    let (path, log) = (fifo(&folder, "jobs"), folder.path().join("log"));
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap();
    let mut jobs = OpenOptions::new().read(true).write(true).custom_flags(nonblocking).open(&path).unwrap();
    let mut back = |when: &str| {
        let mut tokens = [0; 8];
        let read = jobs.read(&mut tokens).unwrap_or(0);
        tokens[..read].sort_unstable();
        assert_eq!(&tokens[..read], b"xy", "{when}");
        jobs.write_all(b"yx").unwrap();
    };
    let mut first = OpenOptions::new().write(true).open(&path).unwrap();
    first.write_all(b"xy").unwrap();
    let flags = format!(" -j3 --jobserver-auth=fifo:{}", path.display());
    let command = sharing(&log);
    let args = ["-j8", "sh", "-c", &command, ":::", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    headcount(args).env("MAKEFLAGS", &flags).run().ended(0);
    assert_eq!(most_at_once(&log), 3, "one job is ours, and two tokens");
    back("at the end");
    let failing =
        ["-j8", "sh", "-c", "[ $0 = 3 ] && exit 1; exec sleep 1000", ":::", "1", "2", "3", "4", "5"];
    headcount(failing).env("MAKEFLAGS", &flags).run().ended(1);
    back("after a failure");
    let args =
        ["-j8", "--order", "live", "sh", "-c", "echo up; exec sleep 1000", ":::", "1", "2", "3", "4", "5"];
    let mut playing = headcount(args).env("MAKEFLAGS", &flags).start();
    playing.lines(3);
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
    back("after a TERM");
    let mut playing = headcount(args).env("MAKEFLAGS", &flags).start();
    playing.lines(3);
    playing.until("a guard", |playing| crate::guard::guard(playing).is_some());
    playing.signal(Signal::KILL);
    playing.status();
    playing.until_nobody_is_left();
    let since = Instant::now();
    let mut tokens = Vec::new();
    while tokens.len() < 2 {
        assert!(since.elapsed() < LIMIT, "the guard gives them back: {tokens:?}");
        let mut token = [0];
        if jobs.read(&mut token).is_ok_and(|read| read == 1) {
            tokens.push(token[0]);
        }
    }
    tokens.sort_unstable();
    assert_eq!(tokens, b"xy");
}

#[test]
fn make_shares_its_jobs_with_us() {
    if Command::new("make").arg("--version").output().is_err() {
        return;
    }
    let folder = folder();
    let log = folder.path().join("log");
    let command = sharing(&log).replace('$', "$$");
    let rule = format!("all:\n\t+@$$HEADCOUNT run -q -j8 sh -c '{command}' ::: 1 2 3 4 5 6 7 8\n");
    fs::write(folder.path().join("Makefile"), rule).unwrap();
    let seen =
        script(&format!("unset MAKEFLAGS MAKELEVEL; exec make -s -j3 -C {}", folder.path().display())).run();
    seen.ended(0);
    assert_eq!(most_at_once(&log), 3);
    // It complains of tokens that did not come back.
    assert_eq!(seen.err, "");
}

#[test]
fn a_jobserver_out_of_reach_is_said_and_changes_nothing() {
    let seen = headcount(["-j2", "echo", ":::", "1"]).env("MAKEFLAGS", " -j3 --jobserver-auth=498,499").run();
    seen.ended(0);
    assert_eq!(seen.out(), "1\n");
    assert!(seen.err.starts_with("headcount: make's jobserver is out of reach: "), "{}", seen.err);
    assert!(
        seen.err.contains("\nhint: begin the recipe's line with +, as for a make in it\n"),
        "{}",
        seen.err
    );
}
