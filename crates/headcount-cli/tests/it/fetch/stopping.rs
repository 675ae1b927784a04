//! Stopping, times, and who is out meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::server::{Act, Gate, Server, answer, torn, whole};
use super::{bytes, into, list, read};
use crate::stage::{LIMIT, folder, until_in_time};

/// Sends half of each file and then nothing; goes on when it is asked again.
fn halting() -> Server {
    let body = bytes(800_000);
    Server::start(move |request| match request.before {
        0 => torn(&body, "\"x\"", 400_000, Act::Stall),
        _ => whole(request, &body, "\"x\""),
    })
}

#[test]
fn term_keeps_what_is_there_says_so_and_the_next_run_goes_on() {
    for signal in [Signal::TERM, Signal::HUP] {
        let (server, folder) = (halting(), folder());
        let urls = ["a", "b", "c"].map(|name| server.url(name));
        let fetch = into(&folder, ["-j2", &urls[0], &urls[1], &urls[2]]);
        let mut playing = fetch.hearing_hang_ups().start();
        let there = |name: &str| folder.path().join(name).metadata().is_ok_and(|file| file.len() == 400_000);
        playing.until("two parts", |_| there("a.part") && there("b.part"));
        let asked = Instant::now();
        playing.signal(signal);
        let seen = playing.end();
        seen.died_by(signal);
        assert!(asked.elapsed() < LIMIT / 3, "nobody waits for the server");
        assert!(seen.err.starts_with("3 members: 0 ok, 0 failed, 0 lost, 3 cancelled\n"), "{}", seen.err);
        assert!(seen.err.contains(": 2 cut short, 1 never began\n"), "{}", seen.err);
        let kept = format!("ended (kept 400000 bytes in {}/a.part) after ", folder.path().display());
        assert!(seen.err.contains(&kept), "{}", seen.err);
        assert_eq!(list(folder.path()), ["a.part", "a.part.note", "b.part", "b.part.note"]);
        // The third file's first answer is torn too, and gone on with by itself.
        into(&folder, ["--stall-timeout", "1s", &urls[0], &urls[1], &urls[2]]).run().ended(0);
        assert!(["a", "b", "c"].iter().all(|name| read(&folder, name) == bytes(800_000)));
    }
}

#[test]
fn the_first_interrupt_drains_the_second_ends_and_none_ends_well() {
    let gate = Arc::new(Gate::default());
    let held = Arc::clone(&gate);
    let server =
        Server::start(move |_| vec![Act::Wait(Arc::clone(&held)), Act::Send(answer("200 OK", &[], b"x"))]);
    let folder = folder();
    let urls = ["a", "b"].map(|name| server.url(name));
    let mut playing = into(&folder, ["-j1", &urls[0], &urls[1]]).start();
    server.until_asked(1);
    playing.signal(Signal::INT);
    let line = playing.err_line();
    assert!(
        line.starts_with("headcount: no more transfers are started; waiting for those that run;"),
        "{line}"
    );
    gate.open();
    let seen = playing.end();
    seen.died_by(Signal::INT);
    assert!(seen.err.starts_with("2 members: 1 ok, 0 failed, 0 lost, 1 cancelled\n"), "{}", seen.err);
    assert_eq!(list(folder.path()), ["a"]);

    let (server, folder) = (halting(), crate::stage::folder());
    let url = server.url("a");
    let mut playing = into(&folder, [url.as_str()]).start();
    playing.until("a part", |_| folder.path().join("a.part.note").exists());
    playing.signal(Signal::INT);
    assert!(playing.err_line().contains("no more transfers"));
    playing.signal(Signal::INT);
    let line = playing.err_line();
    assert!(line.starts_with("headcount: ending 1, keeping what there is"), "{line}");
    playing.end().died_by(Signal::INT);
    assert_eq!(list(folder.path()), ["a.part", "a.part.note"]);
}

#[test]
fn the_roll_call_says_what_everyone_does() {
    let (server, folder) = (halting(), folder());
    let quiet = Server::start(|_| vec![Act::Stall]);
    let urls = [server.url("a"), quiet.url("b"), quiet.url("c")];
    let mut playing = into(&folder, ["--per-host", "1", &urls[0], &urls[1], &urls[2]]).start();
    playing.until("a part", |_| folder.path().join("a.part.note").exists());
    quiet.until_asked(1);
    let since = Instant::now();
    loop {
        playing.signal(Signal::USR1);
        let said = playing.err_line();
        let out = said.strip_prefix("headcount: ").and_then(|said| said.strip_suffix(" still out\n"));
        let out: usize = out.and_then(|out| out.parse().ok()).unwrap_or_else(|| panic!("{said}"));
        let lines: Vec<_> = (0..out).map(|_| playing.err_line()).collect();
        assert!(lines[0].starts_with(&format!("  #1  {}  ", urls[0])), "{lines:?}");
        assert!(lines[1].ends_with("  waits for the answer\n"), "{lines:?}");
        let has_part = lines[0].ends_with(" of 800000 bytes\n");
        // The first one's part may not have been counted yet, nor the third have come to its host.
        if has_part && lines.get(2).is_some_and(|line| line.ends_with("  waits for its host\n")) {
            assert_eq!(out, 3);
            break;
        }
        assert!(since.elapsed() < LIMIT, "{lines:?}");
    }
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
}

#[test]
fn a_timeout_is_for_each_attempt_and_calls_the_roll() {
    until_in_time(|seconds| {
        let (server, folder) = (halting(), folder());
        let (url, timeout) = (server.url("a"), format!("{seconds}s"));
        let seen = into(&folder, ["--timeout", &timeout, "--retries", "20", &url]).run();
        seen.ended(0);
        assert!(
            seen.err.starts_with(&format!(
                "headcount: member 1 timed out after {seconds}s: {url}\nheadcount: 1 still out\n  #1  {url}  "
            )),
            "{}",
            seen.err
        );
        assert!(read(&folder, "a") == bytes(800_000));
        // Unless the half was not there when the time was up.
        server.asked()[1].from() == Some(400_000)
    });
}

#[test]
fn a_deadline_ends_all_of_it_and_keeps_what_is_there() {
    until_in_time(|seconds| {
        let (server, folder) = (halting(), folder());
        let deadline = format!("{seconds}s");
        let began = Instant::now();
        let mut playing = into(&folder, ["--deadline", &deadline, server.url("a").as_str()]).start();
        let note = folder.path().join("a.part.note");
        while !note.exists() && playing.child.try_wait().expect("a child").is_none() {
            assert!(began.elapsed() < LIMIT, "a part, or the deadline");
            std::thread::sleep(Duration::from_millis(2));
        }
        let in_time = began.elapsed() < Duration::from_secs(seconds.into());
        let seen = playing.end();
        seen.ended(3);
        if !in_time {
            return false;
        }
        assert!(
            seen.err.starts_with(&format!(
                "headcount: the deadline of {seconds}s has passed\nheadcount: 1 still out\n"
            )),
            "{}",
            seen.err
        );
        let why = format!("stopped by the deadline of {seconds}s: 1 cut short, 0 never began\n");
        assert!(seen.err.contains(&why), "{}", seen.err);
        assert_eq!(list(folder.path()), ["a.part", "a.part.note"]);
        true
    });
}

#[test]
fn a_stop_ends_the_wait_for_the_next_attempt() {
    let server = Server::start(|_| vec![Act::Send(answer("503 X", &["retry-after: 100"], b""))]);
    let folder = folder();
    let mut playing = into(&folder, [server.url("a").as_str()]).start();
    assert!(playing.err_line().contains("asks to be left alone for 100 s"));
    let asked = Instant::now();
    playing.signal(Signal::INT);
    playing.end().died_by(Signal::INT);
    assert!(asked.elapsed() < Duration::from_secs(60));
}

#[test]
fn nobody_reads_the_names_and_it_ends_quietly() {
    let (server, folder) = (Server::of("x"), folder());
    let urls: String = (0..500).map(|n| format!("{}\n", server.url(&format!("f{n}")))).collect();
    let list = folder.path().join("list");
    std::fs::write(&list, urls).unwrap();
    let text = format!(
        "$HEADCOUNT fetch -a {} -o {}/files | head -n1 >/dev/null; echo ended",
        list.display(),
        folder.path().display()
    );
    let seen = crate::stage::script(&text).env("NO_PROXY", "*").run();
    seen.ended(0);
    assert_eq!((seen.out(), seen.err.as_str()), ("ended\n", ""));
}

#[test]
fn a_list_that_never_ends_is_not_waited_for_when_all_is_stopped() {
    let (server, folder) = (Server::of("x"), folder());
    let mut playing = into(&folder, []).start();
    let mut stdin = playing.child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, format!("{}\n", server.url("a")).as_bytes()).unwrap();
    assert_eq!(playing.lines(1).len(), 1);
    playing.signal(Signal::TERM);
    let seen = playing.end();
    seen.died_by(Signal::TERM);
    assert!(seen.err.starts_with("1 member: 1 ok, 0 failed, 0 lost, 0 cancelled\n"), "{}", seen.err);
    drop(stdin);
}
