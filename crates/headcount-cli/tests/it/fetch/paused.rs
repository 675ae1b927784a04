//! Ctrl-Z and `fg`.

use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::server::{Act, Gate, Server, answer};
use super::{into, read};
use crate::pause::{is_stopped, pause, pause_for};
use crate::stage::{LIMIT, folder, until_in_time};

#[test]
fn it_stops_and_goes_on_and_no_transfer_is_the_worse_for_it() {
    until_in_time(|seconds| {
        let limit = Duration::from_secs(seconds.into());
        let gate = Arc::new(Gate::default());
        let held = Arc::clone(&gate);
        let server = Server::start(move |_| {
            vec![Act::Wait(Arc::clone(&held)), Act::Send(answer("200 OK", &[], b"whole"))]
        });
        let folder = folder();
        let urls = ["a", "b", "c"].map(|name| server.url(name));
        // Neither the time of an attempt nor the silence of a server counts what it was stopped for.
        let time = format!("{seconds}s");
        let mut stage =
            into(&folder, ["-j2", "--timeout", &time, "--stall-timeout", &time, "--retries", "0"]);
        // Its own group, as under a shell with job control, so that there is somebody to continue it.
        stage.command.args(&urls).process_group(0);
        let began = Instant::now();
        let mut playing = stage.start();
        while server.asked().len() < 2 && playing.child.try_wait().expect("a child").is_none() {
            assert!(began.elapsed() < LIMIT, "two are asked for");
            std::thread::sleep(Duration::from_millis(2));
        }
        let paused = pause_for(&mut playing, limit);
        let said = paused.then(|| {
            playing.signal(Signal::USR1);
            playing.err_line()
        });
        gate.open();
        let seen = playing.end();
        // All the time that was not surely spent in the pause.
        if began.elapsed() >= if paused { 2 * limit } else { limit } {
            return false;
        }
        assert_eq!(said.as_deref(), Some("headcount: 3 still out\n"));
        seen.ended(0);
        assert!(["a", "b", "c"].iter().all(|name| read(&folder, name) == b"whole"));
        assert_eq!(server.asked().len(), 3, "nothing was asked for twice");
        true
    });
}

#[test]
fn one_that_is_stopped_can_be_ended() {
    let server = Server::start(|_| vec![Act::Stall]);
    let folder = folder();
    let mut stage = into(&folder, [server.url("a").as_str()]);
    stage.command.process_group(0);
    let mut playing = stage.start();
    server.until_asked(1);
    for _ in 0..3 {
        pause(&mut playing);
        playing.signal(Signal::CONT);
        playing.until("it to go on", |playing| !is_stopped(playing));
    }
    pause(&mut playing);
    playing.signal(Signal::TERM);
    playing.signal(Signal::CONT);
    playing.end().died_by(Signal::TERM);
}
