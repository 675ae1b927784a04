//! What a batch begins with: an empty book, or that of the runs before, and the journal it is written to.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::args::JournalArgs;
use crate::input::{Product, Source};
use crate::journal::{self, Backlog, Journal, Mode, Open};
use crate::ledger::{End, Event, Ledger, Policy, State};
use crate::legible;
use crate::output::Printer;
use crate::refusal::Refusal;

/// See the room's text.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) ledger: Ledger,
    pub(crate) journal: Option<Journal>,
    /// Those of runs before who have something left to do.
    pub(crate) backlog: Option<Backlog>,
    /// What is known already of what will be said at the end.
    pub(crate) account: Account,
    /// The journal's file, if it was begun just now.
    begun: Option<PathBuf>,
}

/// Refuses a journal in a file that is given for something else too.
pub(crate) fn refuse_same(args: &JournalArgs, others: &[(&str, Option<&Path>)]) -> Result<(), Refusal> {
    let Some(journal) = args.journal.as_deref() else { return Ok(()) };
    let what = |path: &Path| path.metadata().ok().map(|what| (what.dev(), what.ino()));
    let same = |other: &Path| other == journal || what(other).is_some_and(|it| what(journal) == Some(it));
    match others.iter().find(|(_, other)| other.is_some_and(same)) {
        None => Ok(()),
        Some((flag, _)) => {
            Err(Refusal::new(format!("{flag} and --journal name one and the same file"), "give each its own"))
        }
    }
}

impl Book {
    /// Opens it. `work` is what is done with the inputs: the subcommand, and whatever makes that another work when it
    /// is another. Inputs that the journal knows are taken from the source.
    pub(crate) fn open(
        args: &JournalArgs,
        work: Vec<Vec<u8>>,
        policy: Policy,
        source: &mut Box<dyn Source>,
        printer: &Printer,
        quiet: bool,
    ) -> Result<Self, Refusal> {
        let total = source.total();
        let mut account = Account::default();
        let Some(path) = &args.journal else {
            return Ok(Self {
                ledger: Ledger::new(policy, total),
                journal: None,
                backlog: None,
                account,
                begun: None,
            });
        };
        let failed_too = args.resume_failed;
        let mode = if args.resume || failed_too { Mode::Resume { failed_too } } else { Mode::New };
        let open = journal::open(path, mode, work, source.as_mut(), |past, number, columns| {
            if !failed_too && past.ledger.state(number) == Some(State::Ended(End::Failed)) {
                account.add_before(number, &legible::one_line(&columns.join(&b' ')), printer);
            }
        });
        let Open { journal, past, note } = open?;
        if let Some(note) = note.filter(|_| !quiet) {
            printer.note(&format!("headcount: {note}\n"));
        }
        let begun = past.is_none().then(|| path.clone());
        let backlog = past.as_ref().map(journal::Past::backlog);
        let mut ledger = match past {
            None => Ledger::new(policy, None),
            Some(past) => {
                let mut ledger = past.ledger;
                ledger.resume(policy, failed_too);
                let shown = legible::one_line(path.as_os_str().as_bytes());
                let ended = ledger.tally().ended();
                account.counts_before(format!("{ended} of them had ended before this run (journal {shown})"));
                ledger
            }
        };
        match (ledger.total(), total) {
            (None, Some(total)) => {
                let sealed = journal.event(Event::Sealed { total }).and_then(|()| journal.sync());
                sealed.map_err(|error| {
                    let shown = journal.shown();
                    Refusal::new(
                        format!("cannot write the journal {shown}: {error}"),
                        "is there space left? see df",
                    )
                })?;
                // It was compared with what is registered.
                let _ = ledger.seal(total);
            }
            // All of them are known: what is to be run of them comes from the journal.
            (Some(total), _) if total == ledger.last() => *source = Box::new(Product::new(Vec::new())),
            _ => {}
        }
        Ok(Self { ledger, journal: Some(journal), backlog, account, begun })
    }

    /// Nothing will be run after all. A journal that was begun for it would only be in the way the next time.
    pub(crate) fn forget(self) {
        if let Some(path) = &self.begun {
            // It holds nothing that anybody could miss.
            let _ = fs::remove_file(path);
        }
    }
}
