//! From raw arguments to the flag table's types.
//!
//! Where the options end is found here and not left to the parser: the first word that is neither an option
//! nor an option's value is COMMAND, and nothing from there on is looked at, whatever it looks like. Which
//! options take a value is read from the flag table.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, Command as Table, CommandFactory, FromArgMatches};

use super::given::given;
use super::{Cli, Command};
use crate::legible;
use crate::refusal::Refusal;

/// Why there is nothing to do.
#[derive(Debug)]
pub enum Unparsed {
    /// Help or the version was asked for: this text, for stdout.
    Shown(String),
    /// The arguments cannot be used.
    Refused(Refusal),
}

/// Parses the arguments, the command's own name first.
///
/// # Errors
/// When help was asked for, or the arguments cannot be used.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Unparsed> {
    let mut options: Vec<OsString> = arguments.into_iter().collect();
    // Others find the engine in the environment as well, and so do without the flag.
    let mut table = Cli::command().mut_subcommand("run", |run| {
        run.mut_arg("engine_ca", |ca| ca.requires("engine"))
            .mut_arg("engine_cert", |cert| cert.requires("engine"))
    });
    table.build();
    let mut words = Vec::new();
    let run = options.get(1).filter(|name| *name == "run");
    if let Some(subcommand) = run.and_then(|name| table.find_subcommand(name)) {
        let end = 2 + options_in(subcommand, &options[2..]);
        words = options.split_off(end);
        if words.first().is_some_and(|word| word == "--") {
            words.remove(0);
        }
    }
    let asks = options.get(1).filter(|name| *name != "run" && table.find_subcommand(name).is_some());
    let asks = asks.map(|name| name.to_string_lossy().into_owned());
    let unparsed = |error| unparsed(error, asks.as_deref());
    let matches = table.try_get_matches_from_mut(options).map_err(unparsed)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(unparsed)?;
    let told = |name: &str| {
        let told = table.find_subcommand(name).zip(matches.subcommand_matches(name));
        told.map(|(table, matches)| given(table, matches)).unwrap_or_default()
    };
    match &mut cli.command {
        Command::Run(run) => {
            run.words = words;
            if run.explain || run.across.engine.is_some() {
                run.given = told("run");
            }
        }
        Command::Fetch(fetch) if fetch.explain => fetch.given = told("fetch"),
        _ => {}
    }
    Ok(cli)
}

/// How many of the arguments are options and their values.
fn options_in(table: &Table, arguments: &[OsString]) -> usize {
    let mut place = 0;
    while let Some(argument) = arguments.get(place) {
        let argument = argument.as_bytes();
        if argument == b"--" || argument == b"-" || !argument.starts_with(b"-") {
            break;
        }
        let takes_next = match argument.strip_prefix(b"--") {
            Some(long) => {
                takes_value(table, |arg| arg.get_long().is_some_and(|name| name.as_bytes() == long))
            }
            None => short_takes_next(table, OsStr::from_bytes(&argument[1..])),
        };
        place += if takes_next { 2 } else { 1 };
    }
    place.min(arguments.len())
}

fn takes_value(table: &Table, is: impl Fn(&Arg) -> bool) -> bool {
    table.get_arguments().any(|arg| is(arg) && arg.get_action().takes_values())
}

/// In `-ab4` the first that takes a value takes the rest of the word; the next word only if there is no rest.
fn short_takes_next(table: &Table, cluster: &OsStr) -> bool {
    let cluster = cluster.as_bytes();
    let first = cluster.iter().position(|&byte| {
        takes_value(table, |arg| arg.get_short().is_some_and(|name| name == char::from(byte)))
    });
    first.is_some_and(|place| place + 1 == cluster.len())
}

/// `asks` is the subcommand, if it is not `run`.
fn unparsed(error: clap::Error, asks: Option<&str>) -> Unparsed {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Unparsed::Shown(text),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Unparsed::Refused(Refusal::new(
            "nothing to do",
            "headcount run --help shows what it can, examples first",
        )),
        // Whoever knows xargs writes the command at once.
        ErrorKind::InvalidSubcommand if error.get(ContextKind::SuggestedSubcommand).is_none() => {
            let name = error.get(ContextKind::InvalidSubcommand).map(ToString::to_string).unwrap_or_default();
            let name = legible::one_line(name.as_bytes());
            Unparsed::Refused(Refusal::new(
                format!("there is no subcommand {name}"),
                format!(
                    "to run a command of this name: headcount run {name} ...; headcount --help lists the rest"
                ),
            ))
        }
        _ => Unparsed::Refused(in_our_words(&text, asks)),
    }
}

/// The parser's first sentence with what it lists, and its tip or the values that are possible as the hint.
fn in_our_words(text: &str, asks: Option<&str>) -> Refusal {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    // What is missing stands below, a line each.
    let listed = lines.clone().take_while(|line| first.ends_with(':') && line.starts_with("  "));
    let listed: Vec<_> = listed.map(str::trim).collect();
    let what = if listed.is_empty() { first.to_owned() } else { format!("{first} {}", listed.join(", ")) };
    // Our own value parsers carry their hint in brackets.
    if let Some((what, hint)) = what.strip_suffix(')').and_then(|what| what.split_once(" (hint: ")) {
        return Refusal::new(what, hint);
    }
    let line_with = |prefix: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(prefix));
    let help = asks.unwrap_or("run");
    // That a word with a dash could be meant as an input helps nobody who mistyped an option.
    let tip = line_with("tip: ")
        .filter(|tip| !tip.starts_with("to pass "))
        .map(|tip| format!("{tip}; headcount {help} --help lists all"));
    let values =
        || line_with("[possible values: ").map(|all| format!("write one of {}", all.trim_end_matches(']')));
    let otherwise = || match asks {
        Some(asks) => format!("headcount {asks} --help shows how it is called"),
        None => "headcount run --help lists the options; they stand before the command".to_owned(),
    };
    Refusal::new(what, tip.or_else(values).unwrap_or_else(otherwise))
}
