//! A program that shuts down by a signal: run as a process of its own, because signals are the whole process's.
#![cfg(all(not(loom), unix, feature = "signals"))]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use headcount::{Context, SignalReceived};
use signal_hook::consts::{SIGINT, SIGTERM};

const LIMIT: Duration = Duration::from_secs(90);

/// Set for the program that the tests start: this test binary, with the one test that plays it.
const PROGRAM: &str = "HEADCOUNT_SIGNALS_PROGRAM";

/// The program: says when it is ready, what cancelled it, and then would go on for longer than anyone waits.
#[test]
fn program() {
    if std::env::var_os(PROGRAM).is_none() {
        return;
    }
    let ctx = Context::on_signals().unwrap();
    println!("\nready");
    let why = ctx.wait_timeout(LIMIT).expect("a signal");
    let cause = why.cause().unwrap().downcast_ref::<SignalReceived>().unwrap();
    println!("{cause} {} {}", cause.number(), why.place().file());
    std::thread::sleep(LIMIT);
}

fn start() -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--nocapture"])
        .env(PROGRAM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    assert!(until(&mut lines, "ready").is_some(), "the program does not start");
    (child, lines)
}

/// The line that contains `word`.
fn until(lines: &mut impl BufRead, word: &str) -> Option<String> {
    lines.lines().map_while(Result::ok).find(|line| line.contains(word))
}

fn send(child: &Child, signal: i32) {
    let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn the_first_signal_cancels_and_the_second_ends_the_process() {
    for (signal, name) in [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM")] {
        let (mut child, mut lines) = start();
        send(&child, signal);
        let said = until(&mut lines, "received").expect("it says what cancelled it");
        assert!(said.contains(&format!("received {name} {signal}")) && said.contains("signals"), "{said}");
        assert!(child.try_wait().unwrap().is_none(), "the first signal only cancels");
        send(&child, signal);
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < LIMIT, "the second signal does not end it");
            std::thread::yield_now();
        };
        assert_eq!(status.signal(), Some(signal));
        lines.read_to_end(&mut Vec::new()).unwrap();
    }
}
