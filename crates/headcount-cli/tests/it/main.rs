//! The promises of the command, tested from outside through the built binary, and those of its pure rooms.

mod account;
mod attempts;
mod bytes;
mod fetch;
mod guard;
mod help;
mod input;
mod inspect;
mod journal;
mod journal_disk;
mod journal_file;
mod killed;
mod ledger;
mod memory;
mod output;
mod pause;
mod policy;
mod process;
mod record;
mod refusal;
mod report;
mod signal;
mod stage;
mod stops;
mod template;
mod time;
