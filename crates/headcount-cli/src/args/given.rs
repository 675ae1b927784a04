//! Which flags were given, as they were given: for whoever explains them.

use std::os::unix::ffi::OsStrExt;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command as Table};

use crate::engine::shown;
use crate::legible;

/// A flag that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its name in the flag table.
    pub id: String,
    /// The flag and its values: `--jobs 4`.
    pub flag: String,
    /// The words of its help.
    pub help: String,
}

/// The flags of `table` that were given on the command line, in the order of the table.
pub(super) fn given(table: &Table, matches: &ArgMatches) -> Vec<Given> {
    let is_given = |arg: &&Arg| {
        arg.get_long().is_some()
            && matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
    };
    let tell = |arg: &Arg| {
        let id = arg.get_id().as_str();
        let mut flag = format!("--{}", arg.get_long().unwrap_or_default());
        if arg.get_action().takes_values() {
            for value in matches.get_raw(id).into_iter().flatten() {
                flag.push(' ');
                // Where a password may be in it.
                flag.push_str(&match id {
                    "engine" => shown(value.as_bytes()),
                    _ => legible::one_line(&legible::shell_line(&[value])),
                });
            }
        }
        Given { id: id.to_owned(), flag, help: arg.get_help().map(ToString::to_string).unwrap_or_default() }
    };
    table.get_arguments().filter(is_given).map(tell).collect()
}
