//! What is written down of a batch besides its account.

use std::path::PathBuf;

use clap::Args;

/// The files a batch is recorded in.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Record")]
pub struct RecordArgs {
    /// Write every state change to FILE as it happens, a JSON object a line
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,

    /// Write a line for every member that ran to FILE, in the columns of GNU parallel's job log
    #[arg(long, value_name = "FILE")]
    pub joblog: Option<PathBuf>,

    /// Write a page to HTML at the end: who ran when, who was slow, who failed
    #[arg(long, value_name = "HTML")]
    pub report: Option<PathBuf>,
}
