//! Man pages, out of the flag table: one for headcount, one for each subcommand.
//!
//! The page begins as the help does, with examples. What stands around the list of flags in the help stands in the page as
//! well, each of its paragraphs with a heading under a heading of its own.

use std::io::{self, Write};

use clap::Command as Table;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// When the words of the pages were last gone through.
const DATE: &str = "2026-11-21";

/// The page's name without the section: `headcount-run`.
pub(crate) fn name(table: &Table) -> String {
    table.get_display_name().unwrap_or(table.get_name()).to_owned()
}

/// Writes the page of a subcommand, or of the whole.
pub(crate) fn write(table: &Table, to: &mut impl Write) -> io::Result<()> {
    let man = Man::new(table.clone()).title(name(table)).date(DATE).source(version()).manual("User Commands");
    man.render_title(to)?;
    man.render_name_section(to)?;
    synopsis(table, to)?;
    if let Some(text) = table.get_before_help() {
        sections(&text.to_string(), to)?;
    }
    options(&man, to)?;
    if table.get_subcommands().any(|subcommand| !subcommand.is_hide_set()) {
        man.render_subcommands_section(to)?;
    }
    if let Some(text) = table.get_after_help() {
        sections(&text.to_string(), to)?;
    }
    Ok(())
}

/// The list of flags. Before a list of values stands one blank line, where the generator asks for one and two breaks.
fn options(man: &Man, to: &mut impl Write) -> io::Result<()> {
    let mut text = Vec::new();
    man.render_options_section(&mut text)?;
    to.write_all(String::from_utf8_lossy(&text).replace(".br\n\n.br\n", ".sp\n").as_bytes())
}

fn version() -> String {
    format!("headcount {}", env!("CARGO_PKG_VERSION"))
}

/// As it is called, in the words of the help.
fn synopsis(table: &Table, to: &mut impl Write) -> io::Result<()> {
    let usage = table.clone().render_usage().to_string();
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for line in usage.trim_start_matches("Usage:").lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, rest) =
            line.split_once(" [").map_or((line, String::new()), |(name, rest)| (name, format!(" [{rest}")));
        roff.text([bold(name), roman(rest)]);
    }
    roff.to_writer(to)
}

/// A text of the help: a line that begins at the margin and ends with a colon is a heading, and what is indented below it
/// stays as it is laid out.
fn sections(text: &str, to: &mut impl Write) -> io::Result<()> {
    let mut roff = Roff::new();
    let (mut open, mut apart) = (false, false);
    let close = |roff: &mut Roff, open: &mut bool| {
        if std::mem::take(open) {
            roff.control("fi", []);
        }
    };
    for line in text.lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            close(&mut roff, &mut open);
            apart = false;
            roff.control("SH", [heading.to_uppercase().as_str()]);
        } else if line.starts_with(' ') || (line.is_empty() && open) {
            if !std::mem::replace(&mut open, true) {
                roff.control("nf", []);
            }
            roff.text([roman(line)]);
        } else {
            close(&mut roff, &mut open);
            if line.is_empty() {
                apart = true;
                continue;
            }
            // Only where a text follows: what begins a paragraph must have one.
            if std::mem::take(&mut apart) {
                roff.control("PP", []);
            }
            roff.text([roman(line)]);
        }
    }
    close(&mut roff, &mut open);
    roff.to_writer(to)
}
