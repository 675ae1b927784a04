//! Runs every contestant of every row, round after round, and prints the tables.
//!
//! Within a row the contestants take turns, one process each, and every round begins with the next one, so that nobody
//! is always first. Rows come one after another: a table is finished before the next begins.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::args::Options;
use crate::contestants::{self, Role};
use crate::go::{self, Go};
use crate::machine::{self, Machine};
use crate::row::Row;
use crate::table::{Entry, Table};
use crate::timing::Sample;
use crate::{LIMIT, beside, bounded, commands, downloads, machines};

/// The program that counts allocations; it is this one with another allocator.
pub(crate) const COUNTING: &str = "headcount-bench-counting";

/// Who is started for a row, and how.
struct Runner {
    entry: Entry,
    /// Nothing when the contestant is missing; the entry says why.
    program: Option<PathBuf>,
    words: Vec<String>,
}

/// Times the rows that were asked for, prints their tables, and writes the record if there is to be one.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let ours = env::current_exe().map_err(|error| format!("finding this program: {error}"))?;
    if cfg!(debug_assertions) {
        eprintln!("WARNING  this is a debug build: its figures are worthless; hint: cargo run --release");
    }
    let go = match options.go {
        true => go::build(ours.parent().and_then(|parent| parent.parent()).unwrap_or(&ours)),
        false => Err("left out by --no-go".to_owned()),
    };
    let machine = Machine::look(go.as_ref().map(|go| go.version.clone()).map_err(Clone::clone));
    println!("{}", machine.header());
    println!("rounds   {}, effort {}", options.rounds, options.effort.name);
    let mut tables = Vec::new();
    for row in &options.rows {
        let table = time(*row, options, &ours, &go);
        println!("\n{table}");
        tables.push(table.json());
    }
    println!("\n{}", machine::load_at_the_end());
    match &options.json {
        Some(file) => {
            let record: Value = json!({
                "machine": machine.json(),
                "rounds": options.rounds,
                "effort": options.effort.name,
                "rows": tables,
            });
            fs::write(file, format!("{record:#}\n"))
                .map_err(|error| format!("writing {}: {error}", file.display()))
        }
        None => Ok(()),
    }
}

fn time(row: Row, options: &Options, ours: &Path, go: &Result<Go, String>) -> Table {
    let mut runners = runners(row, options, ours, go);
    for round in 0..options.rounds {
        let count = runners.len();
        for turn in 0..count {
            let runner = &mut runners[(round + turn) % count];
            let Some(program) = &runner.program else { continue };
            match sample(program, &runner.words) {
                Ok(sample) => runner.entry.samples.push(sample),
                Err(why) => {
                    // One failure is enough: the rounds of the others go on, this one's place says what happened.
                    runner.entry.missing = Some(why);
                    runner.program = None;
                }
            }
        }
    }
    Table { row, entries: runners.into_iter().map(|runner| runner.entry).collect() }
}

fn runners(row: Row, options: &Options, ours: &Path, go: &Result<Go, String>) -> Vec<Runner> {
    let effort = options.effort.name.to_owned();
    let one = |name: &str| vec!["--one".to_owned(), row.name().to_owned(), name.to_owned(), effort.clone()];
    let program = match row {
        Row::Allocations => beside::built(env!("CARGO_PKG_NAME"), COUNTING),
        _ => Ok(ours.to_path_buf()),
    };
    let mut runners: Vec<Runner> = contestants::all()
        .filter(|contestant| contestant.timing(row).is_some())
        .map(|contestant| {
            let mut entry = Entry::new(contestant.name, contestant.role);
            entry.missing = program.as_ref().err().cloned();
            Runner { entry, program: program.as_ref().ok().cloned(), words: one(contestant.name) }
        })
        .collect();
    for batcher in commands::ALL.iter().filter(|batcher| batcher.takes_part(row)) {
        let mut entry = Entry::new(batcher.name, batcher.role);
        entry.missing = batcher.find().err();
        let program = entry.missing.is_none().then(|| ours.to_path_buf());
        runners.push(Runner { entry, program, words: one(batcher.name) });
    }
    for downloader in downloads::ALL.iter().filter(|downloader| downloader.takes_part(row)) {
        let mut entry = Entry::new(downloader.name, downloader.role);
        entry.missing = downloader.find().err();
        let program = entry.missing.is_none().then(|| ours.to_path_buf());
        runners.push(Runner { entry, program, words: one(downloader.name) });
    }
    for fleet in machines::ALL.iter().filter(|fleet| fleet.takes_part(row)) {
        let mut entry = Entry::new(fleet.name, fleet.role);
        entry.missing = fleet.find().err();
        let program = entry.missing.is_none().then(|| ours.to_path_buf());
        runners.push(Runner { entry, program, words: one(fleet.name) });
    }
    for gopher in go::CONTESTANTS.iter().filter(|gopher| gopher.rows.contains(&row)) {
        let mut entry = Entry::new(gopher.name, Role::Peer);
        entry.missing = go.as_ref().err().map(|why| format!("SKIPPED: no Go ({why})"));
        let program = go.as_ref().ok().map(|go| go.program.clone());
        let words = vec![row.name().to_owned(), gopher.name.to_owned(), effort.clone()];
        runners.push(Runner { entry, program, words });
    }
    runners
}

fn sample(program: &Path, words: &[String]) -> Result<Sample, String> {
    // The process has a limit of its own; this one is for a process that cannot even keep that.
    let said =
        bounded::output(Command::new(program).args(words), Stdio::null(), LIMIT + Duration::from_secs(10))?;
    let mut figures = said.split_whitespace().map(str::parse::<f64>);
    match (figures.next(), figures.next()) {
        (Some(Ok(figure)), None) => Ok(Sample::of(figure)),
        (Some(Ok(figure)), Some(Ok(asleep))) => Ok(Sample { figure, asleep: Some(asleep) }),
        _ => Err(format!("printed {said:?} instead of a figure")),
    }
}
