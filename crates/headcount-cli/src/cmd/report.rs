//! `headcount report FILE`: what a recorded run was like, as a summary and as a page.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::show;
use crate::args::ReportArgs;
use crate::exit::{self, Ending};
use crate::legible;
use crate::output::complain;
use crate::record::Told;
use crate::refusal::Refusal;

pub(crate) fn run(args: &ReportArgs) -> Result<Ending, Refusal> {
    let told = read(&args.events)?;
    for remark in &told.remarks {
        complain(remark, "what was read is told all the same");
    }
    match args.output.as_deref() {
        None => Ok(show(&told.summary())),
        Some(path) if path == Path::new("-") => {
            // The one stream is taken, so the figures go where a person looks.
            let _ = io::stderr().write_all(told.summary().as_bytes());
            Ok(show(&told.page()))
        }
        Some(path) => {
            if let Err(error) = std::fs::write(path, told.page()) {
                let shown = legible::one_line(path.as_os_str().as_bytes());
                complain(
                    &format!("the page cannot be written to {shown}: {error}"),
                    "name a file in a folder where you may write, on a disk with room",
                );
                show(&told.summary());
                return Ok(Ending::Code(exit::FAILED));
            }
            Ok(show(&told.summary()))
        }
    }
}

fn read(path: &Path) -> Result<Told, Refusal> {
    if path == Path::new("-") {
        if io::stdin().is_terminal() {
            return Err(Refusal::new(
                "the events are to come from standard input, which is the terminal",
                "name the file, or send it: headcount report - <run.jsonl",
            ));
        }
        return Told::read(io::stdin().lock(), "standard input");
    }
    let shown = legible::one_line(path.as_os_str().as_bytes());
    let opened = File::open(path).and_then(|file| match file.metadata()?.is_dir() {
        true => Err(io::ErrorKind::IsADirectory.into()),
        false => Ok(file),
    });
    let file = opened.map_err(|error| {
        Refusal::new(
            format!("{shown} cannot be read: {error}"),
            "name a file that `headcount run --events FILE` has written",
        )
    })?;
    Told::read(BufReader::with_capacity(1 << 16, file), &shown)
}
