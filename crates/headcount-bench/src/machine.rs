//! What the figures were taken on: without it a table means nothing a month later.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::bounded;

/// Above this somebody else is using the machine, which hides contention and flips rankings.
const BUSY: f64 = 0.5;

/// The crates whose versions decide the figures.
const CRATES: &[&str] =
    &["headcount", "awaitgroup", "crossbeam-utils", "futures", "rayon", "redis", "tokio", "tokio-util", "wg"];

/// The machine and the programs, as they were when the run began.
#[derive(Debug)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    kernel: String,
    rustc: String,
    crates: Vec<(String, String)>,
    commit: String,
    go: Result<String, String>,
    load: Option<f64>,
}

impl Machine {
    pub(crate) fn look(go: Result<String, String>) -> Machine {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo
            .lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| line.split(':').nth(1));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Machine {
            cpu: model.unwrap_or("unknown").trim().to_owned(),
            cores: thread::available_parallelism().map_or(1, |cores| cores.get()),
            kernel: kernel.trim().to_owned(),
            rustc: said(Command::new("rustc").arg("--version")),
            crates: locked(include_str!("../../../Cargo.lock")),
            commit: said(Command::new("git").args(["describe", "--always", "--dirty"])),
            go,
            load: load(),
        }
    }

    pub(crate) fn header(&self) -> String {
        let crates: Vec<_> = self.crates.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let mut lines = vec![
            format!("machine  {} · {} cores · Linux {}", self.cpu, self.cores, self.kernel),
            format!("rust     {} · commit {}", self.rustc, self.commit),
            format!("crates   {}", crates.join(" · ")),
            match &self.go {
                Ok(version) => format!("go       {version}"),
                Err(why) => format!("go       SKIPPED: no Go ({why})"),
            },
            self.load.map_or("load     unknown".to_owned(), |load| format!("load     {load:.2}")),
        ];
        if self.load.is_some_and(|load| load > BUSY) {
            lines.push(format!(
                "WARNING  the load is above {BUSY}: a busy machine's figures are worthless, do not keep them"
            ));
        }
        lines.join("\n")
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "cores": self.cores,
            "kernel": self.kernel,
            "rustc": self.rustc,
            "commit": self.commit,
            "crates": self.crates.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>(),
            "go": self.go.as_ref().ok(),
            "load": self.load,
        })
    }
}

/// One line for the end of the run. The run itself loads the machine, so here the figure is told, not judged.
pub(crate) fn load_at_the_end() -> String {
    load().map_or_else(String::new, |load| format!("load at the end {load:.2} (this run's own included)"))
}

fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

fn said(command: &mut Command) -> String {
    let said = bounded::output(command, Stdio::null(), Duration::from_secs(10));
    said.map_or_else(|error| format!("unknown ({error})"), |said| said.trim().to_owned())
}

/// The versions that the lock file holds of [`CRATES`].
fn locked(lock: &str) -> Vec<(String, String)> {
    let entry = |package: &str| {
        let field = |key: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(key));
            line.map(|value| value.trim_matches('"').to_owned())
        };
        Some((field("name = ")?, field("version = ")?))
    };
    let entries = lock.split("[[package]]").filter_map(entry);
    entries.filter(|(name, _)| CRATES.contains(&name.as_str())).collect()
}
