//! The only room that starts and stops children. Its rules:
//!
//! 1. Every child leads its own process group. What it starts stays in the group unless it asks for a
//!    session of its own, so one signal to the group reaches all of them.
//! 2. A group is signalled only while its leader is not reaped: until then the kernel keeps the number, and
//!    the signal cannot hit a stranger. The seat of a running child is a lock ([`Seat`]); who signals holds
//!    it, and who reaps empties it.
//! 3. When the leader has ended, whatever it left behind in the group is killed before the leader is reaped.
//!    A KILL to a group is delivered to all of it at once, so no member of it can fork its way out.
//! 4. Where the system allows (Linux), orphans come to us. A member is over when its group has no process
//!    left, not when the signal was sent.
//! 5. A child's stdin is `/dev/null`: ours was replaced by it before the first start, and is inherited.
//! 6. Who runs stands in the [`guard`]'s book, which is read when we are gone and could not do any of this.
//!
//! `std` starts children by `posix_spawn` as long as nothing has to run between fork and exec; nothing here
//! asks for that. How many files may be open for them is in `room.rs`. What is not the same on every system is in `system.rs`, and so is what is missing where.

mod attend;
pub(crate) mod guard;
mod limit;
mod lookup;
mod pause;
mod room;
mod seat;
#[cfg(target_os = "linux")]
mod sight;
mod strays;
mod system;
mod tail;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::hands::alarm;
pub(crate) use attend::{Ended, Step};
use guard::{Book, Guard};
pub(crate) use limit::Limit;
pub(crate) use lookup::look_up;
pub(crate) use pause::Pause;
pub(crate) use room::Room;
pub(crate) use seat::{Seat, Sitter};
pub(crate) use strays::{Strays, adopt_orphans};
pub(crate) use tail::Tail;

/// How long the killed rest of a group is waited for. Only a process inside the kernel takes that long.
const BURIAL: Duration = Duration::from_secs(1);

/// Where a child finds how much time is left to it, in seconds.
const LEFT: &str = "HEADCOUNT_DEADLINE";

/// Starts members.
#[derive(Debug)]
pub(crate) struct Launcher {
    /// Where the command lies, when it is the same for all: looked up once.
    path: Option<PathBuf>,
    room: Room,
    pub(crate) guard: Guard,
}

/// What is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start<'a> {
    pub(crate) words: &'a [OsString],
    /// How much time is left to it, which it is told.
    pub(crate) left: Option<Duration>,
    /// Where, if not here.
    pub(crate) folder: Option<&'a Path>,
    /// What is different in its environment; without a value it is left out.
    pub(crate) env: &'a [(OsString, Option<OsString>)],
}

impl<'a> Start<'a> {
    /// Here, and as we are.
    pub(crate) fn here(words: &'a [OsString], left: Option<Duration>) -> Self {
        Self { words, left, folder: None, env: &[] }
    }
}

/// A running child and our ends of its pipes.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    group: Pid,
    /// Becomes readable when the leader has ended. Not everywhere to be had.
    end: Option<OwnedFd>,
    pub(super) out: Option<OwnedFd>,
    pub(super) err: Option<OwnedFd>,
    entry: Option<Entry>,
}

/// A child's place in the guard's book, taken from before it is started until everyone in its group is dead.
#[derive(Debug)]
struct Entry {
    book: Arc<Book>,
    seat: usize,
}

impl Entry {
    fn is_over(&self) {
        self.book.is_over(self.seat);
    }
}

impl Launcher {
    pub(crate) fn new(path: Option<PathBuf>, room: Room) -> Self {
        Self { path, room, guard: Guard::new() }
    }

    /// Starts a child. The caller holds the seat it will sit in, and the token.
    pub(crate) fn start(&self, seat: usize, token: Option<u8>, what: Start<'_>) -> io::Result<Running> {
        let Start { words, left, folder, env } = what;
        let (name, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut command = match &self.path {
            Some(path) => Command::new(path),
            None => Command::new(name),
        };
        if self.path.is_some() {
            command.arg0(name);
        }
        let _starting = self.room.begin();
        let (out, child_out) = pipe_with(PipeFlags::CLOEXEC)?;
        let (err, child_err) = pipe_with(PipeFlags::CLOEXEC)?;
        let (out, err) = (self.room.keep(out), self.room.keep(err));
        if let Some(book) = self.guard.book() {
            command.env(guard::BATCH, book.batch());
        }
        let entry = self.guard.book().map(|book| {
            book.starts(seat, [&child_out, &child_err], token);
            Entry { book: Arc::clone(book), seat }
        });
        command.args(arguments).stdin(Stdio::inherit()).stdout(child_out).stderr(child_err);
        for (name, value) in env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        if let Some(left) = left {
            command.env(LEFT, format!("{:.3}", left.as_secs_f64()));
        }
        let lowered = self.room.lower();
        let child = lowered.and_then(|_lowered| command.process_group(0).spawn());
        let child = child.inspect_err(|_| entry.iter().for_each(Entry::is_over))?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let group = group.ok_or_else(|| io::Error::other("the child has no process id"))?;
        if let Some(entry) = &entry {
            entry.book.runs(seat, group);
        }
        let end = system::watch_end(group).map(|end| self.room.keep(end));
        Ok(Running { child, group, end, out: Some(out), err: Some(err), entry })
    }
}

/// Signals a group. The caller holds its seat (rule 2). That nobody is left to signal is not an error.
fn signal_group(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}

impl Running {
    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    /// Whether the leader has ended, without reaping it.
    fn has_ended(&self) -> io::Result<bool> {
        let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        Ok(waitid(WaitId::Pid(self.group), how)?.is_some())
    }

    /// Ends the member: kills what the leader left behind, reaps the leader and empties the seat. The leader has
    /// ended.
    fn bury(&mut self, seat: &Seat) -> (io::Result<ExitStatus>, Option<Sitter>) {
        let mut sitting = seat.lock();
        signal_group(self.group, Signal::KILL);
        // Before the number can go to somebody else.
        self.entry.iter().for_each(Entry::is_over);
        let status = self.child.wait();
        (status, sitting.take())
    }

    /// Reaps the orphans of the group until there are none (rule 4). They are killed already. Without
    /// adoption there are none to reap, and this is over at once.
    async fn wait_group_empty(&self) {
        let began = Instant::now();
        let mut pause = Duration::from_millis(1);
        while began.elapsed() < BURIAL {
            match waitid(WaitId::Pgid(Some(self.group)), WaitIdOptions::EXITED | WaitIdOptions::NOHANG) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => {
                    alarm::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_millis(10));
                }
                Err(_) => return,
            }
        }
    }
}
