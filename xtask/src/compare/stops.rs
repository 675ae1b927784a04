//! Who is left when the tool is told to end, and when it is killed.
//!
//! Each of four members ignores TERM and has another process in the background. Everything a run starts carries a mark in its
//! environment, by which it is found, and killed in the end.

use std::fmt::Write as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::tool::{Tool, input};

const MARK: &str = "HEADCOUNT_COMPARE_MARK";
const MEMBERS: usize = 4;
const STUBBORN: &str = "trap '' TERM; sleep 40 & sleep 40; :";

/// Longer than any of them takes to start four members, and after a signal longer than ours waits before it kills.
const LIMIT: Duration = Duration::from_secs(10);
const AFTER: Duration = Duration::from_secs(5);

pub(super) fn table(tools: &[Tool]) -> Result<String, String> {
    let mut text = format!(
        "| | left {0} s after TERM, of {1} processes | left {0} s after `kill -9`, of {1} |\n|---|---|---|\n",
        AFTER.as_secs(),
        3 * MEMBERS
    );
    for tool in tools {
        let (term, kill) = (left(tool, "TERM")?, left(tool, "KILL")?);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {term} | {kill} |", tool.name);
    }
    Ok(text)
}

/// How many processes of its members are there some time after the signal; and whether the tool is.
fn left(tool: &Tool, signal: &str) -> Result<String, String> {
    let mark = format!("{}-{signal}-{}", std::process::id(), tool.name.replace(' ', "-"));
    let inputs: String = (1..=MEMBERS).map(|line| format!("{line}\n")).collect();
    let mut command = tool.command(MEMBERS, false, &["sh", "-c", STUBBORN]);
    command.env(MARK, &mark).stdin(input(inputs.as_bytes())?).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", tool.name))?;
    let seen = observe(&mut child, &mark, signal);
    // Whatever was seen, nobody stays.
    for (pid, _) in marked(&mark) {
        tell(pid, "KILL");
    }
    let _ = child.kill();
    let _ = child.wait();
    let (left, itself) = seen.map_err(|why| format!("{}: {why}", tool.name))?;
    Ok(if itself { format!("{left}, and itself") } else { left.to_string() })
}

fn observe(child: &mut Child, mark: &str, signal: &str) -> Result<(usize, bool), String> {
    let members = || marked(mark).iter().filter(|(_, name)| ["sh", "sleep"].contains(&name.as_str())).count();
    let begun = Instant::now();
    while members() < 3 * MEMBERS {
        if begun.elapsed() > LIMIT {
            return Err(format!("only {} processes after {LIMIT:?}", members()));
        }
        sleep(Duration::from_millis(20));
    }
    // So that every trap is set.
    sleep(Duration::from_millis(300));
    tell(child.id(), signal);
    sleep(AFTER);
    let itself = child.try_wait().map_err(|error| error.to_string())?.is_none();
    Ok((members(), itself))
}

/// The processes that carry the mark, and what they are called.
fn marked(mark: &str) -> Vec<(u32, String)> {
    let wanted = format!("{MARK}={mark}");
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter_map(|id| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).ok()?;
        let is = environment.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes());
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        is.then(|| (id, name.trim_end().to_owned()))
    })
    .collect()
}

fn tell(pid: u32, signal: &str) {
    let _ = Command::new("kill").args(["-s", signal, &pid.to_string()]).stderr(Stdio::null()).status();
}
