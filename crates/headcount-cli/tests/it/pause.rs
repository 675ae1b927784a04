//! Ctrl-Z and `fg`: the batch stops and goes on as a whole.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::guard::guard;
use crate::stage::{LIMIT, Playing, Stage, fifo, folder, headcount, tell, until_in_time};

/// A batch that leads a group of its own, as under a shell with job control, so that there is somebody to continue it.
fn job(args: &[&str]) -> Stage {
    let mut stage = headcount(args);
    stage.command.process_group(0);
    stage
}

/// What the system says the process is doing: `T` is for stopped.
fn state(pid: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.chars().take(1).collect())
}

pub(crate) fn is_stopped(playing: &Playing) -> bool {
    state(&playing.pid().to_string()).is_some_and(|state| state == "T")
}

fn stopped_survivors(playing: &Playing) -> usize {
    let stopped = |who: &&String| state(who.split(' ').next().unwrap()).is_some_and(|state| state == "T");
    playing.survivors().iter().filter(stopped).count()
}

/// Presses Ctrl-Z, and waits until the command has stopped.
pub(crate) fn pause(playing: &mut Playing) {
    playing.signal(Signal::TSTP);
    playing.until("it to stop", is_stopped);
}

/// The same, and has it go on after so long; false if it ended before it stopped.
pub(crate) fn pause_for(playing: &mut Playing, time: Duration) -> bool {
    let ended = |playing: &mut Playing| playing.child.try_wait().expect("a child").is_some();
    if ended(playing) {
        return false;
    }
    playing.signal(Signal::TSTP);
    let since = Instant::now();
    while !is_stopped(playing) {
        if ended(playing) {
            return false;
        }
        assert!(since.elapsed() < LIMIT, "it does not stop");
        std::thread::sleep(Duration::from_millis(5));
    }
    let since = Instant::now();
    while since.elapsed() < time {
        std::thread::sleep(time.saturating_sub(since.elapsed()));
    }
    playing.signal(Signal::CONT);
    true
}

#[test]
fn the_batch_stops_and_goes_on_as_a_whole() {
    let command = "sleep 1000 & echo up; while :; do sleep 1000; done";
    let mut playing = job(&["-j2", "--order", "live", "sh", "-c", command, ":::", "1", "2", "3"]).start();
    assert_eq!(playing.lines(2), ["up\n", "up\n"]);
    playing.until("everyone", |playing| playing.survivors().len() == 6);
    for _ in 0..3 {
        pause(&mut playing);
        // Who was told to stop does when its turn on a core comes, which may be after the command's.
        playing.until("everyone to stop", |playing| stopped_survivors(playing) == 6);
        playing.signal(Signal::CONT);
        playing.until("all to go on", |playing| !is_stopped(playing) && stopped_survivors(playing) == 0);
    }
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
}

#[test]
fn who_does_not_want_to_stop_is_stopped() {
    let command = "trap '' TSTP; sleep 1000 & echo up; while :; do sleep 1000; done";
    let mut playing = job(&["--order", "live", "sh", "-c", command, ":::", "1"]).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    pause(&mut playing);
    playing.until("everyone to stop", |playing| stopped_survivors(playing) == playing.survivors().len());
    playing.signal(Signal::TERM);
    playing.signal(Signal::CONT);
    playing.end().died_by(Signal::TERM);
}

#[test]
fn a_batch_in_a_batch_stops_and_goes_on_with_it() {
    let inner = format!(
        "{} run --order live sh -c 'echo up; exec sleep 1000' ::: 1",
        crate::binary::headcount().display()
    );
    let mut playing = job(&["--order", "live", "--shell", &inner, ":::", "x"]).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.until_there_is("sleep");
    pause(&mut playing);
    let asleep = |playing: &Playing| {
        playing.survivors().into_iter().find(|who| who.contains(" sleep")).expect("the inner member")
    };
    let member = asleep(&playing).split(' ').next().unwrap().to_owned();
    // It has not only stopped, but was stopped by the inner command, which then stopped too.
    playing
        .until("the inner ones to stop", |playing| stopped_survivors(playing) == playing.survivors().len());
    assert_eq!(state(&member).as_deref(), Some("T"));
    playing.signal(Signal::CONT);
    playing.until("all to go on", |playing| stopped_survivors(playing) == 0);
    playing.signal(Signal::TERM);
    playing.end().died_by(Signal::TERM);
}

#[test]
fn a_member_s_time_does_not_run_while_it_is_stopped() {
    until_in_time(|seconds| {
        let limit = Duration::from_secs(seconds.into());
        let folder = folder();
        let gate = fifo(&folder, "gate");
        let gate = gate.to_str().unwrap();
        // Held open, so that nobody waits for a member that is late.
        let mut held = fs::File::options().read(true).write(true).open(gate).unwrap();
        let command = "echo up; read -r line < $0; echo $line";
        let timeout = format!("{seconds}s");
        let began = Instant::now();
        let mut playing =
            job(&["--order", "live", "--timeout", &timeout, "sh", "-c", command, gate, ":::", "1"]).start();
        let up = playing.lines(1);
        let paused = pause_for(&mut playing, limit);
        held.write_all(b"in time\n").unwrap();
        let seen = playing.end();
        // All the time that was not surely spent in the pause.
        if began.elapsed() >= if paused { 2 * limit } else { limit } {
            return false;
        }
        assert_eq!(up, ["up\n"]);
        seen.ended(0);
        assert_eq!(seen.out(), "in time\n");
        true
    });
}

#[test]
fn a_batch_that_is_stopped_can_be_killed() {
    let mut playing = job(&["--order", "live", "sh", "-c", "echo up; exec sleep 1000", ":::", "1"]).start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.until("a guard", |playing| guard(playing).is_some());
    pause(&mut playing);
    kill_process(playing.pid(), Signal::KILL).unwrap();
    playing.status();
    playing.until_nobody_is_left();
}

#[test]
fn where_nobody_could_continue_it_it_does_not_stop() {
    let folder = folder();
    let gate = fifo(&folder, "gate");
    let command = "echo up; read -r line < $0; echo $line";
    let mut stage = headcount(["--order", "live", "sh", "-c", command, gate.to_str().unwrap(), ":::", "1"]);
    // A session of its own, which it leads: nobody outside of its group is in it.
    let mut setsid = std::process::Command::new("setsid");
    setsid.arg(stage.command.get_program()).args(stage.command.get_args());
    for (name, value) in stage.command.get_envs() {
        setsid.env(name, value.expect("a value"));
    }
    stage.command = setsid;
    let mut playing = stage.start();
    assert_eq!(playing.lines(1), ["up\n"]);
    playing.signal(Signal::TSTP);
    // Answered after the pause that is not taken.
    playing.signal(Signal::USR1);
    assert_eq!(playing.err_line(), "headcount: 1 still out\n");
    tell(&gate, "ended\n");
    let seen = playing.end();
    seen.ended(0);
    assert_eq!(seen.out(), "ended\n");
}
