//! The flag table: one place from which parsing, `--help` and every other listing of flags come.
//!
//! Options stand before COMMAND. From COMMAND on, everything belongs to it up to the first `:::`, after
//! which everything is input. Arguments are taken as bytes; none has to be UTF-8.

mod asking;
mod attempts;
mod engine;
mod fetch;
mod given;
mod groups;
mod jobs;
mod journal;
mod list;
mod manual;
mod pace;
mod parse;
mod policy;
mod record;
mod report;
mod span;
mod work;

use std::ffi::OsString;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use asking::{PsArgs, TreeArgs, WhyArgs};
pub use attempts::{AttemptArgs, WaitArgs, parse_backoff, parse_retries, parse_retry_on};
pub use engine::{AcrossArgs, EngineArgs, TrustArgs, WorkDir};
pub use fetch::{Exists, FetchArgs, parse_size};
pub use given::Given;
pub use groups::{CancelArgs, GroupsArgs, MissingArgs, StatusArgs, WaitGroupArgs};
pub use jobs::Jobs;
pub use journal::JournalArgs;
pub use list::ListArgs;
pub use manual::{CompletionsArgs, ManArgs, table};
pub use pace::{Load, PaceArgs, Rate};
pub use parse::{Unparsed, parse};
pub use policy::{PolicyArgs, parse_budget, parse_quorum};
pub use record::RecordArgs;
pub use report::ReportArgs;
pub use span::{parse_limit, parse_span};
pub use work::WorkArgs;

/// Count everyone out, count everyone back in.
#[derive(Debug, Parser)]
#[command(
    name = "headcount",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    before_help = EXAMPLES,
    help_template = EXAMPLES_FIRST
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Compress every log, one job a core:
      find . -name '*.log' -print0 | headcount run -0 gzip -9 {}
  Say what that would do, and run nothing:
      headcount run --explain -0 gzip -9 {}
  Everything a subcommand can do, examples first:
      headcount run --help
";

/// What the command can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a command once for every input, several at a time, and account for every one of them.
    Run(RunArgs),
    /// Download addresses, several at a time, and account for every one of them.
    Fetch(FetchArgs),
    /// Show what a recorded run was like: the figures, and a page with everyone's time in it.
    Report(ReportArgs),
    /// Print what a shell needs to complete headcount's options.
    Completions(CompletionsArgs),
    /// Print the manual as pages for man.
    Man(ManArgs),
    /// List your processes that can be asked who is out in them.
    Ps(PsArgs),
    /// Show who is out in a process, as a tree of groups and members.
    Tree(TreeArgs),
    /// Say on whom a process waits: who that is, since when, launched where, and inside of what.
    Why(WhyArgs),
    /// Run the members of groups that others have registered with an engine.
    Work(WorkArgs),
    /// Wait for a group that was registered with an engine, and account for everyone in it.
    Wait(WaitGroupArgs),
    /// Say how a group stands.
    Status(StatusArgs),
    /// Say who of a group is not back yet, who runs them, and since when.
    Missing(MissingArgs),
    /// End a group, wherever it runs.
    Cancel(CancelArgs),
    /// List the groups of an engine.
    Groups(GroupsArgs),
}

/// Help as people read it: what it is, how it is used for what, and only then the list.
const EXAMPLES_FIRST: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

const RUN_EXAMPLES: &str = "\
Examples:
  Compress every log, one job a core:
      find . -name '*.log' -print0 | headcount run -0 gzip -9 {}
  Checksums, each line marked with its file, in the order of the list:
      headcount run --order input --tag sha256sum {} ::: *.iso
  Every size with every format, four at a time, whatever fails:
      headcount run -j4 --keep-going ./render --size {1} --as {2} ::: 64 256 ::: png webp
  Columns of a table by name:
      headcount run -a hosts.csv --csv --header ssh {user}@{host} uptime
  Whichever mirror answers first, each within five seconds:
      headcount run -j4 --first-success --timeout 5s curl -fsS {} ::: https://{a,b,c}.example.org/
  A long night: try thrice, and go on in the morning where it was interrupted (the same line again):
      headcount run -k --retries 2 --journal night.journal --resume -a videos.txt ./encode {}
  The same batch on other machines, wherever headcount work runs for this engine:
      headcount run --engine redis://queue.example.org -k ./encode {} ::: *.mov
  A pipeline for each input needs a shell; see first what would run:
      headcount run --dry-run --shell 'zcat {} | wc -l > {.}.count' ::: *.gz
";

const RUN_AFTER: &str = "\
Placeholders in COMMAND:
  {}  the input            {.}   without its extension     {/}  without its directory
  {//} its directory       {/.}  without both              {#}  its number, from 1
  {%}  the slot it runs in, from 1 to the number of jobs
  {1} {2} ...              one list of ::: or one column   {name}  a column by name
  Parts of a column are {1.} {1/} {1//} {1/.}. Without any placeholder the input is appended.

Members:
  Each is a child process with /dev/null as its standard input, and leads a process group of its own.
  With --timeout or --deadline it finds the seconds that are left to it in HEADCOUNT_DEADLINE.
  HEADCOUNT_BATCH is the same for all of a batch, and for no other.

Attempts and resuming:
  What a member wrote in all its attempts is printed, in order. While it waits for another attempt others run. A
  member fails, and the policy hears of it, when its last attempt has.
  --resume needs the same command and the same inputs, in the same order, and says the first difference. It runs
  what has not ended, was stopped or was lost; --resume-failed also what failed. A new journal is begun if there is
  none. A member that was running when headcount was killed is run again.

Stopping:
  The first Ctrl-C starts no more members and waits for the running ones, the second terminates
  them (TERM, then KILL after --grace), the third kills them. TERM and HUP terminate at once.
  Whatever a member leaves running is killed when it ends. SIGUSR1 prints who is running.
  If the command itself is killed with -9, a guard process kills its members.
  Ctrl-Z stops the members too, and fg continues them; --timeout does not count that, --deadline does.

Pace:
  With --control FILE the number of jobs stands in FILE, as -j takes it: change it, and send SIGUSR2. Nobody is
  stopped for that. Inside `make -j` members share make's jobs, where the recipe's line begins with +; -j holds too.

Many machines:
  With --engine members are run by headcount work, at least once, each counted once; -j is the limit for all machines
  together. The first Ctrl-C, TERM or HUP cancels the group, the second does not wait for those that run. Members find
  their group in HEADCOUNT_GROUP and the number of their attempt in HEADCOUNT_ATTEMPT. A password in the address is
  in every process list: put it into HEADCOUNT_ENGINE (--engine env) or into a file (--engine @FILE).

Exit codes:
  0 all well   1 a member failed   2 usage   3 deadline   4 quorum missed   5 members lost, or no engine
  128+n ended by signal n";

/// How `headcount run` is called.
#[derive(Debug, Args)]
#[command(
    help_template = EXAMPLES_FIRST,
    before_help = RUN_EXAMPLES,
    after_help = RUN_AFTER,
    override_usage = "headcount run [OPTIONS] COMMAND [ARG ...] [::: INPUT ...] ...",
)]
pub struct RunArgs {
    /// How many members run at once: a number, a share of the cores (50%), or so many more than cores (+2)
    #[arg(short, long, value_name = "N|N%|+N", default_value = "100%", allow_hyphen_values = true)]
    pub jobs: Jobs,

    /// Where inputs are read from.
    #[command(flatten)]
    pub list: ListArgs,

    /// Inputs are rows of comma-separated values
    #[arg(long, conflicts_with = "null")]
    pub csv: bool,

    /// The first row names the columns
    #[arg(long, requires = "csv")]
    pub header: bool,

    /// Hand COMMAND to /bin/sh as one line, with the inputs quoted for it
    #[arg(long)]
    pub shell: bool,

    /// When the output of a member is printed
    #[arg(long, value_enum, default_value_t = Order::Done, value_name = "WHEN")]
    pub order: Order,

    /// Begin every line of output with the input and a tab
    #[arg(long)]
    pub tag: bool,

    /// When the batch is over.
    #[command(flatten)]
    pub policies: PolicyArgs,

    /// Time for each member; one that takes longer is terminated and has failed
    #[arg(long, value_name = "TIME", value_parser = parse_limit, allow_hyphen_values = true)]
    pub timeout: Option<Duration>,

    /// Time for the whole batch; what is left then is terminated
    #[arg(long, value_name = "TIME", value_parser = parse_limit, allow_hyphen_values = true)]
    pub deadline: Option<Duration>,

    /// Time between TERM and KILL for a member that is terminated
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_span, allow_hyphen_values = true)]
    pub grace: Duration,

    /// Print no account, no progress and no notes; only what members print, and errors
    #[arg(short, long)]
    pub quiet: bool,

    /// Print the commands, quoted for a shell, and run nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Say in words what would happen with the flags that are given, and run nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub explain: bool,

    /// When the next member may start.
    #[command(flatten)]
    pub pace: PaceArgs,

    /// How often a member is tried.
    #[command(flatten)]
    pub attempts: AttemptArgs,

    /// What is written down for a later run.
    #[command(flatten)]
    pub journal: JournalArgs,

    /// The files it is recorded in.
    #[command(flatten)]
    pub record: RecordArgs,

    /// Where it runs, if not here.
    #[command(flatten)]
    pub across: AcrossArgs,

    /// The command, its arguments, and inputs after `:::`: everything from the first word that is no option.
    #[arg(skip)]
    pub words: Vec<OsString>,

    /// The flags that were given, if that matters: where they are explained, and with an engine.
    #[arg(skip)]
    pub given: Vec<Given>,
}

/// When the output of a member is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// As a whole when the member ends
    Done,
    /// As a whole, in the order of the inputs
    Input,
    /// Line by line, as it comes
    Live,
}
