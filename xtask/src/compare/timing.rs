//! How long they take.

use std::fmt::Write as _;
use std::process::Stdio;
use std::time::Instant;

use super::tool::{Tool, input};

const COMMANDS: usize = 2_000;
const ROUNDS: usize = 7;
const STARTS: usize = 41;

/// A tool that has taken so many seconds in all is not asked again.
const ENOUGH: f64 = 20.0;

pub(super) fn table(tools: &[Tool]) -> Result<String, String> {
    let inputs: String = (0..COMMANDS).map(|line| format!("{line}\n")).collect();
    let batches = interleaved(tools, ROUNDS, |tool| time(tool, inputs.as_bytes()))?;
    let starts = interleaved(tools, STARTS, |tool| time(tool, b"1\n"))?;
    let xargs = tools.iter().position(|tool| tool.name == "xargs");
    let mut text = format!(
        "| | {COMMANDS} × `true`, two at once | of xargs, pair by pair | one `true`, from start to end |\n|---|---|---|---|\n"
    );
    for (place, tool) in tools.iter().enumerate() {
        let ratio = xargs.map_or_else(String::new, |xargs| {
            let pairs =
                batches[place].iter().zip(&batches[xargs]).map(|(ours, theirs)| ours / theirs).collect();
            format!("{:.2} ×", median(pairs))
        });
        let (batch, start) = (median(batches[place].clone()), median(starts[place].clone()) * 1e3);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {batch:.2} s | {ratio} | {start:.1} ms |", tool.name);
    }
    Ok(text)
}

/// Every tool in every round, one after the other: figures by tool.
fn interleaved(
    tools: &[Tool],
    rounds: usize,
    mut measure: impl FnMut(&Tool) -> Result<f64, String>,
) -> Result<Vec<Vec<f64>>, String> {
    let mut all = vec![Vec::new(); tools.len()];
    for _ in 0..rounds {
        for (tool, figures) in tools.iter().zip(&mut all) {
            if figures.iter().sum::<f64>() < ENOUGH {
                figures.push(measure(tool)?);
            }
        }
    }
    Ok(all)
}

/// Seconds for a command that does nothing, two at once.
fn time(tool: &Tool, inputs: &[u8]) -> Result<f64, String> {
    let mut command = tool.command(2, false, &["true"]);
    command.stdin(input(inputs)?).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let status = command.status().map_err(|error| format!("{}: {error}", tool.name))?;
    let took = begun.elapsed().as_secs_f64();
    if status.success() { Ok(took) } else { Err(format!("{} ended with {status}", tool.name)) }
}

/// The one in the middle.
pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
