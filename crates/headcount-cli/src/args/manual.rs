//! What other programs are told of the flag table: shells, and `man`.

use std::path::PathBuf;

use clap::{Arg, Args, Command as Table, CommandFactory, ValueHint};
use clap_complete::Shell;

use super::{Cli, EXAMPLES_FIRST};

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  For bash, for good:
      headcount completions bash >~/.local/share/bash-completion/completions/headcount
  For zsh, in a folder of $fpath:
      headcount completions zsh >~/.zfunc/_headcount
  For fish:
      headcount completions fish >~/.config/fish/completions/headcount.fish
";

const MAN_EXAMPLES: &str = "\
Examples:
  Read a page without installing it:
      headcount man run | man -l -
  Install all of them:
      headcount man -o ~/.local/share/man/man1
";

/// How `headcount completions` is called.
#[derive(Debug, Args)]
#[command(before_help = COMPLETIONS_EXAMPLES, help_template = EXAMPLES_FIRST)]
pub struct CompletionsArgs {
    /// The shell to print completions for
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// How `headcount man` is called.
#[derive(Debug, Args)]
#[command(before_help = MAN_EXAMPLES, help_template = EXAMPLES_FIRST)]
pub struct ManArgs {
    /// The subcommand whose page is printed; without it, the page of headcount itself
    #[arg(value_name = "SUBCOMMAND", conflicts_with = "output")]
    pub subcommand: Option<String>,

    /// Write the pages of all subcommands into FOLDER, which is made if it is not there
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
}

/// The flag table as others are to see it: with the words that are not left to the parser, and nothing that is hidden.
#[must_use]
pub fn table() -> Table {
    let command = Arg::new("COMMAND")
        .help("The command that is run, its arguments with placeholders, and inputs after `:::`")
        .value_hint(ValueHint::CommandWithArguments)
        .num_args(1..)
        .required(true)
        .trailing_var_arg(true);
    let mut table = Cli::command().mut_subcommands(|table| match table.get_name() {
        "run" => table.arg(command.clone()),
        _ => table,
    });
    table.build();
    table
}
