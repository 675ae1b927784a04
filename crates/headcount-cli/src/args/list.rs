//! The flags that say where inputs are read from, if they are not on the command line.

use std::path::PathBuf;

use clap::Args;

/// Where inputs are read from.
#[derive(Debug, Clone, Default, Args)]
pub struct ListArgs {
    /// Read the inputs from FILE instead of standard input
    #[arg(short, long, value_name = "FILE")]
    pub arg_file: Option<PathBuf>,

    /// Inputs end with a NUL byte instead of a line break
    #[arg(short = '0', long)]
    pub null: bool,
}
