//! What every batch opens before its first member starts, whatever its members are: the way to its inputs, its books,
//! and the ears for signals and for those who ask who is out.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::args::{JournalArgs, RecordArgs};
use crate::bell::Bell;
use crate::books::Books;
use crate::input::Source;
use crate::journal::Backlog;
use crate::ledger::Policy;
use crate::legible;
use crate::output::{Printer, complain};
use crate::record;
use crate::refusal::Refusal;
use crate::resume::Book;
use crate::stop::Stop;

/// What the books of a batch are to be.
pub(super) struct Asked<'a> {
    pub(super) journal: &'a JournalArgs,
    /// What the journal is of.
    pub(super) work: Vec<Vec<u8>>,
    pub(super) policy: Policy,
    pub(super) record: &'a RecordArgs,
    /// The file the inputs are read from, which no record may be written over.
    pub(super) inputs: Option<&'a Path>,
    pub(super) deadline: Option<Duration>,
    pub(super) quiet: bool,
}

/// Opens them, and gives those of runs before who have something left to do. Time begins to count.
pub(super) fn open_books(
    asked: Asked<'_>,
    source: &mut Box<dyn Source>,
    printer: Printer,
    stop: Arc<Stop>,
) -> Result<(Books, Option<Backlog>), Refusal> {
    let Asked { journal, work, policy, record, inputs, deadline, quiet } = asked;
    let others = [("--arg-file", inputs), ("--journal", journal.journal.as_deref())];
    // Opened, but begun only when the journal has nothing against it: a resumption that is refused must not cost the
    // record of the run before.
    let files = record::Files::open(record, others)?;
    let (book, backlog) = Book::open(journal, work, policy, source, &printer, quiet)?;
    let record = files.begin()?;
    Ok((Books::new(book, printer, stop, record, deadline, quiet), backlog))
}

/// How the batch is stopped; what its watch sleeps on; and what rings that, for signals.
pub(super) fn stop_and_bell() -> Result<(Arc<Stop>, Bell, UnixStream), Refusal> {
    let open = || {
        let (bell, rope) = Bell::new()?;
        let signals = rope.try_clone()?;
        io::Result::Ok((Arc::new(Stop::new(rope)?), bell, signals))
    };
    open().map_err(|error| no_start("a wake-up pipe", &error))
}

/// As long as it lives `headcount ps`, `tree` and `why` are answered.
pub(super) struct Inspected;

impl Inspected {
    pub(super) fn begin() -> Self {
        // Without a place for the socket the batch is none the worse.
        let _ = headcount::inspect();
        Self
    }
}

impl Drop for Inspected {
    fn drop(&mut self) {
        headcount::inspect::close();
    }
}

pub(super) fn no_start(what: &str, error: &io::Error) -> Refusal {
    Refusal::new(
        format!("could not set up {what}: {error}"),
        "is the system short of resources? see ulimit -a",
    )
}

pub(super) fn open_file(path: &Path) -> Result<File, Refusal> {
    let shown = legible::one_line(path.as_os_str().as_bytes());
    let file = File::open(path).map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "is the path right? it counts from the current folder",
            io::ErrorKind::PermissionDenied => "may you read it? see ls -l",
            _ => "name a file that can be read, or - for standard input",
        };
        Refusal::new(format!("cannot read the inputs from {shown}: {error}"), hint)
    })?;
    if file.metadata().is_ok_and(|what| what.is_dir()) {
        return Err(Refusal::new(
            format!("cannot read the inputs from {shown}: it is a folder"),
            format!("for the files in it: find {shown} -type f -print0 | headcount run -0 ..."),
        ));
    }
    Ok(file)
}

/// Our own way to stdin, before it is taken from the children.
pub(super) fn own_stdin(quiet: bool) -> Result<std::os::fd::OwnedFd, Refusal> {
    if io::stdin().is_terminal() && !quiet {
        complain(
            &"reading inputs from the terminal, one a line",
            "end them with Ctrl-D, or give them after :::",
        );
    }
    rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)
        .map_err(|error| no_start("standard input", &error.into()))
}

/// From here on stdin is `/dev/null`, for us and for every child: replaced once instead of for each start.
pub(super) fn detach_stdin() -> Result<(), Refusal> {
    let null = File::open("/dev/null").map_err(|error| no_start("/dev/null", &error))?;
    rustix::stdio::dup2_stdin(null.as_fd()).map_err(|error| no_start("standard input", &error.into()))
}

pub(super) fn check_quorum(policy: Policy, total: Option<u64>) -> Result<(), Refusal> {
    match (policy, total) {
        (Policy::Quorum(needed), Some(total)) if needed > total => {
            let inputs = if total == 1 { "is 1 input" } else { &format!("are {total} inputs") };
            Err(Refusal::new(
                format!("--quorum {needed} asks for more successes than there can be: there {inputs}"),
                "ask for as many as there are inputs, or fewer",
            ))
        }
        _ => Ok(()),
    }
}
