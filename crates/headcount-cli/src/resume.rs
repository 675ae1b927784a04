//! What a batch begins with: an empty book, or that of the runs before, and the journal it is written to.

use std::os::unix::ffi::OsStrExt;

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
    /// What is known already of what will be said at the end.
    pub(crate) account: Account,
}

impl Book {
    /// Opens it. `work` is what is done with the inputs: the subcommand, and whatever makes that another work when it
    /// is another. Inputs that the journal knows are taken from the source; those of them who have something left to do are
    /// handed out beside the book.
    pub(crate) fn open(
        args: &JournalArgs,
        work: Vec<Vec<u8>>,
        policy: Policy,
        source: &mut Box<dyn Source>,
        printer: &Printer,
        quiet: bool,
    ) -> Result<(Self, Option<Backlog>), Refusal> {
        let total = source.total();
        let mut account = Account::default();
        let Some(path) = &args.journal else {
            return Ok((Self { ledger: Ledger::new(policy, total), journal: None, account }, None));
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
        Ok((Self { ledger, journal: Some(journal), account }, backlog))
    }
}
