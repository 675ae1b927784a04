//! The flags of `headcount fetch`. Words that are no options are addresses; the flags may stand before or behind them.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::attempts::parse_retries;
use super::{
    Given, Jobs, JournalArgs, ListArgs, PaceArgs, PolicyArgs, RecordArgs, WaitArgs, parse_limit, parse_span,
};
use crate::tries::{RetryOn, Tries};

const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

const EXAMPLES: &str = "\
Examples:
  Every address in a file, into a folder, four at a time from any one host:
      headcount fetch -a addresses.txt -o downloads --per-host 4
  One large file, gone on with where the last try broke off:
      headcount fetch https://example.org/disk.img
  Only what matches the checksums that were published with it:
      headcount fetch --sha256 SHA256SUMS https://example.org/{a,b}.tar.gz
  Whatever fails, with more patience for a busy server:
      headcount fetch --keep-going --retries 10 --stall-timeout 2m < addresses.txt
  Twenty files a minute from a server that asks for it:
      headcount fetch --rate 20/m -a addresses.txt
  See first under which names it would be stored:
      headcount fetch --dry-run -o downloads < addresses.txt
";

const AFTER: &str = "\
Names:
  A file is called as the last part of its address's path, without what no system takes in a name; a clash
  among the inputs gets -2 before the extension, in their order. The names of the files are printed on
  standard output as they are complete, a line each (--tag puts the address in front). User names and
  passwords in addresses go to the server, and are neither printed nor written into any file.

What is not complete:
  It is kept as NAME.part, with what is needed to go on in NAME.part.note. The same address goes on there
  if the server says that the file is still the same, and begins anew if not.

What is tried again:
  No connection, a connection that breaks, silence longer than --stall-timeout, a member's --timeout, and
  the answers 408, 425, 429 and 5xx; after 100 ms, then twice as long each time up to 30 s, or as
  Retry-After says, for up to 2 minutes.

Stopping:
  The first Ctrl-C starts no more transfers and waits for the running ones, the second ends them and keeps
  what there is of their files, the third drops them. TERM and HUP end them at once. SIGUSR1 prints who is
  out. Ctrl-Z stops everything, and fg goes on with it; --timeout and --stall-timeout do not count that,
  --deadline does.

Pace:
  With --control FILE the number of transfers at once stands in FILE, as -j takes it: change it, and send
  SIGUSR2. Nobody is stopped for that. Another attempt is a start like any other. make's jobserver is not
  joined: a transfer keeps no core busy.

Environment:
  HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are heeded. Certificates are the system's, or those that
  SSL_CERT_FILE names.

Exit codes:
  0 all well   1 a member failed   2 usage   3 deadline   4 quorum missed   5 members lost
  128+n ended by signal n";

/// How `headcount fetch` is called.
#[derive(Debug, Args)]
#[command(
    help_template = TEMPLATE,
    before_help = EXAMPLES,
    after_help = AFTER,
    override_usage = "headcount fetch [OPTIONS] [URL ...]",
)]
pub struct FetchArgs {
    /// How many transfers run at once: a number, a share of the cores (50%), or so many more than cores (+2)
    #[arg(short, long, value_name = "N|N%|+N", default_value = "16", allow_hyphen_values = true)]
    pub jobs: Jobs,

    /// How many of them from one host; without it as many as run
    #[arg(long, alias = "limit-per-host", value_name = "N", value_parser = parse_places, allow_hyphen_values = true)]
    pub per_host: Option<usize>,

    /// Where addresses are read from.
    #[command(flatten)]
    pub list: ListArgs,

    /// Store the files in DIR, which is made if it is not there, instead of the current folder
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,

    /// What to do if a file of that name is there already
    #[arg(long, value_enum, default_value_t = Exists::Keep, value_name = "WHAT")]
    pub exists: Exists,

    /// Take only what has the checksum that FILE lists for its address or name, in lines as of sha256sum
    #[arg(long, value_name = "FILE")]
    pub sha256: Option<PathBuf>,

    /// The largest file that is taken: bytes, or 10K, 5M, 2G
    #[arg(long, value_name = "SIZE", value_parser = parse_size, allow_hyphen_values = true)]
    pub max_body: Option<u64>,

    /// How often a transfer is tried again
    #[arg(long, value_name = "N", default_value_t = 3, allow_hyphen_values = true, value_parser = parse_retries)]
    pub retries: u32,

    /// How long to wait before that.
    #[command(flatten)]
    pub wait: WaitArgs,

    /// How long a server may be silent, before its answer or within
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_limit, allow_hyphen_values = true)]
    pub stall_timeout: Duration,

    /// How long connecting may take
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit, allow_hyphen_values = true)]
    pub connect_timeout: Duration,

    /// When the batch is over.
    #[command(flatten)]
    pub policies: PolicyArgs,

    /// Time for each attempt of a transfer
    #[arg(long, value_name = "TIME", value_parser = parse_limit, allow_hyphen_values = true)]
    pub timeout: Option<Duration>,

    /// Time for the whole batch; what is left then is ended
    #[arg(long, value_name = "TIME", value_parser = parse_limit, allow_hyphen_values = true)]
    pub deadline: Option<Duration>,

    /// Time for a transfer that is ended to put away what it has
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_span, allow_hyphen_values = true)]
    pub grace: Duration,

    /// Begin every line of output with the address and a tab
    #[arg(long)]
    pub tag: bool,

    /// Print no account, no progress and no notes; only names of files, and errors
    #[arg(short, long)]
    pub quiet: bool,

    /// Print each address and the name its file would get, and fetch nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Say in words what would happen with the flags that are given, and fetch nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub explain: bool,

    /// When the next transfer may start.
    #[command(flatten)]
    pub pace: PaceArgs,

    /// What is written down for a later run.
    #[command(flatten)]
    pub journal: JournalArgs,

    /// Where it is recorded.
    #[command(flatten)]
    pub record: RecordArgs,

    /// The addresses; without any they are read from standard input
    #[arg(value_name = "URL")]
    pub urls: Vec<OsString>,

    /// The flags that were given, if they are to be explained.
    #[arg(skip)]
    pub given: Vec<Given>,
}

impl FetchArgs {
    /// How often a transfer is tried. What an answer means is not asked here.
    #[must_use]
    pub fn tries(&self) -> Tries {
        self.wait.tries(self.retries, RetryOn::default())
    }
}

/// What is done if there is a file of that name before the transfer began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Exists {
    /// It is kept, and nothing is fetched; with --sha256 only if it is the right one
    Keep,
    /// It is replaced, once the new one is complete
    Replace,
    /// The member fails
    Fail,
}

/// Reads how many may run for one host.
fn parse_places(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("with none nothing would ever run (hint: leave it out for no limit)".into()),
        Ok(places) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(places),
        _ => Err("not a number of transfers (hint: write how many at once from one host: 4)".into()),
    }
}

/// Reads a size: bytes, or with K, M, G or T so many times 1024 of them.
///
/// # Errors
/// When it is no such size, or none at all.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[number.len()..] {
        "" => Some(1),
        unit => "KMGT"
            .find(|letter: char| unit.eq_ignore_ascii_case(letter.encode_utf8(&mut [0; 4])))
            .map(|place| 1_u64 << (10 * (place + 1))),
    };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let size = factor.filter(|_| digits).and_then(|factor| number.parse::<u64>().ok()?.checked_mul(factor));
    match size {
        Some(0) => Err("nothing would ever fit into that (hint: leave it out for no limit)".into()),
        Some(size) => Ok(size),
        None => Err("not a size (hint: write bytes, or 10K, 5M, 2G)".into()),
    }
}
