//! The guard: a process of its own that outlives the command, should the command be killed with -9, and then ends what
//! the command can no longer end.
//!
//! It holds the other end of a pipe. When that hangs up the command is gone, however it went, and the guard reads in the
//! *book* ([`book`]) who was running. The book is a file in memory with a place for each seat, so keeping it costs
//! three small writes a member and wakes nobody: the guard does not look before it has to.
//!
//! Who ends well has no use for a guard, and a short batch is over before one could have begun. So it is
//! started when a batch has lasted for [`UNGUARDED`]; up to then, and for the millisecond or two that it takes to begin,
//! a command that is killed with -9 leaves its members behind. Before the command ends it ends its guard.
//!
//! The parent-death signal would be no replacement, and is not asked for besides: only the child itself can ask for it,
//! between fork and exec, where `posix_spawn` lets nobody in, or by one more program in between, which costs as much as
//! the start of a member. It would reach the leader of a group and nobody else in it.
//!
//! The guard is this program, called by [`NAME`]. It leads a group of its own, so no Ctrl-C reaches it.

mod book;
mod keeper;
#[cfg(target_os = "linux")]
mod quarry;

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};

pub(super) use book::Book;
pub(crate) use keeper::keep;

use super::system;
use crate::locked;

/// How long a batch goes without a guard.
pub(crate) const UNGUARDED: Duration = Duration::from_millis(5);

/// Where a child finds the name of its batch. It hands it down to its own children, whatever becomes of their parents,
/// sessions and files.
pub(super) const BATCH: &str = "HEADCOUNT_BATCH";

/// The one argument by which this program is told to be a guard.
const NAME: &str = "--be-the-guard";

/// Whether the program was called to be a guard.
pub(crate) fn is_called(argument: &OsStr) -> bool {
    argument == NAME
}

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Guard {
    /// Nothing when it could not be made, or all is over.
    book: Option<Arc<Book>>,
    post: Mutex<Option<Post>>,
}

/// The process, and our end of the pipe, which hangs up when we are gone.
#[derive(Debug)]
struct Post {
    process: Child,
    _line: OwnedFd,
}

impl Guard {
    /// No process yet, but its book is kept from now on.
    pub(super) fn new() -> Self {
        Self { book: Book::create().map(Arc::new).ok(), post: Mutex::default() }
    }

    pub(super) fn book(&self) -> Option<&Arc<Book>> {
        self.book.as_ref()
    }

    /// Starts the process. `tokens` is where the tokens go back to that were taken for members.
    ///
    /// # Errors
    /// When there can be none.
    pub(crate) fn begin(&self, tokens: Option<OwnedFd>) -> io::Result<()> {
        let book = self.book.as_ref().ok_or_else(|| io::Error::other("no file for its book"))?.for_guard()?;
        let (heard, line) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut command = Command::new(system::this_program()?);
        command.arg0("headcount").arg(NAME).env_clear().current_dir("/").process_group(0);
        command
            .stdin(Stdio::from(heard))
            .stdout(Stdio::from(book))
            .stderr(tokens.map_or_else(Stdio::null, Stdio::from));
        let process = command.spawn()?;
        *locked(&self.post) = Some(Post { process, _line: line });
        Ok(())
    }

    /// Ends the process: nobody is left whom it could guard.
    pub(crate) fn dismiss(&self) {
        if let Some(mut post) = locked(&self.post).take() {
            let _ = post.process.kill();
            let _ = post.process.wait();
        }
    }
}
