//! The flags of the journal.

use std::path::PathBuf;

use clap::Args;

/// What is written down for a later run.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Journal")]
pub struct JournalArgs {
    /// Write what happens to FILE as it happens, so that a run that was killed can be resumed
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,

    /// Go on with the journal: run what is not finished, count everyone
    #[arg(long, requires = "journal", conflicts_with = "dry_run")]
    pub resume: bool,

    /// The same, and what failed is tried again
    #[arg(long, requires = "journal", conflicts_with = "dry_run")]
    pub resume_failed: bool,
}
