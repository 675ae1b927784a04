//! The tools, and how each is told to do the same thing: run these words for every input, so many at once.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::run;

/// One of them.
#[derive(Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    program: PathBuf,
    /// Before the number of jobs.
    before: &'static [&'static str],
    /// Takes the number of jobs.
    jobs: &'static str,
}

const OTHERS: [(&str, &str, &[&str], &str); 3] = [
    ("xargs", "xargs", &["-n1"], "-P"),
    // It would hand the words to a shell; -q has them arrive as they are.
    ("GNU parallel", "parallel", &["--will-cite", "-q"], "-j"),
    ("rust-parallel", "rust-parallel", &[], "-j"),
];

/// Those that are on this machine, ours first, built for it.
pub(crate) fn all() -> Result<Vec<Tool>, String> {
    run::passes(run::cargo(&["build", "--release", "--quiet", "-p", "headcount-cli"]))?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| run::root().join("target"), PathBuf::from);
    let program = target.join("release/headcount");
    let mut tools = vec![Tool { name: "headcount run", program, before: &["run", "--quiet"], jobs: "-j" }];
    for (name, program, before, jobs) in OTHERS {
        match in_path(program) {
            Some(program) => tools.push(Tool { name, program, before, jobs }),
            None => println!("{name} is not on this machine, and left out"),
        }
    }
    Ok(tools)
}

/// Where a program is.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

impl Tool {
    pub(super) fn program(&self) -> &Path {
        &self.program
    }

    pub(crate) fn version(&self) -> String {
        let said = Command::new(&self.program).arg("--version").stdin(Stdio::null()).output();
        let text = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
        text.lines().next().unwrap_or("its version is not known").to_owned()
    }

    /// Runs `words` for every input, `jobs` at once. The inputs are lines, or end with NUL; nothing is said but what members say.
    pub(crate) fn command(&self, jobs: usize, null: bool, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(self.before).arg(format!("{}{jobs}", self.jobs));
        if null {
            command.arg("-0");
        }
        command.args(words);
        command
    }

    /// The same to its end, with these inputs.
    pub(crate) fn output(
        &self,
        jobs: usize,
        null: bool,
        words: &[&str],
        inputs: &[u8],
    ) -> Result<Output, String> {
        let mut command = self.command(jobs, null, words);
        let told = |error| format!("{}: {error}", self.name);
        command.stdin(input(inputs)?).stderr(Stdio::piped()).stdout(Stdio::piped()).output().map_err(told)
    }
}

/// A file of these bytes, to be read from its beginning, that nobody else sees.
pub(crate) fn input(bytes: &[u8]) -> Result<Stdio, String> {
    let path = std::env::temp_dir().join(format!("headcount-compare-{}", std::process::id()));
    let told = |error| format!("an input in {}: {error}", path.display());
    File::create(&path).and_then(|mut file| file.write_all(bytes)).map_err(told)?;
    let file = File::open(&path).map_err(told)?;
    std::fs::remove_file(&path).map_err(told)?;
    Ok(file.into())
}
