//! The `headcount` command: a batch of commands at once, and an account of every one of them.
//!
//! This crate is the command with its door open for tests; as a library it promises nothing but the exit
//! codes in [`exit`]. For counting and waiting in a program, use the `headcount` crate.
//!
//! The rooms, from the door inwards:
//!
//! | room | what it holds |
//! |---|---|
//! | [`args`] | the flag table |
//! | `cmd` | one file a subcommand: from arguments to an ending |
//! | [`input`], [`template`] | where members come from, and the command with its holes |
//! | `books` | what every batch keeps of its members, and how it ends |
//! | `batch`, `group`, `lane`, `outcome` | what all members share, the group they are, where each runs, and how it ended |
//! | `hands` | the few threads that carry all lanes |
//! | `intake`, `waits` | taking members in, one at a time; those between two attempts |
//! | [`ledger`], [`tries`] | the pure book of who stands where, and the policy; how often a member is tried |
//! | [`journal`], `resume` | what happened, on disk before it counts; the book a batch begins with |
//! | `process` | the only room that starts and stops children |
//! | `engine`, `work` | groups whose members run on other machines: whoever registers them and waits, and whoever runs them |
//! | `fetch` | downloads as members: addresses, names, partial files, attempts |
//! | `output` | the only printer |
//! | `stop`, `signal`, `bell`, `watch` | how strongly to stop, what signals ask for, what wakes who does it, and who does it |
//! | `pace` | whether the next member may start now: rate, load, memory, a jobserver; the limit changed while members run |
//! | `census`, `live` | who is out in another process, in words; the same again and again |
//! | `account`, `progress`, `roll` | what is said at the end, and meanwhile |
//! | `record` | what is written to files, and read again: events, the job log, the page |
//! | `explain`, `manual` | what flags mean, in words; man pages, out of the flag table |
//! | [`exit`], [`refusal`], [`legible`] | exit codes, what is turned down, bytes for people |

pub mod args;
pub mod exit;
pub mod input;
pub mod journal;
pub mod legible;
pub mod refusal;
pub mod template;
pub mod tries;

mod account;
mod batch;
mod bell;
mod books;
mod census;
mod cmd;
mod engine;
mod explain;
mod fetch;
mod group;
mod hands;
mod intake;
mod lane;
mod latch;
mod live;
mod manual;
mod outcome;
mod output;
mod pace;
mod process;
mod progress;
mod record;
mod resume;
mod roll;
mod signal;
mod stop;
mod waits;
mod watch;
mod work;

pub use headcount_ledger as ledger;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Runs the command with these arguments, its own name first, and gives the exit code to end with. Does not
/// return when the command is to die by a signal.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.get(1).is_some_and(|first| process::guard::is_called(first)) {
        return process::guard::keep().leave();
    }
    let ended = match args::parse(arguments) {
        Ok(cli) => match cli.command {
            args::Command::Run(arguments) => cmd::run::run(arguments),
            args::Command::Fetch(arguments) => cmd::fetch::run(arguments),
            args::Command::Report(arguments) => cmd::report::run(&arguments),
            args::Command::Completions(arguments) => Ok(cmd::manual::completions(&arguments)),
            args::Command::Man(arguments) => cmd::manual::man(&arguments),
            args::Command::Ps(arguments) => cmd::ps::run(&arguments),
            args::Command::Tree(arguments) => cmd::tree::run(&arguments),
            args::Command::Why(arguments) => cmd::why::run(&arguments),
            args::Command::Work(arguments) => cmd::work::run(&arguments),
            args::Command::Wait(arguments) => cmd::wait::run(&arguments),
            args::Command::Status(arguments) => cmd::status::run(&arguments),
            args::Command::Missing(arguments) => cmd::missing::run(&arguments),
            args::Command::Cancel(arguments) => cmd::cancel::run(&arguments),
            args::Command::Groups(arguments) => cmd::groups::run(&arguments),
        },
        Err(args::Unparsed::Shown(text)) => Ok(cmd::show(&text)),
        Err(args::Unparsed::Refused(refusal)) => Err(refusal),
    };
    ended
        .unwrap_or_else(|refusal| {
            output::complain(&refusal, refusal.hint());
            exit::Ending::Code(exit::USAGE)
        })
        .leave()
}

/// Locks, whatever became of the thread that held the lock before: every room leaves its data whole before
/// anything in it can panic, and an account with one hole is better than none.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
