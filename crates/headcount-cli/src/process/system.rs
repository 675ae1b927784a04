//! Everything about processes that is not the same on every system, so that the other files of this room need not ask
//! where they are.
//!
//! What is missing elsewhere than on Linux, and what that means:
//!
//! | missing | so |
//! |---|---|
//! | pidfd | the end of a leader is looked for every 20 ms; the last words of a group are waited for up to 0.5 s |
//! | orphans that come to us | a member is over when the KILL to its group was sent; strays are neither named nor ended |
//! | `/proc` | the guard signals the groups it was told of without making sure that the number is still theirs, and does not follow who left them; a HUP or TSTP that was ignored at the start is not noticed, nor that nobody could continue us after a Ctrl-Z, nor who was stopped between fork and exec; `--load` and `--mem-free` are refused |
//! | files in memory | the guard's book is an unlinked file in the folder for temporary files |

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::Pid;

/// Becomes readable when this process, a child of ours, has ended.
#[cfg(target_os = "linux")]
pub(super) fn watch_end(leader: Pid) -> Option<OwnedFd> {
    use rustix::process::{PidfdFlags, pidfd_open};
    pidfd_open(leader, PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn watch_end(_: Pid) -> Option<OwnedFd> {
    None
}

/// Asks the system to bring orphans to us.
#[cfg(target_os = "linux")]
pub(super) fn adopt() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn adopt() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A file without a name, gone with the last process that has it open.
#[cfg(target_os = "linux")]
pub(super) fn nameless_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    Ok(File::from(memfd_create("headcount", MemfdFlags::CLOEXEC)?))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn nameless_file() -> io::Result<File> {
    tempfile::tempfile()
}

/// The time since the system began, as the system dates processes; nothing where it does not.
#[cfg(target_os = "linux")]
pub(super) fn uptime() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(now.tv_nsec).unwrap_or(0))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn uptime() -> u64 {
    0
}

/// Whether somebody is there to continue us when we have stopped: a process of our session outside of our group, which started
/// one of it. In an orphaned group, that of a session's leader for example, Ctrl-Z has no meaning.
#[cfg(target_os = "linux")]
pub(super) fn can_be_continued() -> bool {
    use super::sight;
    let Some(me) = sight::one(rustix::process::getpid()) else { return true };
    let mut child = me;
    while let Some(parent) = Pid::from_raw(child.parent).and_then(sight::one) {
        if parent.session != me.session {
            return false;
        }
        if parent.group != me.group {
            return true;
        }
        child = parent;
    }
    false
}

#[cfg(not(target_os = "linux"))]
pub(super) fn can_be_continued() -> bool {
    true
}

/// Continues the children of ours that were stopped before they came to their own program. Those named have.
#[cfg(target_os = "linux")]
pub(super) fn continue_unbegun(begun: &[Pid]) {
    use rustix::process::{Signal, getpid, kill_process};

    use super::sight;
    let me = getpid();
    let program = std::fs::read_link("/proc/self/exe").ok();
    let ours = sight::all().into_iter().filter(|seen| seen.parent == me.as_raw_nonzero().get());
    for child in ours.filter(|child| child.state == sight::State::Held && !begun.contains(&child.pid)) {
        if program == std::fs::read_link(format!("/proc/{}/exe", child.pid)).ok() {
            // A child that is being started cannot have been reaped.
            let _ = kill_process(child.pid, Signal::CONT);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn continue_unbegun(_: &[Pid]) {}

/// The program that runs here, to be run once more. On Linux it is found though its file was replaced or removed.
#[cfg(target_os = "linux")]
pub(super) fn this_program() -> io::Result<PathBuf> {
    Ok(PathBuf::from("/proc/self/exe"))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn this_program() -> io::Result<PathBuf> {
    std::env::current_exe()
}
