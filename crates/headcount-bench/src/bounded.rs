//! Runs a program to its end, but not for longer than a limit.
//!
//! The limit is one `poll` on the process itself and so costs nothing while something is being timed.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Starts `command` and waits for it. After `limit` it is killed, and the error says so.
pub(crate) fn run(command: &mut Command, limit: Duration) -> io::Result<ExitStatus> {
    let mut child = command.spawn()?;
    if killed_after(&handle(&child)?, limit)? {
        child.wait()?;
        return Err(too_long(limit));
    }
    child.wait()
}

/// Runs `command` and gives what it printed on stdout. A failure is an error that ends in what it said last on stderr.
pub(crate) fn output(command: &mut Command, stdin: Stdio, limit: Duration) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let told = |error: io::Error| format!("{name}: {error}");
    let child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(told)?;
    let process = handle(&child).map_err(told)?;
    // The limit is kept on another thread, because this one has both pipes to empty.
    let guard = thread::spawn(move || killed_after(&process, limit));
    let output = child.wait_with_output().map_err(told)?;
    if guard.join().expect("the guard does not panic").map_err(told)? {
        return Err(told(too_long(limit)));
    }
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    Err(format!("{name}: {}: {}", output.status, last.unwrap_or("it said nothing")))
}

fn too_long(limit: Duration) -> io::Error {
    io::Error::other(format!("not finished after {} s, killed", limit.as_secs()))
}

/// A handle that stays with the process even when its number has gone to another one.
fn handle(child: &Child) -> io::Result<OwnedFd> {
    Ok(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?)
}

/// Waits until the process has ended. Says whether it had to be killed for that.
fn killed_after(process: &OwnedFd, limit: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&left)) {
            Ok(0) => {
                pidfd_send_signal(process, Signal::KILL)?;
                return Ok(true);
            }
            Ok(_) => return Ok(false),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
