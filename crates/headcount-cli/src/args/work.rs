//! The flags of `headcount work`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::engine::EngineArgs;
use super::span::parse_span;
use super::{EXAMPLES_FIRST, Jobs};

const EXAMPLES: &str = "\
Examples:
  Work on this machine, one member a core, until told to end:
      headcount work --engine redis://queue.example.org
  Four at a time, and end when there is nothing left to do, as a batch job should:
      headcount work --engine redis://queue.example.org -j4 --until-idle
  For one group only, until it is over:
      headcount work --engine redis://queue.example.org 0198c0de-0000-7000-8000-000000000000
  With a password that is in no process list:
      HEADCOUNT_ENGINE=redis://worker:secret@queue.example.org headcount work
";

const AFTER: &str = "\
Members:
  Each runs as under headcount run on one machine: with /dev/null as its standard input, leading a process group of
  its own, ended with TERM and then KILL when its time is up, its group is over, or its lease is lost. It finds its
  group in HEADCOUNT_GROUP, the number of its attempt in HEADCOUNT_ATTEMPT, and never HEADCOUNT_ENGINE.

Stopping:
  The first INT, TERM or HUP takes no more members and waits for those that run, the second terminates them and
  gives them back, so that another worker runs them; the third kills them. SIGUSR1 prints who is running. If the
  worker itself is killed with -9, a guard process kills its members, and others run them when the lease is over.

Exit codes:
  0 there was nothing left to do   2 usage   5 no engine within --patience, or no such group
  128+n ended by signal n";

/// How `headcount work` is called.
#[derive(Debug, Args)]
#[command(
    before_help = EXAMPLES,
    after_help = AFTER,
    help_template = EXAMPLES_FIRST,
    override_usage = "headcount work [OPTIONS] [GROUP ...]"
)]
pub struct WorkArgs {
    /// Where the engine is.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// How many members run at once: a number, a share of the cores (50%), or so many more than cores (+2)
    #[arg(short, long, value_name = "N|N%|+N", default_value = "100%", allow_hyphen_values = true)]
    pub jobs: Jobs,

    /// End when there is nothing left to run
    #[arg(long)]
    pub until_idle: bool,

    /// What this worker is called; otherwise HOST:PID
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Where the output of members is kept that is too much for the engine; otherwise a folder in $TMPDIR
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,

    /// How long members may run on once the worker is told to end; then they are given back. Without it, as long as they like
    #[arg(long, value_name = "TIME", value_parser = parse_span, allow_hyphen_values = true)]
    pub drain: Option<Duration>,

    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,

    /// The groups to work for; without any, all there are
    #[arg(value_name = "GROUP")]
    pub groups: Vec<String>,
}
