//! The flags of those subcommands that ask other processes.

use clap::Args;

use super::EXAMPLES_FIRST;

const EXIT: &str = "\
Only programs answer that call headcount::inspect() at their start, and run as you do; `headcount run` does.

Exit codes:
  0 all well   1 a process did not answer, or nobody is there who was asked for   2 usage";

const PS_EXAMPLES: &str = "\
Examples:
  Who can be asked, and how many are out in each:
      headcount ps
  The same, live:
      headcount ps --watch
";

const TREE_EXAMPLES: &str = "\
Examples:
  Everyone who is out in process 4711, as a tree:
      headcount tree 4711
  The five of each group that are out longest, for a program:
      headcount tree -n5 --json 4711
";

const WHY_EXAMPLES: &str = "\
Examples:
  On whom does process 4711 wait:
      headcount why 4711
  Where was the member called render launched, and what is it doing:
      headcount why 4711 render
";

/// How `headcount ps` is called.
#[derive(Debug, Args)]
#[command(before_help = PS_EXAMPLES, after_help = EXIT, help_template = EXAMPLES_FIRST)]
pub struct PsArgs {
    /// Print JSON: an array with an object for each process
    #[arg(long, conflicts_with = "watch")]
    pub json: bool,

    /// Show it live, until q is pressed
    #[arg(long)]
    pub watch: bool,
}

/// How `headcount tree` is called.
#[derive(Debug, Args)]
#[command(before_help = TREE_EXAMPLES, after_help = EXIT, help_template = EXAMPLES_FIRST)]
pub struct TreeArgs {
    /// The process
    #[arg(value_name = "PID")]
    pub pid: u32,

    /// So many members of each group are listed, those who are out longest
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub members: u64,

    /// Print JSON
    #[arg(long, conflicts_with = "watch")]
    pub json: bool,

    /// Show it live, until q is pressed
    #[arg(long)]
    pub watch: bool,
}

/// How `headcount why` is called.
#[derive(Debug, Args)]
#[command(before_help = WHY_EXAMPLES, after_help = EXIT, help_template = EXAMPLES_FIRST)]
pub struct WhyArgs {
    /// The process
    #[arg(value_name = "PID")]
    pub pid: u32,

    /// A member's name, or its number in its group; without it, whoever is out longest and launched no one who is
    #[arg(value_name = "MEMBER")]
    pub member: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
