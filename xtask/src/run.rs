//! Running other programs: the project's root, cargo with its own target folder, what came of it.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

/// How much of what a failed command said is said again at the very end. The names of the tests that failed are in it,
/// and logs of a whole run are often seen with their middle cut out.
const LAST_LINES: usize = 60;

/// How long the streams of a command that has ended are waited for: whatever it left behind may hold them open.
const LAST_WORDS: Duration = Duration::from_secs(5);

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
///
/// # Errors
///
/// How it ended, and its last lines.
pub(crate) fn passes(mut command: Command) -> Result<(), String> {
    let said = say(&command);
    let last = Arc::new(Mutex::new(VecDeque::with_capacity(LAST_LINES)));
    let status = heard(&mut command, &last).map_err(|error| format!("`{said}`: {error}"))?;
    if status.success() {
        return Ok(());
    }
    let last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let lines: String = last.iter().map(|line| format!("\n    {line}")).collect();
    Err(format!("`{said}` ended with {status}; its last lines:{lines}"))
}

/// The last lines of a command, of both streams.
type Last = Arc<Mutex<VecDeque<String>>>;

fn heard(command: &mut Command, last: &Last) -> io::Result<ExitStatus> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (heard_out, done) = mpsc::channel::<()>();
    let heard_err = heard_out.clone();
    if let Some(out) = child.stdout.take() {
        let last = Arc::clone(last);
        std::thread::spawn(move || (pass_on(out, io::stdout(), &last), heard_out));
    }
    if let Some(err) = child.stderr.take() {
        let last = Arc::clone(last);
        std::thread::spawn(move || (pass_on(err, io::stderr(), &last), heard_err));
    }
    let status = child.wait()?;
    // An error once both senders are gone, which is when both streams are at their end.
    let _ = done.recv_timeout(LAST_WORDS);
    Ok(status)
}

fn pass_on(from: impl Read, mut to: impl Write, last: &Last) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        // Who does not want to read it is no reason to stop the command.
        let _ = to.write_all(&line);
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == LAST_LINES {
            last.pop_front();
        }
        last.push_back(String::from_utf8_lossy(&line).trim_end().into());
        line.clear();
    }
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
