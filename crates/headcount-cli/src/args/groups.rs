//! The flags of those subcommands that ask an engine for its groups.

use clap::Args;

use super::EXAMPLES_FIRST;
use super::engine::EngineArgs;

const WAIT_EXAMPLES: &str = "\
Examples:
  Register now, and wait later, from wherever the engine is in reach:
      id=$(headcount run --engine redis://queue.example.org --detach gzip {} ::: *.log)
      headcount wait --engine redis://queue.example.org \"$id\"
  The same, and print what the members printed, in the order of the inputs:
      headcount wait --engine redis://queue.example.org --output \"$id\"
";

const WAIT_EXIT: &str = "\
Exit codes, those of headcount run:
  0 all well   1 a member failed, or the group was cancelled   2 usage   3 deadline   4 quorum missed
  5 members lost, or the engine cannot say   128+n ended by signal n, which leaves the group as it is";

const ASK_EXIT: &str = "\
Exit codes:
  0 all well   2 usage   5 the engine cannot say";

const STATUS_EXAMPLES: &str = "\
Examples:
  How far is it:
      headcount status --engine redis://queue.example.org 0198c0de-0000-7000-8000-000000000000
  The same for a program:
      headcount status --json 0198c0de-0000-7000-8000-000000000000
";

const MISSING_EXAMPLES: &str = "\
Examples:
  Who is not back yet, who runs them, and since when:
      headcount missing --engine redis://queue.example.org 0198c0de-0000-7000-8000-000000000000
  All of them, for a program:
      headcount missing -n0 --json 0198c0de-0000-7000-8000-000000000000
";

const CANCEL_EXAMPLES: &str = "\
Examples:
  End it, wherever it runs:
      headcount cancel --engine redis://queue.example.org 0198c0de-0000-7000-8000-000000000000
  And say why to whoever waits for it:
      headcount cancel --reason 'wrong input' 0198c0de-0000-7000-8000-000000000000
";

const GROUPS_EXAMPLES: &str = "\
Examples:
  Which groups are there, the newest first:
      headcount groups --engine redis://queue.example.org
  The ids of those that are open:
      headcount groups --json | jq -r '.[] | select(.state == \"open\").group'
";

/// How `headcount wait` is called.
#[derive(Debug, Args)]
#[command(before_help = WAIT_EXAMPLES, after_help = WAIT_EXIT, help_template = EXAMPLES_FIRST)]
pub struct WaitGroupArgs {
    /// Where the engine is.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// Print what the members printed, in the order of the inputs, when all are back
    #[arg(long)]
    pub output: bool,

    /// Print no account and no progress; only what was asked for, and errors
    #[arg(short, long)]
    pub quiet: bool,

    /// The group
    #[arg(value_name = "GROUP")]
    pub group: String,
}

/// How `headcount status` is called.
#[derive(Debug, Args)]
#[command(before_help = STATUS_EXAMPLES, after_help = ASK_EXIT, help_template = EXAMPLES_FIRST)]
pub struct StatusArgs {
    /// Where the engine is.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// The group
    #[arg(value_name = "GROUP")]
    pub group: String,
}

/// How `headcount missing` is called.
#[derive(Debug, Args)]
#[command(before_help = MISSING_EXAMPLES, after_help = ASK_EXIT, help_template = EXAMPLES_FIRST)]
pub struct MissingArgs {
    /// Where the engine is.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// So many are listed, those who run longest first; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub members: u64,

    /// Print JSON
    #[arg(long)]
    pub json: bool,

    /// The group
    #[arg(value_name = "GROUP")]
    pub group: String,
}

/// How `headcount cancel` is called.
#[derive(Debug, Args)]
#[command(before_help = CANCEL_EXAMPLES, after_help = ASK_EXIT, help_template = EXAMPLES_FIRST)]
pub struct CancelArgs {
    /// Where the engine is.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// Why, for whoever waits
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// Print JSON: how the group stands then
    #[arg(long)]
    pub json: bool,

    /// The group
    #[arg(value_name = "GROUP")]
    pub group: String,
}

/// How `headcount groups` is called.
#[derive(Debug, Args)]
#[command(before_help = GROUPS_EXAMPLES, after_help = ASK_EXIT, help_template = EXAMPLES_FIRST)]
pub struct GroupsArgs {
    /// Where the engine is.
    #[command(flatten)]
    pub engine: EngineArgs,

    /// So many are listed; 0 for all
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub groups: u64,

    /// Print JSON: an array with an object for each group
    #[arg(long)]
    pub json: bool,
}
