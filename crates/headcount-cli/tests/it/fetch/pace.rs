//! How soon the next transfer may start, and how many may run, changed while they do.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::server::{Act, Gate, Server, answer};
use super::{into, list};
use crate::stage::{Playing, folder};

/// A server whose answers wait until the gate is open.
fn gated(gate: &Arc<Gate>) -> Server {
    let gate = Arc::clone(gate);
    Server::start(move |_| vec![Act::Wait(Arc::clone(&gate)), Act::Send(answer("200 OK", &[], b"x"))])
}

#[test]
fn transfers_start_at_the_rate_that_was_asked_for() {
    let (server, folder) = (Server::of("x"), folder());
    let urls: Vec<_> = (0..6).map(|n| server.url(&format!("f{n}"))).collect();
    let began = Instant::now();
    let args = ["-j8", "--rate", "20/s"].into_iter().chain(urls.iter().map(String::as_str));
    into(&folder, args).run().ended(0);
    // The first at once, each other one a period later; a timer may catch up ten milliseconds.
    assert!(began.elapsed() >= Duration::from_millis(240), "{:?}", began.elapsed());
    assert_eq!(list(folder.path()).len(), 6);
}

#[test]
fn another_attempt_is_a_start_like_any_other() {
    let server = Server::start(|request| match request.before {
        0 => vec![Act::Send(answer("503 Service Unavailable", &[], b""))],
        _ => vec![Act::Send(answer("200 OK", &[], b"x"))],
    });
    let folder = folder();
    let began = Instant::now();
    let url = server.url("a");
    into(&folder, ["--rate", "2/s", "--backoff", "fixed:0", url.as_str()]).run().ended(0);
    assert!(began.elapsed() >= Duration::from_millis(490), "{:?}", began.elapsed());
}

#[test]
fn a_stop_ends_the_wait_for_the_next_start() {
    for signal in [Signal::TERM, Signal::INT] {
        let (server, folder) = (Server::of("x"), folder());
        let urls = ["a", "b", "c"].map(|name| server.url(name));
        let mut playing = into(&folder, ["--rate", "1/h", &urls[0], &urls[1], &urls[2]]).start();
        assert!(playing.lines(1)[0].contains("/a"));
        playing.signal(signal);
        let seen = playing.end();
        seen.died_by(signal);
        assert!(seen.err.contains(": 0 cut short, 2 never began\n"), "{}", seen.err);
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn nothing_is_asked_for_with_less_memory_than_wanted() {
    let (server, folder) = (Server::of("x"), folder());
    let url = server.url("a");
    let seen = into(&folder, ["-q", "--mem-free", "1000T", "--deadline", "300ms", url.as_str()]).run();
    seen.ended(3);
    assert_eq!((server.asked().len(), list(folder.path()).len()), (0, 0));
    into(&folder, ["--mem-free", "1K", "--load", "1000000", url.as_str()]).run().ended(0);
}

#[test]
fn the_limit_goes_up_and_down_while_transfers_run() {
    let gate = Arc::new(Gate::default());
    let (held, folder, files) = (gated(&gate), folder(), folder());
    // Slow enough for two at once to be seen.
    let free = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(10));
        vec![Act::Send(answer("200 OK", &[], b"x"))]
    });
    let control = folder.path().join("control");
    let say = |text: &str, playing: &mut Playing| {
        fs::write(&control, text).unwrap();
        playing.signal(Signal::USR2);
        playing.err_line()
    };
    fs::write(&control, "1\n").unwrap();
    let urls = (0..3).map(|n| held.url(&format!("h{n}"))).chain((0..6).map(|n| free.url(&format!("f{n}"))));
    let args = ["-j8".to_owned(), "--control".to_owned(), control.to_str().unwrap().to_owned()];
    let args: Vec<_> = args.into_iter().chain(urls).collect();
    let mut playing = into(&files, args.iter().map(String::as_str)).start();
    held.until_asked(1);
    assert_eq!(say("3", &mut playing), "headcount: 3 at once from now on\n");
    held.until_asked(3);
    assert!(
        say("none", &mut playing)
            .ends_with("not a number of jobs (hint: write 8, 50% or +2); the limit stays\n")
    );
    assert_eq!(say("", &mut playing), "headcount: the control file says nothing; the limit stays\n");
    assert_eq!(say("1", &mut playing), "headcount: 1 at once from now on\n");
    gate.open();
    playing.end().ended(0);
    assert_eq!((held.most_at_once(), free.most_at_once()), (3, 1));
    assert_eq!(list(files.path()).len(), 9);
}

#[test]
fn without_a_control_file_the_signal_changes_nothing_and_says_so() {
    let gate = Arc::new(Gate::default());
    let (server, folder) = (gated(&gate), folder());
    let mut playing = into(&folder, [server.url("a").as_str()]).start();
    server.until_asked(1);
    playing.signal(Signal::USR2);
    let line = playing.err_line();
    assert!(
        line.starts_with("headcount: SIGUSR2 changes nothing: no file was named with --control"),
        "{line}"
    );
    gate.open();
    playing.end().ended(0);
}
