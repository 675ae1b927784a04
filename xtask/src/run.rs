//! Running other programs: the project's root, cargo with its own target folder, what came of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What came of a check.
pub(crate) enum Verdict {
    Passed,
    Failed(String),
    /// Not run, because this machine lacks something: said aloud, and never counted as passed.
    Skipped(String),
}

/// The folder with the workspace in it.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// A command in the root.
pub(crate) fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root());
    command
}

/// This cargo, in the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    command(&std::env::var("CARGO").unwrap_or_else(|_| String::from("cargo")), arguments)
}

/// Cargo with flags for every crate of the build, and therefore a target folder of its own.
pub(crate) fn cargo_with_flags(name: &str, flags: &str, arguments: &[&str]) -> Command {
    let mut command = cargo(arguments);
    command.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", target(name));
    command
}

/// The target folder of builds with flags.
pub(crate) fn target(name: &str) -> PathBuf {
    root().join("target").join(name)
}

/// Says the command and runs it, its output going where ours goes.
pub(crate) fn passes(mut command: Command) -> Result<(), String> {
    let said = say(&command);
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("`{said}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{said}` ended with {status}")) }
}

/// Says the command and runs it, for its output.
pub(crate) fn output(mut command: Command) -> Result<(Output, String), String> {
    let said = say(&command);
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("`{said}`: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let text = text.into_owned();
    Ok((output, text))
}

/// All of them must pass; the first that does not is the verdict.
pub(crate) fn all(commands: impl IntoIterator<Item = Command>) -> Verdict {
    verdict(commands.into_iter().try_for_each(passes))
}

pub(crate) fn verdict(result: Result<(), String>) -> Verdict {
    match result {
        Ok(()) => Verdict::Passed,
        Err(why) => Verdict::Failed(why),
    }
}

/// Whether cargo has this subcommand.
pub(crate) fn has_cargo(subcommand: &str) -> bool {
    cargo(&[subcommand, "--version"]).output().is_ok_and(|output| output.status.success())
}

fn say(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    let program =
        Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let said = std::iter::once(program).chain(words).collect::<Vec<_>>().join(" ");
    println!("$ {said}");
    said
}
