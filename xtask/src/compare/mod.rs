//! `cargo xtask compare`: the figures of `docs/comparison.md`, measured on this machine: headcount beside xargs, GNU parallel,
//! rust-parallel and curl, each doing the same.
//!
//! A tool that is not here is named and left out. Nothing is asserted: this is a measurement, and prints what it saw. Runs of
//! different tools are interleaved, so that a drift of the machine meets all of them.

mod downloads;
mod stops;
mod timing;
mod tool;
mod work;

use std::process::ExitCode;

use tool::Tool;

pub(crate) const HELP: &str = "\
cargo xtask compare [PART ...]   headcount beside xargs, GNU parallel, rust-parallel and curl
  time    a batch of 2,000 commands that do nothing, and a single one
  work    output that is kept together, arguments of any bytes, what a failure does
  stops   who is left after TERM, and after kill -9
  fetch   ten thousand small files, beside curl -Z";

/// What a part prints, a line a tool.
type Part = fn(&[Tool]) -> Result<String, String>;

const PARTS: [(&str, Part); 4] =
    [("time", timing::table), ("work", work::table), ("stops", stops::table), ("fetch", downloads::table)];

pub(crate) fn compare(names: &[String]) -> ExitCode {
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|(part, _)| part != name)) {
        eprintln!("xtask: there is nothing called `{unknown}` to compare\n\n{HELP}");
        return ExitCode::from(2);
    }
    let tools = match tool::all() {
        Ok(tools) => tools,
        Err(why) => {
            eprintln!("xtask: {why}");
            return ExitCode::FAILURE;
        }
    };
    for tool in &tools {
        println!("{}: {}", tool.name, tool.version());
    }
    for (name, part) in
        PARTS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|asked| asked == name))
    {
        match part(&tools) {
            Ok(table) => println!("\n{table}"),
            Err(why) => {
                eprintln!("xtask: {name}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
