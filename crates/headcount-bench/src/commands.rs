//! The `run` rows: headcount as a command beside others that run a batch.
//!
//! A command takes part only after it was seen to run something: one that exits at once is very fast and worth nothing.

use std::env;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::contestants::Role;
use crate::row::Row;
use crate::timing::{Effort, Sample, median};
use crate::{beside, bounded};

/// Longer than the slowest of them takes for a whole batch.
const LIMIT: Duration = Duration::from_secs(120);

/// A command that is given inputs and runs another command for each.
#[derive(Debug)]
pub(crate) struct Batcher {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    program: &'static str,
    /// What stands between the program and the command to run, two at a time.
    batch: &'static [&'static str],
}

pub(crate) const ALL: &[Batcher] = &[
    Batcher { name: "headcount run", role: Role::Ours, program: "headcount", batch: &["run", "-j2"] },
    Batcher { name: "xargs", role: Role::Peer, program: "xargs", batch: &["-P2", "-n1"] },
    Batcher { name: "rust-parallel", role: Role::Peer, program: "rust-parallel", batch: &["-j2"] },
    Batcher { name: "GNU parallel", role: Role::Peer, program: "parallel", batch: &["-j2"] },
    // No batcher at all: what every one of them has to pay for at least once.
    Batcher { name: "true", role: Role::Floor, program: "true", batch: &[] },
];

impl Batcher {
    /// The bare command has no batch to run.
    pub(crate) fn takes_part(&self, row: Row) -> bool {
        matches!(row, Row::Batch | Row::Start) && !(self.role == Role::Floor && row == Row::Batch)
    }

    /// Where its program is, once it was seen to work.
    pub(crate) fn find(&self) -> Result<PathBuf, String> {
        let path = match self.role {
            Role::Ours => beside::built("headcount-cli", self.program)?,
            _ => in_path(self.program).ok_or(format!("{} is not on this machine", self.program))?,
        };
        if self.role != Role::Floor {
            self.proves_itself(&path)?;
        }
        Ok(path)
    }

    fn proves_itself(&self, path: &Path) -> Result<(), String> {
        let input = scratch("proof", "seen\n").map_err(|error| format!("writing an input: {error}"))?;
        let stdin = File::open(&input).map_err(|error| format!("reading an input: {error}"))?;
        let mut command = Command::new(path);
        let said = bounded::output(command.args(self.batch).arg("echo"), stdin.into(), LIMIT)?;
        let _ = fs::remove_file(input);
        match said.as_str() {
            "seen\n" => Ok(()),
            _ => Err(format!("{} is there but did not run `echo`", self.program)),
        }
    }

    /// One sample in this process.
    pub(crate) fn time(&self, row: Row, effort: Effort) -> Result<Sample, String> {
        let path = match self.role {
            // Built and proved by the process that asks for this sample.
            Role::Ours => beside::path(self.program),
            _ => in_path(self.program).ok_or(format!("{} is not on this machine", self.program))?,
        };
        let told = |error: io::Error| format!("{}: {error}", self.program);
        match row {
            Row::Batch => {
                let lines: String = (0..effort.commands).map(|line| format!("{line}\n")).collect();
                let input = scratch(self.program, &lines).map_err(told)?;
                let nanos = self.once(&path, self.batch, &["true"], Some(&input)).map_err(told)?;
                let _ = fs::remove_file(input);
                Ok(Sample::nanos(nanos))
            }
            Row::Start => {
                let input = scratch(self.program, "1\n").map_err(told)?;
                let samples: Result<Vec<f64>, _> =
                    (0..effort.starts).map(|_| self.start(&path, &input)).collect();
                let _ = fs::remove_file(input);
                Ok(Sample::nanos(median(&samples.map_err(told)?)))
            }
            _ => Err(format!("{} has no row {}", self.name, row.name())),
        }
    }

    fn start(&self, path: &Path, input: &Path) -> io::Result<f64> {
        match self.role {
            Role::Ours => self.once(path, &["run"], &["true", ":::", "1"], None),
            Role::Floor => self.once(path, &[], &["1"], None),
            Role::Peer => self.once(path, &[], &["true"], Some(input)),
        }
    }

    fn once(&self, path: &Path, flags: &[&str], words: &[&str], input: Option<&Path>) -> io::Result<f64> {
        let stdin = input.map_or(Ok(Stdio::null()), |input| File::open(input).map(Stdio::from))?;
        let mut command = Command::new(path);
        command.args(flags).args(words).stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let status = bounded::run(&mut command, LIMIT)?;
        let nanos = begun.elapsed().as_nanos() as f64;
        if !status.success() {
            return Err(io::Error::other(format!("ended with {status}")));
        }
        Ok(nanos)
    }
}

/// An input file of this process's own, in the directory for temporary files.
fn scratch(name: &str, lines: &str) -> io::Result<PathBuf> {
    let path = env::temp_dir().join(format!("headcount-bench-{}-{name}", std::process::id()));
    fs::write(&path, lines)?;
    Ok(path)
}

pub(crate) fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}
