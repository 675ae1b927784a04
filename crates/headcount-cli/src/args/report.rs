//! How `headcount report` is called.

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  Record a run, and look at it afterwards:
      headcount run --events run.jsonl --keep-going ./render {} ::: *.svg
      headcount report run.jsonl -o run.html
  Only the figures, of a run that goes on right now:
      headcount report run.jsonl
  The page at once, without a record in between:
      headcount run --report run.html ./render {} ::: *.svg
";

const AFTER: &str = "\
The page is one file that loads nothing; open it in any browser. Of more than 100,000 members it shows
a sample, and says so; counts and figures are always of all.

Exit codes:
  0 all well   1 the page or the summary could not be written   2 usage, or FILE is no record of a run";

/// How `headcount report` is called.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES, after_help = AFTER, help_template = super::EXAMPLES_FIRST)]
pub struct ReportArgs {
    /// What `headcount run --events FILE` has written; - for standard input
    #[arg(value_name = "FILE")]
    pub events: PathBuf,

    /// Write the timeline as a page to HTML; - for standard output
    #[arg(short, long, value_name = "HTML")]
    pub output: Option<PathBuf>,
}
