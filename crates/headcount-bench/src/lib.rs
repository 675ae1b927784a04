//! headcount and its peers, timed in one interleaved run.
//!
//! `cargo run --release -p headcount-bench -- --help` tells how to call it. Each figure comes from a process of its own:
//! this program starts itself again for one row and one contestant, reads one line, and goes round all contestants
//! before it begins the next round. What comes out is one table a row: medians, and ratios to the cheapest thing that
//! could do the job. Nothing here judges; the aims stand beside the figures.
//!
//! Linux only: the futex is one of the contestants, and `/proc` knows who slept and what is resident.

mod args;
mod beside;
mod block_on;
mod bounded;
mod commands;
mod contestants;
mod downloads;
mod go;
mod machine;
mod machines;
mod row;
mod table;
mod timing;
mod tournament;

use std::env;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

use args::Asked;
use row::Row;
use timing::{Effort, Sample, allocations};

/// A contestant that hangs must not hang the run; the slowest honest one needs a few seconds.
const LIMIT: Duration = Duration::from_secs(180);

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    let asked = args::parse(env::args().skip(1));
    let done = asked.and_then(|asked| match asked {
        Asked::Help => {
            print!("{}", args::HELP);
            Ok(())
        }
        Asked::List => {
            list();
            Ok(())
        }
        Asked::Serve(engine) => machines::serve(&engine),
        Asked::One { row, contestant, effort } => one(row, &contestant, effort).map(print),
        Asked::Tables(options) => tournament::run(&options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headcount-bench: {error}; hint: --help");
            ExitCode::from(2)
        }
    }
}

/// A line for each row and contestant, in the words that `--one` takes.
fn list() {
    for row in Row::ALL {
        for contestant in contestants::all().filter(|contestant| contestant.timing(row).is_some()) {
            println!("{}\t{}", row.name(), contestant.name);
        }
        for batcher in commands::ALL.iter().filter(|batcher| batcher.takes_part(row)) {
            println!("{}\t{}", row.name(), batcher.name);
        }
        for downloader in downloads::ALL.iter().filter(|downloader| downloader.takes_part(row)) {
            println!("{}\t{}", row.name(), downloader.name);
        }
        for fleet in machines::ALL.iter().filter(|fleet| fleet.takes_part(row)) {
            println!("{}\t{}", row.name(), fleet.name);
        }
    }
}

/// One sample of one contestant, taken in this process.
fn one(row: Row, name: &str, effort: Effort) -> Result<Sample, String> {
    if let Some(batcher) =
        commands::ALL.iter().find(|batcher| batcher.name == name && batcher.takes_part(row))
    {
        return batcher.time(row, effort);
    }
    let mut downloaders = downloads::ALL.iter().filter(|downloader| downloader.takes_part(row));
    if let Some(downloader) = downloaders.find(|downloader| downloader.name == name) {
        return downloader.time(effort);
    }
    let mut fleets = machines::ALL.iter().filter(|fleet| fleet.takes_part(row));
    if let Some(fleet) = fleets.find(|fleet| fleet.name == name) {
        return fleet.time(row, effort);
    }
    if row == Row::Allocations && !allocations::are_counted() {
        return Err(format!("row {} is counted by the program {}", row.name(), tournament::COUNTING));
    }
    // One name may stand in two files, for tasks and for threads; the row tells which one is meant.
    let mut called = contestants::all().filter(|contestant| contestant.name == name);
    let timing = called.find_map(|contestant| contestant.timing(row));
    let timing = timing.ok_or_else(|| format!("nobody called {name:?} takes part in row {}", row.name()))?;
    thread::spawn(|| {
        thread::sleep(LIMIT);
        eprintln!("headcount-bench: no figure after {} s", LIMIT.as_secs());
        process::exit(3);
    });
    Ok(timing(effort))
}

/// The line that the tournament reads: the figure, and the share of waits asleep where the row counts it.
fn print(sample: Sample) {
    match sample.asleep {
        Some(asleep) => println!("{} {asleep}", sample.figure),
        None => println!("{}", sample.figure),
    }
}
