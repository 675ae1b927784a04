//! `headcount completions SHELL` and `headcount man`: the flag table as shells and `man` want it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::Command as Table;

use super::show;
use crate::args::{CompletionsArgs, ManArgs, table};
use crate::exit::{self, Ending};
use crate::legible;
use crate::manual;
use crate::output::complain;
use crate::refusal::Refusal;

pub(crate) fn completions(args: &CompletionsArgs) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut table(), "headcount", &mut script);
    show(&String::from_utf8_lossy(&script))
}

pub(crate) fn man(args: &ManArgs) -> Result<Ending, Refusal> {
    let whole = table();
    let pages = || whole.get_subcommands().filter(|page| !page.is_hide_set());
    if let Some(folder) = args.output.as_deref() {
        return Ok(std::iter::once(&whole)
            .chain(pages())
            .try_for_each(|page| write(page, folder))
            .map_or_else(
                |error| {
                    let shown = legible::one_line(folder.as_os_str().as_bytes());
                    complain(
                        &format!("the pages cannot be written to {shown}: {error}"),
                        "name a folder where you may write, on a disk with room",
                    );
                    Ending::Code(exit::FAILED)
                },
                |()| Ending::Code(exit::OK),
            ));
    }
    let page = match args.subcommand.as_deref() {
        None => &whole,
        Some(name) => pages().find(|page| page.get_name() == name).ok_or_else(|| {
            let names: Vec<_> = pages().map(Table::get_name).collect();
            Refusal::new(
                format!("there is no subcommand {name:?}, so there is no page of it"),
                format!("there are {}", names.join(", ")),
            )
        })?,
    };
    Ok(show(&text(page)))
}

fn text(page: &Table) -> String {
    let mut text = Vec::new();
    // Memory takes whatever it is given.
    let _ = manual::write(page, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn write(page: &Table, folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("{}.1", manual::name(page))), text(page))
}
