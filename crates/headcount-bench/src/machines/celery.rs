//! Celery beside us: from the Python package index, in a virtual environment of its own below the target directory.
//!
//! A chord is its way to wait for a group. Its workers run one task after the other in their own process (`-P solo`), the cheapest of its
//! ways for members that do nothing.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::WORKERS;
use super::server::Server;
use crate::bounded;
use crate::row::Row;
use crate::timing::Effort;

/// Pinned, so that two runs months apart differ in nothing but what was changed on purpose.
const VERSION: &str = "5.7.0";
/// For a sample.
const LIMIT: Duration = Duration::from_secs(150);

/// A shell in between ends the worker when we are gone, however that came.
const GUARD: &str = r#""$@" & worker=$!; read -r _; kill -9 $worker; wait $worker 2>/dev/null"#;

fn home() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let target = program.parent().and_then(Path::parent).unwrap_or(&program);
    target.join(format!("bench-celery-{VERSION}"))
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("celery")
}

/// Sees to it that it is there.
pub(super) fn installed() -> Result<(), String> {
    super::server_there()?;
    let home = home();
    if home.join("bin").join("celery").exists() {
        return Ok(());
    }
    eprintln!("installing Celery {VERSION} in {}", home.display());
    let limit = Duration::from_secs(300);
    let skipped = |why: String| format!("SKIPPED: no Celery ({why})");
    bounded::output(Command::new("python3").args(["-m", "venv"]).arg(&home), Stdio::null(), limit)
        .map_err(skipped)?;
    let mut pip = Command::new(home.join("bin").join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "packaging"]);
    pip.arg(format!("celery[redis]=={VERSION}"));
    bounded::output(&mut pip, Stdio::null(), limit).map(drop).map_err(skipped)
}

pub(super) fn time(row: Row, effort: &Effort) -> Result<f64, String> {
    let members = super::members(effort);
    let server = Server::start(&[]);
    // Its client has another word for the same.
    let engine = server.url().replace("redis+unix://", "redis+socket://");
    let _workers: Vec<_> = (0..WORKERS).map(|nth| Guarded::start(nth, &engine)).collect::<Result<_, _>>()?;
    let mut run = Command::new(home().join("bin").join("python"));
    run.current_dir(source()).env("ENGINE", &engine).env("PYTHONDONTWRITEBYTECODE", "1").arg("run.py");
    run.args([members.to_string(), WORKERS.to_string(), LIMIT.as_secs().to_string()]);
    let said = bounded::output(&mut run, Stdio::null(), LIMIT + Duration::from_secs(10))?;
    let figures: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match (row, figures[..].as_ref()) {
        (Row::ClusterRegister, [sent, _]) => Ok(sent / members as f64),
        (_, [_, took]) => Ok(took / members as f64),
        _ => Err(format!("printed {said:?} instead of two figures")),
    }
}

/// A worker that ends with this.
struct Guarded(Child);

impl Guarded {
    fn start(nth: usize, engine: &str) -> Result<Self, String> {
        let mut shell = Command::new("bash");
        shell.args(["-c", GUARD, "guard"]).arg(home().join("bin").join("celery"));
        shell.args(["-A", "app", "worker", "-P", "solo", "-c", "1", "--loglevel=CRITICAL"]);
        shell.args(["-n", &format!("worker{nth}@bench")]);
        shell.current_dir(source()).env("ENGINE", engine).env("PYTHONDONTWRITEBYTECODE", "1");
        // It may run as whoever runs the benchmark.
        shell.env("C_FORCE_ROOT", "1");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        shell.spawn().map(Self).map_err(|error| format!("a worker of Celery: {error}"))
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
